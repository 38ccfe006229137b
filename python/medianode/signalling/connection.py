"""What a conversation needs of its connection: frames in and out, and ways to end. Implemented where sockets are known."""

from typing import Protocol


class ConnectionEnded(Exception):
    """The client's side ended the connection, with the close code that it gave or that stands for none (RFC 6455 7.4.1)."""

    def __init__(self, code: int) -> None:
        """Takes the code."""
        super().__init__(f"the connection ended with {code}")
        self.code = code


class FrameConnection(Protocol):
    """One connection that carries frames both ways."""

    async def receive(self) -> bytes:
        """Waits for the next frame; text arrives as its UTF-8. Raises ``ConnectionEnded``."""

    async def send(self, frame: bytes) -> None:
        """Sends a frame, waiting while the client does not read. Raises ``ConnectionEnded``."""

    async def close(self, code: int) -> None:
        """Says goodbye with a code."""

    def drop(self) -> None:
        """Ends the connection without a word, so that the client comes back."""
