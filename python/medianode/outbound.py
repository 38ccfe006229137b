"""The one outgoing HTTP client. Reaches public addresses only, unless an operator names others; follows no redirect."""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from medianode.errors import InvalidArgument, NetworkUnavailable, PermissionDenied

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_INSIDE = (
    ipaddress.IPv4Network("168.63.129.16/32"),  # a cloud's service for its own machines, on a public address
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv6Network("fec0::/10"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
)


def is_public(address: Address) -> bool:
    """Says whether an address belongs to the public internet, whatever wrapping hides an IPv4 address in it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    special = address.is_multicast or address.is_reserved or any(address in network for network in _INSIDE)
    return address.is_global and not special


class Outbound:
    """Sends requests to addresses that others chose."""

    def __init__(self, allowed: Sequence[Network] = (), timeout_s: float = 10.0) -> None:
        self._allowed = allowed
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Posts a body and returns the status; the answer's body is not read.

        Raises ``PermissionDenied`` when the host has an address that may not be reached, ``NetworkUnavailable`` when there
        is no answer in time.
        """
        target = _parsed(url)
        self._check_literal(target)
        try:
            async with self._open().post(target, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NetworkUnavailable(f"no answer from {target.host}: {type(error).__name__}") from error

    async def close(self) -> None:
        """Closes what is open."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=_Resolver(self), use_dns_cache=False, limit=32)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    def _check_literal(self, target: URL) -> None:
        """A host that is an address is never resolved, so it is checked here."""
        try:
            address = ipaddress.ip_address((target.host or "").partition("%")[0])
        except ValueError:
            return
        self.check(target.host or "", address)

    def check(self, host: str, address: Address) -> None:
        """Refuses an address that may not be reached."""
        plain = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        if not is_public(address) and not any((plain or address) in network for network in self._allowed):
            raise PermissionDenied(
                f"{host} has an address that is not public; its network has to be allowed in the settings"
            )


class _Resolver(AbstractResolver):
    """Looks up a host and refuses it if any of its addresses may not be reached; the client connects to just these."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results = []
        for family_found, _, proto, _, address in found:
            ip = str(address[0])
            self._outbound.check(host, ipaddress.ip_address(ip.partition("%")[0]))
            results.append(
                ResolveResult(
                    hostname=host,
                    host=ip,
                    port=port,
                    family=family_found,
                    proto=proto,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        pass


def _parsed(url: str) -> URL:
    try:
        target = URL(url)
    except ValueError as error:
        raise InvalidArgument(f"this is no address of a web server: {error}") from None
    if target.scheme not in ("http", "https") or not target.host or target.user or target.password:
        raise InvalidArgument("an address of a web server is http:// or https://, a host, and no password")
    return target
