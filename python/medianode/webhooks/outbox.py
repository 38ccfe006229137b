"""The events that wait to be sent, on disk. Bounded for each endpoint: the oldest make room for new ones and are counted."""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection

from medianode.history.records import Happening
from medianode.webhooks.events import event_of
from medianode.webhooks.signature import body_of

COUNTS = ("delivered", "failed", "refused", "given_up", "expired", "dropped")
"""Of tries: taken, without an answer, answered otherwise. Of events: refused too often, too old, too many."""


@dataclass(slots=True, eq=False)
class Endpoint:
    """One address that wants to hear, and how it went so far."""

    url: str
    secret: str
    """The API key that the application gives to its ``WebhookReceiver``."""
    events: frozenset[str]
    """Which events it wants; none means all."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))

    @property
    def id(self) -> str:
        """Names it in the database, where no address is to be read."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    def wants(self, event: str) -> bool:
        """Says whether it wants an event."""
        return not self.events or event in self.events


@dataclass(frozen=True, slots=True)
class Letter:
    """One event for one endpoint."""

    number: int
    id: str
    body: str
    created_at: float
    tries: int


class Outbox:
    """Keeps what happened for every endpoint that wants it."""

    def __init__(self, endpoints: Sequence[Endpoint], most: int) -> None:
        self.endpoints = endpoints
        self._most = most

    def keep(self, db: Connection, happenings: Sequence[Happening], now: float) -> None:
        """Writes events, in the transaction that writes the history."""
        if not self.endpoints:
            return
        for happening in happenings:
            event, payload = event_of(happening)
            event_id = secrets.token_hex(16)
            body = body_of(event_id, event, payload)
            for endpoint in self.endpoints:
                if endpoint.wants(event):
                    self._add(db, endpoint, event_id, body, now)

    def wake(self) -> None:
        """Lets the senders look again."""
        for endpoint in self.endpoints:
            endpoint.news.set()

    def purge(self, db: Connection) -> None:
        """Forgets what was meant for endpoints that are no longer set."""
        known = [endpoint.id for endpoint in self.endpoints]
        marks = ", ".join("?" * len(known))
        db.execute(f"DELETE FROM outbox WHERE endpoint NOT IN ({marks})", known)  # noqa: S608 - question marks

    def waiting(self, db: Connection) -> dict[str, int]:
        """Counts what waits, by endpoint."""
        return dict(db.execute("SELECT endpoint, count(*) FROM outbox GROUP BY endpoint").fetchall())

    def _add(self, db: Connection, endpoint: Endpoint, event_id: str, body: str, now: float) -> None:
        db.execute(
            "INSERT INTO outbox (endpoint, id, body, created_at) VALUES (?, ?, ?, ?)",
            (endpoint.id, event_id, body, now),
        )
        over = (
            db.execute("SELECT count(*) FROM outbox WHERE endpoint = ?", (endpoint.id,)).fetchone()[0]
            - self._most
        )
        if over > 0:
            db.execute(
                "DELETE FROM outbox WHERE number IN (SELECT number FROM outbox WHERE endpoint = ? ORDER BY number LIMIT ?)",
                (endpoint.id, over),
            )
            endpoint.counts["dropped"] += over


def first(db: Connection, endpoint: Endpoint) -> Letter | None:
    """Finds the event that is to be sent next."""
    row = db.execute(
        "SELECT number, id, body, created_at, tries FROM outbox WHERE endpoint = ? ORDER BY number LIMIT 1",
        (endpoint.id,),
    ).fetchone()
    return Letter(*row) if row is not None else None


def remove(db: Connection, letter: Letter) -> None:
    """Forgets an event that was sent or given up."""
    db.execute("DELETE FROM outbox WHERE number = ?", (letter.number,))


def count_try(db: Connection, letter: Letter) -> None:
    """Remembers that an event was refused once more."""
    db.execute("UPDATE outbox SET tries = tries + 1 WHERE number = ?", (letter.number,))
