"""Why connections of Huddle01's clients end. The one table of our errors and causes and of what their clients understand."""

from enum import IntEnum

from medianode.errors import (
    CapacityError,
    DependencyError,
    Draining,
    MedianodeError,
    PermissionDenied,
    Unauthenticated,
    WrongState,
)
from medianode.rooms.directory import DELETED, STOPPING
from medianode.rooms.members import BEGAN_AGAIN
from medianode.rooms.moderation import CLOSED
from medianode.rooms.service import REMOVED


class Code(IntEnum):
    """Close codes that the clients know. After any of these they forget their token; after none of them they come back."""

    GOING_AWAY = 4001
    CONNECTION_EXPIRED = 4002
    CONNECTION_ERROR = 4006
    ROOM_CLOSED = 4007
    ENTRY_DENIED = 4008
    KICKED = 4009
    MAX_PEERS_REACHED = 4010


CLIENT_LEFT = frozenset({1000, 1001, *range(4000, 5000)})
"""Codes with which a client leaves for good. Without a close frame it means to come back."""

REFUSED_PRODUCE = 4444
"""Reason code of producers that a moderator or the node ended (``CLOSED_BY_ADMIN``)."""

_OF_ERRORS: dict[type[MedianodeError], Code | None] = {
    Unauthenticated: Code.CONNECTION_EXPIRED,
    PermissionDenied: Code.ENTRY_DENIED,
    WrongState: Code.ROOM_CLOSED,
    Draining: None,
    CapacityError: Code.MAX_PEERS_REACHED,
    DependencyError: None,
    MedianodeError: Code.CONNECTION_ERROR,
}
_OF_ENDS: dict[str, Code | None] = {
    REMOVED: Code.KICKED,
    CLOSED: Code.ROOM_CLOSED,
    DELETED: Code.ROOM_CLOSED,
    BEGAN_AGAIN: Code.GOING_AWAY,
    STOPPING: None,
}


def code_of_error(error: MedianodeError) -> Code | None:
    """Says how to refuse entry; none means without a word, so that the client tries again."""
    return next(_OF_ERRORS[kind] for kind in type(error).__mro__ if kind in _OF_ERRORS)


def code_of_end(cause: str | None) -> Code | None:
    """Says how to end the connection of a member whose membership ended; none means without a word."""
    return _OF_ENDS.get(cause or "", Code.CONNECTION_ERROR)
