"""What moderators do to a room and its peers, and what peers change of themselves. Refuses to know a protocol."""

from collections.abc import Callable, Collection
from dataclasses import replace

from medianode.errors import NotFound, PermissionDenied
from medianode.ids import PeerName
from medianode.rooms.announce import (
    ControlsChanged,
    PeerMetadataChanged,
    PeerWaitsNoMore,
    PermissionsChanged,
    RoleChanged,
    RoomMetadataChanged,
)
from medianode.rooms.directory import Directory
from medianode.rooms.member_media import MemberMedia
from medianode.rooms.metadata import check_metadata
from medianode.rooms.roles import Controls, Permissions, Role, check_role, permissions_of
from medianode.rooms.room import Membership, Peer, Room, Waiting
from medianode.rooms.service import REMOVED
from medianode.rooms.talk import Talk

CLOSED = "closed by a moderator"
"""Why a room ended that a moderator closed."""


class Moderation:
    """Checks who asks, changes the state, tells who must know."""

    def __init__(
        self,
        directory: Directory,
        media: MemberMedia,
        talk: Talk,
        admit: Callable[[Room, Waiting], None],
    ) -> None:
        self._directory = directory
        self._media = media
        self._talk = talk
        self._admit = admit

    # Rooms

    def set_controls(self, by: Membership, change: Callable[[Controls], Controls]) -> None:
        """Changes what the room allows. Unlocking it lets in those who wait."""
        _check_moderator(by)
        room = by.room
        room.controls = change(room.controls)
        self._directory.announcer.tell(room.name, ControlsChanged(room.controls))
        self._enforce(room)
        if not room.locked:
            for waiting in list(room.lobby.values()):
                self._admit(room, waiting)

    def set_room_metadata(self, by: Membership, metadata: str) -> None:
        """Changes what is told about the room."""
        _check_moderator(by)
        by.room.metadata = check_metadata(metadata)
        self._directory.announcer.tell(by.room.name, RoomMetadataChanged(by.room.metadata))

    def close_room(self, by: Membership) -> None:
        """Ends the room for everybody."""
        _check_moderator(by)
        self._directory.end_room(by.room, CLOSED)

    def close_streams(self, by: Membership, name: str, peers: Collection[str]) -> None:
        """Ends all producers of one name, of these peers or of everybody; moderators keep theirs."""
        _check_moderator(by)
        room = by.room
        producers = [
            producer
            for peer in room.peers.values()
            if not peer.permissions.moderate and (not peers or peer.name in peers)
            for producer in peer.producers()
            if producer.name == name
        ]
        self._directory.sources.close(room, producers, moderated=True)

    # The lobby

    def let_in(self, by: Membership, name: str) -> None:
        """Lets in somebody who waits."""
        self._admit(by.room, self._waiting(by, name))

    def turn_away(self, by: Membership, name: str) -> None:
        """Sends away somebody who waits."""
        waiting = self._waiting(by, name)
        room = by.room
        del room.lobby[waiting.name]
        waiting.denied = True
        waiting.listener.end()
        for member in room.members():
            if member.peer.permissions.moderate and member.listener is not None:
                member.listener.offer(PeerWaitsNoMore(waiting.name, denied=True))

    def _waiting(self, by: Membership, name: str) -> Waiting:
        _check_moderator(by)
        waiting = by.room.lobby.get(PeerName(name))
        if waiting is None:
            raise NotFound(f"{name} does not wait for room {by.room.name}")
        return waiting

    # Peers

    def kick(self, by: Membership, name: str) -> None:
        """Removes a peer from the room."""
        _check_moderator(by)
        for session in self._peer(by.room, name).sessions():
            self._directory.end_session(session, REMOVED)

    def set_permissions(self, by: Membership, name: str, permissions: Permissions) -> None:
        """Changes what a peer may do."""
        _check_moderator(by)
        self._permit(by.room, self._peer(by.room, name), permissions)

    def set_role(self, by: Membership, name: str, role: str, custom: Permissions | None) -> None:
        """Gives a peer another role with what it allows; a role of the application's own comes with its permissions."""
        _check_moderator(by)
        if role == Role.HOST and by.peer.role == Role.CO_HOST:
            raise PermissionDenied("a coHost makes nobody a host")
        peer = self._peer(by.room, name)
        permissions = custom if custom is not None else permissions_of(check_role(role))
        peer.role = check_role(role)
        self._directory.announcer.tell(by.room.name, RoleChanged(peer.name, peer.role))
        self._permit(by.room, peer, permissions)

    def set_metadata(self, by: Membership, name: str, metadata: str) -> None:
        """Changes what a peer tells about itself; nobody tells it for another."""
        if name != by.peer.name or not by.peer.permissions.update_metadata:
            raise PermissionDenied(f"{by.peer.name} may not change the metadata of {name}")
        by.peer.metadata = check_metadata(metadata)
        self._directory.announcer.tell(by.room.name, PeerMetadataChanged(by.peer.name, by.peer.metadata))

    def _permit(self, room: Room, peer: Peer, permissions: Permissions) -> None:
        peer.permissions = permissions
        if peer.membership is not None and peer.membership.listener is not None:
            peer.membership.listener.offer(PermissionsChanged(permissions))
        self._enforce(room)

    def _enforce(self, room: Room) -> None:
        self._media.enforce(room)
        self._talk.permissions_changed(room)

    def _peer(self, room: Room, name: str) -> Peer:
        peer = room.peers.get(PeerName(name))
        if peer is None or not peer.joined:
            raise NotFound(f"there is no peer {name} in room {room.name}")
        return peer


def _check_moderator(by: Membership) -> None:
    if not by.peer.permissions.moderate:
        raise PermissionDenied(f"{by.peer.name} does not moderate room {by.room.name}")


def with_control(name: str, *, value: bool) -> Callable[[Controls], Controls]:
    """Makes a change of one control."""
    return lambda controls: replace(controls, **{name: value})
