"""The values that a signed message may hold, each in exactly one form. Owns the checks; coerces nothing.

eth-account's encoder takes a missing field as zero, the text ``"false"`` as a truth value and 31 bytes as 32; so every
value is checked here before it is encoded or after it was read.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from eth_utils.address import is_checksum_address, to_checksum_address

from medianode.errors import InvalidArgument

ZERO_ADDRESS = "0x" + "0" * 40
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
_DECIMAL = re.compile(r"0|[1-9][0-9]*")
JSON_NUMBER_BITS = 32
"""Wider integers stand as decimal text in JSON (as in protobuf's JSON form): readers with doubles would round them."""


@dataclass(frozen=True, slots=True)
class Solidity:
    """The Solidity type of a field: how its value is checked, and how it stands in JSON."""

    name: str

    def check(self, value: object, where: str) -> None:
        """Refuses a value that is not exactly of this type."""
        kind, size = _split(self.name)
        if not _CHECKS[kind](value, size):
            raise InvalidArgument(f"{where} must be {_describe(kind, size)}, not {_shown(value)}")

    def to_json(self, value: object) -> object:
        """Writes a checked value for JSON."""
        kind, size = _split(self.name)
        if isinstance(value, bytes):
            return "0x" + value.hex()
        return str(value) if kind == "uint" and size > JSON_NUMBER_BITS else value

    def from_json(self, value: object, where: str) -> object:
        """Reads a value from JSON; only the one form that ``to_json`` writes is taken."""
        kind, size = _split(self.name)
        found: object = value
        if kind == "uint" and size > JSON_NUMBER_BITS:
            if not isinstance(value, str) or _DECIMAL.fullmatch(value) is None or len(value) > 78:  # noqa: PLR2004 - 2^256
                raise InvalidArgument(f"{where} must be a decimal number in quotes, not {_shown(value)}")
            found = int(value)
        elif kind == "bytes":
            if not isinstance(value, str) or _HEX.fullmatch(value) is None:
                raise InvalidArgument(f"{where} must be lower-case hex with 0x, not {_shown(value)}")
            found = bytes.fromhex(value[2:])
        self.check(found, where)
        return found


Address = Annotated[str, Solidity("address")]
"""EIP-55 checksummed."""
Text = Annotated[str, Solidity("string")]
Bytes8 = Annotated[bytes, Solidity("bytes8")]
Bytes32 = Annotated[bytes, Solidity("bytes32")]
Uint32 = Annotated[int, Solidity("uint32")]
Uint64 = Annotated[int, Solidity("uint64")]
Uint128 = Annotated[int, Solidity("uint128")]
Uint256 = Annotated[int, Solidity("uint256")]


def checksum(address: str, what: str = "address") -> str:
    """Reads an address that a person wrote: all lower case, or with the right EIP-55 checksum. Returns the checksummed form."""
    if re.fullmatch(r"0x[0-9a-f]{40}", address) or is_checksum_address(address):
        return str(to_checksum_address(address))
    if re.fullmatch(r"0x[0-9A-Fa-f]{40}", address):
        raise InvalidArgument(f"{what} {address} has a wrong checksum (EIP-55): a character was mistyped")
    raise InvalidArgument(f"{what} must be 0x and 40 hex digits, not {_shown(address)}")


def _split(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"([a-z]+)(\d*)", name)
    assert match is not None, name  # noqa: S101 - names stand in this package alone
    return match[1], int(match[2] or 0)


def _is_text(value: object, _size: int) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form
        return False
    return True


_CHECKS: dict[str, Callable[[object, int], bool]] = {
    "uint": lambda value, bits: type(value) is int and 0 <= value < 1 << bits,
    "bool": lambda value, _: type(value) is bool,
    "bytes": lambda value, size: type(value) is bytes and len(value) == size,
    "address": lambda value, _: type(value) is str and is_checksum_address(value),
    "string": _is_text,
}


def _describe(kind: str, size: int) -> str:
    return {
        "uint": f"a whole number from 0 to 2^{size} - 1",
        "bool": "true or false",
        "bytes": f"{size} bytes",
        "address": "an address with its EIP-55 checksum",
        "string": "text",
    }[kind]


def _shown(value: object) -> str:
    text = f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004
