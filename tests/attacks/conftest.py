"""A node of its own for each file of attacks; it must outlive them all without a panic."""

from collections.abc import Iterator

import pytest

from tests.support import metrics
from tests.support.running_node import RunningNode, start_node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = start_node(tmp_path_factory.mktemp("node"), "--announced-ip", "127.0.0.1", "--workers", "1")
    yield running
    panics = metrics.counted(running, "panics", "restarts")
    assert running.stop() == 0, "".join(running.log)
    assert panics == 0
    assert "Traceback" not in "".join(running.log)
