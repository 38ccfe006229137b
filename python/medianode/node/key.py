"""From settings to the key that they mean."""

from dataclasses import replace
from pathlib import Path

from medianode.settings import NodeSettings
from medianode.wallet.keys.choice import (
    KEYSTORE,
    InFile,
    InKms,
    InToken,
    KeyChoice,
    Remote,
    beside,
    folder,
)
from medianode.wallet.keys.password import PasswordSources


def key_choice(settings: NodeSettings, *, prompt: bool = False) -> KeyChoice:
    """Says where the node's key is. ``prompt``: a person at the terminal may be asked for its password."""
    wallet = settings.wallet
    if wallet.remote is not None:
        return Remote(wallet.remote.url.get_secret_value(), wallet.remote.address, wallet.remote.timeout_s)
    if wallet.kms is not None:
        return InKms(wallet.kms.key, wallet.kms.region, wallet.kms.address, wallet.kms.timeout_s)
    sources = PasswordSources(
        credential=True, descriptor=wallet.password_fd, file=wallet.password_file, prompt=prompt
    )
    if wallet.token is not None:
        return InToken(wallet.token.module, wallet.token.token, wallet.token.label, sources)
    path = wallet.keystore or folder(settings.data_dir) / KEYSTORE
    return InFile(path, replace(sources, beside=beside(path)), wallet.scrypt_n)


def owner_choice(path: Path, password_file: Path | None) -> KeyChoice:
    """Says where an owner's key is, for one command: a keystore, its password in a file or asked for."""
    return InFile(path, PasswordSources(file=password_file, prompt=True))
