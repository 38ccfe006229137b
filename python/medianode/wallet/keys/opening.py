"""Opens or makes the key that was chosen, wherever it is kept."""

import asyncio
import fcntl
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medianode.clock import Clock
from medianode.errors import Conflict, NotFound
from medianode.wallet.keys import keystore, password
from medianode.wallet.keys.choice import InFile, InKms, InToken, KeyChoice, Remote
from medianode.wallet.keys.guarded import PolicySigner
from medianode.wallet.keys.keystore import Keystore
from medianode.wallet.keys.ledger import Ledger
from medianode.wallet.keys.policy import Policy
from medianode.wallet.keys.private_files import private_folder
from medianode.wallet.keys.remote import RemoteSigner
from medianode.wallet.keys.signer import Signer


async def open_signer(choice: KeyChoice) -> Signer:
    """Opens the key; raises ``NotFound`` where there is none, ``Unauthenticated`` for a wrong password or PIN."""
    _no_core_dumps()
    if isinstance(choice, Remote):
        return await RemoteSigner.connect(choice.url, choice.address, choice.timeout_s)
    if isinstance(choice, InToken):
        return await asyncio.to_thread(_open_token, choice)
    if isinstance(choice, InKms):
        return await asyncio.to_thread(_open_kms, choice)
    return await asyncio.to_thread(_open_file, choice)


async def make_signer(choice: KeyChoice, key: bytes | None = None) -> Signer:
    """Makes a key, or keeps the one given, where it was chosen to be; never replaces one (``Conflict``)."""
    _no_core_dumps()
    if isinstance(choice, InFile):
        return await asyncio.to_thread(_make_file, choice, key)
    if isinstance(choice, InToken) and key is None:
        return await asyncio.to_thread(_make_in_token, choice)
    raise Conflict("a key that leaves its device, or enters it, is none of the device's: make it there")


async def open_or_make(
    choice: KeyChoice, folder: Path, clock: Clock, policy: Policy | None
) -> tuple[PolicySigner, Ledger]:
    """Opens the key of a node under its policy; a keystore that is not there yet is made."""
    try:
        key = await open_signer(choice)
    except NotFound:
        if not isinstance(choice, InFile) or choice.path.exists():
            raise
        try:
            key = await make_signer(choice)
        except Conflict:  # another process of this folder was quicker
            key = await open_signer(choice)
    return await guard(key, folder, clock, policy or Policy())


async def guard(key: Signer, folder: Path, clock: Clock, policy: Policy) -> tuple[PolicySigner, Ledger]:
    """Puts a key under a policy, with its ledger in the wallet's folder."""
    ledger = Ledger(folder, key.address, clock)
    await asyncio.to_thread(ledger.refresh)
    return PolicySigner(key, policy, ledger), ledger


def _open_file(choice: InFile) -> Signer:
    found = Keystore.read(choice.path)
    return found.unlock(choice.password.read(f"the keystore {choice.path}"))


def _make_file(choice: InFile, key: bytes | None) -> Signer:
    with _alone_in(private_folder(choice.path.parent)):
        if choice.path.exists():
            raise Conflict(f"{choice.path} exists already and is not overwritten; move it away first")
        return keystore.create(choice.path, key or keystore.new_key(), _new_password(choice), choice.scrypt_n)


def _new_password(choice: InFile) -> str:
    sources = choice.password
    secret = sources.given()
    if secret is None and sources.prompt:
        secret = password.ask_new(f"the keystore {choice.path}")
    if secret is None and sources.beside is not None:
        # One that is there already was left by a start that was cut off before its keystore was written.
        sources.beside.unlink(missing_ok=True)
        secret = password.make_beside(sources.beside)
    if secret is None:
        raise NotFound("no password for the new keystore: name a file with it (mode 600), or a descriptor")
    return secret


def _open_token(choice: InToken) -> Signer:
    # Needs an extra that most do without.
    from medianode.wallet.keys.pkcs11 import Pkcs11Signer  # noqa: PLC0415

    return Pkcs11Signer.open(choice, choice.pin.read(f"the token {choice.token}"))


def _open_kms(choice: InKms) -> Signer:
    from medianode.wallet.keys.kms import KmsSigner  # noqa: PLC0415 - as above

    return KmsSigner.open(choice)


def _make_in_token(choice: InToken) -> Signer:
    from medianode.wallet.keys.pkcs11 import Pkcs11Signer  # noqa: PLC0415 - as above

    return Pkcs11Signer.create(choice, choice.pin.read(f"the token {choice.token}"))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two starts at once must not mix one's password with the other's key."""
    lock = os.open(folder / "key.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _no_core_dumps() -> None:
    """A core file would hold the key."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
