"""Intents and attempts on disk. Owns what may follow what; refuses to know the chain."""

import json
import sqlite3
from collections.abc import Iterable

from medianode.clock import Clock
from medianode.errors import Conflict, NotFound, WrongState
from medianode.wallet.chain.facts import Receipt
from medianode.wallet.tx.database import Database
from medianode.wallet.tx.intent import OPEN, Attempt, Intent, NewIntent, State


class Outbox:
    """Everything that one wallet wants done on chains. Callers add; the one manager of a sender moves things on."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self._clock = clock

    def submit(self, wanted: NewIntent) -> Intent:
        """Adds an intent unless its id is known; either way returns it as it stands."""
        now = self._clock.now()
        self.database.execute(
            "insert or ignore into intent(id, kind, chain_id, sender, to_addr, data, value, gas_cap, deadline,"
            " precheck, final_tag, state, created, updated) values(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            wanted.id,
            wanted.kind,
            wanted.chain_id,
            wanted.sender,
            wanted.to,
            wanted.data,
            str(wanted.value),
            wanted.gas_cap,
            wanted.deadline,
            None if wanted.precheck is None else json.dumps(wanted.precheck),
            wanted.final_tag,
            State.QUEUED,
            now,
            now,
        )
        found = self.intent(wanted.id)
        ours, theirs = wanted, found.wanted
        if (ours.to, ours.data, ours.value, ours.sender) != (
            theirs.to,
            theirs.data,
            theirs.value,
            theirs.sender,
        ):
            raise Conflict(f"the wallet has another action under the id {wanted.id}")
        return found

    def intent(self, intent_id: str) -> Intent:
        """Finds an intent."""
        rows = self.database.rows("select * from intent where id = ?", intent_id)
        if not rows:
            raise NotFound(f"the wallet has no action {intent_id}")
        return _intent(rows[0])

    def open_intents(self, chain_id: int, sender: str | None = None) -> list[Intent]:
        """Lists what is not done yet, oldest first."""
        marks = ",".join("?" * len(OPEN))
        sql = f"select * from intent where state in ({marks}) and chain_id = ? and sender = ifnull(?, sender) order by seq"  # noqa: S608 - marks
        return [_intent(row) for row in self.database.rows(sql, *OPEN, chain_id, sender)]

    def attempts(self, intent_id: str) -> list[Attempt]:
        """Lists all tries at an intent, the newest first."""
        rows = self.database.rows("select * from attempt where intent_id = ? order by rowid desc", intent_id)
        return [_attempt(row) for row in rows]

    def next_nonce(self, chain_id: int, sender: str, on_chain: int) -> int:
        """Returns the nonce after the chain's and after every one that we gave away."""
        row = self.database.rows(
            "select max(nonce) top from intent where chain_id = ? and sender = ?", chain_id, sender
        )
        top = row[0]["top"]
        return on_chain if top is None else max(on_chain, int(top) + 1)

    def store(self, attempt: Attempt) -> None:
        """Puts a signed transaction on disk; only then may it leave this machine.

        Its nonce must be free, or that of the same intent. Raises ``Conflict`` when somebody else took it meanwhile.
        """
        with self.database.transaction():
            moved = self.database.execute(
                "update intent set state = ?, nonce = ?, note = null, updated = ? where id = ? and"
                " (state = ? and nonce is null or state = ? and nonce = ?)",
                State.SIGNED,
                attempt.nonce,
                self._clock.now(),
                attempt.intent_id,
                State.QUEUED,
                State.SIGNED,
                attempt.nonce,
            )
            if not moved:
                raise WrongState(f"{attempt.intent_id} is not in a state to be signed")
            self.database.execute(
                "insert into attempt(hash, intent_id, raw, nonce, max_fee, tip, gas, height, created, cancels)"
                " values(?,?,?,?,?,?,?,?,?,?)",
                attempt.hash,
                attempt.intent_id,
                attempt.raw,
                attempt.nonce,
                str(attempt.max_fee),
                str(attempt.tip),
                attempt.gas,
                attempt.height,
                attempt.created,
                attempt.cancels,
            )

    def broadcast(self, attempt_hash: str, error: str | None) -> None:
        """Notes that an attempt was sent, and what was answered."""
        self.database.execute(
            "update attempt set broadcast_count = broadcast_count + 1, last_error = ? where hash = ?",
            error,
            attempt_hash,
        )

    def mined(self, intent_id: str, receipt: Receipt) -> None:
        """Notes the block that an attempt is in, for now."""
        self._update(
            intent_id,
            (State.SIGNED, State.MINED),
            state=State.MINED,
            hash=receipt.transaction_hash,
            block_number=receipt.block_number,
            block_hash=receipt.block_hash,
            succeeded=receipt.succeeded,
            gas_used=receipt.gas_used,
            note=None,
        )

    def taken_back(self, intent_id: str) -> None:
        """Notes that the block is gone: the attempts are to be sent again."""
        self._update(intent_id, (State.MINED,), state=State.SIGNED, **_NO_BLOCK)

    def nonce_lost(self, intent_id: str) -> None:
        """Queues an intent again whose nonce belongs for good to a transaction that is not ours."""
        why = "its nonce was used by a transaction of somebody else"
        self._update(intent_id, (State.SIGNED,), state=State.QUEUED, nonce=None, note=why, **_NO_BLOCK)

    def finish(self, intent_id: str, state: State, note: str | None = None) -> None:
        """Closes an intent for good."""
        self._update(intent_id, OPEN, state=state, note=note)

    def note(self, intent_id: str, note: str) -> None:
        """Notes why an intent does not go on."""
        if self.intent(intent_id).note != note:
            self._update(intent_id, OPEN, note=note)

    def cancel(self, intent_id: str) -> Intent:
        """Asks for an intent to be undone: at once while it is queued, else by taking its nonce away, if that still works."""
        moved = self.database.execute(
            "update intent set state = ?, cancel = 1, note = ?, updated = ? where id = ? and state = ?",
            State.CANCELLED,
            "cancelled before it was sent",
            self._clock.now(),
            intent_id,
            State.QUEUED,
        )
        if not moved:
            self._update(intent_id, (State.SIGNED, State.MINED), cancel=1)
        return self.intent(intent_id)

    def _update(self, intent_id: str, states: Iterable[State], **values: object) -> None:
        allowed = tuple(states)
        columns = ", ".join(f"{name} = ?" for name in values)
        marks = ",".join("?" * len(allowed))
        moved = self.database.execute(
            f"update intent set {columns}, updated = ? where id = ? and state in ({marks})",  # noqa: S608 - our own names
            *values.values(),
            self._clock.now(),
            intent_id,
            *allowed,
        )
        if not moved:
            raise WrongState(f"{intent_id} is {self.intent(intent_id).state}, not {' or '.join(allowed)}")


_NO_BLOCK = {"hash": None, "block_number": None, "block_hash": None, "succeeded": None, "gas_used": None}


def _intent(row: sqlite3.Row) -> Intent:
    return Intent(
        wanted=NewIntent(
            id=row["id"],
            kind=row["kind"],
            chain_id=row["chain_id"],
            sender=row["sender"],
            to=row["to_addr"],
            data=row["data"],
            value=int(row["value"]),
            gas_cap=row["gas_cap"],
            deadline=row["deadline"],
            precheck=None if row["precheck"] is None else json.loads(row["precheck"]),
            final_tag=row["final_tag"],
        ),
        state=State(row["state"]),
        nonce=row["nonce"],
        hash=row["hash"],
        block_number=row["block_number"],
        block_hash=row["block_hash"],
        succeeded=None if row["succeeded"] is None else bool(row["succeeded"]),
        gas_used=row["gas_used"],
        note=row["note"],
        cancel=bool(row["cancel"]),
        created=row["created"],
        updated=row["updated"],
    )


def _attempt(row: sqlite3.Row) -> Attempt:
    return Attempt(
        intent_id=row["intent_id"],
        hash=row["hash"],
        raw=row["raw"],
        nonce=row["nonce"],
        max_fee=int(row["max_fee"]),
        tip=int(row["tip"]),
        gas=row["gas"],
        height=row["height"],
        created=row["created"],
        cancels=bool(row["cancels"]),
        broadcast_count=row["broadcast_count"],
        last_error=row["last_error"],
    )
