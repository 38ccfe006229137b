"""A client of the signalling that sends whatever a test wants to see survived."""

import contextlib
import json
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from medianode.signalling.huddle01.wire.client_pb2 import Request, Response
from tests.support.running_node import RunningNode


class RawPeer:
    """One socket, joined by hand."""

    def __init__(self, node: RunningNode, room: str, name: str) -> None:
        self.room = room
        token = node.mint(room, peer=name)
        status, _, body = node.request("GET", "/huddle01/api/v1/getSushiUrl", token=token)
        assert status == 200, body
        base = json.loads(body)["url"].replace("http", "ws", 1)
        url = f"{base}/ws?token={token}&version=core@2.6.4&region=EU&country=IN"
        self._opening = connect(url, max_size=None, compression=None)

    def __enter__(self) -> Self:
        self._socket = self._opening.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opening.__exit__(kind, error, trace)

    @property
    def is_open(self) -> bool:
        """The node answers pings, which means that it has read all before."""
        with contextlib.suppress(ConnectionClosed):
            return self._socket.ping().wait(10)
        return False

    @property
    def close_code(self) -> int | None:
        return self._socket.close_code

    def send(self, frame: bytes | str) -> None:
        """Sends a frame; a socket that the node has closed is no error."""
        with contextlib.suppress(ConnectionClosed):
            self._socket.send(frame)

    def ask(self, **request: object) -> None:
        """Sends a request: its field and its message."""
        self.send(Request(**request).SerializePartialToString())  # type: ignore[arg-type]

    def until(self, name: str) -> Response:
        """Reads until a response of this name comes."""
        while True:
            frame = self._socket.recv(timeout=10)
            assert isinstance(frame, bytes)
            response = Response.FromString(frame)
            if response.WhichOneof("Response") == name:
                return response
