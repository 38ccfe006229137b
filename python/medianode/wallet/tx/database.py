"""The SQLite file of a wallet: opened so that what was committed survives a crash. Owns the tables; refuses to know states."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medianode.errors import Conflict, StorageUnavailable

FILE = "wallet.sqlite"
BUSY_MS = 10_000

_SCHEMA = """
create table if not exists meta(key text primary key, value text not null) without rowid;
create table if not exists intent(
  seq integer primary key, id text not null unique, kind text not null, chain_id integer not null, sender text not null,
  to_addr text not null, data blob not null, value text not null, gas_cap integer not null, deadline real,
  precheck text, final_tag text, state text not null, nonce integer, hash text, block_number integer, block_hash text,
  succeeded integer, gas_used integer, note text, cancel integer not null default 0,
  created real not null, updated real not null);
create unique index if not exists intent_nonce on intent(chain_id, sender, nonce) where nonce is not null;
create index if not exists intent_state on intent(state);
create table if not exists attempt(
  hash text primary key, intent_id text not null references intent(id), raw blob not null, nonce integer not null,
  max_fee text not null, tip text not null, gas integer not null, height integer not null, created real not null,
  cancels integer not null, broadcast_count integer not null default 0, last_error text);
create index if not exists attempt_intent on attempt(intent_id);
create table if not exists cursor(
  stream text not null, block_number integer not null, block_hash text not null, primary key(stream, block_number))
  without rowid;
create table if not exists lease(
  sender text primary key, machine text not null, pid integer not null, started text not null, until real not null)
  without rowid;
"""


class Database:
    """One connection. Several processes may have the file open; each write is one short transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("pragma journal_mode=wal")
            self._connection.execute("pragma synchronous=full")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StorageUnavailable(f"cannot use the wallet's database {path}: {error}") from error

    def close(self) -> None:
        """Closes the file; what was committed is there."""
        self._connection.close()

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Reads."""
        with self._errors():
            return self._connection.execute(sql, values).fetchall()

    def execute(self, sql: str, *values: object) -> int:
        """Writes; returns how many rows that touched."""
        with self._errors():
            return self._connection.execute(sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Makes the writes inside one: all are on disk afterwards, or none. Nothing may be awaited inside."""
        with self._errors():
            self._connection.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    def remember(self, key: str, value: str) -> str:
        """Keeps a fact unless it is known; returns what is known."""
        self.execute("insert or ignore into meta(key, value) values(?, ?)", key, value)
        return str(self.rows("select value from meta where key = ?", key)[0]["value"])

    def recall(self, key: str) -> str | None:
        """Returns a fact that was kept."""
        found = self.rows("select value from meta where key = ?", key)
        return str(found[0]["value"]) if found else None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise Conflict(f"the wallet's database has this already: {error}") from error
        except sqlite3.Error as error:
            raise StorageUnavailable(f"the wallet's database {self.path.name}: {error}") from error
