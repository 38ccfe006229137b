"""Bounds what a client may send and adds the headers that every answer carries. Plain ASGI; reads no body itself."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medianode.rest.errors import problem

CORS_PATHS = ("/whip/", "/whep/", "/api/", "/huddle01/")
PREFLIGHT_PATHS = ("/api/", "/huddle01/")
"""Those whose routes do not answer OPTIONS themselves."""
METHODS = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
REQUEST_HEADERS = "Authorization, Content-Type, If-Match, Accept, Last-Event-ID"
EXPOSED_HEADERS = "Location, ETag, Link, Accept-Patch, Accept-Post, Allow, Retry-After, WWW-Authenticate"


class BodyLimits:
    """Refuses large bodies before reading them, counts those of unknown length, and waits for none for ever."""

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_s: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > self._max_bytes:
            # Closing the connection leaves the body unread.
            response = problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"a body has at most {self._max_bytes} bytes",
                {"Connection": "close"},
            )
            await response(scope, receive, send)
            return
        await self._app(scope, _Bounded(receive, self._max_bytes, self._timeout_s), send)


class _Bounded:
    """A request's body, counted and timed."""

    def __init__(self, receive: Receive, max_bytes: int, timeout_s: float) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._left = max_bytes
        self._timeout_s = timeout_s
        self._deadline: float | None = None
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._timeout_s
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time", {"Connection": "close"}
            ) from None
        self._left -= len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._left < 0:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"a body has at most {self._max_bytes} bytes",
                {"Connection": "close"},
            )
        return message


class AnswerHeaders:
    """Adds the headers of the Fetch standard (CORS) for clients' paths, and those that keep browsers from guessing.

    Any origin may call: a caller proves itself by a bearer token, never by a cookie.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cross = scope["path"].startswith(CORS_PATHS)
        if cross and scope["method"] == "OPTIONS" and scope["path"].startswith(PREFLIGHT_PATHS):
            await send(_start(HTTPStatus.NO_CONTENT, _cors()))
            await send({"type": "http.response.body"})
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "no-referrer")
                if cross:
                    for name, value in _cors():
                        headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, dressed)


def _cors() -> list[tuple[str, str]]:
    return [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", METHODS),
        ("Access-Control-Allow-Headers", REQUEST_HEADERS),
        ("Access-Control-Expose-Headers", EXPOSED_HEADERS),
        ("Access-Control-Max-Age", "7200"),
    ]


def _start(status: int, headers: Iterable[tuple[str, str]]) -> Message:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return {"type": "http.response.start", "status": int(status), "headers": raw}
