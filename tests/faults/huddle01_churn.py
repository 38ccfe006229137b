"""People come, speak, listen, lose their line, come back and go, by Huddle01's signalling, for as long as one wants.

``python -m tests.faults.huddle01_churn --minutes 60`` prints one line a minute and fails if anything grows or stays.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support import metrics
from tests.support.huddle01_peer import HeadlessPeer
from tests.support.running_node import RunningNode, start_node

GRACE_S = 4
LIMITS = json.dumps({"consent_timeout_s": 20, "connect_timeout_s": 20})
"""aiortc asks for consent every five seconds, later on a busy machine."""
GROWTH_KIB = 12 * 1024
GAUGES = (
    "medianode_rooms",
    "medianode_peers",
    "medianode_sessions",
    "medianode_core_worker_transports",
    "medianode_core_worker_tuples",
)


def start(folder: Path) -> RunningNode:
    """Starts a node that waits seconds where another waits a minute."""
    environment = {"MEDIANODE_ROOMS__GRACE_S": str(GRACE_S), "MEDIANODE_ENGINE_LIMITS": LIMITS}
    return start_node(folder, "--announced-ip", "127.0.0.1", "--workers", "1", **environment)


async def life(node: RunningNode, room: str, number: int, chance: random.Random) -> None:
    """One person's stay."""
    token = await asyncio.to_thread(node.mint, room, peer=f"p{number}", role="guest")
    peer = HeadlessPeer(node.url, room, token, listens=chance.random() < 0.4)
    await peer.join()
    speaks = chance.random() < 0.5
    if speaks:
        await peer.speak(chance.uniform(0.1, 0.6))
    await peer.say(f"hello from {number}")
    if chance.random() < 0.3:
        await peer.cut()
        await peer.come_back()
        if speaks:
            await peer.speak(0.1, "screen-share-audio")
    ending = chance.random()
    if ending < 0.6:
        await peer.leave()
    elif ending < 0.8:
        await peer.leave(1001)
    else:
        await peer.vanish()


async def churn(node: RunningNode, people: int, at_once: int, seed: int, until: Callable[[], bool]) -> int:
    """Lets people come and go, so many at a time, in rooms of a handful; returns how many came."""
    chance = random.Random(seed)
    came = 0

    async def door() -> None:
        nonlocal came
        while came < people and not until():
            came += 1
            room = f"room{came // 6 % 8}"
            await life(node, room, came, random.Random(chance.random()))

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(door())
    return came


def until_empty(node: RunningNode) -> None:
    """Waits until nobody and nothing is left."""
    for name in GAUGES:
        metrics.until(lambda n=name: metrics.gauge(node, n) == 0, f"{name} back to 0", seconds=GRACE_S + 40)
    rooms = node.request("GET", "/api/v1/rooms", token=node.ready["api_key"])[2]
    assert json.loads(rooms) == {"rooms": []}


def held(node: RunningNode) -> dict[str, int]:
    """What the node's process holds."""
    proc = Path(f"/proc/{node.process.pid}")
    status = (proc / "status").read_text().splitlines()
    resident = int(next(line.split()[1] for line in status if line.startswith("VmRSS")))
    return {
        "kib": resident,
        "fd": len(list((proc / "fd").iterdir())),
        "threads": len(list((proc / "task").iterdir())),
    }


def check_back(node: RunningNode, before: dict[str, int]) -> None:
    """Fails if the node holds more than before."""
    metrics.until(lambda: held(node)["fd"] <= before["fd"] + 2, "descriptors back")
    metrics.until(lambda: held(node)["threads"] <= before["threads"] + 2, "threads back")
    grown = held(node)["kib"] - before["kib"]
    assert grown < GROWTH_KIB, f"{grown} KiB grown"


def main() -> None:
    """Runs for as long as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--at-once", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        node = start(Path(folder) / "node")
        try:
            watch(node, options.minutes * 60, options.at_once)
        finally:
            status = node.stop()
        assert status == 0, "".join(node.log)


def watch(node: RunningNode, seconds: float, at_once: int) -> None:
    """Churns and prints what the node holds, minute by minute."""
    asyncio.run(churn(node, 120, at_once, 0, lambda: False))
    until_empty(node)
    before = held(node)
    print("after warming up", before, flush=True)
    end = time.monotonic() + seconds
    minute = total = 0
    while time.monotonic() < end:
        minute += 1
        stop = min(end, time.monotonic() + 60)
        total += asyncio.run(churn(node, sys.maxsize, at_once, minute, lambda s=stop: time.monotonic() > s))
        print(f"minute {minute}: {total} came", held(node), flush=True)
    until_empty(node)
    check_back(node, before)
    print("left nothing behind", held(node), flush=True)


if __name__ == "__main__":
    main()
