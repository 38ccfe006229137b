"""The door for Huddle01's clients: where their WebSocket is, and that WebSocket."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, WebSocket

from medianode.errors import Draining
from medianode.rest.deps import Ours, Services
from medianode.rest.ws import WebSocketConnection
from medianode.rooms.announce import ClientInfo

PREFIX = "/huddle01"
MAX_INFO_CHARS = 256

router = APIRouter(prefix=PREFIX, tags=["Huddle01"])


@router.get("/api/v1/getSushiUrl")
async def get_sushi_url(request: Request, ours: Ours) -> dict[str, str]:
    """Says where the WebSocket is. The token is judged there: a refusal here would only make clients ask again."""
    if ours.rooms.draining:
        raise Draining("this node is stopping", retry_after=5)
    return {"url": str(request.base_url).rstrip("/") + PREFIX}


@router.websocket("/ws")
async def serve(
    socket: WebSocket,
    token: str = "",
    version: Annotated[str | None, Query(max_length=MAX_INFO_CHARS)] = None,
    region: Annotated[str | None, Query(max_length=MAX_INFO_CHARS)] = None,
    country: Annotated[str | None, Query(max_length=MAX_INFO_CHARS)] = None,
) -> None:
    """Holds a conversation. Who may not enter learns it by a close code: a refused upgrade looks like a broken line."""
    ours: Services = socket.app.state.services
    await socket.accept()
    agent = socket.headers.get("user-agent")
    client = ClientInfo(version, region, country, agent[:MAX_INFO_CHARS] if agent is not None else None)
    await ours.conversations.serve(WebSocketConnection(socket), token, client)
