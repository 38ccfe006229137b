"""A signed message as a JSON document that travels and is kept: domain, message, signature. Owns its one form."""

import json
from dataclasses import dataclass
from typing import Self

from medianode.errors import InvalidArgument
from medianode.wallet.typed.eip712 import Domain, TypedData, exact
from medianode.wallet.typed.messages import MESSAGES
from medianode.wallet.typed.signature import read_hex, recover

FIELDS = ("domain", "primaryType", "message", "signature")
MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """Typed data and the signature of a plain key under it."""

    data: TypedData
    signature: bytes

    @property
    def claimed(self) -> str | None:
        """The account that the message itself names as its signer, where it does. The owner of a node may be a contract."""
        field = type(self.data.message).SIGNED_BY
        return getattr(self.data.message, field) if field is not None else None

    @property
    def signer(self) -> str:
        """Whose key signed; ``InvalidArgument`` when the signature has not the one accepted form."""
        return recover(self.data.digest(), self.signature)

    def as_dict(self) -> dict[str, object]:
        """Returns the document."""
        return {
            "domain": self.data.domain.as_dict(),
            "primaryType": type(self.data.message).__name__,
            "message": self.data.message.as_dict(),
            "signature": "0x" + self.signature.hex(),
        }

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Reads a document; what is missing, unknown, ill-typed, doubled or oversized is refused by name."""
        if len(text) > MAX_BYTES:
            raise InvalidArgument(f"a signed message may have {MAX_BYTES} bytes")
        try:
            document = json.loads(text, object_pairs_hook=_single, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(f"this is no JSON: {error}") from None
        found = exact(document, FIELDS, "signed message")
        kind = MESSAGES.get(found["primaryType"]) if isinstance(found["primaryType"], str) else None
        if kind is None:
            raise InvalidArgument(f"primaryType must be one of {', '.join(MESSAGES)}")
        if not isinstance(found["signature"], str):
            raise InvalidArgument("signature must be hex with 0x")
        data = TypedData(Domain.from_dict(found["domain"]), kind.from_dict(found["message"]))
        return cls(data, read_hex(found["signature"]))


def _single(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidArgument("a JSON object names a field twice")
    return found


def _no_constant(name: str) -> object:
    raise InvalidArgument(f"{name} is no JSON number")
