"""A key in a file: Web3 Secret Storage version 3, encrypted under a password. Owns the format; asks nobody for passwords."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json

from medianode.errors import InvalidArgument, StorageUnavailable, Unauthenticated
from medianode.wallet.keys.choice import SCRYPT_N
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.keys.private_files import private_folder, read_private, write_new
from medianode.wallet.typed.signature import CURVE_ORDER
from medianode.wallet.typed.values import checksum

MIN_SCRYPT_N = 1 << 17
MAX_SCRYPT_N = 1 << 20
MAX_SCRYPT_BYTES = 128 * 8 * MAX_SCRYPT_N
"""What ``128 * r * n`` may ask for; a hostile file asks for more."""
MAX_PBKDF2_ROUNDS = 10_000_000
MIN_PASSWORD = 12
MAX_FILE_BYTES = 16 * 1024
DERIVED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keystore:
    """A file that was read and found harmless; its key is still encrypted."""

    path: Path
    address: str
    """As the file says; compared with the key on ``unlock``."""
    kdf: str
    cost: int
    """scrypt's n or PBKDF2's rounds."""
    document: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Keystore":
        """Reads the file; refuses one that others can read and one whose derivation would eat the machine."""
        content = read_private(path, MAX_FILE_BYTES)
        try:
            document = json.loads(content)
            if document["version"] != 3:  # noqa: PLR2004 - the version of the format
                raise StorageUnavailable(f"{path}: only keystores of version 3 can be read")
            crypto = document["crypto"]
            kdf, cost = crypto["kdf"], _cost(path, crypto["kdf"], crypto["kdfparams"])
            address = checksum("0x" + document["address"].removeprefix("0x").lower())
        except (ValueError, KeyError, TypeError, AttributeError, InvalidArgument) as error:
            raise StorageUnavailable(f"{path} is no keystore of version 3: {error!r}") from None
        return cls(path, address, kdf, cost, document)

    @property
    def weak(self) -> bool:
        """Says that the derivation is too cheap to protect a stolen file."""
        return self.kdf != "scrypt" or self.cost < MIN_SCRYPT_N

    def unlock(self, password: str) -> LocalSigner:
        """Decrypts the key; takes about a second. Raises ``Unauthenticated`` for a wrong password."""
        try:
            key = decode_keyfile_json(self.document, password.encode())
        except ValueError as error:
            if "MAC mismatch" in str(error):
                raise Unauthenticated(f"wrong password for the keystore {self.path}") from None
            raise StorageUnavailable(f"{self.path} cannot be decrypted: {error}") from None
        except (KeyError, TypeError) as error:
            raise StorageUnavailable(f"{self.path} is damaged: {error!r}") from None
        signer = LocalSigner(key)
        if signer.address != self.address:
            raise StorageUnavailable(
                f"{self.path} says {self.address}, but holds the key of {signer.address}"
            )
        return signer


def create(path: Path, key: bytes, password: str, scrypt_n: int = SCRYPT_N) -> LocalSigner:
    """Encrypts a key into a new file, reads it back, and only then returns its signer. Takes two derivations."""
    address = LocalSigner(key).address
    write(path, key, password, scrypt_n)
    signer = Keystore.read(path).unlock(password)
    if signer.address != address:
        raise StorageUnavailable(
            f"{path} was written, but does not give back its key; the disk may be broken"
        )
    return signer


def write(path: Path, key: bytes, password: str, scrypt_n: int = SCRYPT_N) -> None:
    """Encrypts a key into a new file. Enough for keys that hold nothing; ``create`` makes sure of the others."""
    if len(password) < MIN_PASSWORD:
        raise InvalidArgument(f"a password of a keystore has at least {MIN_PASSWORD} characters")
    if not MIN_SCRYPT_N <= scrypt_n <= MAX_SCRYPT_N or scrypt_n.bit_count() != 1:
        raise InvalidArgument(f"scrypt_n must be a power of two from {MIN_SCRYPT_N} to {MAX_SCRYPT_N}")
    private_folder(path.parent)
    document = create_keyfile_json(key, password.encode(), kdf="scrypt", iterations=scrypt_n, salt_size=32)
    write_new(path, json.dumps(document, indent=1).encode())


def new_key() -> bytes:
    """Makes a secp256k1 key from the system's randomness."""
    return (secrets.randbelow(CURVE_ORDER - 1) + 1).to_bytes(32, "big")


def key_from_text(text: str) -> bytes:
    """Reads a private key of 64 hex digits, with or without 0x. Errors do not repeat the text."""
    digits = text.strip().removeprefix("0x")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    if len(digits) != 64 or not 0 < int.from_bytes(key, "big") < CURVE_ORDER:  # noqa: PLR2004 - hex of 32 bytes
        raise InvalidArgument("a private key is 64 hex digits, between 1 and the order of secp256k1")
    return key


def _cost(path: Path, kdf: str, params: dict[str, Any]) -> int:
    """Returns what the derivation costs, before anything is derived."""
    if params["dklen"] != DERIVED_BYTES:
        raise StorageUnavailable(f"{path}: dklen must be {DERIVED_BYTES}")
    if kdf == "scrypt":
        n, r, p = (_positive(params[name], name) for name in ("n", "r", "p"))
        if n.bit_count() != 1 or 128 * n * r > MAX_SCRYPT_BYTES or n * r * p > MAX_SCRYPT_BYTES // 64:
            raise StorageUnavailable(
                f"{path}: scrypt with n={n}, r={r}, p={p} is refused; n may be {MAX_SCRYPT_N} at most (r=8, p=1)"
            )
        return n
    if kdf == "pbkdf2":
        rounds = _positive(params["c"], "c")
        if rounds > MAX_PBKDF2_ROUNDS or params["prf"] != "hmac-sha256":
            raise StorageUnavailable(
                f"{path}: PBKDF2 with {rounds} rounds is refused; {MAX_PBKDF2_ROUNDS} at most"
            )
        return rounds
    raise StorageUnavailable(f"{path}: unknown key derivation {kdf!r}")


def _positive(value: object, name: str) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} must be a positive number")
    return value
