"""The processes of a bench and what the kernel says of them. Owns their start and end."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medianode.errors import NodeUnavailable

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU nanoseconds of a process: scheduler's exact sum, and the split that the kernel estimates."""

    total_ns: int
    user_ns: int
    system_ns: int


def cpu_time(pid: int) -> CpuTime:
    """Reads ``/proc``: the sum over all threads of ``schedstat``, user and system of ``stat`` (10 ms ticks)."""
    total = sum(
        int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()
    )
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = (int(value) * 1_000_000_000 // _CLOCK_TICKS for value in fields[11:13])
    return CpuTime(total, user, system)


def resident_bytes(pid: int) -> int:
    """Reads the resident set of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Node:
    """A running node: where it is and how to enter."""

    pid: int
    api_url: str
    token: str


@contextlib.contextmanager
def running_node(core: int | None) -> Iterator[Node]:
    """Starts a node with one worker on free ports, in a data folder of its own, kept on ``core``; stops it at the end."""
    with tempfile.TemporaryDirectory(prefix="medianode-bench-") as folder:
        command = [sys.executable, "-m", "medianode"]
        options = [
            "--data-dir",
            folder,
            "--http",
            "127.0.0.1:0",
            "--media-port",
            "0",
            "--announced-ip",
            "127.0.0.1",
        ]
        environment = {**os.environ, "MEDIANODE_WORKERS": "1", "MEDIANODE_LOG_LEVEL": "warning"}
        if core is not None:
            environment["MEDIANODE_FIRST_CORE"] = str(core)
        node = subprocess.Popen(
            [*command, "run", *options, "--json"], stdout=subprocess.PIPE, env=environment, text=True
        )
        try:
            if core is not None:
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(node.pid, {core})
            line = node.stdout.readline() if node.stdout else ""
            if not line:
                raise NodeUnavailable("the node ended before it was ready; its last words are above")
            ready = json.loads(line)
            token = [*command, "token", "--room", "bench", "--role", "host", "--data-dir", folder]
            text = subprocess.run(token, check=True, capture_output=True, text=True).stdout.strip()
            yield Node(node.pid, ready["api_url"].rstrip("/"), text)
        finally:
            node.send_signal(signal.SIGTERM)
            try:
                node.wait(15)
            except subprocess.TimeoutExpired:
                node.kill()
                node.wait()


def load_lines(mode: list[str], request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Runs the load generator on ``request`` and yields what it says; an error line becomes an exception."""
    command = [sys.executable, "-m", "medianode.bench", *mode]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdin is None or process.stdout is None:
        raise NodeUnavailable("the load generator has no pipes")
    try:
        process.stdin.write(json.dumps(request))
        process.stdin.close()
        for text in process.stdout:
            line = json.loads(text)
            if line["type"] == "error":
                raise NodeUnavailable(f"load generator: {line['detail']}")
            yield line
    finally:
        process.terminate()
        process.wait()
