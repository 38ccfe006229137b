"""The statuses of WHIP and WHEP, and the errors that only they know. The one table of both."""

from http import HTTPStatus

from medianode.errors import Conflict, InvalidArgument, MedianodeError, Unsupported, WrongState

CREATED = HTTPStatus.CREATED
OK = HTTPStatus.OK
NO_CONTENT = HTTPStatus.NO_CONTENT


class WrongMediaType(InvalidArgument):
    """The body is of another type than this request takes."""


class OversizedSdp(InvalidArgument):
    """The body is larger than any honest SDP."""


class UnusableSdp(InvalidArgument):
    """The SDP is well-formed, but no session can come of it."""


class StaleTag(Conflict):
    """The entity tag names an ICE session that is over."""


class MissingTag(Conflict):
    """The request has to name the ICE session that it means."""


_STATUS: dict[type[MedianodeError], HTTPStatus] = {
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    OversizedSdp: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnusableSdp: HTTPStatus.UNPROCESSABLE_ENTITY,
    StaleTag: HTTPStatus.PRECONDITION_FAILED,
    MissingTag: HTTPStatus.PRECONDITION_REQUIRED,
    # Nobody distinguishes between SDP that we do not understand and SDP that we cannot serve.
    Unsupported: HTTPStatus.UNPROCESSABLE_ENTITY,
    WrongState: HTTPStatus.CONFLICT,
}


def status_of(error: MedianodeError) -> HTTPStatus | None:
    """Returns the status that WHIP and WHEP have for an error; none where they share the general table."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return None
