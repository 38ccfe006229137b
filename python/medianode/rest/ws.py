"""A WebSocket as the connection of a conversation. Refuses to know what is said on it."""

from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from medianode.signalling.connection import ConnectionEnded

ABNORMAL = 1006
"""The connection broke (RFC 6455 section 7.4.1)."""
DROP = "medianode.drop"
"""Where the server leaves, in the state of a WebSocket's scope, the way to end its connection without a close frame."""


class WebSocketConnection:
    """Implements ``FrameConnection``."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def receive(self) -> bytes:
        """Waits for the next frame; text arrives as its UTF-8. Raises ``ConnectionEnded``."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise ConnectionEnded(message.get("code") or ABNORMAL)
        content = message.get("bytes")
        frame: bytes = content if content is not None else message.get("text", "").encode()
        return frame

    async def send(self, frame: bytes) -> None:
        """Sends a frame, waiting while the client does not read. Raises ``ConnectionEnded``."""
        try:
            await self._socket.send_bytes(frame)
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise ConnectionEnded(ABNORMAL) from error

    async def close(self, code: int) -> None:
        """Says goodbye with a code."""
        try:
            await self._socket.close(code)
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise ConnectionEnded(ABNORMAL) from error

    def drop(self) -> None:
        """Ends the connection without a word, so that the client comes back."""
        drop: Callable[[], None] | None = self._socket.scope.get("state", {}).get(DROP)
        if drop is not None:
            drop()
