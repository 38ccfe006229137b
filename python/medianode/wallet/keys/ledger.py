"""What one key has signed, so that it never signs what contradicts it: reports by epoch, fees by day.

Lives beside the key, apart from the node's other data, and is read again from the audit log wherever it is behind it: an old
copy of this file that is put back forgets nothing.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medianode.clock import Clock
from medianode.errors import PermissionDenied, StorageUnavailable
from medianode.wallet.facts import LastReport
from medianode.wallet.keys.audit import AuditLog, Head
from medianode.wallet.keys.private_files import private_folder

DAY_S = 86_400

# Numbers of the chain are kept as text: SQLite's integers end at 2^63.
_TABLES = """
create table if not exists head (one integer primary key check (one = 1), seq, hash, begin, "end");
create table if not exists report (chain, contract, node, epoch, digest, at, primary key (chain, contract, node, epoch));
create table if not exists fee (chain, nonce, at, wei, primary key (chain, nonce));
create table if not exists total (event primary key, number);
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What at most one report may be signed for."""

    chain_id: int
    contract: str
    node_id: int
    epoch: int

    def facts(self) -> dict[str, object]:
        """Returns what the log keeps."""
        return {
            "chain": str(self.chain_id),
            "contract": self.contract,
            "node": str(self.node_id),
            "epoch": str(self.epoch),
        }


@dataclass(frozen=True, slots=True)
class Spending:
    """A transaction and the most that it can cost, fee and value, in wei. A replacement has the nonce of what it replaces."""

    chain_id: int
    nonce: int
    wei: int
    to: str | None
    selector: bytes

    def facts(self) -> dict[str, object]:
        """Returns what the log keeps."""
        return {
            "chain": str(self.chain_id),
            "nonce": str(self.nonce),
            "wei": str(self.wei),
            "to": self.to,
            "selector": "0x" + self.selector.hex(),
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that a signature was asked for, as it is remembered."""

    what: str
    digest: bytes
    subject: Report | Spending | None = None

    def facts(self) -> dict[str, object]:
        """Returns what the log keeps."""
        return self.subject.facts() if self.subject is not None else {}


class Ledger:
    """The memory of one key. Safe for threads, and for several processes with one folder."""

    def __init__(self, folder: Path, address: str, clock: Clock) -> None:
        private_folder(folder)
        name = f"signed-{address.lower()}"
        self._log = AuditLog(folder / f"{name}.jsonl")
        self._database = folder / f"{name}.sqlite"
        self._lock_file = folder / f"{name}.lock"
        self._clock = clock
        self._thread_lock = threading.Lock()
        self.totals: dict[str, int] = {}
        """Lines of the log by event, as of the last use."""
        self.last_report: LastReport | None = None
        """As of the last use."""

    def permit(self, asked: Asked, daily_cap: int) -> None:
        """Remembers that this will be signed, on disk, before it is. Raises ``PermissionDenied`` for a contradiction."""
        with self._open() as (store, head):
            try:
                if isinstance(asked.subject, Report):
                    _check_report(store, asked.subject, asked.digest)
                if isinstance(asked.subject, Spending):
                    _check_spending(store, asked.subject, daily_cap, self._clock.now())
            except PermissionDenied as error:
                self._write(store, head, "refused", asked, str(error))
                raise
            self._write(store, head, "permitted", asked)

    def note(self, event: str, asked: Asked, reason: str) -> None:
        """Remembers a refusal, or a signature that was permitted and failed."""
        with self._open() as (store, head):
            self._write(store, head, event, asked, reason)

    def refresh(self) -> None:
        """Reads what other processes have added; raises ``StorageUnavailable`` when the log was cut or changed."""
        with self._open():
            pass

    def check(self) -> int:
        """Reads the whole log and returns how many lines it has; ``StorageUnavailable`` where its chain is broken."""
        with self._open():
            return sum(1 for _ in self._log.since(Head()))

    def _write(
        self, store: sqlite3.Connection, head: Head, event: str, asked: Asked, reason: str | None = None
    ) -> None:
        entry: dict[str, object] = {
            "at": self._clock.now(),
            "event": event,
            "what": asked.what,
            "digest": "0x" + asked.digest.hex(),
            **asked.facts(),
        }
        if reason is not None:
            entry["reason"] = reason
        _learn(store, self._log.append(head, entry), entry)

    @contextmanager
    def _open(self) -> Iterator[tuple[sqlite3.Connection, Head]]:
        """Takes the lock, and brings the database up to the log."""
        with self._thread_lock:
            try:
                lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError as error:
                raise StorageUnavailable(f"cannot use {self._lock_file}: {error.strerror}") from error
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                store = self._connect()
                try:
                    yield store, self._caught_up(store)
                finally:
                    self._remember(store)
                    store.close()
            except sqlite3.Error as error:
                raise StorageUnavailable(f"cannot use {self._database}: {error}") from error
            finally:
                os.close(lock)

    def _remember(self, store: sqlite3.Connection) -> None:
        self.totals = dict(store.execute("select event, number from total"))
        row = store.execute("select epoch, digest, at from report order by rowid desc limit 1").fetchone()
        self.last_report = LastReport(int(row[0]), row[1], row[2]) if row is not None else None

    def _connect(self) -> sqlite3.Connection:
        os.close(os.open(self._database, os.O_RDWR | os.O_CREAT, 0o600))
        store = sqlite3.connect(self._database, isolation_level=None)
        store.execute("pragma synchronous = full")
        store.executescript(_TABLES)
        return store

    def _caught_up(self, store: sqlite3.Connection) -> Head:
        row = store.execute('select seq, hash, begin, "end" from head').fetchone()
        head = Head(*row) if row is not None else Head()
        for newer, entry in self._log.since(head):
            head = newer
            _learn(store, head, entry)
        return head


def _check_report(store: sqlite3.Connection, key: Report, digest: bytes) -> None:
    row = store.execute(
        "select digest from report where chain = ? and contract = ? and node = ? and epoch = ?",
        (str(key.chain_id), key.contract, str(key.node_id), str(key.epoch)),
    ).fetchone()
    if row is not None and row[0] != "0x" + digest.hex():
        raise PermissionDenied(
            f"another report of node {key.node_id} for epoch {key.epoch} was signed already; two would be slashable"
        )


def _check_spending(store: sqlite3.Connection, spending: Spending, daily_cap: int, now: float) -> None:
    rows = store.execute(
        "select wei from fee where chain = ? and nonce <> ? and at > ?",
        (str(spending.chain_id), str(spending.nonce), now - DAY_S),
    )
    spent = sum(int(wei) for (wei,) in rows)
    if spent + spending.wei > daily_cap:
        raise PermissionDenied(
            f"24 hours may cost {daily_cap} wei on chain {spending.chain_id}: {spent} are spent or promised,"
            f" {spending.wei} more are asked"
        )


def _learn(store: sqlite3.Connection, head: Head, entry: dict[str, Any]) -> None:
    """Takes one line of the log into the tables, together with its place."""
    store.execute("begin immediate")
    if entry["event"] == "permitted":
        if "epoch" in entry:
            row = [entry[name] for name in ("chain", "contract", "node", "epoch", "digest", "at")]
            store.execute("insert or ignore into report values (?, ?, ?, ?, ?, ?)", row)
        if "wei" in entry:
            _learn_fee(store, entry)
    store.execute(
        "insert into total values (?, 1) on conflict do update set number = number + 1", (entry["event"],)
    )
    store.execute(
        "insert or replace into head values (1, ?, ?, ?, ?)", (head.seq, head.hash, head.begin, head.end)
    )
    store.execute("commit")


def _learn_fee(store: sqlite3.Connection, entry: dict[str, Any]) -> None:
    """Keeps the dearest attempt of a nonce: at most one of them is ever mined."""
    place = (entry["chain"], entry["nonce"])
    row = store.execute("select wei from fee where chain = ? and nonce = ?", place).fetchone()
    wei = max(int(entry["wei"]), int(row[0]) if row is not None else 0)
    store.execute("insert or replace into fee values (?, ?, ?, ?)", (*place, entry["at"], str(wei)))
