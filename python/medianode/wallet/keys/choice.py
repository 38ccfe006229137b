"""Which key is meant, and where it is kept. Plain descriptions: nothing is opened here, and importing this costs nothing."""

from dataclasses import dataclass, field
from pathlib import Path

from medianode.wallet.keys.password import PasswordSources

FOLDER = "wallet"
KEYSTORE = "key.json"
PASSWORD = "password"  # noqa: S105 - the name of a file
SCRYPT_N = 1 << 18
"""Takes about a second and 256 MB; 2^17 is for machines with 512 MB."""
ANSWER_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class InFile:
    """A keystore."""

    path: Path
    password: PasswordSources
    scrypt_n: int = SCRYPT_N
    """For a keystore that is made."""


@dataclass(frozen=True, slots=True)
class InToken:
    """A key in a PKCS#11 token: the library of the HSM, the token's label, the key's label, and where the PIN comes from."""

    module: Path
    token: str
    label: str
    pin: PasswordSources


@dataclass(frozen=True, slots=True)
class Remote:
    """A key behind a remote signer. The URL may carry a credential, so it is never shown."""

    url: str = field(repr=False)
    address: str
    timeout_s: float = ANSWER_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class InKms:
    """A key in AWS KMS: its id, ARN or alias, and the account that it must be of, if that is said."""

    key: str
    region: str | None = None
    address: str | None = None
    timeout_s: float = ANSWER_TIMEOUT_S
    """For one try."""


KeyChoice = InFile | InToken | Remote | InKms


def folder(data_dir: Path) -> Path:
    """Returns where the wallet of a data folder is."""
    return data_dir / FOLDER


def ledger_folder(choice: KeyChoice, data_dir: Path) -> Path:
    """Returns where the ledger and the audit log of a key are: beside its keystore, else in the wallet's folder."""
    return choice.path.parent if isinstance(choice, InFile) else folder(data_dir)


def beside(path: Path) -> Path:
    """Returns where the node keeps a password that it made itself for this keystore."""
    return path.with_name(PASSWORD if path.name == KEYSTORE else f"{path.stem}.password")
