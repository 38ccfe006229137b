"""The WebSocket of Huddle01's clients on a real node: how it opens, what it bears, how it ends."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from medianode.node.build import running_node
from medianode.rest import server
from medianode.settings import load
from medianode.signalling.huddle01.wire import client_pb2 as wire
from tests.support.huddle01_client import RawPeer
from tests.support.running_node import RunningNode, start_node

pytest.importorskip("medianode.sfu.native")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node that gives HTTP clients little time, which must not touch a WebSocket."""
    short = {"MEDIANODE_LIMITS__HEADER_TIMEOUT_S": "0.3", "MEDIANODE_LIMITS__KEEP_ALIVE_S": "1"}
    running = start_node(tmp_path_factory.mktemp("node"), "--announced-ip", "127.0.0.1", **short)
    yield running
    assert running.stop() == 0, "".join(running.log)


def test_a_page_of_another_origin_may_ask_where_the_socket_is(node: RunningNode) -> None:
    asked = {
        "Origin": "https://app.example",
        "Access_Control_Request_Method": "GET",
        "Access_Control_Request_Headers": "authorization,content-type",
    }
    status, headers, _ = node.request("OPTIONS", "/huddle01/api/v1/getSushiUrl", **asked)
    assert status == 204
    assert headers["access-control-allow-origin"] == "*"
    assert {"authorization", "content-type"} <= set(
        headers["access-control-allow-headers"].lower().split(", ")
    )
    status, headers, body = node.request("GET", "/huddle01/api/v1/getSushiUrl", Origin="https://app.example")
    assert (status, json.loads(body)) == (200, {"url": f"{node.url}/huddle01"})
    assert headers["access-control-allow-origin"] == "*"


def test_a_bad_token_is_refused_after_the_upgrade(node: RunningNode) -> None:
    with raw(node, "nonsense") as socket:
        assert code_of(socket) == 4002


@pytest.mark.parametrize(
    "metadata", ['"' + "é" * 2500 + '"', "[" + ",".join(['""'] * 1700) + "]"], ids=["utf-8", "quotes"]
)
def test_the_longest_metadata_fits_into_a_token_and_its_token_into_the_address(
    node: RunningNode, metadata: str
) -> None:
    with raw(node, node.mint("long", peer="ann", metadata=metadata)) as socket:
        frame = socket.recv(timeout=10)
    assert isinstance(frame, bytes)
    assert wire.Response.FromString(frame).hello.metadata == metadata


def test_a_socket_outlives_the_limits_of_requests(node: RunningNode) -> None:
    with RawPeer(node, "quiet", "ann") as ann:
        ann.until("hello")
        time.sleep(1.5)  # beyond the time limits of requests: nothing may happen
        ann.ask(connect_room=wire.ConnectRoom(roomId="quiet"))
        assert ann.until("connectRoomResponse")


def test_an_oversized_frame_costs_its_sender_alone(node: RunningNode) -> None:
    with RawPeer(node, "big", "ann") as ann, RawPeer(node, "big", "eve") as eve:
        for peer in (ann, eve):
            peer.ask(connect_room=wire.ConnectRoom(roomId="big"))
            peer.until("connectRoomResponse")
        eve.send(b"\x00" * (1 << 20))
        assert not eve.is_open
        assert ann.is_open
        ann.ask(send_data=wire.SendData(to=["*"], payload="hi"))
        assert ann.until("receiveData")


def test_no_token_and_no_address_reach_the_log(node: RunningNode) -> None:
    token = node.mint("log", peer="ann")
    with raw(node, token) as socket:
        socket.recv(timeout=10)
    with raw(node, "looks-like-a-secret") as socket:
        code_of(socket)
    text = "".join(node.log)
    assert token not in text
    assert "looks-like-a-secret" not in text
    assert "127.0.0.1" not in text.replace(node.url, "")


def test_a_stopping_node_ends_sockets_without_a_code_so_that_clients_come_back(tmp_path: Path) -> None:
    node = start_node(tmp_path, "--announced-ip", "127.0.0.1")
    with RawPeer(node, "r", "ann") as joined, raw(node, node.mint("r", peer="bob")) as waiting:
        joined.ask(connect_room=wire.ConnectRoom(roomId="r"))
        joined.until("connectRoomResponse")
        waiting.recv(timeout=10)
        assert node.stop() == 0
        assert code_of(waiting) is None
        assert not joined.is_open
        assert joined.close_code in (None, 1006)


async def test_a_client_that_answers_no_ping_is_dropped_without_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's own code for it, 1011, would keep the client away."""
    monkeypatch.setattr(server, "WS_PING_S", 0.1)
    flags = {"http": "127.0.0.1:0", "media_port": 0, "data_dir": tmp_path, "announced_ips": ["127.0.0.1"]}
    async with running_node(load(flags)) as node:
        token = node.services.mint.mint("r", "guest", "ann", 60)
        reader, writer = await asyncio.open_connection("127.0.0.1", node.http.port)
        head = (
            f"GET /huddle01/ws?token={token} HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        writer.write(head.encode())
        await reader.readuntil(b"\r\n\r\n")
        frames = bytearray()
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionResetError):
                while chunk := await reader.read(4096):
                    frames += chunk
        writer.close()
    kinds = set(opcodes(bytes(frames)))
    assert kinds == {0x2, 0x9}  # hello and pings, no close (RFC 6455 section 11.8)


def opcodes(frames: bytes) -> Iterator[int]:
    while frames:
        length, start = frames[1], 2
        if length == 126:
            length, start = int.from_bytes(frames[2:4]), 4
        yield frames[0] & 0xF
        frames = frames[start + length :]


def raw(node: RunningNode, token: str) -> ClientConnection:
    return connect(f"ws{node.url.removeprefix('http')}/huddle01/ws?token={token}", compression=None)


def code_of(socket: ClientConnection) -> int | None:
    """Waits for the end; returns the code of the close frame, if one came."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            socket.recv(timeout=10)
    return socket.protocol.close_rcvd.code if socket.protocol.close_rcvd is not None else None
