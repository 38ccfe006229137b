"""WHIP and WHEP over HTTP: the two differ only in whom they hand the offer to."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from medianode.rest.deps import Client, Ours, Services
from medianode.signalling.whip.exchange import FRAGMENT_TYPE, SDP_TYPE, Answer, Body
from medianode.signalling.whip.play import Playing
from medianode.signalling.whip.publish import Publishing

ENDPOINT_METHODS = "GET, HEAD, POST, OPTIONS"
SESSION_METHODS = "GET, HEAD, PATCH, DELETE, OPTIONS"

Label = Annotated[
    str | None, Query(description="which of the peer's sources: camera (default), screen, or another label")
]

_SDP_BODY = {
    "requestBody": {"required": True, "content": {SDP_TYPE: {"schema": {"type": "string"}}}},
    "responses": {
        "201": {"description": "the answer", "content": {SDP_TYPE: {"schema": {"type": "string"}}}}
    },
}
_FRAGMENT_BODY = {
    "requestBody": {"required": True, "content": {FRAGMENT_TYPE: {"schema": {"type": "string"}}}}
}


def whip_router() -> APIRouter:
    """Routes of WHIP (RFC 9725)."""
    return _router("whip", "WHIP")


def whep_router() -> APIRouter:
    """Routes of WHEP (draft-ietf-wish-whep)."""
    return _router("whep", "WHEP")


def _router(prefix: str, tag: str) -> APIRouter:
    router = APIRouter(prefix=f"/{prefix}", tags=[tag])

    def side(ours: Services) -> Publishing | Playing:
        return ours.publishing if prefix == "whip" else ours.playing

    async def _offer(
        request: Request, ours: Ours, grant: Client, room: str, peer: str | None, label: str | None
    ) -> Response:
        answer = await side(ours).post(grant, room, peer, label, await _body(request))
        response = _response(answer)
        for server in ours.ice_servers:
            response.headers.append("Link", server.header())
        return response

    @router.post("/{room}", status_code=201, openapi_extra=_SDP_BODY, name=f"{prefix}_post")
    async def _post(request: Request, ours: Ours, grant: Client, room: str, label: Label = None) -> Response:
        """Opens a session with an SDP offer; the answer comes back, the session's address is in Location."""
        return await _offer(request, ours, grant, room, None, label)

    @router.post("/{room}/{peer}", status_code=201, openapi_extra=_SDP_BODY, name=f"{prefix}_post_peer")
    async def _post_peer(
        request: Request, ours: Ours, grant: Client, room: str, peer: str, label: Label = None
    ) -> Response:
        """Opens a session for or with a named peer."""
        return await _offer(request, ours, grant, room, peer, label)

    @router.patch(
        "/{room}/{peer}/{session}", status_code=204, openapi_extra=_FRAGMENT_BODY, name=f"{prefix}_patch"
    )
    async def _patch(
        request: Request, ours: Ours, grant: Client, room: str, peer: str, session: str
    ) -> Response:
        """Takes ICE candidates, or restarts ICE."""
        del peer
        return _response(await side(ours).patch(grant.for_room(room), session, await _body(request)))

    @router.delete("/{room}/{peer}/{session}", name=f"{prefix}_delete")
    async def _delete(ours: Ours, grant: Client, room: str, peer: str, session: str) -> Response:
        """Ends a session."""
        del peer
        return _response(side(ours).delete(grant.for_room(room), session))

    # RFC 9725 section 4.1 and the draft's: the resources have no representation, a GET succeeds without content.
    for path in ("/{room}", "/{room}/{peer}", "/{room}/{peer}/{session}"):
        router.add_api_route(path, _get, methods=["GET", "HEAD"], status_code=204, include_in_schema=False)
        allowed = SESSION_METHODS if path.endswith("{session}") else ENDPOINT_METHODS
        router.add_api_route(path, _options(allowed), methods=["OPTIONS"], include_in_schema=False)
    return router


async def _get() -> Response:
    return Response(status_code=204)


def _options(allowed: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - an endpoint
    headers = {"Allow": allowed}
    if "POST" in allowed:
        headers["Accept-Post"] = SDP_TYPE
    if "PATCH" in allowed:
        headers["Accept-Patch"] = FRAGMENT_TYPE

    async def options() -> Response:
        return Response(headers=headers)

    return options


async def _body(request: Request) -> Body:
    return Body(await request.body(), request.headers.get("content-type"), request.headers.get("if-match"))


def _response(answer: Answer) -> Response:
    return Response(answer.body.encode() if answer.body else None, int(answer.status), dict(answer.headers))
