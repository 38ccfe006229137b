"""What is to happen on the chain, and every signed try at it. Types only."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where an intent stands."""

    QUEUED = "queued"
    SIGNED = "signed"
    """Signed and stored; the chain may have it or not."""
    MINED = "mined"
    """In a block that may still be taken back."""
    FINAL = "final"
    """Done, or found done already."""
    FAILED_REVERT = "failed_revert"
    """The contract refused it; nothing was tried a second time."""
    CANCELLED = "cancelled"
    NEEDS_HUMAN = "needs_human"
    """It cannot go on by itself, and nothing of it is on the way."""


OPEN = (State.QUEUED, State.SIGNED, State.MINED)
"""States that still change by themselves."""


@dataclass(frozen=True, slots=True)
class NewIntent:
    """What a caller wants. The same ``id`` asked twice is one intent."""

    id: str
    """Idempotency key, such as ``claim:node7:root0xab``."""
    kind: str
    chain_id: int
    sender: str
    to: str
    data: bytes
    value: int = 0
    gas_cap: int = 1_000_000
    deadline: float | None = None
    """Seconds since 1970 after which it is not worth doing."""
    precheck: dict[str, Any] | None = field(default=None, compare=False)
    """How to see that the chain is so already; read by whoever gave the manager its prechecks."""
    final_tag: str | None = None
    """A finality of its own, for what needs less than money does."""


@dataclass(frozen=True, slots=True)
class Intent:
    """An intent as it stands."""

    wanted: NewIntent
    state: State
    nonce: int | None
    hash: str | None
    """The transaction that is in a block."""
    block_number: int | None
    block_hash: str | None
    succeeded: bool | None
    gas_used: int | None
    note: str | None
    """Why it stands where it stands."""
    cancel: bool
    """Somebody wants it undone."""
    created: float
    updated: float

    @property
    def id(self) -> str:
        """Its idempotency key."""
        return self.wanted.id


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction. All are kept: any of them may be the one that is mined."""

    intent_id: str
    hash: str
    raw: bytes
    nonce: int
    max_fee: int
    tip: int
    gas: int
    height: int
    """The chain's height when it was signed."""
    created: float
    cancels: bool = False
    """It is the transfer of nothing to ourselves that takes the nonce away."""
    broadcast_count: int = 0
    last_error: str | None = None
