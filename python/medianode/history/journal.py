"""Writes facts of rooms into the history and says what they meant. Transactions' insides: awaits nothing, knows no clock.

Facts may be missing (a listener that was too slow, a disk that was full): every one is taken for what it says alone.
"""

from collections.abc import Iterator, Mapping
from sqlite3 import Connection, Row

from medianode.history.records import (
    Happening,
    Participant,
    ParticipantJoined,
    ParticipantLeft,
    RoomSession,
    SessionEnded,
    SessionStarted,
    TrackPublished,
    TrackUnpublished,
)
from medianode.rooms.announce import (
    ControlsChanged,
    Fact,
    PeerJoined,
    PeerLeft,
    PeerMetadataChanged,
    ProducerClosed,
    ProducerOpened,
    ProducersClosed,
    RoleChanged,
    RoomEmptied,
    RoomEnded,
    RoomMetadataChanged,
    RoomOpened,
)
from medianode.rooms.roles import Role

RECORDED = (
    RoomOpened,
    PeerJoined,
    PeerLeft,
    ProducerOpened,
    ProducerClosed,
    ProducersClosed,
    RoomEmptied,
    RoomEnded,
    RoomMetadataChanged,
    ControlsChanged,
    PeerMetadataChanged,
    RoleChanged,
)
"""The facts that ``record`` writes; others, who speaks above all, come far too often to open a transaction for nothing."""

Running = Mapping[str, Mapping[str, set[str]]]
"""What goes on: sessions, in each its peers, of each the names of its tracks."""

SESSION = f"""SELECT id, room, started_at, ended_at, most_present, audio_seconds, video_seconds,
    (SELECT count(*) FROM participants WHERE session = s.id AND role != '{Role.BOT}') AS participants,
    (SELECT count(*) FROM participants WHERE session = s.id AND left_at IS NULL AND role != '{Role.BOT}') AS present
    FROM sessions s"""  # noqa: S608 - a constant
PARTICIPANT = "SELECT session, peer, role, metadata, joined_at, present_since, left_at FROM participants"
_SECONDS = {"audio": "audio_seconds", "video": "video_seconds"}


def record(db: Connection, room: str, fact: Fact, now: float) -> Iterator[Happening]:
    """Writes one fact, told ``now`` (seconds since 1970). What says nothing about the history is passed over."""
    match fact:
        case RoomOpened():
            yield from _begin(db, fact.session, room, fact.at)
        case PeerJoined():
            yield from _begin(db, fact.session, room, fact.at)
            yield from _join(db, room, fact)
        case PeerLeft():
            yield from _leave(db, fact.session, room, fact.peer, fact.at)
        case ProducerOpened():
            yield from _publish(db, running_session(db, room), fact, now)
        case ProducerClosed():
            yield from _unpublish(db, running_session(db, room), fact.peer, fact.name, now)
        case ProducersClosed():
            for one in fact.producers:
                yield from _unpublish(db, running_session(db, room), one.peer, one.name, now)
        case RoomEmptied():
            yield from end_session(db, fact.session, fact.at)
        case RoomEnded():
            yield from end_session(db, running_session(db, room), now)
        case _:
            _note(db, room, fact)


def _note(db: Connection, room: str, fact: Fact) -> None:
    """Writes what rooms and peers tell about themselves anew."""
    match fact:
        case RoomMetadataChanged(metadata=metadata):
            db.execute("UPDATE rooms SET metadata = ? WHERE name = ?", (metadata, room))
        case ControlsChanged(controls=controls):
            db.execute("UPDATE rooms SET locked = ? WHERE name = ?", (controls.locked, room))
        case PeerMetadataChanged(peer=peer, metadata=metadata):
            where = (running_session(db, room), peer)
            db.execute(
                "UPDATE participants SET metadata = ? WHERE session = ? AND peer = ?", (metadata, *where)
            )
        case RoleChanged(peer=peer, role=role):
            where = (running_session(db, room), peer)
            db.execute("UPDATE participants SET role = ? WHERE session = ? AND peer = ?", (role, *where))
        case _:
            pass


def running_session(db: Connection, room: str) -> str | None:
    """Names the session that runs in a room."""
    row = db.execute("SELECT id FROM sessions WHERE room = ? AND ended_at IS NULL", (room,)).fetchone()
    return row["id"] if row is not None else None


def session_of(row: Row) -> RoomSession:
    """Reads a row of ``SESSION``."""
    return RoomSession(**dict(row))


def participant_of(row: Row) -> Participant:
    """Reads a row of ``PARTICIPANT``."""
    return Participant(**dict(row))


def settle(db: Connection, running: Running, at: float) -> Iterator[Happening]:
    """Ends at that time every session, stay and track that is not among those that go on."""
    for row in db.execute("SELECT id, room FROM sessions WHERE ended_at IS NULL").fetchall():
        session, here = row["id"], running.get(row["id"])
        if here is None:
            yield from end_session(db, session, at)
            continue
        for peer in _present(db, session):
            if peer not in here:
                yield from _leave(db, session, row["room"], peer, at)
                continue
            for name in sorted(_tracks(db, session, peer) - here[peer]):
                yield from _unpublish(db, session, peer, name, at)


def end_session(db: Connection, session: str | None, at: float) -> Iterator[Happening]:
    """Ends a session and every stay in it; one that has ended, or is none, is passed over."""
    row = db.execute(
        "SELECT room, max(started_at, ?) AS at FROM sessions WHERE id = ? AND ended_at IS NULL", (at, session)
    ).fetchone()
    if session is None or row is None:
        return
    for peer in _present(db, session):
        yield from _leave(db, session, row["room"], peer, at)
    db.execute("UPDATE sessions SET ended_at = ? WHERE id = ?", (row["at"], session))
    ended = _session(db, session)
    add(db, "seconds", row["at"] - ended.started_at)
    yield SessionEnded(ended)


def add(db: Connection, name: str, value: float) -> None:
    """Adds to a number that is kept for ever."""
    db.execute(
        "INSERT INTO numbers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (name, value),
    )


def _begin(db: Connection, session: str, room: str, at: float) -> Iterator[Happening]:
    """Begins a session unless it is known; whatever else still ran in the room has ended without a word."""
    if db.execute("SELECT 1 FROM sessions WHERE id = ?", (session,)).fetchone() is not None:
        return
    yield from end_session(db, running_session(db, room), at)
    db.execute("INSERT INTO sessions (id, room, started_at) VALUES (?, ?, ?)", (session, room, at))
    add(db, "sessions", 1)
    yield SessionStarted(_session(db, session))


def _join(db: Connection, room: str, fact: PeerJoined) -> Iterator[Happening]:
    known = _participant(db, fact.session, fact.peer)
    if known is not None and known.left_at is None:
        return
    db.execute(
        "INSERT INTO participants (session, peer, role, metadata, joined_at, present_since) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (session, peer) DO UPDATE SET role = excluded.role, metadata = excluded.metadata, "
        "present_since = excluded.present_since, left_at = NULL",
        (fact.session, fact.peer, fact.role, fact.metadata, fact.at, fact.at),
    )
    if known is None and fact.role != Role.BOT:
        add(db, "participants", 1)
    present = _session(db, fact.session).present
    db.execute(
        "UPDATE sessions SET most_present = max(most_present, ?) WHERE id = ?", (present, fact.session)
    )
    participant = _participant(db, fact.session, fact.peer)
    assert participant is not None  # noqa: S101 - written above
    yield ParticipantJoined(room, participant, fact.client)


def _leave(db: Connection, session: str, room: str, peer: str, at: float) -> Iterator[Happening]:
    for name in sorted(_tracks(db, session, peer)):
        yield from _unpublish(db, session, peer, name, at)
    gone = db.execute(
        "UPDATE participants SET left_at = max(present_since, ?) WHERE session = ? AND peer = ? AND left_at IS NULL",
        (at, session, peer),
    )
    participant = _participant(db, session, peer)
    if gone.rowcount and participant is not None:
        yield ParticipantLeft(room, participant)


def _publish(db: Connection, session: str | None, fact: ProducerOpened, now: float) -> Iterator[Happening]:
    if session is None:
        return
    made = db.execute(
        "INSERT OR IGNORE INTO tracks VALUES (?, ?, ?, ?, ?)", (session, fact.peer, fact.name, fact.kind, now)
    )
    if made.rowcount:
        yield TrackPublished(fact.peer, fact.name)


def _unpublish(db: Connection, session: str | None, peer: str, name: str, now: float) -> Iterator[Happening]:
    track = db.execute(
        "DELETE FROM tracks WHERE session = ? AND peer = ? AND name = ? RETURNING kind, since",
        (session, peer, name),
    ).fetchone()
    if track is None:
        return
    column = _SECONDS[track["kind"]]
    db.execute(
        f"UPDATE sessions SET {column} = {column} + ? WHERE id = ?",  # noqa: S608 - one of two constants
        (max(0.0, now - track["since"]), session),
    )
    yield TrackUnpublished(peer, name)


def _present(db: Connection, session: str) -> list[str]:
    rows = db.execute("SELECT peer FROM participants WHERE session = ? AND left_at IS NULL", (session,))
    return [row["peer"] for row in rows.fetchall()]


def _tracks(db: Connection, session: str, peer: str) -> set[str]:
    rows = db.execute("SELECT name FROM tracks WHERE session = ? AND peer = ?", (session, peer))
    return {row["name"] for row in rows}


def _session(db: Connection, session: str) -> RoomSession:
    return session_of(db.execute(f"{SESSION} WHERE id = ?", (session,)).fetchone())


def _participant(db: Connection, session: str, peer: str) -> Participant | None:
    row = db.execute(f"{PARTICIPANT} WHERE session = ? AND peer = ?", (session, peer)).fetchone()
    return participant_of(row) if row is not None else None
