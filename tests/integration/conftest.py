"""A real node in a process of its own."""

from collections.abc import Iterator

import pytest

from tests.support.running_node import RunningNode, start_node


@pytest.fixture(scope="module")
def real_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = start_node(tmp_path_factory.mktemp("node"), "--announced-ip", "127.0.0.1")
    yield running
    assert running.stop() == 0, "".join(running.log)
