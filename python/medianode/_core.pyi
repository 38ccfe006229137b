"""The compiled core: text in, text out. JSON texts have the shapes of `medianode.sfu.commands`, `events` and `params`.

No packet crosses this border. Every call returns at once, except `Engine.close`, which waits for the workers.
"""

from typing import final

__all__ = [
    "Engine",
    "NotRunningError",
    "QueueFullError",
    "UnsupportedSdpError",
    "load_main",
    "sdp_assemble_answer",
    "sdp_fragment_read",
    "sdp_fragment_write",
    "sdp_play_answer",
    "sdp_publish_answer",
    "sdp_read",
    "sdp_write",
    "version",
]

class QueueFullError(Exception):
    """The command queue is full; nothing was queued."""

class NotRunningError(Exception):
    """The engine was closed or could not go on."""

class UnsupportedSdpError(ValueError):
    """The description is well-formed, but cannot work with this node."""

@final
class Engine:
    """Worker threads with their sockets. Raises `ValueError` for a setting and `OSError` for a socket that cannot be had."""

    def __new__(cls, config: str) -> Engine: ...
    def submit(self, command: str) -> int:
        """Queues a command and returns the id of its `reply` event."""

    def poll_events(self, max: int) -> str:
        """Takes up to `max` events, oldest first, as a JSON array."""

    def event_fd(self) -> int:
        """Returns a descriptor that is readable while events wait. It belongs to the engine."""

    def snapshot(self) -> str:
        """Returns the latest counters as a JSON object."""

    def poll_logs(self) -> str:
        """Takes the log lines since the last call, as a JSON array."""

    def media_ports(self) -> list[int]:
        """Returns the UDP and TCP port of each worker."""

    def close(self) -> None:
        """Says goodbye to all peers, stops the workers and waits for them. Closing twice does nothing."""

def sdp_read(text: str) -> str:
    """Reads an offer or an answer; returns the description."""

def sdp_write(description: str) -> str:
    """Prints a description."""

def sdp_publish_answer(offer: str) -> str:
    """Plans a publisher's session; returns one entry for each section of the offer."""

def sdp_play_answer(offer: str, ids: str) -> str:
    """Plans a player's session; returns one entry for each section of the offer."""

def sdp_assemble_answer(offer: str, medias: str, local: str, session_id: int) -> str:
    """Puts answered sections and our transport together; returns the description."""

def sdp_fragment_read(text: str) -> str:
    """Reads a trickle message."""

def sdp_fragment_write(fragment: str) -> str:
    """Prints a trickle message."""

def version() -> str:
    """Returns the package's version."""

def load_main(arguments: list[str]) -> int:
    """Runs the load generator as a program; returns its exit status. Meant for a process of its own."""
