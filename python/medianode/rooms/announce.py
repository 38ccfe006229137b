"""What changed in a room and who hears it, as plain facts. Refuses to know how they are written to a client."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from medianode.ids import PeerName, RoomName, SourceLabel

BACKLOG = 256
"""Facts that wait for one slow listener before it is cut off; it comes back and gets the whole picture again."""


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
    """A peer began to publish."""

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


Fact = Present | PeerPublished | PeerUnpublished | SpeakerChanged | RoomEnded


class Subscription:
    """One listener's queue of facts."""

    def __init__(self) -> None:
        self._facts: asyncio.Queue[Fact | None] = asyncio.Queue(BACKLOG)
        self._over = False

    def offer(self, fact: Fact) -> None:
        """Queues a fact; a listener that is too slow is cut off."""
        if self._over:
            return
        if self._facts.qsize() >= BACKLOG - 1:
            self.end()
        else:
            self._facts.put_nowait(fact)

    def end(self) -> None:
        """Lets the listener finish after what is queued."""
        if not self._over:
            self._over = True
            self._facts.put_nowait(None)

    async def next(self) -> Fact | None:
        """Waits for the next fact; none after the last."""
        return None if self._over and self._facts.empty() else await self._facts.get()

    async def __aiter__(self) -> AsyncIterator[Fact]:
        """Yields facts until the end."""
        while (fact := await self.next()) is not None:
            yield fact


class Announcer:
    """Tells facts to those who listen to a room."""

    def __init__(self) -> None:
        self._listeners: dict[RoomName, set[Subscription]] = {}

    def listen(self, room: RoomName) -> Subscription:
        """Adds a listener."""
        subscription = Subscription()
        self._listeners.setdefault(room, set()).add(subscription)
        return subscription

    def leave(self, room: RoomName, subscription: Subscription) -> None:
        """Removes a listener; doing so twice does nothing."""
        listeners = self._listeners.get(room)
        if listeners is None:
            return
        listeners.discard(subscription)
        if not listeners:
            del self._listeners[room]

    def tell(self, room: RoomName, fact: Fact) -> None:
        """Tells everybody who listens to a room."""
        for subscription in self._listeners.get(room, ()):
            subscription.offer(fact)

    def end(self, room: RoomName) -> None:
        """Lets everybody who listens to a room finish."""
        for subscription in self._listeners.pop(room, ()):
            subscription.end()

    def end_all(self) -> None:
        """Lets everybody finish."""
        for room in list(self._listeners):
            self.end(room)
