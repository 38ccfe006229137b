"""What the history tells: rooms that were made, their sessions, who took part, and what just happened. Plain data."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from medianode.rooms.announce import ClientInfo

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MadeRoom:
    """A room that somebody made through the API; it stays until it is deleted. Times are seconds since 1970."""

    name: str
    created_at: float
    metadata: str | None
    """JSON text."""
    locked: bool


@dataclass(frozen=True, slots=True)
class RoomSession:
    """One run of a room, from the first peer's coming to the last one's leaving. Times are seconds since 1970."""

    id: str
    room: str
    started_at: float
    ended_at: float | None
    participants: int
    """Peers that were here, each counted once, bots not at all."""
    present: int
    """Peers that are here now, without bots."""
    most_present: int
    """Peers that were here at once, without bots."""
    audio_seconds: float
    """Time that peers published audio, added up."""
    video_seconds: float


@dataclass(frozen=True, slots=True)
class Participant:
    """One peer in one session. Times are seconds since 1970."""

    session: str
    peer: str
    role: str
    metadata: str | None
    """JSON text."""
    joined_at: float
    """First came."""
    present_since: float
    """Last came."""
    left_at: float | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list."""

    items: list[T]
    total: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What was counted since the history began; forgetting old sessions does not change it."""

    sessions: int
    seconds: float
    participants: int


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A session began."""

    session: RoomSession


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A session ended."""

    session: RoomSession


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """A peer came."""

    room: str
    participant: Participant
    client: ClientInfo | None


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """A peer left."""

    room: str
    participant: Participant


@dataclass(frozen=True, slots=True)
class TrackPublished:
    """A peer began to send one media source."""

    peer: str
    name: str


@dataclass(frozen=True, slots=True)
class TrackUnpublished:
    """A peer stopped sending one media source."""

    peer: str
    name: str


Happening = (
    SessionStarted | SessionEnded | ParticipantJoined | ParticipantLeft | TrackPublished | TrackUnpublished
)
