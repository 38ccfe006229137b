"""What keys sign for the registry: consents and approvals with a keyed nonce and a deadline, and how they travel."""

import json
from dataclasses import dataclass, replace
from typing import Any

from medianode.errors import InvalidArgument
from medianode.wallet.actions.contracts import Contracts
from medianode.wallet.keys.signer import Signer, sign
from medianode.wallet.typed.document import SignedMessage
from medianode.wallet.typed.eip712 import Message, TypedData, exact

LIFETIME_S = 3600
"""For how long a signed approval is good."""
ABSENT_LIFETIME_S = 7 * 86_400
"""The same where the owner signs or sends elsewhere: the several people behind a contract take days."""
MAX_BYTES = 256 * 1024
SEQUENCES = {"SignerConsent": 1, "Register": 2, "Update": 3, "Rotate": 4, "Deregister": 5, "Permit": 0}
"""Each type counts in a sequence of its own: one that is stuck holds up no other (OpenZeppelin's NoncesKeyed)."""


@dataclass(frozen=True, slots=True)
class Approver:
    """Reads nonces and makes approvals, as of one height."""

    contracts: Contracts
    height: int
    timestamp: int
    """That of the block at this height."""
    lifetime_s: int = LIFETIME_S

    @property
    def deadline(self) -> int:
        """Returns the last second at which an approval made now is good."""
        return self.timestamp + self.lifetime_s

    async def nonce(self, signer: str, kind: type[Message]) -> int:
        """Returns the next nonce of this key for this type."""
        key = SEQUENCES[kind.__name__]
        nonce: int = await self.contracts.view(
            "NodeRegistry", "nonces(address,uint192)", signer, key, height=self.height
        )
        return nonce

    async def approve(self, signer: Signer, message: Message) -> SignedMessage:
        """Signs a message for the registry."""
        data = TypedData(self.contracts.deployment.registry_domain, message)
        return SignedMessage(data, await sign(signer, data))


def as_argument(signed: SignedMessage) -> tuple[int, int, bytes]:
    """Returns nonce, deadline and signature: the struct of the contract."""
    message: Any = signed.data.message
    return message.nonce, message.deadline, signed.signature


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """Approvals that anybody may bring to the chain and pay for."""

    function: str
    approvals: tuple[SignedMessage, ...]

    def as_dict(self) -> dict[str, object]:
        """Returns the document that travels."""
        return {"function": self.function, "approvals": [signed.as_dict() for signed in self.approvals]}

    def unsigned(self) -> tuple[SignedMessage, ...]:
        """Lists the approvals that wait for the signature of an owner whose key is elsewhere."""
        return tuple(signed for signed in self.approvals if not signed.signature)

    def signed_by_owner(self, signature: bytes) -> "RelayRequest":
        """Puts the owner's signature in; a contract gives one of whatever length its own code takes (ERC-1271)."""
        if not self.unsigned():
            raise InvalidArgument("the relay request waits for no signature: its owner has signed it already")
        approvals = (
            item if item.signature else replace(item, signature=signature) for item in self.approvals
        )
        return replace(self, approvals=tuple(approvals))

    @classmethod
    def from_json(cls, text: str) -> "RelayRequest":
        """Reads a document; what is missing, unknown or malformed is refused by name."""
        if len(text) > MAX_BYTES:
            raise InvalidArgument(f"a relay request may have {MAX_BYTES} bytes")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(f"the relay request is no JSON: {error}") from None
        found = exact(document, ("function", "approvals"), "relay request")
        if not isinstance(found["function"], str) or not isinstance(found["approvals"], list):
            raise InvalidArgument("relay request: function is text, approvals is a list")
        approvals = tuple(SignedMessage.from_json(json.dumps(item)) for item in found["approvals"])
        return cls(found["function"], approvals)
