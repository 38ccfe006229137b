"""Runs a node from its start to the signal that ends it. Owns signals and the time that stopping may take."""

import asyncio
import os
import resource
import signal
from collections.abc import Callable

import structlog

from medianode.node.build import CoreFactory, Node, native_core, running_node
from medianode.settings import NodeSettings

STOP_LIMIT_S = 9.0
READYZ_GRACE_S = 0.3
"""Time for a load balancer's check or an operator to see the 503 before anybody is sent away."""

log = structlog.get_logger(__name__)


async def run_node(
    settings: NodeSettings, ready: Callable[[Node], None], core_factory: CoreFactory = native_core
) -> int:
    """Runs a node until SIGTERM or SIGINT; returns the exit status. A second signal cuts the goodbyes short."""
    _raise_descriptor_limit()
    stop = asyncio.Event()
    again = asyncio.Event()
    loop = asyncio.get_running_loop()

    def signalled() -> None:
        (again if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    running = asyncio.create_task(_run(settings, ready, core_factory, stop, again), name="node")
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        cut = asyncio.create_task(again.wait())
        await asyncio.wait([running, cut], timeout=STOP_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            _, late = await asyncio.wait([running], timeout=1)
            if late:
                log.warning("stopped without all goodbyes")
                os._exit(0)
        cut.cancel()
    stopping.cancel()
    await running
    return 0


async def _run(
    settings: NodeSettings,
    ready: Callable[[Node], None],
    core_factory: CoreFactory,
    stop: asyncio.Event,
    again: asyncio.Event,
) -> None:
    async with running_node(settings, core_factory) as node:
        ready(node)
        await stop.wait()
        log.info("stopping")
        node.services.rooms.draining = True
        try:
            async with asyncio.timeout(READYZ_GRACE_S):
                await again.wait()
        except TimeoutError:
            pass
    log.info("stopped")


def _raise_descriptor_limit() -> None:
    """Allows as many descriptors as the system lets us have: our own limits on connections are to act first."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
