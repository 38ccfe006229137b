"""Where the password of a keystore comes from. Never an argument of a command: those are visible to every user."""

import getpass
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog

from medianode.errors import InvalidArgument, NotFound, StorageUnavailable
from medianode.wallet.keys.private_files import read_private, write_new

CREDENTIAL = "medianode-wallet"
"""Name of the systemd credential (``LoadCredentialEncrypted=medianode-wallet:...``)."""
ENVIRONMENT = "MEDIANODE_WALLET_PASSWORD"
MAX_BYTES = 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PasswordSources:
    """The sources that count for one keystore. The first that is there is used, in the order of ``read``."""

    credential: bool = False
    """systemd's credential and the environment variable, which belong to the node's own key."""
    descriptor: int | None = None
    file: Path | None = None
    beside: Path | None = None
    """The file that the node made for itself at first start."""
    prompt: bool = False

    def read(self, what: str) -> str:
        """Returns the password: systemd credential, descriptor, file, environment, the node's own file, prompt."""
        found = self.given()
        if found is None and self.beside is not None and self.beside.exists():
            found = _text(read_private(self.beside, MAX_BYTES), str(self.beside))
        if found is None and self.prompt and sys.stdin.isatty():
            found = getpass.getpass(f"Password for {what}: ")
        if found is None:
            raise NotFound(f"no password for {what}: name a file with it (mode 600), or a descriptor")
        return found

    def given(self) -> str | None:
        """Returns the password that the operator has set up, if any."""
        if self.credential and (folder := os.environ.get("CREDENTIALS_DIRECTORY")):
            path = Path(folder) / CREDENTIAL
            if path.exists():
                # systemd makes the file readable to this service alone, and owns it itself.
                return _text(_read(path), str(path))
        if self.descriptor is not None:
            return _text(_drain(self.descriptor), f"descriptor {self.descriptor}")
        if self.file is not None:
            return _text(read_private(self.file, MAX_BYTES), str(self.file))
        # Taken out, so that no child of this process inherits it.
        if self.credential and (value := os.environ.pop(ENVIRONMENT, None)):
            log.warning(
                "the wallet's password came by the environment, which other processes may read; use a file"
            )
            return value
        return None


def make_beside(path: Path) -> str:
    """Makes a password of 256 random bits and keeps it in a file of mode 0600.

    It protects copies of the keystore that travel without this file (a backup, a support bundle), not a stolen disk.
    """
    password = secrets.token_urlsafe(32)
    write_new(path, password.encode() + b"\n")
    return password


def ask_new(what: str) -> str | None:
    """Asks a person at a terminal for a new password, twice; none when nobody is there, or nothing was typed."""
    if not sys.stdin.isatty():
        return None
    password = getpass.getpass(f"New password for {what} (nothing: the node makes one and keeps it beside): ")
    if password and getpass.getpass("Again: ") != password:
        raise InvalidArgument("the two passwords differ")
    return password or None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        raise StorageUnavailable(f"cannot read {path}: {error.strerror}") from error


def _drain(descriptor: int) -> bytes:
    try:
        with os.fdopen(descriptor, "rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        raise StorageUnavailable(
            f"cannot read the password from descriptor {descriptor}: {error.strerror}"
        ) from error


def _text(content: bytes, where: str) -> str:
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise StorageUnavailable(f"the password in {where} is not UTF-8") from None
    if not text:
        raise StorageUnavailable(f"the password in {where} is empty")
    return text
