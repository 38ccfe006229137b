"""People come and go a thousand times; memory, descriptors, threads, tasks and tables are where they were."""

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from medianode.node.build import running_node
from medianode.settings import load
from tests.attacks import sdp
from tests.support import metrics
from tests.support.call import Call
from tests.support.raw_http import offer, request
from tests.support.running_node import RunningNode, start_node

WARM_UP, CYCLES = 200, 800
GROWTH_KIB = 10 * 1024


@pytest.fixture
def node(tmp_path):
    running = start_node(tmp_path / "node", "--announced-ip", "127.0.0.1", "--workers", "1")
    yield running
    assert running.stop() == 0, "".join(running.log)


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def count(pid: int, what: str) -> int:
    return len(list(Path(f"/proc/{pid}/{what}").iterdir()))


def until_empty(node: RunningNode) -> None:
    for name in (
        "medianode_sessions",
        "medianode_rooms",
        "medianode_core_worker_transports",
        "medianode_core_worker_tuples",
    ):
        metrics.until(lambda n=name: metrics.gauge(node, n) == 0, f"{name} back to 0")


def check_back(node: RunningNode, before: dict[str, int]) -> None:
    pid = node.process.pid
    metrics.until(lambda: count(pid, "fd") <= before["fd"] + 2, "descriptors back")
    metrics.until(lambda: count(pid, "task") <= before["task"], "threads back")
    growth = resident_kib(pid) - before["kib"]
    assert growth < GROWTH_KIB, f"{growth} KiB grown"
    key = node.ready["api_key"]
    assert json.loads(request(node, "GET", "/api/v1/rooms", token=key).body) == {"rooms": []}


def key_state(node: RunningNode) -> str:
    return json.loads(request(node, "GET", "/api/v1/wallet").body)["state"]


def now(node: RunningNode) -> dict[str, int]:
    """What the node holds once its key, which is opened beside everything else, needs no more threads and memory."""
    pid = node.process.pid
    metrics.until(lambda: key_state(node) == "ready", "the key opened", 60)
    return {"fd": count(pid, "fd"), "task": count(pid, "task"), "kib": resident_kib(pid)}


def test_sessions_that_are_opened_and_ended_over_http(node):
    token = node.mint("churn")

    def cycle(number: int) -> None:
        published = offer(node, f"/whip/churn/p{number}", token, sdp.offer())
        played = offer(node, f"/whep/churn/p{number}", token, sdp.offer("recvonly"))
        assert (published.status, played.status) == (201, 201)
        for made in (published, played):
            assert request(node, "DELETE", made.headers["location"], token=token).status == 200

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(cycle, range(WARM_UP // 2)))
        until_empty(node)
        before = now(node)
        list(pool.map(cycle, range(CYCLES // 2)))
    until_empty(node)
    check_back(node, before)


def test_clients_that_connect_send_and_leave(node):
    """Every client goes all the way: ICE, DTLS, SRTP, media, goodbye."""

    def round_(number: int) -> None:
        with Call(node, f"round{number}", players=99, seconds=0.2):
            pass

    for number in range(2):
        round_(number)
    until_empty(node)
    before = now(node)
    for number in range(8):
        round_(number)
    until_empty(node)
    check_back(node, before)


def test_clients_that_vanish_are_forgotten(tmp_path):
    limits = json.dumps({"consent_timeout_s": 3, "connect_timeout_s": 3})
    node = start_node(
        tmp_path, "--announced-ip", "127.0.0.1", "--workers", "1", MEDIANODE_ENGINE_LIMITS=limits
    )
    try:
        token = node.mint("gone")
        before = now(node)
        assert offer(node, "/whip/gone/never", token, sdp.offer()).status == 201
        with Call(node, "gone", players=20, seconds=30) as call:
            call.leave_alone()
            until_empty(node)
            check_back(node, before)
    except AssertionError:
        raise
    finally:
        assert node.stop() == 0


async def test_tasks_and_tables_in_the_process_are_back(tmp_path):
    settings = load(
        {
            "http": "127.0.0.1:0",
            "media_port": 0,
            "data_dir": tmp_path,
            "announced_ips": ["127.0.0.1"],
            "workers": 1,
        }
    )
    async with running_node(settings) as node, httpx.AsyncClient(base_url=node.base_url) as http:
        services = node.services
        auth = {
            "Authorization": "Bearer " + services.mint.mint("r", "host", None, 600),
            "Content-Type": "application/sdp",
        }

        async def cycle(number: int) -> None:
            made = await http.post(f"/whip/r/p{number}", content=sdp.offer(), headers=auth)
            assert made.status_code == 201
            assert (await http.delete(made.headers["location"], headers=auth)).status_code == 200

        for number in range(20):
            await cycle(number)
        tasks = len(asyncio.all_tasks())
        for number in range(100):
            await cycle(number)
        async with asyncio.timeout(10):
            while len(asyncio.all_tasks()) > tasks:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        directory = services.rooms.directory
        assert not directory.rooms()
        assert not directory.sessions()
        leftovers = {
            name: len(table) for name, table in vars(directory).items() if isinstance(table, dict) and table
        }
        leftovers.pop("sessions_ended", None)
        assert leftovers == {}
        assert services.sfu._pending == {}


ENGINE_CYCLES = """
import json, select, sys
from pathlib import Path
from medianode import _core

def kib():
    return next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmRSS"))

engine = _core.Engine(json.dumps({"workers": 1, "media_port": 0, "announced_ips": ["127.0.0.1"]}))
open_objects, waiting = 0, set()

def take(until):
    while not until():
        select.select([engine.event_fd()], [], [], 5)
        for event in json.loads(engine.poll_events(1024)):
            if event["type"] == "reply":
                assert event.get("refusal") is None, event
                waiting.discard(event["id"])

def cycle(n):
    router, transport, producer = n * 3 + 1, n * 3 + 2, n * 3 + 3
    rtp = {"codecs": [{"mime_type": "video/VP8", "payload_type": 96, "clock_rate": 90000}], "encodings": [{"ssrc": n + 1}]}
    prints = [{"algorithm": "sha-256", "value": ":".join(["4A"] * 32)}]
    for command in (
        {"type": "create_router", "router": router},
        {"type": "create_web_rtc_transport", "router": router, "transport": transport, "sctp": True},
        {"type": "connect_transport", "transport": transport, "dtls": {"role": "auto", "fingerprints": prints}},
        {"type": "create_producer", "transport": transport, "producer": producer, "kind": "video", "rtp": rtp},
        {"type": "close_router", "router": router},
    ):
        waiting.add(engine.submit(json.dumps(command)))
    take(lambda: not waiting)

for n in range(2000):
    cycle(n)
before = kib()
for n in range(2000, 12000):
    cycle(n)
grown = kib() - before
engine.close()
print(json.dumps({"grown": grown}))
"""


def test_the_core_alone_through_ten_thousand_rooms():
    done = subprocess.run([sys.executable, "-c", ENGINE_CYCLES], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["grown"] < GROWTH_KIB
