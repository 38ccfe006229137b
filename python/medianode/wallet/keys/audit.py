"""The log of every signature and refusal: one JSON line each, chained by SHA-256, only ever appended to.

A line holds ``seq``, ``at`` (seconds since 1970), ``event`` (permitted, refused, failed), what was asked, and ``prev``, the
hash of the line before; its own hash is that of its bytes. Whoever keeps the last hash notices every later change.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medianode.errors import StorageUnavailable

START = "0" * 64


@dataclass(frozen=True, slots=True)
class Head:
    """The last line that is known: number, hash, and where in the file it begins and ends."""

    seq: int = 0
    hash: str = START
    begin: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The file. Its users hold a lock while they read and append."""

    path: Path

    def since(self, head: Head) -> Iterator[tuple[Head, dict[str, Any]]]:
        """Yields the lines after ``head``, each with its own head; ``StorageUnavailable`` where the chain is broken.

        A last line without its end is what a crash left; nothing was signed for it, and the next line replaces it.
        """
        try:
            with self.path.open("rb") as file:
                if head.seq:
                    file.seek(head.begin)
                    if hashlib.sha256(file.read(head.end - head.begin)).hexdigest() != head.hash:
                        raise StorageUnavailable(self._broken(head.seq))
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    entry = self._entry(line, head)
                    head = Head(
                        entry["seq"], hashlib.sha256(line).hexdigest(), head.end, head.end + len(line)
                    )
                    yield head, entry
        except FileNotFoundError:
            if head.seq:
                raise StorageUnavailable(self._broken(head.seq)) from None
        except OSError as error:
            raise StorageUnavailable(f"cannot read the audit log {self.path}: {error.strerror}") from error

    def append(self, head: Head, entry: dict[str, object]) -> Head:
        """Writes one line after ``head`` and returns when it is on disk."""
        line = (
            json.dumps({"seq": head.seq + 1, **entry, "prev": head.hash}, separators=(",", ":")).encode()
            + b"\n"
        )
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.truncate(head.end)
                file.seek(head.end)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageUnavailable(f"cannot write the audit log {self.path}: {error.strerror}") from error
        return Head(head.seq + 1, hashlib.sha256(line).hexdigest(), head.end, head.end + len(line))

    def _entry(self, line: bytes, head: Head) -> dict[str, Any]:
        try:
            entry = json.loads(line)
            if entry["seq"] == head.seq + 1 and entry["prev"] == head.hash:
                return dict(entry)
        except (ValueError, KeyError, TypeError):
            pass
        raise StorageUnavailable(self._broken(head.seq + 1))

    def _broken(self, seq: int) -> str:
        return (
            f"the audit log {self.path} was cut or changed at line {seq}: nothing is signed until it is restored, "
            "because what this key has signed is not known for sure"
        )
