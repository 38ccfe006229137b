"""HTTP as an attacker writes it: bytes out, whatever comes back parsed leniently."""

import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.support.running_node import RunningNode

TIMEOUT_S = 20


@dataclass
class Response:
    status: int
    """0 when the connection ended without a word."""
    headers: dict[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        """The problem document (RFC 9457); anything else fails the test."""
        assert self.headers.get("content-type") == "application/problem+json", (
            self.status,
            self.headers,
            self.body[:200],
        )
        document = json.loads(self.body)
        assert document["status"] == self.status
        assert document["title"]
        assert "Traceback" not in document.get("detail", "")
        return document


def connect(node: RunningNode) -> socket.socket:
    parts = urlsplit(node.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_S)


def read(stream: socket.socket) -> Response:
    """Reads one response to its end (length or close)."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while b"\r\n\r\n" not in data:
            more = stream.recv(65536)
            if not more:
                break
            data += more
    if not data:
        return Response(0, {}, b"")
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", 1 << 30))
    with contextlib.suppress(ConnectionError):
        while len(body) < length:
            more = stream.recv(65536)
            if not more:
                break
            body += more
    return Response(int(first.split()[1]), headers, body[:length])


def exchange(node: RunningNode, data: bytes) -> Response:
    """Sends bytes, as far as the node takes them, and reads what comes back."""
    with connect(node) as stream:
        with contextlib.suppress(ConnectionError):
            stream.sendall(data)
        return read(stream)


def request(
    node: RunningNode, method: str, path: str, *, token: str | None = None, body: bytes = b"", **headers: str
) -> Response:
    """A request whose path and headers go out exactly as given."""
    lines = [f"{method} {path} HTTP/1.1", "Host: node", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return exchange(node, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def offer(node: RunningNode, path: str, token: str, sdp: str) -> Response:
    return request(node, "POST", path, token=token, body=sdp.encode(), Content_Type="application/sdp")
