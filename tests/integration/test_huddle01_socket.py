"""The WebSocket of Huddle01's clients on a real node: how it opens, what it bears, how it ends."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

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
    assert {"authorization", "content-type"} <= set(headers["access-control-allow-headers"].lower().split(", "))
    status, headers, body = node.request("GET", "/huddle01/api/v1/getSushiUrl", Origin="https://app.example")
    assert (status, json.loads(body)) == (200, {"url": f"{node.url}/huddle01"})
    assert headers["access-control-allow-origin"] == "*"


def test_a_bad_token_is_refused_after_the_upgrade(node: RunningNode) -> None:
    with raw(node, "nonsense") as socket:
        assert code_of(socket) == 4002


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


def raw(node: RunningNode, token: str) -> ClientConnection:
    return connect(f"ws{node.url.removeprefix('http')}/huddle01/ws?token={token}", compression=None)


def code_of(socket: ClientConnection) -> int | None:
    """Waits for the end; returns the code of the close frame, if one came."""
    with pytest.raises(ConnectionClosed) as ended:
        while True:
            socket.recv(timeout=10)
    return ended.value.rcvd.code if ended.value.rcvd is not None else None
