"""The real server on a socket, with a core in memory: slow and rude clients, certificates, and the end."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from medianode.errors import NetworkUnavailable
from medianode.node.build import Core, Node, running_node
from medianode.rest import server
from medianode.settings import load
from tests.support.fake_sfu import FakeSdp, FakeSfu

OFFER = "v=0 audio video"


def fake_core(_config: dict[str, Any]) -> Core:
    return Core(FakeSfu(), FakeSdp(), (14100,))


@contextlib.asynccontextmanager
async def node(tmp_path: Path, **flags: Any) -> AsyncIterator[Node]:
    settings = load({"http": "127.0.0.1:0", "data_dir": tmp_path / "data", **flags})
    async with running_node(settings, fake_core) as running:
        yield running


def token(running: Node, room: str = "r") -> dict[str, str]:
    return {"Authorization": "Bearer " + running.services.mint.mint(room, "host", None, 60)}


async def until_closed(running: Node, sent: bytes, drip: bytes = b"") -> tuple[float, bytes]:
    """Sends, then drips until the server closes; returns how long that took and what came."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    reader, writer = await asyncio.open_connection("127.0.0.1", running.http.port)
    writer.write(sent)
    reading = asyncio.create_task(reader.read())
    with contextlib.suppress(ConnectionError):
        while not reading.done() and loop.time() - start < 10:
            await asyncio.wait([reading], timeout=0.05)
            if drip:
                writer.write(drip)
    received = b""
    with contextlib.suppress(ConnectionError):
        received = await asyncio.wait_for(reading, 1)
    writer.close()
    return loop.time() - start, received


SLOW = {"limits": {"header_timeout_s": 0.4, "body_timeout_s": 0.4}}


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_never_ends_is_cut(tmp_path: Path, head: bytes) -> None:
    async with node(tmp_path, **SLOW) as running:
        took, _ = await until_closed(running, head, b"x: y\r\n" if head else b"")
        assert took < 5
        took, _ = await until_closed(running, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET / HTT", b"P")
        assert took < 5


async def test_a_body_that_never_ends_is_408(tmp_path: Path) -> None:
    async with node(tmp_path, **SLOW) as running:
        auth = token(running)["Authorization"].encode()
        head = b"POST /whip/r/ann HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 900\r\n"
        took, received = await until_closed(running, head + b"Authorization: " + auth + b"\r\n\r\n", b"x")
        assert took < 5
        assert received.startswith(b"HTTP/1.1 408")
        assert b"application/problem+json" in received


async def test_a_large_body_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        head = b"POST /api/v1/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"
        took, received = await until_closed(running, head)
        assert received.startswith(b"HTTP/1.1 413")
        assert took < 2


async def test_what_is_no_http_is_refused(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        for junk in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"GET /\r\n\r\n",
            b"x" * 70_000,
        ):
            _, received = await until_closed(running, junk)
            assert received == b"" or received.startswith(b"HTTP/1.1 4")
        async with httpx.AsyncClient(base_url=running.base_url) as http:
            assert (await http.get("/healthz")).status_code == 200


async def test_an_event_stream_ends_when_the_client_goes(tmp_path: Path) -> None:
    async with node(tmp_path) as running, httpx.AsyncClient(base_url=running.base_url) as http:
        async with http.stream("GET", "/api/v1/rooms/r/events", headers=token(running)) as response:
            assert await anext(response.aiter_lines()) == "event: peers"
            assert running.services.rooms.directory.room("r").watchers == 1
        for _ in range(100):
            if not running.services.rooms.directory.rooms():
                break
            await asyncio.sleep(0.02)
        assert not running.services.rooms.directory.rooms()


async def test_stopping_tells_everybody(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        http = httpx.AsyncClient()
        running = await stack.enter_async_context(node(tmp_path))
        stream = http.stream("GET", running.base_url + "/api/v1/rooms/r/events", headers=token(running))
        response = await stream.__aenter__()
        headers = {**token(running), "Content-Type": "application/sdp"}
        assert (
            await http.post(running.base_url + "/whip/r/ann", content=OFFER, headers=headers)
        ).status_code == 201
        lines = asyncio.create_task(_lines(response))
        await asyncio.sleep(0.05)
        sfu = running.services.sfu
        assert isinstance(sfu, FakeSfu)
        closing = asyncio.create_task(stack.aclose())
        heard = await asyncio.wait_for(lines, 5)
        await stream.__aexit__(None, None, None)
        await http.aclose()
        await asyncio.wait_for(closing, 8)
        assert "event: room_closed" in heard
        assert not sfu.transports
        assert not sfu.routers


async def _lines(response: httpx.Response) -> list[str]:
    return [line async for line in response.aiter_lines()]


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "cert.pem", folder / "key.pem"


async def served_name(port: int) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der).subject.rfc4514_string()


async def test_a_certificate_is_reread_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "TLS_CHECK_S", 0.05)
    cert, key = certificate(tmp_path, "old")
    async with node(tmp_path, tls_cert=cert, tls_key=key) as running:
        assert running.base_url.startswith("https://")
        assert await served_name(running.http.port) == "CN=old"
        key.write_text("half-written")
        await asyncio.sleep(0.2)
        assert await served_name(running.http.port) == "CN=old"
        certificate(tmp_path, "new")
        async with asyncio.timeout(5):
            while await served_name(running.http.port) != "CN=new":  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        with pytest.raises(NetworkUnavailable, match="in use"):
            async with node(tmp_path / "another", http=f"127.0.0.1:{running.http.port}"):
                pass
