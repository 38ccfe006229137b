"""Serves the application: sockets, TLS that is reread when it changes, and time limits that the HTTP library lacks."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import h11
import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets import http11

from medianode.errors import InvalidArgument, NetworkUnavailable
from medianode.rest.errors import problem
from medianode.rest.ws import DROP

TLS_CHECK_S = 5.0
DATE_EVERY_S = 1.0
HEAD_BYTES = 32 * 1024
"""Longest head of a request. Clients of WebSockets put their whole token into its first line."""
http11.MAX_LINE_LENGTH = HEAD_BYTES
WS_FRAME_BYTES = 64 * 1024
"""Far above the largest message of an honest client."""
WS_PING_S = 20.0
"""A WebSocket whose client has not answered a ping after this time is dead; pings are as far apart."""
UNWANTED_BYTES = 256 * 1024
"""Read after the answer of a body that nobody wanted, so that the client gets to the answer; then the connection is closed."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HttpBinding:
    """Where and how to serve."""

    host: str
    port: int
    tls_cert: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    header_timeout_s: float = 10.0
    keep_alive_s: int = 30
    connections: int = 4096


class _PatientProtocol(H11Protocol):
    """Cuts a connection that does not finish the head of a request in time, however slowly it goes on sending.

    Bounds the connections too, and says what is wrong in problem documents; the library's own limit lets idle ones pile up.
    """

    header_timeout_s = 10.0
    most_connections = 4096
    _unwanted = 0
    _upgraded = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections", (b"retry-after", b"1"))
            return
        self._arm()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse(self, status: HTTPStatus, detail: str, *headers: tuple[bytes, bytes]) -> None:
        """Closes, with a problem document if no answer has begun."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            response = problem(status, detail)
            lines = [*response.raw_headers, *headers, (b"connection", b"close")]
            head = h11.Response(status_code=status, headers=lines, reason=status.phrase.encode())
            for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Leaves the connection to the WebSocket's protocol."""
        self._upgraded = True
        self._disarm()
        super().handle_websocket_upgrade(event)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._upgraded:
            return
        if self._answering():
            self._disarm()
            self._unwanted = 0
        elif self.conn.their_state is h11.SEND_BODY and self._outstays(len(data)):
            self.transport.close()
        elif self._head_timer is None:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def _outstays(self, received: int) -> bool:
        self._unwanted += received
        return self._unwanted > UNWANTED_BYTES

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _arm(self) -> None:
        self._head_timer = self.loop.call_later(self.header_timeout_s, self._late)

    def _disarm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _late(self) -> None:
        self._head_timer = None
        if not self._answering() and not self.transport.is_closing():
            self.transport.close()


class _WebSocketProtocol(WebSocketsSansIOProtocol):
    """Ends connections without a close frame where the client is to come back; the library's codes would keep it away."""

    async def run_asgi(self) -> None:
        self.scope["state"][DROP] = self._drop
        await super().run_asgi()

    def keepalive_timeout(self) -> None:
        self._drop()

    def shutdown(self) -> None:
        """Stops when the node does."""
        self._drop()

    def _drop(self) -> None:
        self.transport.abort()


class _Server(uvicorn.Server):
    """A server that leaves signals to the node, and is told when to end instead of looking ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def end(self) -> None:
        """Lets ``serve`` return once what runs has finished."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            while not await self.on_tick(0):  # sets the date of the answers
                await asyncio.wait([ending], timeout=DATE_EVERY_S)
        finally:
            ending.cancel()


@dataclass
class HttpServer:
    """One listening HTTP server."""

    app: FastAPI
    binding: HttpBinding
    port: int = 0
    """The real port, once started."""
    _server: _Server | None = None
    _tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    async def start(self) -> None:
        """Binds and serves; raises ``NetworkUnavailable`` when the address cannot be had."""
        binding = self.binding
        listener = _listen(binding.host, binding.port)
        self.port = listener.getsockname()[1]
        bounds = {"header_timeout_s": binding.header_timeout_s, "most_connections": binding.connections}
        protocol = type("_Protocol", (_PatientProtocol,), bounds)
        config = uvicorn.Config(
            self.app,
            http=protocol,
            ws=_WebSocketProtocol,
            ws_max_size=WS_FRAME_BYTES,
            ws_ping_interval=WS_PING_S,
            ws_ping_timeout=WS_PING_S,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(binding.trusted_proxies),
            forwarded_allow_ips=list(binding.trusted_proxies),
            timeout_keep_alive=binding.keep_alive_s,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=HEAD_BYTES,
        )
        if binding.tls_cert is not None and binding.tls_key is not None:
            config.load()
            config.ssl = _tls(binding.tls_cert, binding.tls_key)
            self._tasks.append(
                asyncio.create_task(_reread(config.ssl, binding.tls_cert, binding.tls_key), name="tls reread")
            )
        self._server = _Server(config)
        self._tasks.append(asyncio.create_task(self._server.serve(sockets=[listener]), name="http"))
        while not self._server.started:
            if self._tasks[-1].done():
                await self._tasks[-1]
                raise NetworkUnavailable(f"HTTP on {binding.host}:{binding.port} ended at once")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Stops accepting, lets what runs finish for two seconds, then cuts it."""
        if self._server is None:
            return
        self._server.end()
        *others, serving = self._tasks
        for task in others:
            task.cancel()
        _, late = await asyncio.wait([serving], timeout=4)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and host == "::":
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(address)
            listener.listen(1024)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise NetworkUnavailable(
            f"cannot serve HTTP on {host} port {port}: {error.strerror or error}"
        ) from error
    return listener


def _tls(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:  # SSLError is one
        raise InvalidArgument(f"cannot use the certificate {cert} with the key {key}: {error}") from error
    return context


async def _reread(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    """Loads the certificate again when either file changes; a pair that does not fit (half-replaced) is tried again."""
    loaded = _stamp(cert, key)
    while True:
        await asyncio.sleep(TLS_CHECK_S)
        now = _stamp(cert, key)
        if now is None or now == loaded:
            continue
        try:
            _tls(cert, key)  # a pair that does not fit must not reach the live context
            context.load_cert_chain(cert, key)
        except (OSError, InvalidArgument) as error:
            log.warning("the certificate cannot be reread; the old one stays", reason=str(error))
            continue
        loaded = now
        log.info("certificate reread")


def _stamp(*paths: Path) -> tuple[tuple[int, int], ...] | None:
    try:
        return tuple((path.stat().st_mtime_ns, path.stat().st_ino) for path in paths)
    except OSError:
        return None
