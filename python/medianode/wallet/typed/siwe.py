"""Sign-in with Ethereum (EIP-4361): the text that a person signs, read by its grammar and judged. Holds no key."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from eth_utils.address import is_checksum_address
from eth_utils.crypto import keccak

from medianode.errors import InvalidArgument, Unauthenticated

MAX_BYTES = 8192
CLOCK_SKEW_S = 5.0

# RFC 3986: unreserved, pct-encoded, sub-delims; RFC 3339: date-time.
_PCHAR = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_AUTHORITY = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@\[\]]|%[0-9A-Fa-f]{2})+"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*"
_URI = rf"{_SCHEME}:(?:{_PCHAR}|[/?#\[\]])*"
_TIME = r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)"

# EIP-4361, "ABNF Message Format": every line in this order.
_MESSAGE = re.compile(
    rf"(?:(?P<scheme>{_SCHEME})://)?(?P<domain>{_AUTHORITY}) wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9A-Fa-f]{40})\n"
    r"\n"
    r"(?:(?P<statement>[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;= ]+)\n)?"
    r"\n"
    rf"URI: (?P<uri>{_URI})\n"
    r"Version: 1\n"
    r"Chain ID: (?P<chain_id>[0-9]{1,20})\n"
    r"Nonce: (?P<nonce>[A-Za-z0-9]{8,256})\n"
    rf"Issued At: (?P<issued_at>{_TIME})"
    rf"(?:\nExpiration Time: (?P<expiration_time>{_TIME}))?"
    rf"(?:\nNot Before: (?P<not_before>{_TIME}))?"
    rf"(?:\nRequest ID: (?P<request_id>{_PCHAR}*))?"
    rf"(?P<resources>\nResources:(?:\n- {_URI})*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInMessage:
    """One sign-in text by its fields. Times are RFC 3339 text, kept as written."""

    domain: str
    address: str
    uri: str
    chain_id: int
    nonce: str
    issued_at: str
    statement: str | None = None
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None
    scheme: str | None = None

    def __post_init__(self) -> None:
        if _fields(self.text()) != {name: getattr(self, name) for name in self.__slots__}:
            raise InvalidArgument(
                "the fields make no EIP-4361 message: one holds a character that it may not hold"
            )
        if not is_checksum_address(self.address):
            raise InvalidArgument(f"sign-in: {self.address} lacks its EIP-55 checksum")
        for text in (self.issued_at, self.expiration_time, self.not_before):
            if text is not None:
                _seconds(text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a text; ``InvalidArgument`` for anything that is not the grammar's, to the last character."""
        return cls(**_fields(text))

    def text(self) -> str:
        """Writes the text that is signed."""
        scheme = f"{self.scheme}://" if self.scheme is not None else ""
        lines = [
            f"{scheme}{self.domain} wants you to sign in with your Ethereum account:",
            self.address,
            "",
            *([self.statement] if self.statement is not None else []),
            "",
            f"URI: {self.uri}",
            "Version: 1",
            f"Chain ID: {self.chain_id}",
            f"Nonce: {self.nonce}",
            f"Issued At: {self.issued_at}",
        ]
        optional = {
            "Expiration Time": self.expiration_time,
            "Not Before": self.not_before,
            "Request ID": self.request_id,
        }
        lines += [f"{name}: {value}" for name, value in optional.items() if value is not None]
        if self.resources is not None:
            lines += ["Resources:", *(f"- {resource}" for resource in self.resources)]
        return "\n".join(lines)

    def digest(self) -> bytes:
        """Returns the 32 bytes that are signed (EIP-191, version 0x45)."""
        text = self.text().encode()
        return keccak(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)

    def judge(self, *, domain: str, nonce: str, now: float, chain_id: int | None = None) -> None:
        """Raises ``Unauthenticated``, naming why, unless the text was made for this domain and this nonce and is in time.

        ``now`` is in seconds since 1970. Whose signature it bears is checked apart (``owner.check_owner``).
        """
        if self.domain != domain:
            raise Unauthenticated(f"signed in to {self.domain}, not to {domain}")
        if self.nonce != nonce:
            raise Unauthenticated("the nonce is not the one that was given out")
        if chain_id is not None and self.chain_id != chain_id:
            raise Unauthenticated(f"signed in for chain {self.chain_id}, not for chain {chain_id}")
        if _seconds(self.issued_at) > now + CLOCK_SKEW_S:
            raise Unauthenticated(f"issued in the future, at {self.issued_at}")
        if self.expiration_time is not None and now >= _seconds(self.expiration_time):
            raise Unauthenticated(f"expired at {self.expiration_time}")
        if self.not_before is not None and now < _seconds(self.not_before):
            raise Unauthenticated(f"not good before {self.not_before}")


def _fields(text: str) -> dict[str, Any]:
    match = _MESSAGE.fullmatch(text) if len(text) <= MAX_BYTES else None
    if match is None:
        raise InvalidArgument("this is no EIP-4361 message: a line is missing, misplaced or misspelt")
    found: dict[str, Any] = match.groupdict()
    found["chain_id"] = int(match["chain_id"])
    if match["resources"] is not None:
        found["resources"] = tuple(line.removeprefix("- ") for line in match["resources"].split("\n")[2:])
    return found


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except ValueError:
        raise InvalidArgument(f"{text} is no time of the calendar (RFC 3339)") from None
