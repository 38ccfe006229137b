"""Turns every error into a problem document (RFC 9457). The one table of errors and HTTP statuses beside WHIP's own."""

import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medianode.errors import (
    CapacityError,
    Conflict,
    DependencyError,
    Draining,
    InternalError,
    InvalidArgument,
    LimitReached,
    MedianodeError,
    NotFound,
    Overloaded,
    PeerError,
    PermissionDenied,
    Unauthenticated,
    Unsupported,
    WrongState,
)
from medianode.signalling.whip.status import status_of

PROBLEM_TYPE = "application/problem+json"

_STATUS: dict[type[MedianodeError], HTTPStatus] = {
    InvalidArgument: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    PermissionDenied: HTTPStatus.FORBIDDEN,
    WrongState: HTTPStatus.CONFLICT,
    Unsupported: HTTPStatus.NOT_IMPLEMENTED,
    LimitReached: HTTPStatus.TOO_MANY_REQUESTS,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    Draining: HTTPStatus.SERVICE_UNAVAILABLE,
    PeerError: HTTPStatus.BAD_GATEWAY,
    DependencyError: HTTPStatus.SERVICE_UNAVAILABLE,
    InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    MedianodeError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

log = structlog.get_logger(__name__)


def problem(
    status: int,
    detail: str = "",
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    """Builds a problem document with a reference under which the log has more."""
    known = HTTPStatus(status)
    document: dict[str, object] = {"type": "about:blank", "title": known.phrase, "status": status}
    if detail and detail != known.phrase:
        document["detail"] = detail
    if errors:
        document["errors"] = errors
    document["reference"] = secrets.token_hex(6)
    return Response(
        json.dumps(document),
        status,
        {**(headers or {}), "Cache-Control": "no-store"},
        media_type=PROBLEM_TYPE,
    )


def problem_of(error: MedianodeError) -> Response:
    """Builds the problem document of one of our errors."""
    status = status_of(error) or next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="medianode"'
    if isinstance(error, CapacityError):
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    internal = isinstance(error, InternalError) or (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR and not headers
    )
    response = problem(status, "" if internal else str(error), headers)
    if internal:
        log.error(
            "request failed", reference=_reference(response), reason=str(error), error=type(error).__name__
        )
    return response


def install(app: FastAPI) -> None:
    """Makes an application answer every error with a problem document."""

    @app.exception_handler(MedianodeError)
    async def _ours(_request: Request, error: MedianodeError) -> Response:
        return problem_of(error)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        found = [{"where": ".".join(map(str, e["loc"])), "what": str(e["msg"])} for e in error.errors()[:16]]
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "the request does not have the expected form", errors=found
        )


class ErrorGuard:
    """Answers what nothing else caught with a 500 that says nothing, and logs it under the same reference."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception:
            response = problem(HTTPStatus.INTERNAL_SERVER_ERROR)
            log.exception("request failed", reference=_reference(response), method=scope["method"])
            if not started:
                await response(scope, receive, send)


def _reference(response: Response) -> str:
    return str(json.loads(bytes(response.body))["reference"])
