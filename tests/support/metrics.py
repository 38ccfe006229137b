"""What a node counted, as a monitoring system reads it."""

import re
import time
from collections.abc import Callable

from tests.support.running_node import RunningNode

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


def read(node: RunningNode) -> dict[str, float]:
    """All samples; labels stand as they are in the name."""
    status, _, body = node.request("GET", "/metrics")
    assert status == 200
    found: dict[str, float] = {}
    for line in body.decode().splitlines():
        sample = None if line.startswith("#") else _SAMPLE.match(line)
        if sample:
            found[f"{sample[1]}{{{sample[2] or ''}}}"] = float(sample[3])
    return found


def counted(node: RunningNode, *causes: str) -> float:
    """Sum over all workers of what was counted under any of these causes."""
    pattern = re.compile("|".join(rf'(?:_{cause}\{{|"{cause}")' for cause in causes))
    return sum(value for name, value in read(node).items() if pattern.search(name))


def gauge(node: RunningNode, name: str) -> float:
    """Sum over all workers of one family."""
    return sum(value for key, value in read(node).items() if key.startswith(name + "{"))


def until(condition: Callable[[], bool], what: str, seconds: float = 15) -> None:
    """Waits for a number to arrive: snapshots are up to a second old."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)
