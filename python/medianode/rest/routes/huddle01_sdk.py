"""The calls of Huddle01's server SDK (``@huddle01/server-sdk`` 2.6.2): rooms, tokens, sessions, participants."""

import secrets
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from medianode.errors import InvalidArgument, NotFound
from medianode.history.records import Page, Participant, RoomSession
from medianode.ids import RoomName, is_name
from medianode.rest.deps import Ours, Services
from medianode.rest.huddle01_answers import (
    Cursor,
    JoinRoom,
    Limit,
    NewMetadata,
    NewPeerToken,
    NewSdkRoom,
    SdkRoute,
    check_room_metadata,
    metadata_text,
    metadata_value,
    ms,
    operator,
)
from medianode.rest.schemas import MAX_TTL_S
from medianode.rooms.metadata import check_metadata
from medianode.rooms.roles import Role, permissions_of
from medianode.rooms.tokens import checked_extras, permissions_from, permissions_to

TOKEN_TTL_S = 4 * 3600
NO_RECORDING = "This node does not record yet"

Document = dict[str, Any]

router = APIRouter(
    prefix="/huddle01/api/v2/sdk",
    route_class=SdkRoute,
    dependencies=[Depends(operator)],
    tags=["huddle01 server SDK"],
)
recorder = APIRouter(
    prefix="/huddle01/api/v1/recording",
    route_class=SdkRoute,
    dependencies=[Depends(operator)],
    tags=["huddle01 server SDK"],
)


@router.get("")
@router.get("/", include_in_schema=False)
async def check_key() -> Document:
    """Says that the API key is good."""
    return {"ok": True, "message": "The API key is valid"}


@router.get("/validate-room")
async def validate_room(ours: Ours, roomId: str) -> Document:  # noqa: N803 - the SDK's names
    """Says whether there is a room."""
    await _known(ours, roomId)
    return {"ok": True, "validated": True}


# Rooms


@router.post("/rooms/create-room", status_code=201)
async def create_room(ours: Ours, body: NewSdkRoom) -> Document:
    """Makes a room, which is opened when somebody joins and never expires."""
    text = check_room_metadata(body.metadata)
    made = await ours.history.make_room(check_metadata(text) if text else None, locked=body.roomLocked)
    return {"message": "Room Created Successfully", "data": {"roomId": made.name}}


@router.get("/rooms/get-rooms")
async def get_rooms(ours: Ours, limit: Limit = 20, cursor: Cursor = 0) -> Document:
    """Lists the rooms that were made, oldest first."""
    page = await ours.history.made_rooms(limit, cursor)
    rooms = [
        {
            "roomId": room.name,
            "createdAt": ms(room.created_at),
            "roomLocked": room.locked,
            "metadata": metadata_value(room.metadata),
        }
        for room in page.items
    ]
    return {
        "rooms": rooms,
        "pageSize": limit,
        "current": cursor,
        "nextCursor": _next(page, cursor),
        "prevCursor": max(0, cursor - limit) if cursor else None,
        "count": page.total,
    }


@router.get("/rooms/room-details/{room_id}")
async def get_room_details(ours: Ours, room_id: str) -> Document:
    """Describes a room."""
    metadata, locked = await _known(ours, room_id)
    return {"roomId": room_id, "roomLocked": locked, "metadata": metadata_value(metadata)}


@router.get("/rooms/metadata")
async def get_metadata_by_query(ours: Ours, roomId: str) -> Document:  # noqa: N803
    """Tells a room's metadata."""
    return await get_metadata(ours, roomId)


@router.get("/rooms/metadata/{room_id}")
@router.get("/rooms/get-metadata/{room_id}")
async def get_metadata(ours: Ours, room_id: str) -> Document:
    """Tells a room's metadata."""
    metadata, _ = await _known(ours, room_id)
    return {"metadata": metadata_value(metadata)}


@router.post("/rooms/metadata")
async def set_metadata_by_query(ours: Ours, roomId: str, body: NewMetadata) -> Document:  # noqa: N803
    """Changes a room's metadata; everybody in it is told."""
    return await set_metadata(ours, roomId, body)


@router.post("/rooms/metadata/{room_id}")
async def set_metadata(ours: Ours, room_id: str, body: NewMetadata) -> Document:
    """Changes a room's metadata; everybody in it is told."""
    text = check_room_metadata(body.metadata)
    if text is not None:
        check_metadata(text)
    known = await ours.history.set_metadata(room_id, text)
    room = ours.rooms.directory.find(RoomName(room_id))
    if room is not None:
        ours.rooms.set_room_metadata(room, text)
    elif not known:
        raise _no_room()
    return {"metadata": metadata_value(text)}


# Tokens


@router.post("/create-peer-token")
async def create_peer_token(ours: Ours, body: NewPeerToken) -> Document:
    """Mints a token for one peer, which it names."""
    await _known(ours, body.roomId)
    role, permissions = _rights(body)
    extras = checked_extras(role, permissions, metadata_text(body.metadata), body.options.maxPeersAllowed)
    ttl_s = min(body.ttl or TOKEN_TTL_S, MAX_TTL_S)
    return {"token": ours.mint.mint(body.roomId, role, _peer_id(), ttl_s, extras)}


@router.post("/join-room-token")
async def create_join_token(ours: Ours, body: JoinRoom) -> Document:
    """Mints a token for a person: a host or a guest, with name and picture as metadata."""
    await _known(ours, body.roomId)
    about = {"displayName": body.displayName, "avatarUrl": body.avatarUrl}
    metadata = metadata_text({name: value for name, value in about.items() if value is not None})
    role = Role.HOST if body.userType == "host" else Role.GUEST
    extras = checked_extras(role, None, metadata)
    return {"token": ours.mint.mint(body.roomId, role, _peer_id(), TOKEN_TTL_S, extras)}


@router.post("/create-guest-token", status_code=501)
async def create_guest_token() -> Document:
    """Says that this node's tokens are for rooms."""
    message = "A token of this node is for one room: use create-peer-token"
    return {"ok": False, "message": message, "validated": True}


@router.get("/get-whitelisted-domains")
async def get_domains() -> Document:
    """Says that no domain is treated in another way than any other."""
    return {"ok": True, "whitelistedDomains": []}


# Sessions and participants


@router.get("/live-sessions")
async def get_live_sessions(ours: Ours) -> Document:
    """Lists the sessions that run."""
    return {"liveSessions": [_live(session) for session in await ours.history.running_sessions()]}


@router.get("/live-sessions/{room_id}")
async def get_live_session(ours: Ours, room_id: str) -> Document:
    """Describes the session that runs in a room."""
    session = await ours.history.running_session(room_id)
    return {"liveSessions": {**_live(session), "currentPeerCount": session.present}}


@router.get("/live-sessions/participants/{room_id}")
async def get_live_participants(ours: Ours, room_id: str) -> Document:
    """Lists who is in a room now."""
    session = await ours.history.running_session(room_id)
    present = await ours.history.participants(session.id, present=True)
    count = sum(peer.role != Role.BOT for peer in present)
    return {"count": count, "participants": [_participant(peer) for peer in present]}


@router.get("/rooms/participant-list")
@router.get("/rooms/participant-lists")
async def get_participants(ours: Ours, sessionId: str) -> Document:  # noqa: N803
    """Lists who took part in a session."""
    participants = await ours.history.participants(sessionId)
    return {"participants": [_participant(peer) for peer in participants]}


@router.get("/rooms/session-details")
async def get_room_sessions(ours: Ours, roomId: str, limit: Limit = 20, cursor: Cursor = 0) -> Document:  # noqa: N803
    """Lists the sessions of a room, newest first."""
    page = await ours.history.sessions(roomId, limit, cursor)
    if not page.total:
        await _known(ours, roomId)
    sessions = [
        {
            "sessionId": session.id,
            "startTime": ms(session.started_at),
            "endTime": ms(session.ended_at) if session.ended_at is not None else None,
        }
        for session in page.items
    ]
    return {"sessions": sessions, "nextCursor": _next(page, cursor)}


@router.get("/metrics")
async def get_metrics(ours: Ours) -> Document:
    """Counts sessions, their minutes and participants since the history began."""
    totals = await ours.history.totals()
    return {
        "totalSessions": totals.sessions,
        "totalDuration": round(totals.seconds / 60),
        "totalUsers": totals.participants,
        **_NOTHING_RECORDED,
    }


# Recordings


@router.get("/recordings")
async def get_recordings() -> Document:
    """Lists the recordings: none yet."""
    return {"recordings": [], "nextCursor": None}


@recorder.post("/start")
@recorder.post("/stop")
async def refuse_recording() -> JSONResponse:
    """Says that this node does not record yet, nor stream to other services."""
    return JSONResponse({"msg": NO_RECORDING}, HTTPStatus.NOT_IMPLEMENTED)


@recorder.get("/status")
async def get_recording_status() -> Document:
    """Says that nothing is recorded."""
    return {"status": "stopped"}


# Pieces

_NOTHING_RECORDED = {"livestreamCount": 0, "recordingCount": 0}


async def _known(ours: Services, name: str) -> tuple[str | None, bool]:
    """Tells metadata and lock of a room that is open or was made; ``NotFound`` for any other."""
    room = ours.rooms.directory.find(RoomName(name))
    if room is not None:
        return room.metadata, room.locked
    made = await ours.history.made_room(name) if is_name(name) else None
    if made is None:
        raise _no_room()
    return made.metadata, made.locked


def _no_room() -> NotFound:
    return NotFound("Room not found")


def _rights(body: NewPeerToken) -> tuple[str, Document]:
    """Settles role and permissions: what is given counts, the role's table or a guest's fills the gaps."""
    role = body.role or Role.GUEST
    known = role in Role.__members__.values()
    if not known and body.permissions is None:
        raise InvalidArgument(f"{role!r} is no role of this node, so its permissions have to be given")
    base = permissions_of(role if known else Role.GUEST)
    return role, permissions_to(permissions_from(body.permissions or {}, base))


def _peer_id() -> str:
    return "peerId-" + secrets.token_urlsafe(16)[:21]


def _next(page: Page[Any], cursor: int) -> int | None:
    after = cursor + len(page.items)
    return after if page.items and after < page.total else None


def _live(session: RoomSession) -> Document:
    return {"roomId": session.room, "startTime": ms(session.started_at), **_NOTHING_RECORDED}


def _participant(peer: Participant) -> Document:
    exit_time = {"exitTime": ms(peer.left_at)} if peer.left_at is not None else {}
    return {
        "peerId": peer.peer,
        "joinTime": ms(peer.joined_at),
        **exit_time,
        "metadata": metadata_value(peer.metadata),
    }
