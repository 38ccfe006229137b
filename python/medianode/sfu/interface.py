"""What the orchestrator side may ask of a node: the one border between rooms and media. Local and remote nodes look alike."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Protocol

from medianode.sfu.commands import Command, Reply
from medianode.sfu.events import Event

Snapshot = Mapping[str, Any]
"""Cumulative counters as the core publishes them; W3C webrtc-stats names where one exists."""


class Sfu(Protocol):
    """A node's media plane."""

    def submit(self, command: Command) -> Awaitable[Reply]:
        """Queues a command at once, in the order of the calls, and returns its answer to wait for.

        Raises (from the call or the wait) ``Overloaded`` when the queue is full, ``WrongState`` when the core is closed, and
        the error of a refusal otherwise. An answer nobody waits for is dropped silently.
        """

    def events(self) -> AsyncIterator[Event]:
        """Yields facts in the order in which they happened, until the core is closed. For one reader."""

    def snapshot(self) -> Snapshot:
        """Returns the latest counters, at most about a second old."""

    async def close(self) -> None:
        """Says goodbye to all peers and ends. Closing twice does nothing."""
