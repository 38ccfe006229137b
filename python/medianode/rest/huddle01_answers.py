"""How the routes for Huddle01's server SDK take callers in and refuse: its header, its bodies, its statuses. Holds no rule."""

import json
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field

from medianode.errors import InvalidArgument, NotFound, PermissionDenied, Unauthenticated
from medianode.rest.deps import Ours

MAX_ROOM_METADATA_BYTES = 1024

_header = APIKeyHeader(name="x-api-key", auto_error=False, description="an API key of this node")


def operator(ours: Ours, key: Annotated[str | None, Depends(_header)]) -> None:
    """Lets in whoever has an API key."""
    if key is None or ours.keys.check(key) is None:
        raise Unauthenticated("this needs an API key in x-api-key")


class SdkRoute(APIRoute):
    """A route that refuses as the SDK expects; what it knows no form for is a problem document as everywhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wraps the handler."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthenticated:
                body = {"message": "Incorrect or no API key provided", "ok": False, "validated": False}
                return JSONResponse(body, HTTPStatus.UNAUTHORIZED)
            except NotFound as error:
                return JSONResponse({"ok": False, "message": str(error)}, HTTPStatus.NOT_FOUND)
            except (InvalidArgument, PermissionDenied) as error:
                return _issues([{"code": "custom", "path": [], "message": str(error)}])
            except RequestValidationError as error:
                found = error.errors()[:16]
                return _issues(
                    [{"code": e["type"], "path": list(e["loc"][1:]), "message": e["msg"]} for e in found]
                )

        return answer


def _issues(issues: list[dict[str, Any]]) -> Response:
    error = {"issues": issues, "name": "ZodError"}
    return JSONResponse({"success": False, "error": error}, HTTPStatus.BAD_REQUEST)


Limit = Annotated[int, Field(ge=1, le=100, description="items in one answer")]
Cursor = Annotated[int, Field(ge=0, le=1 << 31, description="nextCursor of the answer before")]
Metadata = str | dict[str, Any]
"""JSON text, as the SDK sends it, or an object, as the documentation shows it."""


class _In(BaseModel):
    # The SDK's own server ignores what it does not know, and later versions may send more.
    model_config = ConfigDict(extra="ignore")


class NewSdkRoom(_In):
    """What a room is made from."""

    metadata: Metadata | None = None
    roomLocked: bool = False  # noqa: N815 - as the SDK names it


class NewMetadata(_In):
    """What is told about a room from now on; none: nothing."""

    metadata: Metadata | None = None


class TokenOptions(_In):
    """Conditions of a token."""

    maxPeersAllowed: int | None = Field(None, ge=1)  # noqa: N815


class NewPeerToken(_In):
    """What a peer's token is made from."""

    roomId: str = Field(min_length=1)  # noqa: N815
    role: str | None = Field(None, min_length=1, max_length=20)
    permissions: dict[str, Any] | None = None
    metadata: Metadata | None = None
    ttl: int | None = Field(None, ge=1, description="seconds until it expires")
    options: TokenOptions = TokenOptions()


class JoinRoom(_In):
    """What the token of a person is made from."""

    roomId: str = Field(min_length=1)  # noqa: N815
    displayName: str | None = Field(None, max_length=256)  # noqa: N815
    avatarUrl: str | None = Field(None, max_length=2048)  # noqa: N815
    userType: str | None = Field(None, pattern="^(host|guest)$")  # noqa: N815


def metadata_text(given: Metadata | None) -> str | None:
    """Turns metadata into the text that is kept; an empty text is none."""
    if isinstance(given, dict):
        return json.dumps(given, separators=(",", ":"), ensure_ascii=False)
    return given or None


def check_room_metadata(given: Metadata | None) -> str | None:
    """Turns a room's metadata into text of at most 1 KiB."""
    text = metadata_text(given)
    if text is not None and len(text.encode("utf-8", "replace")) > MAX_ROOM_METADATA_BYTES:
        raise InvalidArgument(f"metadata of a room has at most {MAX_ROOM_METADATA_BYTES} bytes")
    return text


def metadata_value(text: str | None) -> object:
    """Turns the text that is kept into the value that is told; what cannot be told as a value stays a text."""
    if not text:
        return None
    value: object = json.loads(text)
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # half of a surrogate pair, a number beyond every float
        return text
    return value


def ms(seconds: float) -> int:
    """Turns seconds into the milliseconds that the SDK counts in."""
    return int(seconds * 1000)
