"""An hour of comings and goings by Huddle01's signalling, in short; ``huddle01_churn`` runs it as long as one likes."""

import asyncio
from pathlib import Path

import pytest

from tests.faults import huddle01_churn as hour

pytest.importorskip("medianode.sfu.native")


def test_comings_and_goings_leave_nothing_behind(tmp_path: Path) -> None:
    node = hour.start(tmp_path / "node")
    try:
        asyncio.run(hour.churn(node, 24, 8, 0, lambda: False))
        hour.until_empty(node)
        before = hour.held(node)
        asyncio.run(hour.churn(node, 60, 8, 1, lambda: False))
        hour.until_empty(node)
        hour.check_back(node, before)
        failures = [line for line in node.log if "request failed" in line or "could not be handled" in line]
        assert failures == []
    finally:
        assert node.stop() == 0
