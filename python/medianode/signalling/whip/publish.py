"""WHIP (RFC 9725): a client's offer becomes a source in a room. Refuses to know HTTP beyond what the RFC names."""

from medianode.errors import InvalidArgument, Unsupported
from medianode.ids import CAMERA, SourceLabel, is_name
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
from medianode.signalling.whip.trickle import patch


class Publishing:
    """The WHIP side of the rooms."""

    def __init__(self, service: RoomService, sdp: Sdp) -> None:
        self._service = service
        self._sdp = sdp
        self._ices = IceSessions()

    async def post(self, grant: Grant, room: str, peer: str | None, label: str | None, body: Body) -> Answer:
        """Opens a session. The peer is named by the path or by the token."""
        name = grant.for_room(room).names(peer)
        if name is None:
            raise InvalidArgument(f"name the peer: in the path (/whip/{room}/NAME) or in the token")
        try:
            plan = self._sdp.publish(body.text(SDP_TYPE))
            opened = await self._service.publish(grant, name, label_of(label), media_of(plan))
        except Unsupported as error:
            raise unusable(error) from error
        answer = created(self._service, self._sdp, self._ices, plan, opened)
        return Answer(
            answer.status,
            {**answer.headers, "Location": f"/whip/{room}/{name}/{opened.session.id}"},
            answer.body,
        )

    async def patch(self, grant: Grant, session: str, body: Body) -> Answer:
        """Trickles or restarts ICE."""
        return await patch(self._service, self._sdp, self._ices, grant, session, body)

    def delete(self, grant: Grant, session: str) -> Answer:
        """Ends a session."""
        return delete(self._service, grant, session)


def label_of(label: str | None) -> SourceLabel:
    """Reads the label of a source; a camera unless said otherwise."""
    if label is None:
        return CAMERA
    if not is_name(label):
        raise InvalidArgument(f"{label!r} cannot be the label of a source")
    return SourceLabel(label)
