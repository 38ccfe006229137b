"""Follows all rooms and writes down what happens. A disk that fails costs the history, never a call."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from sqlite3 import Connection
from typing import Protocol

import structlog

from medianode.clock import Clock
from medianode.errors import MedianodeError
from medianode.history.database import Database
from medianode.history.journal import RECORDED, record, settle
from medianode.history.picture import Told, running_in
from medianode.history.records import Happening
from medianode.history.retention import Retention, forget
from medianode.ids import RoomName
from medianode.rooms.announce import Announcer, Fact

TEND_S = 10.0
"""How often the time is written down at which the node was last seen alive, and old things are forgotten."""
FINISH_S = 2.0
"""Time for the last facts to be written when the node stops."""

Work = Callable[[Connection, float], list[Happening]]
"""The inside of a transaction, told the time."""

log = structlog.get_logger(__name__)


class Outlet(Protocol):
    """Whoever passes on what happened."""

    def keep(self, db: Connection, happenings: Sequence[Happening], now: float) -> None:
        """Writes what is to be passed on, in the transaction that writes the history."""

    def wake(self) -> None:
        """Learns that something was kept."""


class Recorder:
    """Writes the history. ``picture`` tells everything that is now the case, as the facts that would lead there."""

    def __init__(
        self,
        database: Database,
        announcer: Announcer,
        clock: Clock,
        kept: Retention,
        picture: Callable[[], Iterable[Told]],
        outlet: Outlet,
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._clock = clock
        self._kept = kept
        self._picture = picture
        self._outlet = outlet
        self._mailbox = announcer.listen_all()
        self._tasks: list[asyncio.Task[None]] = []
        self._over = False
        self.facts_lost = 0
        """Facts that could not be written, and times that this listener was too slow."""

    async def start(self) -> None:
        """Ends what an earlier run left open, at the time at which it was last seen; then follows."""

        def begin(db: Connection, now: float) -> list[Happening]:
            row = db.execute("SELECT value FROM numbers WHERE name = 'seen'").fetchone()
            return list(settle(db, {}, row["value"] if row is not None else now))

        ended = await self._transact(begin)
        if ended:
            log.warning("the node was not stopped properly; its open sessions were ended", events=len(ended))
        self._tasks = [
            asyncio.create_task(self._follow(), name="history"),
            asyncio.create_task(self._tend(), name="history upkeep"),
        ]

    async def finish(self) -> None:
        """Writes what was told until now, and ends. Doing so twice does nothing."""
        self._over = True
        self._mailbox.end()
        if self._tasks:
            following, tending = self._tasks
            tending.cancel()
            await asyncio.wait([following], timeout=FINISH_S)
            following.cancel()
            await asyncio.gather(following, tending, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            async for room, fact in self._mailbox:
                if isinstance(fact, RECORDED):
                    await self._write(partial(_take, room, fact))
            self._announcer.leave_all(self._mailbox)
            if self._over:
                return
            self.facts_lost += 1
            log.warning("the history fell behind; it begins again with what is now the case")
            self._mailbox = self._announcer.listen_all()
            await self._write(partial(_catch_up, list(self._picture())))

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND_S)
            await self._write(self._upkeep)

    def _upkeep(self, db: Connection, now: float) -> list[Happening]:
        forget(db, self._kept, now)
        return []

    async def _write(self, work: Work) -> None:
        try:
            await self._transact(work)
        except MedianodeError as error:
            self.facts_lost += 1
            log.warning("the history could not be written", reason=str(error))
        except Exception:  # one fact must not end the writing of all others
            self.facts_lost += 1
            log.exception("a fact could not be written")

    async def _transact(self, work: Work) -> list[Happening]:
        now = self._clock.now()

        def all_of_it(db: Connection) -> list[Happening]:
            happenings = work(db, now)
            self._outlet.keep(db, happenings, now)
            db.execute("INSERT OR REPLACE INTO numbers VALUES ('seen', ?)", (now,))
            return happenings

        happenings = await self._database.run(all_of_it, bounded=False)
        if happenings:
            self._outlet.wake()
        return happenings


def _take(room: RoomName, fact: Fact, db: Connection, now: float) -> list[Happening]:
    return list(record(db, room, fact, now))


def _catch_up(told: Sequence[Told], db: Connection, now: float) -> list[Happening]:
    """Brings the history from wherever it is to what is now the case."""
    happenings = list(settle(db, running_in(told), now))
    for room, fact in told:
        happenings += record(db, room, fact, now)
    return happenings
