"""The questions that can be put to the history, and the rooms that were made through the API."""

import secrets
import string
from sqlite3 import Connection, IntegrityError

from medianode.clock import Clock
from medianode.errors import LimitReached, NotFound, Overloaded
from medianode.history.database import Database
from medianode.history.journal import PARTICIPANT, SESSION, participant_of, running_session, session_of
from medianode.history.records import MadeRoom, Page, Participant, RoomSession, Totals
from medianode.history.retention import Retention
from medianode.ids import RoomName
from medianode.rooms.records import RoomRecord

_ROOM = "SELECT name, created_at, metadata, locked FROM rooms"
_DRAWS = 8


class History:
    """Answers from the database. Lists come in parts: at most ``limit`` items, leaving out the first ``skip``."""

    def __init__(self, database: Database, clock: Clock, kept: Retention) -> None:
        self._database = database
        self._clock = clock
        self._kept = kept

    # Rooms that were made

    async def make_room(self, metadata: str | None, *, locked: bool) -> MadeRoom:
        """Makes a room with a name of ours. It is opened when somebody joins, and stays until it is deleted."""
        now = self._clock.now()

        def make(db: Connection) -> MadeRoom:
            if db.execute("SELECT count(*) FROM rooms").fetchone()[0] >= self._kept.rooms:
                raise LimitReached(
                    f"there are {self._kept.rooms} rooms, the limit (history.rooms); delete some",
                    retry_after=60,
                )
            for _ in range(_DRAWS):
                room = MadeRoom(_room_name(), now, metadata, locked)
                try:
                    db.execute(
                        "INSERT INTO rooms (name, created_at, metadata, locked) VALUES (?, ?, ?, ?)",
                        (room.name, room.created_at, room.metadata, room.locked),
                    )
                except IntegrityError:
                    continue
                return room
            raise Overloaded("no name was free for a new room")

        return await self._database.run(make)

    async def made_rooms(self, limit: int, skip: int) -> Page[MadeRoom]:
        """Lists the rooms, oldest first."""

        def read(db: Connection) -> Page[MadeRoom]:
            rows = db.execute(f"{_ROOM} ORDER BY id LIMIT ? OFFSET ?", (limit, skip))
            total = db.execute("SELECT count(*) FROM rooms").fetchone()[0]
            return Page([_made(*row) for row in rows], total)

        return await self._database.run(read)

    async def made_room(self, name: str) -> MadeRoom | None:
        """Finds a room."""

        def read(db: Connection) -> MadeRoom | None:
            row = db.execute(f"{_ROOM} WHERE name = ?", (name,)).fetchone()
            return _made(*row) if row is not None else None

        return await self._database.run(read)

    async def find(self, name: RoomName) -> RoomRecord | None:
        """Tells the directory what a room that it opens is like."""
        made = await self.made_room(name)
        return RoomRecord(made.metadata, made.locked) if made is not None else None

    async def set_metadata(self, name: str, metadata: str | None) -> bool:
        """Writes a room's metadata; says whether there is such a room."""

        def write(db: Connection) -> bool:
            return db.execute("UPDATE rooms SET metadata = ? WHERE name = ?", (metadata, name)).rowcount > 0

        return await self._database.run(write)

    async def delete_room(self, name: str) -> bool:
        """Forgets that a room was made; its sessions stay. Says whether there was such a room."""

        def write(db: Connection) -> bool:
            return db.execute("DELETE FROM rooms WHERE name = ?", (name,)).rowcount > 0

        return await self._database.run(write)

    # Sessions

    async def sessions(self, room: str, limit: int, skip: int) -> Page[RoomSession]:
        """Lists the sessions of a room, newest first."""

        def read(db: Connection) -> Page[RoomSession]:
            rows = db.execute(
                f"{SESSION} WHERE room = ? ORDER BY number DESC LIMIT ? OFFSET ?", (room, limit, skip)
            )
            found = [session_of(row) for row in rows]
            total = db.execute("SELECT count(*) FROM sessions WHERE room = ?", (room,)).fetchone()[0]
            return Page(found, total)

        return await self._database.run(read)

    async def running_sessions(self) -> list[RoomSession]:
        """Lists the sessions that run, oldest first."""

        def read(db: Connection) -> list[RoomSession]:
            return [
                session_of(row) for row in db.execute(f"{SESSION} WHERE ended_at IS NULL ORDER BY number")
            ]

        return await self._database.run(read)

    async def running_session(self, room: str) -> RoomSession:
        """Finds the session that runs in a room."""

        def read(db: Connection) -> RoomSession:
            session = running_session(db, room)
            if session is None:
                raise NotFound(f"no session runs in room {room}")
            return session_of(db.execute(f"{SESSION} WHERE id = ?", (session,)).fetchone())

        return await self._database.run(read)

    async def participants(self, session: str, *, present: bool = False) -> list[Participant]:
        """Lists who took part in a session, in the order of their first coming; or only who is there now."""

        def read(db: Connection) -> list[Participant]:
            if db.execute("SELECT 1 FROM sessions WHERE id = ?", (session,)).fetchone() is None:
                raise NotFound("there is no such session")
            where = "WHERE session = ? AND left_at IS NULL" if present else "WHERE session = ?"
            rows = db.execute(f"{PARTICIPANT} {where} ORDER BY number", (session,))
            return [participant_of(row) for row in rows]

        return await self._database.run(read)

    async def totals(self) -> Totals:
        """Counts everything since the history began, what runs now included."""
        now = self._clock.now()

        def read(db: Connection) -> Totals:
            numbers = dict(db.execute("SELECT name, value FROM numbers").fetchall())
            running = db.execute(
                "SELECT total(max(0, ? - started_at)) FROM sessions WHERE ended_at IS NULL", (now,)
            ).fetchone()[0]
            return Totals(
                sessions=int(numbers.get("sessions", 0)),
                seconds=numbers.get("seconds", 0) + running,
                participants=int(numbers.get("participants", 0)),
            )

        return await self._database.run(read)


def _room_name() -> str:
    letters = [secrets.choice(string.ascii_lowercase) for _ in range(10)]
    return "-".join("".join(part) for part in (letters[:3], letters[3:7], letters[7:]))


def _made(name: str, created_at: float, metadata: str | None, locked: int) -> MadeRoom:
    return MadeRoom(name, created_at, metadata, bool(locked))
