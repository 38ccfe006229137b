"""Turns the claims of a verified token into what its bearer may do. Refuses to know signatures (see ``jws``)."""

from collections.abc import Mapping
from dataclasses import dataclass

from medianode.errors import InvalidArgument, PermissionDenied, Unauthenticated
from medianode.ids import PeerName, RoomName, is_name, name_of_subject
from medianode.jws import Claims, Extras
from medianode.rooms.metadata import check_metadata
from medianode.rooms.roles import Permissions, check_role, permissions_of


@dataclass(frozen=True, slots=True)
class Grant:
    """What the bearer of a token may do, in exactly one room."""

    room: RoomName
    subject: str
    peer: PeerName | None
    role: str
    permissions: Permissions
    metadata: str | None = None
    """JSON text that describes the bearer to others."""
    max_peers: int | None = None
    """The bearer does not get in when so many peers are in the room."""

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

    @property
    def own_name(self) -> PeerName:
        """Names the bearer where it cannot choose: the token's name, or one that is the same whenever this token returns."""
        return self.peer or name_of_subject(self.subject)


def grant_of(claims: Claims) -> Grant:
    """Reads the claims of a token whose signature and times were checked."""
    if not is_name(claims.room) or (claims.peer is not None and not is_name(claims.peer)):
        raise Unauthenticated("the token is not valid")
    try:
        role = check_role(claims.role)
        permissions = (
            permissions_of(role) if claims.permissions is None else permissions_from(claims.permissions)
        )
        metadata = check_metadata(claims.metadata) if claims.metadata is not None else None
    except InvalidArgument as error:
        raise Unauthenticated("the token is not valid") from error
    return Grant(
        room=RoomName(claims.room),
        subject=claims.subject,
        peer=PeerName(claims.peer) if claims.peer is not None else None,
        role=role,
        permissions=permissions,
        metadata=metadata,
        max_peers=claims.max_peers,
    )


def checked_extras(
    role: str, permissions: Mapping[str, object] | None, metadata: str | None, max_peers: int | None = None
) -> Extras:
    """Checks what a token is to say, so that it will be accepted; permissions are Huddle01's, all seven fields."""
    check_role(role)
    if permissions is None:
        permissions_of(role)
    else:
        permissions = permissions_to(permissions_from(permissions))
    return Extras(permissions, check_metadata(metadata) if metadata is not None else None, max_peers)


_FIELDS = {
    "admin": "moderate",
    "canConsume": "subscribe",
    "canProduce": "publish",
    "canSendData": "send_data",
    "canRecvData": "receive_data",
    "canUpdateMetadata": "update_metadata",
}
_SOURCES = {"cam": "video", "mic": "audio", "screen": "screen"}


def permissions_from(given: Mapping[str, object], base: Permissions | None = None) -> Permissions:
    """Reads permissions as Huddle01's tokens write them: seven fields, all of them unless there is a base to fill gaps from."""
    sources = given.get("canProduceSources", {} if base is not None else None)
    if not isinstance(sources, Mapping):
        raise InvalidArgument("permissions need canProduceSources: an object with cam, mic and screen")
    known = {"canProduceSources", *_FIELDS}
    if set(given) - known or set(sources) - set(_SOURCES):
        raise InvalidArgument(f"permissions have the fields {', '.join(sorted(known))} and no others")
    values: dict[str, bool] = {}
    for table, where in ((_FIELDS, given), (_SOURCES, sources)):
        for theirs, ours in table.items():
            value = where.get(theirs, getattr(base, ours) if base is not None else None)
            if not isinstance(value, bool):
                raise InvalidArgument(f"permissions need {theirs}: true or false")
            values[ours] = value
    return Permissions(**values)


def permissions_to(permissions: Permissions) -> dict[str, object]:
    """Writes permissions as Huddle01's tokens have them."""
    written: dict[str, object] = {theirs: getattr(permissions, ours) for theirs, ours in _FIELDS.items()}
    written["canProduceSources"] = {theirs: getattr(permissions, ours) for theirs, ours in _SOURCES.items()}
    return written
