"""A key in this process's memory. Signs; shows itself to nobody."""

from eth_keys.backends.coincurve import CoinCurveECCBackend
from eth_keys.datatypes import PrivateKey

from medianode.wallet.keys.signer import Purpose

_BACKEND = CoinCurveECCBackend()


class LocalSigner:
    """Signs with a key that was decrypted or generated here. Deterministic (RFC 6979)."""

    __slots__ = ("_address", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = PrivateKey(key, backend=_BACKEND)
        self._address = str(self._key.public_key.to_checksum_address())

    def __repr__(self) -> str:
        return f"LocalSigner({self._address})"

    @property
    def address(self) -> str:
        """The account of the key, EIP-55 checksummed."""
        return self._address

    async def sign_digest(self, digest: bytes, purpose: Purpose) -> bytes:
        """Returns 65 bytes r || s || v, low s, v in {27, 28}."""
        del purpose
        signature = self._key.sign_msg_hash(digest).to_bytes()
        return signature[:64] + bytes([signature[64] + 27])
