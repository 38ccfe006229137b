"""WHEP (draft-ietf-wish-whep): a client's offer becomes a player of a room. Knows of HTTP what the draft names."""

from medianode.errors import InvalidArgument, Unsupported
from medianode.ids import PeerName, is_name
from medianode.rooms.room import Target
from medianode.rooms.service import RoomService
from medianode.rooms.tokens import Grant
from medianode.sfu.sdp import Sdp
from medianode.signalling.whip.exchange import (
    SDP_TYPE,
    Answer,
    Body,
    IceSessions,
    created,
    delete,
    media_of,
    unusable,
)
from medianode.signalling.whip.publish import label_of
from medianode.signalling.whip.trickle import patch

SPEAKER = "~"
"""Stands in a session's path where a player follows whoever speaks."""


class Playing:
    """The WHEP side of the rooms."""

    def __init__(self, service: RoomService, sdp: Sdp) -> None:
        self._service = service
        self._sdp = sdp
        self._ices = IceSessions()

    async def post(self, grant: Grant, room: str, peer: str | None, label: str | None, body: Body) -> Answer:
        """Opens a session that follows one peer, or whoever speaks. The target may come later."""
        grant.for_room(room)
        if peer is not None and not is_name(peer):
            raise InvalidArgument(f"{peer!r} cannot be the name of a peer")
        target = Target(PeerName(peer) if peer is not None else None, label_of(label))
        try:
            plan = self._sdp.play(body.text(SDP_TYPE))
            opened = await self._service.play(grant, target, media_of(plan))
        except Unsupported as error:
            raise unusable(error) from error
        answer = created(self._service, self._sdp, self._ices, plan, opened)
        where = f"/whep/{room}/{peer or SPEAKER}/{opened.session.id}"
        return Answer(answer.status, {**answer.headers, "Location": where}, answer.body)

    async def patch(self, grant: Grant, session: str, body: Body) -> Answer:
        """Trickles or restarts ICE."""
        return await patch(self._service, self._sdp, self._ices, grant, session, body)

    def delete(self, grant: Grant, session: str) -> Answer:
        """Ends a session."""
        return delete(self._service, grant, session)
