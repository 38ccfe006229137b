"""What a key may sign: known messages for known contracts, known calls, bounded fees. Judges; signs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from medianode.errors import PermissionDenied
from medianode.wallet.keys.ledger import Asked, Report, Spending
from medianode.wallet.keys.signer import Purpose
from medianode.wallet.tx.transaction import TransactionRequest
from medianode.wallet.typed.auth import Auth, auth_domain
from medianode.wallet.typed.eip712 import Domain, Message, TypedData
from medianode.wallet.typed.messages import QosReport
from medianode.wallet.typed.siwe import SignInMessage
from medianode.wallet.typed.values import checksum


@dataclass(frozen=True, slots=True)
class Call:
    """One function of one contract. ``contract`` is none for the creation of contracts, on chains of developers only."""

    chain_id: int
    contract: str | None
    selector: bytes


@dataclass(frozen=True, slots=True)
class Policy:
    """An allow-list: what is not named here is refused. Amounts are in wei."""

    messages: frozenset[tuple[type[Message], Domain]] = frozenset({(Auth, auth_domain())})
    calls: Mapping[Call, int] = field(default_factory=dict)
    """Each with the most value that it may carry along; 0 for all that is not a payment."""
    fee_cap: int = 0
    """The most that the gas of one transaction may cost."""
    daily_cap: int = 0
    """The most that all transactions of 24 hours may cost on one chain."""
    sign_in_domains: frozenset[str] = frozenset()
    """Whose sign-in texts (EIP-4361) may be signed."""

    def judge(self, purpose: Purpose, address: str) -> None:
        """Raises ``PermissionDenied``, naming what is not allowed, unless this key may sign this."""
        if isinstance(purpose, TypedData):
            self._judge_message(purpose, address)
        elif isinstance(purpose, TransactionRequest):
            self._judge_transaction(purpose, address)
        else:
            self._judge_sign_in(purpose, address)

    def _judge_message(self, data: TypedData, address: str) -> None:
        kind, domain = type(data.message), data.domain
        if (kind, domain) not in self.messages:
            raise PermissionDenied(
                f"{kind.__name__} for {domain.name} {domain.verifying_contract} on chain {domain.chain_id}"
                " is not among the messages that this key may sign"
            )
        named = getattr(data.message, kind.SIGNED_BY) if kind.SIGNED_BY is not None else address
        if named != address:
            raise PermissionDenied(f"{kind.__name__} names {named} as its signer, but this key is {address}")

    def _judge_transaction(self, request: TransactionRequest, address: str) -> None:
        chains = {call.chain_id for call in self.calls}
        if request.chain_id not in chains:
            raise PermissionDenied(f"chain {request.chain_id} is not known to this key")
        if request.fee_cap > self.fee_cap:
            raise PermissionDenied(f"its gas may cost {request.fee_cap} wei; the cap is {self.fee_cap}")
        to = checksum(request.to) if request.to is not None else None
        if to == address and not request.data and request.value == 0:
            return  # the cancellation of a transaction: it moves nothing
        call = Call(request.chain_id, to, request.selector if to is not None else b"")
        most = self.calls.get(call)
        if most is None:
            raise PermissionDenied(
                f"the call 0x{request.selector.hex()} of {to or 'a new contract'} on chain {request.chain_id}"
                " is not among those that this key may make"
            )
        if request.value > most:
            raise PermissionDenied(f"the call carries {request.value} wei; it may carry {most}")

    def _judge_sign_in(self, message: SignInMessage, address: str) -> None:
        if message.domain not in self.sign_in_domains:
            raise PermissionDenied(f"this key may not sign in to {message.domain}")
        if message.address != address:
            raise PermissionDenied(f"the text names {message.address}, but this key is {address}")


def asked(purpose: Purpose, digest: bytes) -> Asked:
    """Describes a request for the log and the ledger."""
    if isinstance(purpose, TransactionRequest):
        cost = purpose.fee_cap + purpose.value
        spending = Spending(purpose.chain_id, purpose.nonce, cost, purpose.to, purpose.selector)
        return Asked("transaction", digest, spending)
    if isinstance(purpose, SignInMessage):
        return Asked("sign-in", digest)
    message, domain = purpose.message, purpose.domain
    report = None
    if isinstance(message, QosReport):
        report = Report(domain.chain_id, domain.verifying_contract, message.node_id, message.epoch)
    return Asked(type(message).__name__, digest, report)
