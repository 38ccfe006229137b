"""Conversations over the rooms of ``tests/unit/conftest.py``."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.conftest import World
from tests.unit.huddle01.scripted import Stage


@pytest.fixture
async def stage(world: World) -> AsyncIterator[Stage]:
    """A node whose clients are scripted."""
    stage = Stage(world)
    yield stage
    await stage.close()
