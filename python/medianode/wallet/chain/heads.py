"""New heads over WebSocket: a wake-up and nothing more. What happened is always read anew, so that no head need arrive."""

import asyncio
import json
from collections.abc import Callable

import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

PING_S = 10.0
QUIET_S = 30.0
"""A connection that brings no head for so long, or for four block times, is made anew."""
FIRST_RETRY_S = 1.0
MOST_RETRY_S = 60.0
MAX_MESSAGE_BYTES = 1 << 20

log = structlog.get_logger(__name__)


class Heads:
    """Calls ``wake`` at every new head, for as long as ``run`` runs. Also at every new connection: heads were missed."""

    def __init__(
        self, url: str, wake: Callable[[], None], quiet_s: float = QUIET_S, ping_s: float = PING_S
    ) -> None:
        self._url = url
        self._wake = wake
        self._quiet_s = quiet_s
        self._ping_s = ping_s
        self.connections = 0
        self.connected = False

    async def run(self) -> None:
        """Keeps a connection, for ever."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, WebSocketException, ValueError) as error:
                log.warning("the stream of heads broke; it is opened again", reason=type(error).__name__)
            retry_s = FIRST_RETRY_S if self.connected else min(2 * retry_s, MOST_RETRY_S)
            self.connected = False
            self._wake()
            await asyncio.sleep(retry_s)

    async def _listen(self) -> None:
        async with connect(
            self._url,
            open_timeout=self._ping_s,
            ping_interval=self._ping_s,
            ping_timeout=self._ping_s,
            close_timeout=1,
            max_size=MAX_MESSAGE_BYTES,
        ) as socket:
            subscribe = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
            await socket.send(json.dumps(subscribe))
            self.connections += 1
            self.connected = True
            self._wake()
            while True:
                async with asyncio.timeout(self._quiet_s):
                    await socket.recv()
                self._wake()
