"""What attackers send: messages built byte by byte, so that every rule of the protocols can be broken one at a time."""

import hmac
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from struct import pack

COOKIE = 0x2112A442
BINDING_REQUEST, BINDING_INDICATION, BINDING_SUCCESS, BINDING_ERROR = 0x0001, 0x0011, 0x0101, 0x0111
USERNAME, MESSAGE_INTEGRITY, PRIORITY, USE_CANDIDATE, FINGERPRINT = 0x0006, 0x0008, 0x0024, 0x0025, 0x8028
ICE_CONTROLLED, ICE_CONTROLLING = 0x8029, 0x802A

BURST = 32


def paced(datagrams: Iterable[bytes], send: Callable[[bytes], object]) -> int:
    """Sends in small bursts: what fills the kernel's buffers is lost whatever the node does, and hits no parser."""
    count = 0
    for datagram in datagrams:
        send(datagram)
        count += 1
        if count % BURST == 0:
            time.sleep(0.001)
    return count


def attribute(kind: int, value: bytes) -> bytes:
    return pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def stun(
    username: str,
    password: str = "",
    *,
    kind: int = BINDING_REQUEST,
    role: int = ICE_CONTROLLING,
    nominate: bool = True,
    integrity: bool = True,
    fingerprint: bool = True,
    extra: bytes = b"",
) -> bytes:
    """A connectivity check (RFC 8445 section 7.2.2) that is right unless told otherwise."""
    body = attribute(USERNAME, username.encode()) + attribute(PRIORITY, pack("!I", 1845501695))
    body += attribute(role, os.urandom(8)) + (attribute(USE_CANDIDATE, b"") if nominate else b"") + extra
    transaction = os.urandom(12)

    def head(length: int) -> bytes:
        return pack("!HHI", kind, length, COOKIE) + transaction

    if integrity:
        mac = hmac.digest(password.encode(), head(len(body) + 24) + body, "sha1")
        body += attribute(MESSAGE_INTEGRITY, mac)
    if fingerprint:
        check = zlib.crc32(head(len(body) + 8) + body) ^ 0x5354554E
        body += attribute(FINGERPRINT, pack("!I", check))
    return head(len(body)) + body


def garbage() -> Iterator[bytes]:
    """Every first byte in every length to 64, then long ones up to the largest datagram there is (RFC 7983)."""
    for length in range(65):
        for first in range(256):
            yield (bytes([first]) + os.urandom(63))[:length]
    for length in (100, 576, 1199, 1200, 1280, 1281, 1472, 1500, 2047, 2048, 2049, 9000, 32768, 65507):
        for first in (0, 1, 3, 4, 19, 20, 22, 23, 63, 64, 79, 127, 128, 144, 191, 192, 255):
            yield bytes([first]) + os.urandom(length - 1)


def dtls_record(
    kind: int, body: bytes, *, epoch: int = 0, sequence: int = 0, version: bytes = b"\xfe\xfd"
) -> bytes:
    return (
        pack("!B", kind)
        + version
        + pack("!H", epoch)
        + sequence.to_bytes(6, "big")
        + pack("!H", len(body))
        + body
    )


def dtls_junk() -> Iterator[bytes]:
    """Records of every type with lying lengths, forged alerts, handshake fragments that overlap or never end."""
    for kind in range(20, 64):
        for size in (0, 1, 2, 12, 13, 100, 1200):
            yield dtls_record(kind, os.urandom(size))
            yield dtls_record(kind, os.urandom(size), epoch=1, sequence=2**48 - 1)
            yield dtls_record(kind, os.urandom(size))[:-1]
    yield from forged_alerts()
    for message in (0, 1, 2, 11, 14, 16, 20, 24, 255):
        for total, offset, length in (
            (0, 0, 0),
            (0xFFFFFF, 0, 10),
            (100, 0xFFFFF0, 20),
            (10, 5, 10),
            (20, 0, 20),
        ):
            part = pack("!B", message) + total.to_bytes(3, "big") + pack("!H", 0)
            part += offset.to_bytes(3, "big") + length.to_bytes(3, "big") + os.urandom(min(length, 64))
            yield dtls_record(22, part)
            yield dtls_record(22, part) * 3


def forged_alerts() -> Iterator[bytes]:
    """Plaintext goodbyes and fatal errors, also with the version and epoch of a running session."""
    for level in (1, 2):
        for description in (0, 10, 20, 22, 40, 42, 50, 51, 80, 90, 100):
            for epoch in (0, 1, 2):
                for version in (b"\xfe\xfd", b"\xfe\xff", b"\xfe\xfc"):
                    yield dtls_record(
                        21, bytes([level, description]), epoch=epoch, sequence=1000, version=version
                    )


def short_srtp() -> Iterator[bytes]:
    """RTP and RTCP of every length that might fool a length check, with extension, padding and CSRC bits that lie."""
    for length in range(2, 101):
        for first in (0x80, 0x8F, 0x90, 0xA0, 0xBF):
            for second in (96, 224, 111, 200, 201, 205, 206):
                yield (bytes([first, second]) + os.urandom(98))[:length]


def damaged(datagram: bytes) -> Iterator[bytes]:
    """One sealed packet, changed in each way that authentication has to notice."""
    for place in (1, 3, 7, 11, len(datagram) // 2, len(datagram) - 17, len(datagram) - 1):
        if 0 < place < len(datagram):
            yield datagram[:place] + bytes([datagram[place] ^ 1]) + datagram[place + 1 :]
    yield datagram[:-1]
    yield datagram + b"\0"
    yield datagram[:8] + os.urandom(4) + datagram[12:]
    yield datagram[:12] + os.urandom(max(0, len(datagram) - 12))
