"""What publishing and playing share: requests, answers, and the ICE session behind an entity tag. Opens nothing itself."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from weakref import WeakKeyDictionary

import structlog

from medianode.errors import InvalidArgument, NotFound, Unsupported
from medianode.rooms.room import TransportSession
from medianode.rooms.service import Media, Opened, RoomService
from medianode.rooms.tokens import Grant
from medianode.sfu.sdp import Plan, Sdp
from medianode.signalling.whip import status
from medianode.signalling.whip.status import OversizedSdp, UnusableSdp, WrongMediaType

SDP_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
MAX_SDP_BYTES = 64 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries, with the headers that say how to take it."""

    content: bytes
    content_type: str | None
    if_match: str | None = None

    def text(self, media_type: str) -> str:
        """Returns the text of a body of this type. Media types compare without case; parameters are tolerated."""
        given = (self.content_type or "").split(";", 1)[0].strip().lower()
        if given != media_type:
            raise WrongMediaType(f"the body must be {media_type}, not {given or 'of no type'}")
        if len(self.content) > MAX_SDP_BYTES:
            raise OversizedSdp(f"SDP of {len(self.content)} bytes is over the limit of {MAX_SDP_BYTES}")
        try:
            text = self.content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidArgument("the SDP is not UTF-8") from error
        if not text.strip():
            raise InvalidArgument("the SDP is empty")
        return text


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: HTTPStatus
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(slots=True)
class IceSession:
    """The ICE session that a session has now."""

    plan: Plan
    remote_ufrag: str
    tag: str = field(default_factory=lambda: f'"{secrets.token_hex(8)}"')


class IceSessions:
    """Remembers the ICE session of every living session; forgets with it."""

    def __init__(self) -> None:
        self._sessions: WeakKeyDictionary[TransportSession, IceSession] = WeakKeyDictionary()

    def begin(self, session: TransportSession, plan: Plan, remote_ufrag: str) -> IceSession:
        """Begins the first or the next ICE session."""
        ice = IceSession(plan, remote_ufrag)
        self._sessions[session] = ice
        return ice

    def of(self, session: TransportSession) -> IceSession:
        """Returns the ICE session of a session; none exists while it is being opened, or for one of the other protocol."""
        ice = self._sessions.get(session)
        if ice is None:
            raise NotFound("there is no such session")
        return ice


def media_of(plan: Plan) -> Media:
    """Turns a plan into what rooms understand; one source of each kind at most (RFC 9725 section 4.4.2)."""
    kinds = [leg.kind for leg in plan.legs]
    if len(set(kinds)) != len(kinds):
        raise UnusableSdp("one session carries at most one audio and one video")
    if not kinds and plan.sctp is None:
        raise UnusableSdp("the offer has no media that this node can take")
    return Media(tuple((leg.kind, leg.rtp) for leg in plan.legs), plan.dtls, plan.sctp)


def created(service: RoomService, sdp: Sdp, ices: IceSessions, plan: Plan, opened: Opened) -> Answer:
    """Answers the offer of a session that was opened; the caller adds where the session lives."""
    try:
        text = sdp.answer(plan, opened.transport)
    except BaseException:
        service.close(opened.session, "refused")
        raise
    ice = ices.begin(opened.session, plan, plan.remote_ufrag)
    return Answer(
        status.CREATED, {"Content-Type": SDP_TYPE, "ETag": ice.tag, "Accept-Patch": FRAGMENT_TYPE}, text
    )


def delete(service: RoomService, grant: Grant, session: str) -> Answer:
    """Ends a session; an entity tag is ignored here (RFC 9725 section 4.3.1)."""
    service.leave(grant, session)
    return Answer(status.OK)


def unusable(error: Unsupported) -> UnusableSdp:
    """Says why no session can come of an offer."""
    return UnusableSdp(str(error))
