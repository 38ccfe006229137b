"""What the contracts hold of one node, as types."""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from medianode.errors import NotFound
from medianode.wallet.actions.contracts import Contracts


class Status(IntEnum):
    """Where a node stands in the registry."""

    NONE = 0
    ACTIVE = 1
    SUSPENDED = 2
    GONE = 3


@dataclass(frozen=True, slots=True)
class Details:
    """Where and what a node is: the part that its own key may change."""

    endpoint: str
    region: str
    """At most 8 ASCII characters."""
    version: int
    caps_hash: bytes
    """32 bytes: the hash of the capability document."""

    def as_tuple(self) -> tuple[bytes, int, bytes, str]:
        """Returns the struct of the contract."""
        return self.region.encode().ljust(8, b"\0"), self.version, self.caps_hash, self.endpoint

    @property
    def digest(self) -> str:
        """Tells these details from others in a few characters."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node in the registry."""

    node_id: int
    owner: str
    signer: str
    payee: str
    status: Status
    revision: int
    details: Details


@dataclass(frozen=True, slots=True)
class StakeRecord:
    """The bond of a node, in the token's smallest unit."""

    bonded: int
    unbonding: int
    jailed_until: int
    entries: tuple[tuple[int, int], ...]
    """What is on its way out: amount, and the second since 1970 from which it may be taken."""


async def node_of(contracts: Contracts, signer: str, height: int) -> int | None:
    """Finds the node that this key speaks for."""
    node_id: int = await contracts.view("NodeRegistry", "nodeOf(address)", signer, height=height)
    return node_id or None


async def node(contracts: Contracts, node_id: int, height: int) -> NodeRecord:
    """Reads a node."""
    found = await contracts.view("NodeRegistry", "nodes(uint256)", node_id, height=height)
    (owner, status, revision, _, signer, region, version, payee, caps_hash, endpoint) = found
    return NodeRecord(
        node_id=node_id,
        owner=owner,
        signer=signer,
        payee=payee,
        status=Status(status),
        revision=revision,
        details=Details(endpoint, region.rstrip(b"\0").decode("ascii", "replace"), version, bytes(caps_hash)),
    )


async def our_node(contracts: Contracts, signer: str, height: int) -> NodeRecord:
    """Reads the node of this key; ``NotFound`` while it is not registered."""
    node_id = await node_of(contracts, signer, height)
    if node_id is None:
        raise NotFound(f"the key {signer} is registered as no node (medianode node register)")
    return await node(contracts, node_id, height)


async def last_node(contracts: Contracts, signer: str, height: int) -> NodeRecord | None:
    """Reads the node that this key speaks for, or spoke for until that node left: its stake is still on the way out."""
    node_id, _, _ = await contracts.view("NodeRegistry", "bindings(address)", signer, height=height)
    record = await node(contracts, node_id, height) if node_id else None
    return record if record is not None and record.signer == signer else None


async def stake(contracts: Contracts, node_id: int, height: int) -> StakeRecord:
    """Reads the bond of a node."""
    found: Any = await contracts.view("Staking", "stakeOf(uint256)", node_id, height=height)
    bonded, unbonding, jailed_until, entries = found
    return StakeRecord(bonded, unbonding, jailed_until, tuple((amount, unlock) for amount, unlock in entries))
