"""Turns the claims of a verified token into what its bearer may do. Refuses to know signatures (see ``jws``)."""

from dataclasses import dataclass

from medianode.errors import InvalidArgument, PermissionDenied, Unauthenticated
from medianode.ids import PeerName, RoomName, is_name
from medianode.jws import Claims
from medianode.rooms.roles import Permissions, Role, permissions_of, role_of


@dataclass(frozen=True, slots=True)
class Grant:
    """What the bearer of a token may do, in exactly one room."""

    room: RoomName
    subject: str
    peer: PeerName | None
    role: Role
    permissions: Permissions

    def for_room(self, room: str) -> "Grant":
        """Refuses any other room than the token's own."""
        if room != self.room:
            raise PermissionDenied("this token is for another room")
        return self

    def names(self, peer: str | None) -> PeerName | None:
        """Settles the peer's name between the token and the path; a token without a name serves any."""
        if peer is not None and not is_name(peer):
            raise InvalidArgument(f"{peer!r} cannot be the name of a peer")
        if self.peer is not None and peer is not None and peer != self.peer:
            raise PermissionDenied("this token names another peer")
        if self.peer is not None:
            return self.peer
        return PeerName(peer) if peer is not None else None


def grant_of(claims: Claims) -> Grant:
    """Reads the claims of a token whose signature and times were checked."""
    try:
        role = role_of(claims.role)
    except InvalidArgument as error:
        raise Unauthenticated("the token is not valid") from error
    if not is_name(claims.room) or (claims.peer is not None and not is_name(claims.peer)):
        raise Unauthenticated("the token is not valid")
    return Grant(
        room=RoomName(claims.room),
        subject=claims.subject,
        peer=PeerName(claims.peer) if claims.peer is not None else None,
        role=role,
        permissions=permissions_of(role),
    )
