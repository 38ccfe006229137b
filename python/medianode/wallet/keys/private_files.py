"""Files that only their owner may read: made atomically, refused when others can reach them. Knows not what they hold."""

import os
import secrets
import stat
from pathlib import Path

from medianode.errors import Conflict, NotFound, PermissionDenied, StorageUnavailable

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(path: Path) -> Path:
    """Returns the folder, made with mode 0700; one that others can enter is refused."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_private(path, "chmod 700")
    except OSError as error:
        raise StorageUnavailable(f"cannot use the folder {path}: {error.strerror}") from error
    return path


def read_private(path: Path, most: int) -> bytes:
    """Reads a file whose mode lets nobody else in; ``most`` bounds its bytes."""
    try:
        check_private(path)
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except OSError as error:
        raise StorageUnavailable(f"cannot read {path}: {error.strerror}") from error
    if len(content) > most:
        raise StorageUnavailable(f"{path} is larger than {most} bytes")
    return content


def write_new(path: Path, content: bytes) -> None:
    """Makes a file with mode 0600: whole and on disk, or not at all. Never replaces one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # Unlike a rename, a link fails when the name is taken.
            os.link(draft, path)
        finally:
            draft.unlink()
        sync_folder(path.parent)
    except FileExistsError:
        raise Conflict(f"{path} exists already and is not overwritten; move it away first") from None
    except OSError as error:
        raise StorageUnavailable(f"cannot write {path}: {error.strerror}") from error


def sync_folder(path: Path) -> None:
    """Puts the names in a folder on disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_private(path: Path, mend: str = "chmod 600") -> None:
    """Raises ``PermissionDenied``, naming the mend, when others than this user can reach a file or folder."""
    facts = path.stat()
    if facts.st_uid != os.geteuid():
        raise PermissionDenied(f"{path} belongs to another user; give it to the one that runs this (chown)")
    if facts.st_mode & OTHERS:
        mode = stat.S_IMODE(facts.st_mode)
        raise PermissionDenied(f"others can read {path} (mode {mode:o}); run: {mend} {path}")
