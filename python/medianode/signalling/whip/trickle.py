"""PATCH of a session (RFC 9725 section 4.3): candidates of the client, and ICE restart. Changes nothing but ICE."""

import structlog

from medianode.errors import InvalidArgument
from medianode.rooms.service import RoomService
from medianode.rooms.tokens import Grant
from medianode.sfu.sdp import Sdp
from medianode.signalling.whip import status
from medianode.signalling.whip.exchange import FRAGMENT_TYPE, Answer, Body, IceSessions
from medianode.signalling.whip.status import MissingTag, StaleTag

log = structlog.get_logger(__name__)


async def patch(
    service: RoomService, sdp: Sdp, ices: IceSessions, grant: Grant, session: str, body: Body
) -> Answer:
    """Takes a trickle message, or restarts ICE when it brings new credentials.

    The node is ICE-lite and learns paths from the client's checks, so that candidates need no memory: well-formed ones are
    acknowledged and dropped (RFC 8445 section 2.5).
    """
    found = service.session_for(grant, session)
    fragment = sdp.read_fragment(body.text(FRAGMENT_TYPE))
    ice = ices.of(found)
    if body.if_match is None:
        raise MissingTag("PATCH needs an If-Match header: the ETag of the ICE session, or * to restart ICE")
    tags = _tags(body.if_match)
    restarts = fragment.ufrag is not None and fragment.ufrag != ice.remote_ufrag
    # The RFC's own example quotes the star, so that clients do as well.
    if "*" not in tags and '"*"' not in tags and ice.tag not in tags:
        raise StaleTag("this ICE session is over; restart ICE with If-Match: *")
    if not restarts:
        return Answer(status.NO_CONTENT)
    if fragment.password is None:
        raise InvalidArgument("an ICE restart needs a=ice-pwd beside a=ice-ufrag")
    reply = await service.restart_ice(found)
    text = sdp.write_fragment(ice.plan, reply)
    fresh = ices.begin(found, ice.plan, fragment.ufrag or "")
    log.info("ice restarted", session=found.id, room=found.room.name, peer=found.peer.name)
    return Answer(status.OK, {"Content-Type": FRAGMENT_TYPE, "ETag": fresh.tag}, text)


def _tags(if_match: str) -> list[str]:
    return [tag.strip() for tag in if_match.split(",")]
