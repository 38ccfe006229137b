"""Which addresses clients are told for media: given ones, those of the interfaces, or what a STUN server sees."""

import asyncio
import ipaddress
import secrets
import socket
import struct
from collections.abc import Sequence

from medianode.errors import NetworkUnavailable
from medianode.settings.node import host_port

STUN_PREFIX = "stun:"
_MAGIC = 0x2112A442  # RFC 8489 section 5
_TIMEOUT_S = 1.0
_TRIES = 3

# Documentation addresses (RFC 5737, RFC 3849): connecting a UDP socket sends nothing, it only picks the route.
_PROBES = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


async def announced_ips(given: Sequence[str], http_host: str) -> list[str]:
    """Settles the announced addresses. The loopback address is among them when pages are served there, for browsers here."""
    ips = [
        await _by_stun(item.removeprefix(STUN_PREFIX)) if item.startswith(STUN_PREFIX) else item
        for item in given
    ]
    if not ips:
        if is_loopback(http_host):
            ips.append("::1" if ":" in http_host else "127.0.0.1")
        ips += interface_ips()
    return list(dict.fromkeys(ips)) or ["127.0.0.1"]


def interface_ips() -> list[str]:
    """Lists the addresses from which this machine reaches others: at most one of each family."""
    found = []
    for family, target in _PROBES:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                ip = ipaddress.ip_address(probe.getsockname()[0].split("%")[0])
        except OSError:
            continue
        if not (ip.is_loopback or ip.is_link_local or ip.is_unspecified):
            found.append(str(ip))
    return found


def is_loopback(host: str) -> bool:
    """Says whether only this machine can reach a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _by_stun(server: str) -> str:
    """Asks a STUN server for our address as it sees it (RFC 8489)."""
    try:
        host, port = host_port(server)
    except ValueError:
        host, port = server, 3478
    loop = asyncio.get_running_loop()
    try:
        family, _, _, _, address = (await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM))[0]
    except OSError as error:
        raise NetworkUnavailable(f"STUN server {host} is unknown: {error}") from error
    transaction = secrets.token_bytes(12)
    request = struct.pack("!HHI", 0x0001, 0, _MAGIC) + transaction
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        for _ in range(_TRIES):
            try:
                await loop.sock_sendto(probe, request, address)
                async with asyncio.timeout(_TIMEOUT_S):
                    while (ip := mapped_address(await loop.sock_recv(probe, 1500), transaction)) is None:
                        pass
            except (OSError, TimeoutError):
                continue
            return ip
    raise NetworkUnavailable(f"STUN server {host} did not answer")


def mapped_address(response: bytes, transaction: bytes) -> str | None:
    """Reads XOR-MAPPED-ADDRESS of a binding response (RFC 8489 section 14.2); none if it is not the answer we wait for."""
    header = 20
    if len(response) < header or response[8:header] != transaction:
        return None
    kind, length, magic = struct.unpack("!HHI", response[:8])
    if kind != 0x0101 or magic != _MAGIC or len(response) < header + length:  # noqa: PLR2004 - binding success
        return None
    mask = response[4:header]
    at = header
    while at + 4 <= header + length:
        attribute, size = struct.unpack("!HH", response[at : at + 4])
        value = response[at + 4 : at + 4 + size]
        if attribute == 0x0020 and len(value) in (8, 20):  # noqa: PLR2004 - XOR-MAPPED-ADDRESS, IPv4 or IPv6
            return str(ipaddress.ip_address(bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))))
        at += 4 + (size + 3) // 4 * 4
    return None
