"""API keys of operators and back ends: made, listed, revoked, checked. Stores only hashes; a key is shown once."""

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from medianode.clock import Clock
from medianode.errors import NotFound, StorageUnavailable

KEYS_FILE = "api-keys.json"
PREFIX = "mnk"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is remembered of a key. Its secret has 256 random bits, so that one SHA-256 is as good as a slow hash."""

    id: str
    name: str
    created_at: float
    """Seconds since 1970."""
    sha256: str


class KeyStore:
    """The keys of one data folder. Several processes may use it at once; a running node sees changes at the next request."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._path = data_dir / KEYS_FILE
        self._clock = clock
        self._seen: tuple[int, int, int] | None = None
        self._cache: list[ApiKey] = []

    def keys(self) -> list[ApiKey]:
        """Lists the keys, oldest first."""
        return list(self._read())

    def create(self, name: str) -> tuple[ApiKey, str]:
        """Makes a key; the second value is its text, which cannot be had again."""
        with self._locked():
            return self._add(name)

    def create_first(self, name: str) -> str | None:
        """Makes a key if there is none yet, and returns its text. A file that cannot be used is an error here already."""
        with self._locked():
            if self._path.exists():
                self._read()
                return None
            return self._add(name)[1]

    def revoke(self, key_id: str) -> ApiKey:
        """Forgets a key."""
        with self._locked():
            keys = self._read()
            for key in keys:
                if key.id == key_id:
                    self._write([other for other in keys if other is not key])
                    return key
        raise NotFound(f"there is no key {key_id}")

    def check(self, text: str) -> ApiKey | None:
        """Finds the key of this text; none when it is not one of ours."""
        parts = text.split("_", 2)
        if len(parts) != 3 or parts[0] != PREFIX:  # noqa: PLR2004 - prefix, id, secret
            return None
        digest = _digest(text)
        found = None
        for key in self._read():
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def _add(self, name: str) -> tuple[ApiKey, str]:
        key_id = secrets.token_hex(4)
        text = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
        key = ApiKey(id=key_id, name=name, created_at=self._clock.now(), sha256=_digest(text))
        self._write([*self._read(), key])
        return key, text

    def _read(self) -> list[ApiKey]:
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if seen != self._seen:
                items = json.loads(self._path.read_text(encoding="utf-8"))
                self._cache = [ApiKey(**item) for item in items]
                self._seen = seen
        except FileNotFoundError:
            self._cache, self._seen = [], None
        except (OSError, ValueError, TypeError) as error:
            raise StorageUnavailable(f"cannot read the API keys {self._path}: {error}") from error
        return self._cache

    def _write(self, keys: list[ApiKey]) -> None:
        draft = self._path.with_suffix(f".{secrets.token_hex(4)}")
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump([asdict(key) for key in keys], file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StorageUnavailable(f"cannot write the API keys {self._path}: {error}") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageUnavailable(f"cannot use the data folder {self._path.parent}: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
