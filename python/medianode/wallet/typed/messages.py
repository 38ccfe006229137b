"""The messages that the contracts know: one dataclass each, its fields in the order in which the contract hashes them.

``nonce`` is a keyed nonce of OpenZeppelin's ``NoncesKeyed`` (upper 192 bits: key); ``deadline`` is the last second, since
1970, at which the contract takes the message.
"""

from dataclasses import dataclass
from typing import ClassVar

from medianode.wallet.typed.auth import Auth
from medianode.wallet.typed.eip712 import Message
from medianode.wallet.typed.values import Address, Bytes8, Bytes32, Text, Uint32, Uint64, Uint128, Uint256

REGISTRY_DOMAIN = "MediaNodeRegistry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(Message):
    """The owner enters a node."""

    DOMAIN: ClassVar[str | None] = REGISTRY_DOMAIN
    SIGNED_BY: ClassVar[str | None] = "owner"

    owner: Address
    signer: Address
    payee: Address
    region: Bytes8
    version: Uint32
    caps_hash: Bytes32
    endpoint: Text
    nonce: Uint256
    deadline: Uint256


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerConsent(Message):
    """A node's key agrees to act for this owner's node."""

    DOMAIN: ClassVar[str | None] = REGISTRY_DOMAIN
    SIGNED_BY: ClassVar[str | None] = "signer"

    owner: Address
    signer: Address
    nonce: Uint256
    deadline: Uint256


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Message):
    """The node's key changes where and what the node is."""

    DOMAIN: ClassVar[str | None] = REGISTRY_DOMAIN

    node_id: Uint256
    region: Bytes8
    version: Uint32
    caps_hash: Bytes32
    endpoint: Text
    nonce: Uint256
    deadline: Uint256


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate(Message):
    """The owner gives the node another key."""

    DOMAIN: ClassVar[str | None] = REGISTRY_DOMAIN

    node_id: Uint256
    signer: Address
    nonce: Uint256
    deadline: Uint256


@dataclass(frozen=True, slots=True, kw_only=True)
class Deregister(Message):
    """The owner takes the node out."""

    DOMAIN: ClassVar[str | None] = REGISTRY_DOMAIN

    node_id: Uint256
    nonce: Uint256
    deadline: Uint256


@dataclass(frozen=True, slots=True, kw_only=True)
class QosReport(Message):
    """What a node carried in one epoch, as it says itself. Two different ones for one epoch are a slashable offence."""

    DOMAIN: ClassVar[str | None] = "MediaQos"

    node_id: Uint256
    epoch: Uint64
    seq: Uint64
    start: Uint64
    """Seconds since 1970."""
    end: Uint64
    """Seconds since 1970."""
    bytes_relayed: Uint128
    participant_ms: Uint64
    """Milliseconds, summed over participants."""
    sessions: Uint32
    loss_ppm: Uint32
    """Lost packets in a million."""
    rtt_p95_us: Uint32
    """95th percentile of round-trip times, in microseconds."""
    sessions_root: Bytes32
    prev_digest: Bytes32
    """Digest of the report before, zeros for the first: an old epoch cannot be rewritten quietly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit(Message):
    """The owner lets a contract take tokens (EIP-2612). The domain is that of the token."""

    DOMAIN: ClassVar[str | None] = None
    SIGNED_BY: ClassVar[str | None] = "owner"

    owner: Address
    spender: Address
    value: Uint256
    """In the token's smallest unit."""
    nonce: Uint256
    deadline: Uint256


MESSAGES: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (Register, SignerConsent, Update, Rotate, Deregister, QosReport, Permit, Auth)
}
"""Every message that a key of ours ever signs, by name."""
