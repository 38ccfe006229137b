"""A node as a process: its ready line, what joins leave behind, and its end."""

import asyncio
import re
import threading
import time
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection

from tests.support.rtc_client import RtcClient
from tests.support.running_node import RunningNode, start_node

native = pytest.importorskip("medianode.sfu.native")


async def an_offer(direction: str) -> bytes:
    pc = RTCPeerConnection()
    for kind in ("audio", "video"):
        pc.addTransceiver(kind, direction=direction)
    pc.createDataChannel("chat")
    await pc.setLocalDescription(await pc.createOffer())
    await pc.close()
    return pc.localDescription.sdp.encode()


def held(node: RunningNode) -> tuple[int, int]:
    """Memory in KiB and open descriptors of the node."""
    proc = Path("/proc") / str(node.process.pid)
    memory = re.search(r"VmRSS:\s+(\d+)", (proc / "status").read_text())
    assert memory is not None
    return int(memory[1]), len(list((proc / "fd").iterdir()))


def gauge(node: RunningNode, name: str) -> float:
    text = node.request("GET", "/metrics")[2].decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if re.match(rf"{name}(\{{| )", line))


def until(condition, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "never"
        time.sleep(0.05)


def test_the_ready_line_names_the_real_ports(real_node: RunningNode) -> None:
    ready = real_node.ready
    assert ready["http_port"] > 0
    assert all(port > 0 for port in ready["media_ports"])
    assert ready["page_url"] == f"http://127.0.0.1:{ready['http_port']}/"
    assert ready["invite_url"].startswith(ready["page_url"] + "#token=")
    assert ready["announced_ips"]
    status, _, _ = real_node.request("GET", "/api/v1/rooms", token=ready["api_key"])
    assert status == 200


def test_a_key_revoked_by_a_command_closes_at_once(real_node: RunningNode) -> None:
    key = real_node.command("keys", "create", "ci")
    assert real_node.request("GET", "/api/v1/rooms", token=key)[0] == 200
    real_node.command("keys", "revoke", key.split("_")[1])
    assert real_node.request("GET", "/api/v1/rooms", token=key)[0] == 401


async def test_a_thousand_joins_leave_nothing_behind(real_node: RunningNode) -> None:
    token = real_node.token("cycle")
    publish, play = await an_offer("sendonly"), await an_offer("recvonly")

    def cycle() -> None:
        for path, offer in (("/whip/cycle/ann", publish), ("/whep/cycle/ann", play)):
            status, headers, body = real_node.request(
                "POST", path, token=token, body=offer, Content_Type="application/sdp"
            )
            assert status == 201, body
            assert real_node.request("DELETE", headers["location"], token=token)[0] == 200

    for _ in range(100):
        cycle()
    memory, files = held(real_node)
    for _ in range(400):
        cycle()
    until(lambda: gauge(real_node, "medianode_core_worker_transports") == 0)
    assert gauge(real_node, "medianode_rooms") == 0
    memory_after, files_after = held(real_node)
    assert files_after <= files + 2
    assert memory_after < memory + 16 * 1024


async def test_sigterm_tells_everybody_and_ends_with_zero(tmp_path: Path) -> None:
    node = start_node(tmp_path)
    token = node.token("end")
    sender = RtcClient(node.url, token)
    await sender.publish("/whip/end/ann")
    await sender.until("c.pc.connectionState == 'connected'")
    heard: list[bytes] = []
    listener = threading.Thread(
        target=lambda: heard.append(node.request("GET", "/api/v1/rooms/end/events", token=token)[2])
    )
    listener.start()
    await asyncio.sleep(0.3)
    start = time.monotonic()
    stopped = threading.Thread(target=node.stop)
    stopped.start()
    await sender.until("c.pc.connectionState in ('closed', 'failed')", 10)
    stopped.join()
    assert node.process.returncode == 0, "".join(node.log)
    assert time.monotonic() - start < 10
    listener.join(5)
    assert b"event: room_closed" in heard[0]
    assert not [line for line in node.log if "Traceback" in line or "rror" in line], "".join(node.log)
    await sender.pc.close()


def test_a_second_signal_is_quicker(tmp_path: Path) -> None:
    node = start_node(tmp_path)
    with node.process as process:
        process.terminate()
        process.terminate()
        assert process.wait(10) == 0
