"""A key in a PKCS#11 token (an HSM): made there, never taken out. Needs the extra ``hsm`` (python-pkcs11)."""

import asyncio
import threading
from typing import Any, Self, cast

from eth_keys.datatypes import PublicKey

from medianode.errors import (
    Conflict,
    InvalidArgument,
    NodeUnavailable,
    NotFound,
    Unauthenticated,
    Unsupported,
)
from medianode.wallet.keys.choice import InToken
from medianode.wallet.keys.signer import Purpose
from medianode.wallet.typed.signature import join

try:
    import pkcs11
    from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
    from pkcs11.util.ec import encode_named_curve_parameters
except ImportError as missing:
    raise Unsupported("keys in PKCS#11 tokens need python-pkcs11: pip install 'medianode[hsm]'") from missing

SECP256K1_OID = "1.3.132.0.10"
"""SEC 2, appendix A."""
POINT_BYTES = 65
"""An uncompressed point: 0x04, x, y."""


class Pkcs11Signer:
    """Signs in the token. Calls into the library block, so they run in a thread, one at a time."""

    def __init__(self, session: pkcs11.Session, key: pkcs11.Key, address: str) -> None:
        self._session = session
        self._key = key
        self._address = address
        self._lock = threading.Lock()

    @classmethod
    def open(cls, where: InToken, pin: str) -> Self:
        """Logs in and finds the key; raises ``NotFound``, ``Unauthenticated`` or ``NodeUnavailable``."""
        session = _login(where, pin)
        try:
            key = session.get_key(
                object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC, label=where.label
            )
            public = session.get_key(
                object_class=ObjectClass.PUBLIC_KEY, key_type=KeyType.EC, label=where.label
            )
        except pkcs11.NoSuchKey:
            session.close()
            raise NotFound(f"the token {where.token} has no key pair {where.label} on secp256k1") from None
        except pkcs11.PKCS11Error as error:
            session.close()
            raise NodeUnavailable(f"the token {where.token} failed: {type(error).__name__}") from error
        return cls(session, key, _address(public, where))

    @classmethod
    def create(cls, where: InToken, pin: str) -> Self:
        """Makes a key pair in the token: sensitive, not extractable. Never replaces one."""
        session = _login(where, pin)
        try:
            if any(True for _ in session.get_objects({Attribute.LABEL: where.label})):
                raise Conflict(f"the token {where.token} has a key {where.label} already")
            parameters = session.create_domain_parameters(
                KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(SECP256K1_OID)}, local=True
            )
            parameters.generate_keypair(
                mechanism=Mechanism.EC_KEY_PAIR_GEN,
                store=True,
                label=where.label,
                private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )
        except pkcs11.PKCS11Error as error:
            raise NodeUnavailable(f"the token {where.token} made no key: {type(error).__name__}") from error
        finally:
            session.close()
        return cls.open(where, pin)

    @property
    def address(self) -> str:
        """The account of the key, EIP-55 checksummed."""
        return self._address

    async def sign_digest(self, digest: bytes, purpose: Purpose) -> bytes:
        """Returns 65 bytes; the token gives r and s, of which s may be high, and v is found here."""
        del purpose
        plain = await asyncio.to_thread(self._sign, digest)
        return join(
            int.from_bytes(plain[:32], "big"), int.from_bytes(plain[32:], "big"), digest, self._address
        )

    def close(self) -> None:
        """Logs out."""
        with self._lock:
            self._session.close()

    def _sign(self, digest: bytes) -> bytes:
        with self._lock:
            try:
                return bytes(cast("Any", self._key).sign(digest, mechanism=Mechanism.ECDSA))
            except pkcs11.PKCS11Error as error:
                raise NodeUnavailable(f"the token failed to sign: {type(error).__name__}") from error


def _login(where: InToken, pin: str) -> pkcs11.Session:
    try:
        token = pkcs11.lib(str(where.module)).get_token(token_label=where.token)
        try:
            return token.open(user_pin=pin, rw=True)
        except pkcs11.UserAlreadyLoggedIn:  # a login counts for all sessions of a process (PKCS#11 2.40, 5.6)
            return token.open(rw=True)
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinLocked) as error:
        raise Unauthenticated(f"the token {where.token} refused the PIN: {type(error).__name__}") from None
    except pkcs11.NoSuchToken:
        raise NotFound(f"there is no token {where.token} behind {where.module}") from None
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        raise NodeUnavailable(f"cannot use the PKCS#11 library {where.module}: {error!r}") from error


def _address(public: pkcs11.Key, where: InToken) -> str:
    """Reads the account from EC_POINT: a DER octet string (PKCS#11 2.40, 6.3.3) around an uncompressed point."""
    point = bytes(public[Attribute.EC_POINT])
    if (
        bytes(public[Attribute.EC_PARAMS]) != encode_named_curve_parameters(SECP256K1_OID)
        or len(point) < POINT_BYTES
    ):
        raise InvalidArgument(f"the key {where.label} in the token {where.token} is not on secp256k1")
    return str(PublicKey(point[-POINT_BYTES:][1:]).to_checksum_address())
