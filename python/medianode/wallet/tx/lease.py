"""One sending process per key.

A file lock keeps a second process out of one folder; a row that travels with the database keeps out a copy of it.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from medianode.clock import Clock
from medianode.errors import Conflict, StorageUnavailable
from medianode.wallet.tx.database import Database

LEASE_S = 30.0
RENEW_S = 10.0


@dataclass(frozen=True, slots=True)
class _Process:
    machine: str
    pid: int
    started: str

    @classmethod
    def ours(cls) -> "_Process":
        """Names this process so that nobody else is taken for it: a number is used again, a start time is not."""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return cls(
            f"{boot} {Path('/proc/self/ns/pid').readlink()}", os.getpid(), _start_time(os.getpid()) or ""
        )

    def runs_here(self) -> bool | None:
        """Says whether it still runs; none when it is on another machine, where we cannot see."""
        if self.machine != _Process.ours().machine:
            return None
        return _start_time(self.pid) == self.started


class Lease:
    """The right to send for one key, until it is closed or this process ends."""

    def __init__(self, database: Database, sender: str, clock: Clock) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock
        self._me = _Process.ours()
        self._lock = _lock(database.path.with_name(f"wallet-{sender.lower()[2:10]}.lock"), sender)
        try:
            self._take()
        except BaseException:
            os.close(self._lock)
            raise

    def renew(self) -> None:
        """Says that we are still here. Raises ``Conflict`` when somebody took over meanwhile."""
        moved = self._database.execute(
            "update lease set until = ? where sender = ? and machine = ? and pid = ? and started = ?",
            self._clock.now() + LEASE_S,
            self._sender,
            self._me.machine,
            self._me.pid,
            self._me.started,
        )
        if not moved:
            raise Conflict(f"another process sends for {self._sender} now; this one stops sending")

    def close(self) -> None:
        """Gives the right back."""
        self._database.execute(
            "delete from lease where sender = ? and machine = ? and pid = ?",
            self._sender,
            self._me.machine,
            self._me.pid,
        )
        os.close(self._lock)

    def _take(self) -> None:
        now = self._clock.now()
        with self._database.transaction():
            for row in self._database.rows("select * from lease where sender = ?", self._sender):
                runs = _Process(row["machine"], row["pid"], row["started"]).runs_here()
                if runs or (runs is None and row["until"] > now):
                    where = f"process {row['pid']} here" if runs else "a process on another machine"
                    raise Conflict(
                        f"{where} sends for {self._sender}; two with one key would take each other's nonces."
                        f" Stop it, or wait {max(0, row['until'] - now):.0f} s after it has stopped"
                    )
            self._database.execute(
                "insert or replace into lease(sender, machine, pid, started, until) values(?,?,?,?,?)",
                self._sender,
                self._me.machine,
                self._me.pid,
                self._me.started,
                now + LEASE_S,
            )


def _lock(path: Path, sender: str) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageUnavailable(f"cannot use the data folder {path.parent}: {error}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise Conflict(f"another process with this data folder sends for {sender}") from None
    return handle


def _start_time(pid: int) -> str | None:
    """Reads field 22 of proc(5) stat: when the process began, in ticks since boot."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]
