"""One measurement from start to figures. Owns the procedure and the arithmetic; refuses to print."""

import json
import os
import platform
import re
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medianode import __version__
from medianode.bench.processes import CpuTime, Node, cpu_time, load_lines, resident_bytes, running_node
from medianode.errors import NodeUnavailable

KEY_S = 60.0
SEALED_EXTRA = 16 + 28
"""Bytes that a sealed packet has beside its payload: AEAD tag, RTP header and extensions."""

Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Target:
    """A server to measure."""

    whip_url: str
    whep_url: str
    token: str
    pid: int
    metrics_url: str | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What came out, per forwarded packet where it says so."""

    scenario: str
    machine: dict[str, Any]
    version: str
    seconds: float
    connected: int
    asked: int
    packets: int
    packets_per_second: float
    integrity_errors: int
    lost: int
    reordered: int
    sequence_errors: int
    cpu_ns_per_packet: float
    user_ns_per_packet: float
    system_ns_per_packet: float
    cores_used: float
    run_length: float | None
    syscalls_per_packet: float | None
    delay_p50_us: float
    delay_p99_us: float
    delay_max_us: float
    join_p50_ms: float | None
    join_p95_ms: float | None
    memory_per_subscriber_kib: float
    floor_seal_ns: float | None
    floor_send_ns: float | None
    ratio_to_floor: float | None
    paced_floor_seal_ns: float | None
    paced_floor_send_ns: float | None
    ratio_to_paced_floor: float | None
    errors: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Returns the figures as JSON values."""
        return asdict(self)


def machine() -> dict[str, Any]:
    """Describes the machine that the figures belong to."""
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", text)
    return {
        "cpu": model[1] if model else platform.processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def measure_node(scenario: dict[str, Any], progress: Progress) -> Figures:
    """Measures a node of our own: node on the first core, load on the last."""
    cores = sorted(os.sched_getaffinity(0))
    apart = len(cores) > 1
    with running_node(cores[0] if apart else None) as node:
        _await_key(node)
        _warm_up(scenario, _target(node))
        return measure(scenario, _target(node), progress, cores if apart else [])


def _await_key(node: Node) -> None:
    """Waits until the node has made its key, which takes more memory for a moment than the subscribers will."""
    end = time.monotonic() + KEY_S
    while time.monotonic() < end:
        with urllib.request.urlopen(f"{node.api_url}/api/v1/wallet", timeout=10) as answer:  # noqa: S310
            if json.load(answer)["state"] != "opening":
                return
        time.sleep(0.1)


def _warm_up(scenario: dict[str, Any], target: Target) -> None:
    """Lets a node do everything once, so that what it loads and allocates once is not charged to the subscribers."""
    few = {"publishers": 1, "subscribers": 2, "warmup_s": 0.2, "duration_s": 0.3}
    request = {
        **scenario,
        **few,
        "whip_url": target.whip_url,
        "whep_url": target.whep_url,
        "token": target.token,
    }
    for _ in load_lines(["run"], request):
        _counters(target.metrics_url)


def _target(node: Node) -> Target:
    whip, whep = f"{node.api_url}/whip/bench/speaker-{{n}}", f"{node.api_url}/whep/bench/speaker-{{n}}"
    return Target(whip, whep, node.token, node.pid, f"{node.api_url}/metrics")


def measure(scenario: dict[str, Any], target: Target, progress: Progress, cores: list[int]) -> Figures:
    """Runs ``scenario`` against ``target`` and computes the figures."""
    request = {**scenario, "whip_url": target.whip_url, "whep_url": target.whep_url, "token": target.token}
    if cores:
        request["core"] = cores[-1]
    empty, before, after, result = resident_bytes(target.pid), None, None, None
    for line in load_lines(["run"], request):
        if line.get("phase") == "measure_begin":
            counters = _counters(target.metrics_url)  # asked first: answering costs the node CPU time
            before = _Sample(cpu_time(target.pid), resident_bytes(target.pid), counters)
        elif line.get("phase") == "measure_end":
            cpu, resident = cpu_time(target.pid), resident_bytes(target.pid)
            after = _Sample(cpu, resident, _counters(target.metrics_url))
        elif line["type"] == "result":
            result = line["result"]
        progress(line)
    if before is None or after is None or result is None:
        raise NodeUnavailable("the load generator ended without a result")
    return _figures(scenario, result, before, after, empty, cores)


@dataclass(frozen=True, slots=True)
class _Sample:
    cpu: CpuTime
    resident: int
    counters: dict[str, float]


def _counters(url: str | None) -> dict[str, float]:
    """Sums each counter of the core over its workers."""
    if url is None:
        return {}
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own node or one that the caller named
        text = response.read().decode()
    sums: dict[str, float] = {}
    for name, value in re.findall(
        r"^medianode_core_worker_(\w+)(?:\{[^}]*\})? ([\d.e+]+)$", text, re.MULTILINE
    ):
        sums[name] = sums.get(name, 0.0) + float(value)
    return sums


def _figures(
    scenario: dict[str, Any],
    result: dict[str, Any],
    before: _Sample,
    after: _Sample,
    empty: int,
    cores: list[int],
) -> Figures:
    tally, packets = result["tally"], max(result["tally"]["packets"], 1)
    cpu = after.cpu.total_ns - before.cpu.total_ns
    user, system = after.cpu.user_ns - before.cpu.user_ns, after.cpu.system_ns - before.cpu.system_ns
    share = user / (user + system) if user + system else 0.0

    def delta(name: str) -> float | None:
        return after.counters[name] - before.counters.get(name, 0.0) if name in after.counters else None

    runs, segments, syscalls = delta("send_runs"), delta("send_segments"), delta("syscalls")
    run_length = segments / runs if runs and segments else None
    floor = _floor(scenario, run_length, cores) if run_length else None
    cost = cpu / packets
    joins = result["join_ms"]
    return Figures(
        scenario=scenario["name"],
        machine=machine(),
        version=__version__,
        seconds=round(result["seconds"], 3),
        connected=result["connected"],
        asked=result["asked"],
        packets=tally["packets"],
        packets_per_second=tally["packets"] / result["seconds"],
        integrity_errors=tally["integrity_errors"],
        lost=tally["lost"],
        reordered=tally["reordered"],
        sequence_errors=tally["sequence_errors"],
        cpu_ns_per_packet=cost,
        user_ns_per_packet=cost * share,
        system_ns_per_packet=cost * (1 - share),
        cores_used=cpu / result["seconds"] / 1e9,
        run_length=run_length,
        syscalls_per_packet=syscalls / packets if syscalls else None,
        delay_p50_us=result["delay_p50_us"],
        delay_p99_us=result["delay_p99_us"],
        delay_max_us=result["delay_max_us"],
        join_p50_ms=_quantile(joins, 0.5),
        join_p95_ms=_quantile(joins, 0.95),
        memory_per_subscriber_kib=(before.resident - empty) / 1024 / max(scenario["subscribers"], 1),
        floor_seal_ns=floor["seal_ns"] if floor else None,
        floor_send_ns=floor["send_ns"] if floor else None,
        ratio_to_floor=cost / (floor["seal_ns"] + floor["send_ns"]) if floor else None,
        paced_floor_seal_ns=floor["paced_seal_ns"] if floor else None,
        paced_floor_send_ns=floor["paced_send_ns"] if floor else None,
        ratio_to_paced_floor=cost / (floor["paced_seal_ns"] + floor["paced_send_ns"]) if floor else None,
        errors=result["errors"],
    )


def _quantile(values: list[float], share: float) -> float | None:
    return values[min(int(len(values) * share), len(values) - 1)] if values else None


def _floor(scenario: dict[str, Any], run_length: float, cores: list[int]) -> dict[str, float]:
    """Asks what this machine charges at least: one seal and one packet's share of a send of that run length."""
    media = scenario["media"]
    payload = media["payload"]
    request = {
        "key_bits": 256,
        "payload": payload,
        "datagram": payload + SEALED_EXTRA,
        "run_length": run_length,
        "send_core": cores[0] if cores else None,
        "receive_core": cores[-1] if cores else None,
        "offload": scenario.get("offload", True),
        "receivers": scenario["subscribers"],
        "interval_ms": 1000 / media["fps"] if media["kind"] == "video" else 20.0,
    }
    for line in load_lines(["floor"], request):
        if line["type"] == "floor":
            floor: dict[str, float] = line["floor"]
            return floor
    raise NodeUnavailable("the load generator did not measure the floor")
