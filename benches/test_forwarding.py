"""Forwarding through the real node, in processes of their own: the procedure of ``medianode bench`` with short scenarios.

``pytest benches/`` runs it. The time that pytest-benchmark prints is that of the whole procedure; what a packet costs is in the
extra columns of ``--benchmark-json`` and in the table below each run (``-s``).
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from medianode.bench.measure import Figures, measure_node
from medianode.bench.report import table

VIDEO = {
    "name": "video",
    "subscribers": 25,
    "duration_s": 4.0,
    "warmup_s": 1.0,
    "media": {"kind": "video", "payload": 1200, "bitrates": [2_500_000], "fps": 30},
}
AUDIO = {
    "name": "audio",
    "subscribers": 50,
    "duration_s": 4.0,
    "warmup_s": 1.0,
    "media": {"kind": "audio", "payload": 120},
}
ROUNDS = 2
RECORDED = (
    "cpu_ns_per_packet",
    "user_ns_per_packet",
    "system_ns_per_packet",
    "packets_per_second",
    "run_length",
    "syscalls_per_packet",
    "delay_p50_us",
    "delay_p99_us",
    "memory_per_subscriber_kib",
    "floor_seal_ns",
    "floor_send_ns",
    "ratio_to_floor",
    "machine",
)


@dataclass
class Runs:
    """What each round measured."""

    figures: list[Figures] = field(default_factory=list)

    def once(self, scenario: dict[str, Any]) -> None:
        """Starts a node and its load, and keeps what came out."""
        self.figures.append(measure_node(scenario, lambda _: None))

    def least_disturbed(self) -> Figures:
        """Returns the round in which other processes took least from the node."""
        return min(self.figures, key=lambda figures: figures.cpu_ns_per_packet)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("scenario", [VIDEO, AUDIO], ids=lambda scenario: scenario["name"])
def test_forwards_every_packet_whole(benchmark: BenchmarkFixture, scenario: dict[str, Any]) -> None:
    runs = Runs()
    benchmark.pedantic(runs.once, args=(scenario,), rounds=ROUNDS)
    best = runs.least_disturbed()
    benchmark.extra_info.update({name: best.as_dict()[name] for name in RECORDED})
    print(f"\n{table(best)}")
    for figures in runs.figures:
        assert figures.connected == figures.asked, figures.errors
        assert figures.packets > 0
        assert figures.integrity_errors == 0
        assert figures.lost == 0
        assert figures.sequence_errors == 0
