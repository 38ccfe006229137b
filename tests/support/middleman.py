"""Somebody on the path between a call and the node: sees and rewrites answers, sees every datagram, and can send more in a client's name."""

import contextlib
import http.client
import re
import selectors
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.support.running_node import RunningNode

SO_RCVBUFFORCE = 33
BUFFER = 4 << 20
KEPT = 20_000


def udp_socket(address: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A non-blocking socket with room for bursts, as far as we are allowed to ask for it."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    with contextlib.suppress(PermissionError):
        made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    made.bind((address, port))
    made.setblocking(False)
    return made


@dataclass
class Passer:
    """One client as the node sees it: the socket is the tuple that its checks have validated."""

    address: tuple[str, int]
    upstream: socket.socket
    sent: list[bytes] = field(default_factory=list)
    """What the client sent, oldest first."""

    def inject(self, datagram: bytes) -> None:
        """Sends in the client's name. A full socket buffer is like a lossy path."""
        with contextlib.suppress(BlockingIOError):
            self.upstream.send(datagram)

    def kind(self, low: int, high: int) -> list[bytes]:
        """What the client sent that begins with a byte in this range (RFC 7983)."""
        return [datagram for datagram in list(self.sent) if datagram and low <= datagram[0] <= high]


class Middleman:
    """Stands in for the node: give ``base_url`` to the clients. The node sees clients at ``client_ip``, HTTP from ``http_ip``."""

    def __init__(self, node: RunningNode, client_ip: str = "127.0.0.1", http_ip: str = "127.0.0.1") -> None:
        self.answers: list[str] = []
        self.offers: list[str] = []
        self._client_ip, self._http_ip = client_ip, http_ip
        self._node = node
        self._media = ("127.0.0.1", node.ready["media_ports"][0])
        self._clients: dict[tuple[str, int], Passer] = {}
        self._listen = udp_socket()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listen, selectors.EVENT_READ, None)
        self._stopped = False
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._threads = [
            threading.Thread(target=self._relay, daemon=True),
            threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True),
        ]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def passers(self) -> list[Passer]:
        return list(self._clients.values())

    @property
    def publisher(self) -> Passer:
        """The client that sent by far the most."""
        return max(self.passers, key=lambda passer: len(passer.sent))

    @property
    def players(self) -> list[Passer]:
        publisher = self.publisher
        return [passer for passer in self.passers if passer is not publisher]

    def credentials(self) -> list[tuple[str, str]]:
        """Username fragment and password of the node's side of each session, as its answers told."""
        return [(_attribute(answer, "ice-ufrag"), _attribute(answer, "ice-pwd")) for answer in self.answers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join(5)
        for passer in self.passers:
            passer.upstream.close()
        self._listen.close()
        self._selector.close()

    def _relay(self) -> None:
        while not self._stopped:
            for key, _ in self._selector.select(0.05):
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    if key.data is None:
                        self._up()
                    else:
                        self._down(key.data)

    def _up(self) -> None:
        while True:
            datagram, address = self._listen.recvfrom(65536)
            passer = self._clients.get(address)
            if passer is None:
                upstream = udp_socket(self._client_ip)
                upstream.connect(self._media)
                passer = self._clients[address] = Passer(address, upstream)
                self._selector.register(upstream, selectors.EVENT_READ, passer)
            if len(passer.sent) < KEPT:
                passer.sent.append(datagram)
            passer.upstream.send(datagram)

    def _down(self, passer: Passer) -> None:
        while True:
            self._listen.sendto(passer.upstream.recv(65536), passer.address)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        man = self

        class Handler(BaseHTTPRequestHandler):  # its method names are the library's
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                man._pass_on(self)

            do_POST = do_DELETE = do_PATCH = _pass  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler

    def _pass_on(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        if body:
            self.offers.append(body.decode())
        parts = urlsplit(self._node.url)
        upstream = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=10, source_address=(self._http_ip, 0)
        )
        headers = {k: v for k, v in request.headers.items() if k.lower() in ("authorization", "content-type")}
        upstream.request(request.command, request.path, body, headers)
        response = upstream.getresponse()
        answer = response.read()
        if response.status == 201:
            self.answers.append(answer.decode())
            port = self._listen.getsockname()[1]
            answer = re.sub(
                rb"(a=candidate:\S+ \d+ udp \d+ \S+) \d+", rb"\1 %d" % port, answer, flags=re.IGNORECASE
            )
        request.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() in ("location", "etag", "content-type", "link"):
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)
        upstream.close()


def _attribute(sdp: str, name: str) -> str:
    found = re.search(rf"^a={name}:(\S+)", sdp, re.MULTILINE)
    assert found, f"no {name} in the answer"
    return found[1]
