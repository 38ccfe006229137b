"""Forgets what is old. Transactions' insides: awaits nothing, knows no clock."""

from dataclasses import dataclass
from sqlite3 import Connection

AT_ONCE = 1000
"""Rows that one transaction forgets: nobody waits long."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept. What still runs is never forgotten."""

    days: float = 90
    sessions: int = 50_000
    participants: int = 200_000
    rooms: int = 100_000


def forget(db: Connection, kept: Retention, now: float) -> int:
    """Forgets the oldest of what is too much; returns how many rows, at most ``AT_ONCE`` of each sort."""
    over = _count(db, "sessions") - kept.sessions
    sessions = db.execute(
        "DELETE FROM sessions WHERE number IN ("
        "SELECT number FROM sessions WHERE ended_at < ? ORDER BY number LIMIT ?)",
        (now - kept.days * 86400, AT_ONCE),
    ).rowcount
    sessions += db.execute(
        "DELETE FROM sessions WHERE number IN ("
        "SELECT number FROM sessions WHERE ended_at IS NOT NULL ORDER BY number LIMIT ?)",
        (min(max(0, over - sessions), AT_ONCE),),
    ).rowcount
    over = _count(db, "participants") - kept.participants
    participants = db.execute(
        "DELETE FROM participants WHERE number IN ("
        "SELECT number FROM participants WHERE left_at IS NOT NULL ORDER BY number LIMIT ?)",
        (min(max(0, over), AT_ONCE),),
    ).rowcount
    return sessions + participants


def _count(db: Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - one of two constants
