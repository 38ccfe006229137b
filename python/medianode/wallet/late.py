"""Loads the slow libraries aside. Ethereum's take most of a second to import, which no start and no call waits for."""

import asyncio
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

T = TypeVar("T")

_ALONE = threading.Lock()


async def aside(work: Callable[[], T]) -> T:
    """Runs what imports in a thread, one at a time: packages with circular imports break when two threads import them."""

    def alone() -> T:
        with _ALONE:
            return work()

    return await asyncio.to_thread(alone)


def keep_recursion_limit() -> None:
    """Loads the one library that lifts the limit of the whole process, and sets the limit back.

    With a hundred thousand levels allowed, the nested body of a request overflows the stack. To be called before anything is
    served; what is loaded here lifts nothing when it is imported again.
    """
    limit = sys.getrecursionlimit()
    import_module("py_ecc")
    sys.setrecursionlimit(limit)
