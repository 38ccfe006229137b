"""Keys that are known to everybody, and one message of every type."""

from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.tx.transaction import TransactionRequest
from medianode.wallet.typed.auth import Auth, auth_domain
from medianode.wallet.typed.eip712 import Domain, Message, TypedData
from medianode.wallet.typed.messages import (
    Deregister,
    Permit,
    QosReport,
    Register,
    Rotate,
    SignerConsent,
    Update,
)
from medianode.wallet.typed.siwe import SignInMessage

KEY, OTHER_KEY = bytes(31) + b"\x01", bytes(31) + b"\x02"
SIGNER, OTHER = LocalSigner(KEY), LocalSigner(OTHER_KEY)
CHAIN = 31337
REGISTRY, STAKING, TOKEN = "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20
NEVER = 2**256 - 1


def report(epoch: int = 7, node_id: int = 2**200, **changes: int | bytes) -> TypedData:
    fields = {
        "seq": 1,
        "start": 1_700_000_000,
        "end": 1_700_003_600,
        "bytes_relayed": 2**127,
        "participant_ms": 2**63,
        "sessions": 2**32 - 1,
        "loss_ppm": 1,
        "rtt_p95_us": 0,
        "sessions_root": bytes(range(32)),
        "prev_digest": b"\xff" * 32,
    }
    message = QosReport(node_id=node_id, epoch=epoch, **{**fields, **changes})
    return TypedData(Domain("MediaQos", CHAIN, STAKING), message)


def auth(signer: str = SIGNER.address, chain_id: int = 0) -> TypedData:
    message = Auth(
        signer=signer,
        audience="orchestrator.example",
        nonce=b"\x07" * 32,
        issued_at=1_000_000,
        expires=1_000_060,
        channel_binding=bytes(32),
    )
    return TypedData(auth_domain(chain_id), message)


def messages() -> list[TypedData]:
    """Returns one of every type, at the edges of their ranges."""
    me, other = SIGNER.address, OTHER.address
    place = {
        "region": b"eu-w\0\0\0\0",
        "version": 2**32 - 1,
        "caps_hash": b"\xab" * 32,
        "endpoint": "https://é.example/ ☂",
    }
    until = {"nonce": (5 << 64) + 1, "deadline": NEVER}
    registry: list[Message] = [
        Register(owner=me, signer=other, payee=me, **place, **until),
        SignerConsent(owner=other, signer=me, **until),
        Update(node_id=0, **{**place, "endpoint": ""}, **until),
        Rotate(node_id=NEVER, signer=other, **until),
        Deregister(node_id=1, **until),
    ]
    permit = Permit(owner=me, spender=STAKING, value=10**24, nonce=0, deadline=NEVER)
    return [
        *(TypedData(Domain("MediaNodeRegistry", CHAIN, REGISTRY), message) for message in registry),
        TypedData(Domain("Media Token", 1, TOKEN), permit),
        report(),
        auth(),
        auth(chain_id=2**53 - 1),
    ]


def transaction(**changes: object) -> TransactionRequest:
    fields: dict[str, object] = {
        "chain_id": CHAIN,
        "nonce": 3,
        "to": REGISTRY,
        "value": 0,
        "data": bytes.fromhex("a9059cbb") + bytes(64),
        "gas": 100_000,
        "max_fee_per_gas": 2_000_000_000,
        "max_priority_fee_per_gas": 1_000_000_000,
    }
    return TransactionRequest(**{**fields, **changes})


def sign_in_text(**changes: object) -> SignInMessage:
    fields: dict[str, object] = {
        "domain": "node.example:8080",
        "address": SIGNER.address,
        "uri": "https://node.example:8080/login?next=/#top",
        "chain_id": CHAIN,
        "nonce": "abcd1234EFGH",
        "issued_at": "2026-01-02T03:04:05.000Z",
    }
    return SignInMessage(**{**fields, **changes})
