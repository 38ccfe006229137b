"""What changed in a room and who hears it, as plain facts. Refuses to know how they are written to a client."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from medianode.ids import PeerName, ProducerId, RoomName, SessionId, SourceLabel
from medianode.rooms.roles import Controls, Permissions
from medianode.sfu.params import MediaKind

BACKLOG = 256
"""Facts that wait for one slow listener before it is cut off; it comes back and gets the whole picture again."""
BACKLOG_OF_ALL = 8192
"""The same for a listener to every room."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Published:
    """One thing that can be played."""

    peer: PeerName
    label: SourceLabel
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Present:
    """The whole picture, told first to a new listener."""

    peers: tuple[Published, ...]


@dataclass(frozen=True, slots=True)
class PeerPublished:
    """A peer began to publish, or publishes other kinds of media under the same label."""

    peer: PeerName
    label: SourceLabel
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeerUnpublished:
    """A peer stopped publishing."""

    peer: PeerName
    label: SourceLabel


@dataclass(frozen=True, slots=True)
class SpeakerChanged:
    """Somebody else is the loudest, or nobody is."""

    peer: PeerName | None
    label: SourceLabel | None


@dataclass(frozen=True, slots=True)
class RoomEnded:
    """The room is gone."""

    reason: str


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What a client says of itself and its whereabouts."""

    version: str | None = None
    region: str | None = None
    country: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class RoomOpened:
    """A run of the room began: the first peer came into it while it was empty. Times are seconds since 1970."""

    session: str
    at: float


@dataclass(frozen=True, slots=True)
class PeerJoined:
    """A peer is in the room from now on."""

    peer: PeerName
    session: str
    role: str
    metadata: str | None
    client: ClientInfo | None
    at: float


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """A peer is not in the room any more."""

    peer: PeerName
    session: str
    at: float


@dataclass(frozen=True, slots=True)
class RoomEmptied:
    """A run of the room ended: the last peer left."""

    session: str
    at: float


@dataclass(frozen=True, slots=True)
class ProducerOpened:
    """One media source of a peer can be subscribed to."""

    peer: PeerName
    producer: ProducerId
    name: str
    """Unique among what the peer sends: ``video``, ``audio``, ``screen-share-video``, ``screen-share-audio`` or another."""
    kind: MediaKind
    paused: bool = False
    receivable: bool = True
    """Members can be sent a codec of it."""
    session: SessionId | None = None
    """The peer's session that opened it."""


@dataclass(frozen=True, slots=True)
class ProducerClosed:
    """One media source of a peer ended."""

    peer: PeerName
    producer: ProducerId
    name: str


@dataclass(frozen=True, slots=True)
class ProducersClosed:
    """A moderator, or a change of what is allowed, ended media sources."""

    producers: tuple[ProducerClosed, ...]


@dataclass(frozen=True, slots=True)
class ProducerPaused:
    """One media source of a peer is paused, or goes on."""

    peer: PeerName
    producer: ProducerId
    name: str
    paused: bool


@dataclass(frozen=True, slots=True)
class PeerMetadataChanged:
    """What a peer tells about itself is another text now."""

    peer: PeerName
    metadata: str


@dataclass(frozen=True, slots=True)
class RoomMetadataChanged:
    """What is told about the room is another text now."""

    metadata: str | None


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """A peer has another role."""

    peer: PeerName
    role: str


@dataclass(frozen=True, slots=True)
class PermissionsChanged:
    """The listener itself may do something else from now on."""

    permissions: Permissions


@dataclass(frozen=True, slots=True)
class ControlsChanged:
    """The room allows something else."""

    controls: Controls


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Somebody in the room says something to the listener."""

    sender: PeerName
    payload: str
    label: str | None


@dataclass(frozen=True, slots=True)
class PeerWaits:
    """Told to moderators: somebody waits to be let in."""

    peer: PeerName
    metadata: str | None


@dataclass(frozen=True, slots=True)
class PeerWaitsNoMore:
    """Told to moderators: somebody who waited was turned away or went away."""

    peer: PeerName
    denied: bool


@dataclass(frozen=True, slots=True)
class Admitted:
    """Told to one who waited: it is in the room."""


Fact = (
    Present
    | PeerPublished
    | PeerUnpublished
    | SpeakerChanged
    | RoomEnded
    | RoomOpened
    | PeerJoined
    | PeerLeft
    | RoomEmptied
    | ProducerOpened
    | ProducerClosed
    | ProducersClosed
    | ProducerPaused
    | PeerMetadataChanged
    | RoomMetadataChanged
    | RoleChanged
    | PermissionsChanged
    | ControlsChanged
    | DataReceived
    | PeerWaits
    | PeerWaitsNoMore
    | Admitted
)


class Mailbox(Generic[T]):
    """A bounded queue towards one reader. A reader that is too slow is cut off: it finds the end after what was queued."""

    def __init__(self, backlog: int = BACKLOG) -> None:
        self._items: asyncio.Queue[T | None] = asyncio.Queue(backlog)
        self._backlog = backlog
        self._over = False

    def offer(self, item: T) -> None:
        """Queues an item, or cuts the reader off."""
        if self._over:
            return
        if self._items.qsize() >= self._backlog - 1:
            self.end()
        else:
            self._items.put_nowait(item)

    def end(self) -> None:
        """Lets the reader finish after what is queued."""
        if not self._over:
            self._over = True
            self._items.put_nowait(None)

    async def next(self) -> T | None:
        """Waits for the next item; none after the last."""
        return None if self._over and self._items.empty() else await self._items.get()

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yields items until the end."""
        while (item := await self.next()) is not None:
            yield item


class Listener(Protocol):
    """Whatever queues facts for somebody; must not block and must not fail."""

    def offer(self, fact: Fact) -> None:
        """Queues a fact."""

    def end(self) -> None:
        """Lets the reader finish after what is queued."""


Subscription = Mailbox[Fact]
"""One listener's queue of facts."""


class Announcer:
    """Tells facts to those who listen to a room, and to those who listen to all."""

    def __init__(self) -> None:
        self._listeners: dict[RoomName, set[Listener]] = {}
        self._to_all: set[Mailbox[tuple[RoomName, Fact]]] = set()

    def listen(self, room: RoomName) -> Subscription:
        """Adds a listener."""
        subscription = Subscription()
        self.add(room, subscription)
        return subscription

    def add(self, room: RoomName, listener: Listener) -> None:
        """Adds a listener that has a queue of its own."""
        self._listeners.setdefault(room, set()).add(listener)

    def leave(self, room: RoomName, listener: Listener) -> None:
        """Removes a listener; doing so twice does nothing."""
        listeners = self._listeners.get(room)
        if listeners is None:
            return
        listeners.discard(listener)
        if not listeners:
            del self._listeners[room]

    def listen_all(self) -> Mailbox[tuple[RoomName, Fact]]:
        """Adds a listener to every room, present and future, that is told each fact with the room's name."""
        mailbox = Mailbox[tuple[RoomName, Fact]](BACKLOG_OF_ALL)
        self._to_all.add(mailbox)
        return mailbox

    def leave_all(self, mailbox: Mailbox[tuple[RoomName, Fact]]) -> None:
        """Removes a listener to every room; doing so twice does nothing."""
        self._to_all.discard(mailbox)

    def tell(self, room: RoomName, fact: Fact) -> None:
        """Tells everybody who listens to a room."""
        for listener in list(self._listeners.get(room, ())):
            listener.offer(fact)
        for mailbox in self._to_all:
            mailbox.offer((room, fact))

    def end(self, room: RoomName) -> None:
        """Lets everybody who listens to a room finish."""
        for listener in self._listeners.pop(room, ()):
            listener.end()

    def end_all(self) -> None:
        """Lets everybody finish."""
        for room in list(self._listeners):
            self.end(room)
        for mailbox in self._to_all:
            mailbox.end()
        self._to_all.clear()
