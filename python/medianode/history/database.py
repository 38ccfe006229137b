"""The SQLite file of the data folder: one connection on one thread, and a bound on who waits. Knows no question."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TypeVar

from medianode.errors import Overloaded, StorageUnavailable
from medianode.history.schema import VERSIONS

FILE = "history.sqlite"
WAITING = 4096
"""Transactions that wait for the thread before more are refused."""

T = TypeVar("T")


class Database:
    """Runs transactions one after the other. One process may have a data folder's file open."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._waiting = 0
        self._stack = ExitStack()

    async def open(self) -> None:
        """Opens the file, making or bringing it up to date; raises ``StorageUnavailable`` when it cannot be used."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._open)
        except BaseException:
            await self.close()
            raise

    async def run(self, work: Callable[[sqlite3.Connection], T], *, bounded: bool = True) -> T:
        """Runs one transaction; it is kept as a whole or not at all. ``bounded`` says that too many may wait already."""
        if bounded and self._waiting >= WAITING:
            raise Overloaded(f"{self._waiting} questions wait for {FILE}, its limit")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)
        finally:
            self._waiting -= 1

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the file after what is under way."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._stack.close)
        self._thread.shutdown(wait=False)

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            self._stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._stack.callback(self._connection.close)
            self._connection.row_factory = sqlite3.Row
            self._prepare()
        except BlockingIOError:
            raise StorageUnavailable(
                f"another node uses the data folder {self._path.parent}; give each its own (--data-dir)"
            ) from None
        except (OSError, sqlite3.Error) as error:
            raise StorageUnavailable(
                f"cannot use {self._path}: {error}; mend it, or move it away to begin a new history"
            ) from error

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA journal_mode = WAL")
        # In WAL mode this loses nothing when the process is killed; at a power failure, the last moments.
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA foreign_keys = ON")
        run("PRAGMA busy_timeout = 2000")
        version = run("PRAGMA user_version").fetchone()[0]
        if version > len(VERSIONS):
            raise StorageUnavailable(f"{self._path} was written by a newer version of medianode")
        for number, script in enumerate(VERSIONS[version:], version + 1):
            self._connection.executescript(f"BEGIN;{script};PRAGMA user_version = {number};COMMIT;")

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise StorageUnavailable(f"cannot use {self._path}: {error}") from error
        return result
