"""The end of a node, asked for or not, and starts that cannot succeed."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.attacks import sdp
from tests.support.call import Call
from tests.support.raw_http import offer, request
from tests.support.rtc_client import RtcClient
from tests.support.running_node import RunningNode, start_node

STOP_LIMIT_S = 10


def end(node: RunningNode) -> int:
    node.process.terminate()
    return node.wait(STOP_LIMIT_S)


def test_sigterm_during_a_call_ends_in_time(tmp_path):
    node = start_node(tmp_path, "--announced-ip", "127.0.0.1")
    with Call(node, "stop", players=10, seconds=30) as call:
        assert end(node) == 0, "".join(node.log)
        call.leave_alone()
        assert "Traceback" not in "".join(node.log)


@pytest.mark.parametrize("signals", [1, 2])
def test_readyz_turns_before_anybody_is_sent_away(tmp_path, signals):
    node = start_node(tmp_path)
    parts = urlsplit(node.url)
    seen = []

    def watch() -> None:
        try:
            while True:
                connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
                connection.request("GET", "/readyz")
                seen.append(connection.getresponse().status)
                connection.close()
        except (OSError, http.client.HTTPException):
            pass

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(signals):
        node.process.terminate()
    assert node.wait(STOP_LIMIT_S) == 0
    watcher.join(10)
    assert set(seen) <= {200, 503}
    if signals == 1:
        assert 503 in seen


async def test_clients_are_told(tmp_path):
    node = start_node(tmp_path, "--announced-ip", "127.0.0.1")
    token = node.mint("told")
    client = RtcClient(node.url, token)
    await client.publish("/whip/told/ann", video=False)
    await client.until("c.pc.connectionState == 'connected'")
    auth = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(timeout=20) as http_client:
        async with http_client.stream("GET", node.url + "/api/v1/rooms/told/events", headers=auth) as events:
            lines = events.aiter_lines()
            assert await anext(lines) == "event: peers"
            node.process.terminate()
            heard = [line async for line in lines]
    assert "event: room_closed" in heard
    await client.until("c.pc.connectionState in ('closed', 'failed')", STOP_LIMIT_S)
    assert node.wait(STOP_LIMIT_S) == 0
    await client.pc.close()


def test_a_stalled_reader_does_not_hold_the_stop(tmp_path):
    node = start_node(tmp_path)
    parts = urlsplit(node.url)
    token = node.mint("stall")
    stalled = []
    for _ in range(20):
        stream = socket.create_connection((parts.hostname, parts.port))
        stream.sendall(
            f"GET /api/v1/rooms/stall/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        stream.recv(1)
        stalled.append(stream)
    half = socket.create_connection((parts.hostname, parts.port))
    half.sendall(b"POST /whip/stall/ann HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nv=")
    media = socket.create_connection(("127.0.0.1", node.ready["media_ports"][0]))
    media.sendall(b"\x00\x40")
    assert end(node) == 0
    for stream in (*stalled, half, media):
        stream.close()


def test_kill_leaves_a_usable_data_folder(tmp_path):
    first = start_node(tmp_path)
    token, key = first.mint("kept"), first.ready["api_key"]
    with Call(first, "kept-call", seconds=30) as call:
        first.process.kill()
        first.wait(10)
        call.leave_alone()
    second = start_node(tmp_path)
    try:
        assert "api_key" not in second.ready, "a second first key"
        assert request(second, "GET", "/api/v1/rooms", token=key).status == 200
        created = offer(second, "/whip/kept/ann", token, sdp.offer())
        assert created.status == 201
    finally:
        assert end(second) == 0


def test_a_node_that_is_killed_while_it_writes_its_keys_starts_again(tmp_path):
    for _ in range(4):
        command = [sys.executable, "-m", "medianode", "keys", "create", "k", "--data-dir", str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(0.25)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
    node = start_node(tmp_path)
    assert end(node) == 0


def refused(data_dir: Path, *options: str) -> str:
    """Starts a node that cannot start; returns what it said."""
    command = [sys.executable, "-m", "medianode", "run", "--data-dir", str(data_dir), "--json"]
    defaults = ["--http", "127.0.0.1:0", "--media-port", "0"]
    done = subprocess.run([*command, *defaults, *options], capture_output=True, text=True, timeout=40)
    assert done.returncode not in (0, None)
    assert done.returncode > 0, "killed by a signal"
    assert done.stdout == "", "never half-alive"
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stderr.strip()
    return done.stderr


@pytest.fixture
def taken():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_an_http_port_in_use_is_said(tmp_path, taken):
    said = refused(tmp_path, "--http", f"127.0.0.1:{taken}")
    assert str(taken) in said
    assert "in use" in said


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_media_port_in_use_is_said(tmp_path, kind):
    with socket.socket(type=kind) as holder:
        holder.bind(("0.0.0.0", 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        port = holder.getsockname()[1]
        said = refused(tmp_path, "--media-port", str(port), "--workers", "1")
    assert str(port) in said
    assert "in use" in said


def test_an_address_that_is_not_ours_is_said(tmp_path):
    assert "192.0.2.1" in refused(tmp_path, "--http", "192.0.2.1:0")
    assert "192.0.2.1" in refused(tmp_path, "--listen-ip", "192.0.2.1")


@pytest.mark.parametrize("content", ["", "zz", "00" * 8, "\ufffd" * 40, "x" * 100_000])
def test_a_broken_token_key_is_said(tmp_path, content):
    (tmp_path / "client-token.key").write_text(content)
    assert "client-token.key" in refused(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '[{"id": 1}]', '{"a": 1}', "\x00\xff"])
def test_a_broken_key_file_is_said(tmp_path, content):
    (tmp_path / "api-keys.json").write_text(content)
    assert "api-keys.json" in refused(tmp_path)


def test_a_data_folder_that_is_a_file_is_said(tmp_path):
    place = tmp_path / "file"
    place.write_text("x")
    assert str(place) in refused(place)
    (tmp_path / "client-token.key").mkdir()
    assert "client-token.key" in refused(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_data_folder_without_permission_is_said(tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert str(tmp_path) in refused(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_wrong_settings_are_said(tmp_path, monkeypatch):
    assert "http" in refused(tmp_path, "--http", "nowhere")
    assert "announced" in refused(tmp_path, "--announced-ip", "999.1.1.1")
    broken = tmp_path / "node.toml"
    broken.write_text("http = [")
    assert "node.toml" in refused(tmp_path, "--config", str(broken))
    broken.write_text("no_such_setting = 1")
    assert "no_such_setting" in refused(tmp_path, "--config", str(broken))
    monkeypatch.setenv("MEDIANODE_ENGINE_LIMITS", json.dumps({"no_such_limit": 1}))
    assert "no_such_limit" in refused(tmp_path)
