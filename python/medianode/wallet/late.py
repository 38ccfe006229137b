"""Loads the slow libraries aside. Ethereum's take most of a second to import, which no start and no call waits for."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_ALONE = threading.Lock()


async def aside(work: Callable[[], T]) -> T:
    """Runs what imports in a thread, one at a time: packages with circular imports break when two threads import them."""

    def alone() -> T:
        with _ALONE:
            return work()

    return await asyncio.to_thread(alone)
