"""Signatures of plain keys: the one form that is accepted, and whose they are. Holds no key."""

from eth_keys.backends.coincurve import CoinCurveECCBackend
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature

from medianode.errors import InvalidArgument

SIGNATURE_BYTES = 65
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""n of secp256k1 (SEC 2, 2.4.1)."""

_BACKEND = CoinCurveECCBackend()


def check_form(signature: bytes) -> None:
    """Refuses everything but 65 bytes r || s || v with low s (EIP-2) and v in {27, 28}: one signature, one form."""
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidArgument(f"a signature has 65 bytes, not {len(signature)}")
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (27, 28):
        raise InvalidArgument(f"v of a signature is 27 or 28, not {v}")
    if not 0 < r < CURVE_ORDER:
        raise InvalidArgument("r of the signature is out of range")
    if not 0 < s <= CURVE_ORDER // 2:
        raise InvalidArgument("s of the signature is not in the lower half of the curve order (EIP-2)")


def recover(digest: bytes, signature: bytes) -> str:
    """Returns the address whose key signed these 32 bytes; ``InvalidArgument`` when the signature has another form."""
    check_form(signature)
    try:
        plain = Signature(signature[:64] + bytes([signature[64] - 27]), backend=_BACKEND)
        return str(plain.recover_public_key_from_msg_hash(digest).to_checksum_address())
    except BadSignature as error:
        raise InvalidArgument("the signature fits no key") from error


def join(r: int, s: int, digest: bytes, address: str) -> bytes:
    """Makes the accepted form from r and s as an HSM gives them: lowers s and finds v by the address that must come out."""
    s = min(s, CURVE_ORDER - s)
    for v in (27, 28):
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
        try:
            if recover(digest, signature) == address:
                return signature
        except InvalidArgument:
            continue
    raise InvalidArgument(f"the signature is not by the key of {address}")


def read_hex(text: str, what: str = "the signature") -> bytes:
    """Reads bytes from hex, with or without 0x."""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise InvalidArgument(f"{what} must be hex") from None
