"""Rooms, their tokens, peers, counters and events over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from medianode.errors import NotFound
from medianode.ids import PeerName, RoomName
from medianode.rest.deps import Operator, OperatorOrClient, OperatorOrModerator, Ours
from medianode.rest.schemas import (
    NewRoom,
    NewToken,
    PeerDocument,
    PeerList,
    RoomDocument,
    RoomList,
    RoomStats,
    TokenDocument,
)
from medianode.rest.stats import stats_of
from medianode.rooms.announce import (
    Fact,
    PeerPublished,
    PeerUnpublished,
    Present,
    RoomEnded,
    SpeakerChanged,
    Subscription,
)
from medianode.rooms.tokens import checked_extras

HEARTBEAT_S = 15.0

router = APIRouter(prefix="/api/v1/rooms", tags=["rooms"])


@router.post("", status_code=201)
async def create_room(ours: Ours, _key: Operator, body: NewRoom, response: Response) -> RoomDocument:
    """Makes a room that stays until it is deleted."""
    room = await ours.rooms.create_room(body.name, metadata=body.metadata, locked=body.locked)
    response.headers["Location"] = f"/api/v1/rooms/{room.name}"
    return RoomDocument.of(room)


@router.get("")
async def list_rooms(ours: Ours, _key: Operator) -> RoomList:
    """Lists the rooms, oldest first."""
    return RoomList(rooms=[RoomDocument.of(room) for room in ours.rooms.directory.rooms()])


@router.get("/{room}")
async def get_room(ours: Ours, _key: Operator, room: str) -> RoomDocument:
    """Describes a room."""
    return RoomDocument.of(ours.rooms.directory.room(room))


@router.delete("/{room}", status_code=204)
async def delete_room(ours: Ours, _key: Operator, room: str) -> None:
    """Ends a room, telling everybody in it, and forgets that it was made."""
    known = await ours.history.delete_room(room)
    if not known or ours.rooms.directory.find(RoomName(room)) is not None:
        ours.rooms.delete_room(room)


@router.post("/{room}/tokens", status_code=201)
async def create_token(ours: Ours, _key: Operator, room: str, body: NewToken) -> TokenDocument:
    """Mints a token for a client of a room, which need not exist yet."""
    extras = checked_extras(body.role, body.permissions, body.metadata, body.max_peers)
    token = ours.mint.mint(room, body.role, body.peer, body.ttl_s, extras)
    expires = ours.mint.verify(token).expires_at
    return TokenDocument(token=token, room=room, role=body.role, peer=body.peer, expires_at=expires)


@router.get("/{room}/peers")
async def list_peers(ours: Ours, _key: Operator, room: str) -> PeerList:
    """Lists who is in a room."""
    found = ours.rooms.directory.room(room)
    return PeerList(peers=[PeerDocument.of(peer) for peer in found.peers.values()])


@router.get("/{room}/peers/{peer}")
async def get_peer(ours: Ours, _key: Operator, room: str, peer: str) -> PeerDocument:
    """Describes a peer."""
    found = ours.rooms.directory.room(room).peers.get(PeerName(peer))
    if found is None:
        raise NotFound(f"there is no peer {peer} in room {room}")
    return PeerDocument.of(found)


@router.delete("/{room}/peers/{peer}", status_code=204)
async def remove_peer(ours: Ours, _who: OperatorOrModerator, room: str, peer: str) -> None:
    """Ends all that a peer has in a room. A client's token does if it moderates the room."""
    ours.rooms.remove_peer(ours.rooms.directory.room(room), peer)


@router.get("/{room}/stats")
async def get_stats(ours: Ours, _key: Operator, room: str) -> RoomStats:
    """Returns the counters of a room's sessions."""
    return stats_of(ours.rooms.directory.room(room), ours.sfu.snapshot(), ours.rooms.now())


@router.get("/{room}/events", response_class=StreamingResponse)
async def stream_events(ours: Ours, grant: OperatorOrClient, room: str) -> StreamingResponse:
    """Streams what happens in a room as server-sent events: first `peers`, then each change.

    A client's token of this room does as well; it opens the room like a join would.
    """
    if grant is not None:
        grant.for_room(room)
    watch = ours.rooms.watch(RoomName(room), opens=grant is not None)
    subscription = await watch.__aenter__()

    async def stream() -> AsyncIterator[str]:
        try:
            async for text in _sse(subscription):
                yield text
        finally:
            await watch.__aexit__(None, None, None)

    return StreamingResponse(
        stream(),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _sse(subscription: Subscription) -> AsyncIterator[str]:
    """Writes facts as they come, and a comment now and then so that proxies keep the connection."""
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                fact = await subscription.next()
        except TimeoutError:
            yield ": still here\n\n"
            continue
        if fact is None:
            return
        event = _event(fact)
        if event is not None:
            name, data = event
            yield f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _event(fact: Fact) -> tuple[str, dict[str, object]] | None:
    match fact:
        case Present(peers=peers):
            return "peers", {
                "peers": [{"peer": p.peer, "label": p.label, "kinds": list(p.kinds)} for p in peers]
            }
        case PeerPublished(peer=peer, label=label, kinds=kinds):
            return "peer_published", {"peer": peer, "label": label, "kinds": list(kinds)}
        case PeerUnpublished(peer=peer, label=label):
            return "peer_unpublished", {"peer": peer, "label": label}
        case SpeakerChanged(peer=peer, label=label):
            return "active_speaker", {"peer": peer, "label": label}
        case RoomEnded(reason=reason):
            return "room_closed", {"reason": reason}
        case _:
            return None  # what only members need, or the history
