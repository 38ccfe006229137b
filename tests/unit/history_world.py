"""A history over a real file, driven by facts, without rooms."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from sqlite3 import Connection

from medianode.history.database import Database
from medianode.history.recorder import Recorder
from medianode.history.records import Happening
from medianode.history.retention import Retention
from medianode.history.store import History
from medianode.ids import PeerName, ProducerId, RoomName
from medianode.rooms.announce import (
    Announcer,
    ClientInfo,
    Fact,
    PeerJoined,
    PeerLeft,
    ProducerClosed,
    ProducerOpened,
    RoomEmptied,
    RoomOpened,
)
from medianode.sfu.params import MediaKind
from tests.unit.conftest import FakeClock


class Kept:
    """An outlet that remembers."""

    def __init__(self) -> None:
        self.happenings: list[Happening] = []

    def keep(self, db: Connection, happenings: Sequence[Happening], now: float) -> None:
        self.happenings += happenings

    def wake(self) -> None:
        pass

    @property
    def names(self) -> list[str]:
        return [type(happening).__name__ for happening in self.happenings]


class Chronicle:
    """One run of a node as the history sees it."""

    def __init__(self, path: Path, clock: FakeClock, kept: Retention) -> None:
        self.clock = clock
        self.database = Database(path)
        self.announcer = Announcer()
        self.history = History(self.database, clock, kept)
        self.outlet = Kept()
        self.now_true: list[tuple[RoomName, Fact]] = []
        self.recorder = Recorder(
            self.database, self.announcer, clock, kept, lambda: self.now_true, self.outlet
        )

    def tell(self, fact: Fact, room: str = "r") -> None:
        self.announcer.tell(RoomName(room), fact)

    def join(
        self, *peers: str, session: str = "s1", role: str = "guest", metadata: str | None = None
    ) -> None:
        for peer in peers:
            client = ClientInfo(user_agent="x")
            self.tell(PeerJoined(PeerName(peer), session, role, metadata, client, self.clock.now()))

    def leave(self, *peers: str, session: str = "s1") -> None:
        for peer in peers:
            self.tell(PeerLeft(PeerName(peer), session, self.clock.now()))

    def open(self, session: str = "s1") -> None:
        self.tell(RoomOpened(session, self.clock.now()))

    def empty(self, session: str = "s1") -> None:
        self.tell(RoomEmptied(session, self.clock.now()))

    def produce(self, peer: str, name: str, kind: MediaKind = MediaKind.VIDEO) -> None:
        self.tell(ProducerOpened(PeerName(peer), ProducerId(1), name, kind))

    def unproduce(self, peer: str, name: str) -> None:
        self.tell(ProducerClosed(PeerName(peer), ProducerId(1), name))

    async def written(self) -> None:
        """Waits until everything told is on disk."""
        while not self.recorder._mailbox._items.empty():  # noqa: ASYNC110
            await asyncio.sleep(0)
        await self.database.run(lambda _: None)


@asynccontextmanager
async def chronicle(
    path: Path, clock: FakeClock | None = None, kept: Retention | None = None
) -> AsyncIterator[Chronicle]:
    """Runs a history; leaving it is an unclean stop."""
    run = Chronicle(path, clock or FakeClock(), kept or Retention())
    await run.database.open()
    await run.recorder.start()
    try:
        yield run
    finally:
        for task in run.recorder._tasks:
            task.cancel()
        await run.database.close()
