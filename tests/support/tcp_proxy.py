"""A path to the node for HTTP and WebSockets that a test can cut."""

import contextlib
import selectors
import socket
import struct
import threading
from types import TracebackType
from typing import Self

CHUNK = 65536


class TcpProxy:
    """Forwards connections to a local port. Cut ones end with a reset, as when a network forgets them."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._lock = threading.Lock()
        self._down = self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self, *, stays_down: bool = False) -> None:
        """Resets all connections; new ones are reset at once until ``restore``, if it stays down."""
        with self._lock:
            self._down = stays_down
            for key in list(self._selector.get_map().values()):
                if key.fileobj is not self._listener:
                    self._end(key.fileobj)  # type: ignore[arg-type]

    def restore(self) -> None:
        """Lets new connections through again."""
        with self._lock:
            self._down = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self._thread.join(5)
        self.cut()
        self._selector.close()
        self._listener.close()

    def _run(self) -> None:
        while not self._stopped:
            for key, _ in self._selector.select(0.05):
                with self._lock:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj in {each.fileobj for each in self._selector.get_map().values()}:
                        self._pass_on(key.fileobj, key.data)  # type: ignore[arg-type]

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._down:
            _reset(client)
            return
        server = socket.create_connection(self._target, 5)
        self._selector.register(client, selectors.EVENT_READ, server)
        self._selector.register(server, selectors.EVENT_READ, client)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            data = source.recv(CHUNK)
            target.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._end(source)
            self._end(target)

    def _end(self, connection: socket.socket) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)
        _reset(connection)


def _reset(connection: socket.socket) -> None:
    """Closes with RST in place of FIN."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
