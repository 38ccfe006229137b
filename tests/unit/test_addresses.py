"""Which addresses are announced, and what a STUN server may say."""

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medianode.errors import NetworkUnavailable
from medianode.node import addresses
from medianode.node.addresses import announced_ips, mapped_address

MAGIC = 0x2112A442


def response(transaction: bytes, ip: bytes = bytes([203, 0, 113, 7])) -> bytes:
    mask = struct.pack("!I", MAGIC) + transaction
    masked = bytes(a ^ b for a, b in zip(ip, mask, strict=False))
    attribute = struct.pack("!HHBBH", 0x0020, 4 + len(ip), 0, 1 if len(ip) == 4 else 2, 0) + masked
    software = struct.pack("!HH", 0x8022, 3) + b"abc\0"
    return (
        struct.pack("!HHI", 0x0101, len(attribute) + len(software), MAGIC)
        + transaction
        + software
        + attribute
    )


async def test_given_addresses_win() -> None:
    assert await announced_ips(["203.0.113.7", "203.0.113.7"], "127.0.0.1") == ["203.0.113.7"]


async def test_loopback_is_announced_where_pages_are_on_loopback() -> None:
    assert (await announced_ips([], "127.0.0.1"))[0] == "127.0.0.1"
    assert (
        "127.0.0.1" not in (await announced_ips([], "192.0.2.1"))
        or len(await announced_ips([], "192.0.2.1")) == 1
    )


async def test_a_stun_server_is_asked() -> None:
    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            self.transport.sendto(b"junk", addr)  # type: ignore[arg-type]
            self.transport.sendto(response(data[8:20]), addr)  # type: ignore[arg-type]

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, ("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    assert await announced_ips([f"stun:127.0.0.1:{port}"], "127.0.0.1") == ["203.0.113.7"]
    transport.close()


async def test_a_stun_server_that_is_silent_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_TIMEOUT_S", 0.01)
    with pytest.raises(NetworkUnavailable):
        await announced_ips(["stun:127.0.0.1:9"], "127.0.0.1")


def test_an_ipv6_answer_is_read() -> None:
    transaction = bytes(range(12))
    assert (
        mapped_address(response(transaction, b"\x20\x01\x0d\xb8" + bytes(11) + b"\x07"), transaction)
        == "2001:db8::7"
    )
    assert mapped_address(response(transaction), bytes(12)) is None


@given(st.binary(max_size=80))
def test_no_datagram_breaks_the_reader(data: bytes) -> None:
    transaction = data[8:20].ljust(12, b"\0")
    mapped_address(data, transaction)
