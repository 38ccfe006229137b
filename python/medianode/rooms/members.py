"""Peers that are present by signalling: how they arrive, wait, join, lose their connection, come back and leave.

Owns the rules of being here; what members send and receive is in ``member_media``, what they say in ``talk``, what moderators
do in ``moderation``.
"""

import asyncio
from dataclasses import dataclass

import structlog

from medianode.clock import Clock
from medianode.errors import WrongState
from medianode.ids import IdSource, PeerName, ProducerId, RouterId, TransportId, session_id
from medianode.rooms.announce import Admitted, ClientInfo, Listener, PeerWaits, PeerWaitsNoMore
from medianode.rooms.member_media import MemberMedia
from medianode.rooms.moderation import Moderation
from medianode.rooms.room import Membership, Room, Waiting
from medianode.rooms.service import RoomService
from medianode.rooms.talk import Talk
from medianode.rooms.tokens import Grant
from medianode.sfu.events import CloseCause
from medianode.sfu.interface import Sfu

BEGAN_AGAIN = "began again"
"""Why a membership ended whose client, or another one with the same token, joined anew."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Arrival:
    """One connection at the door of a room, or through it."""

    room: Room
    grant: Grant
    name: PeerName
    client: ClientInfo
    listener: Listener
    member: Membership | None = None
    waiting: Waiting | None = None
    resumed: bool = False
    """The member was here before this connection."""


class Members:
    """Lets peers in by signalling and keeps them while their connection is lost."""

    def __init__(self, sfu: Sfu, service: RoomService, ids: IdSource, clock: Clock) -> None:
        self._service = service
        self._directory = service.directory
        self._clock = clock
        self._grace_s = service.directory.limits.grace_s
        self._expiries: dict[Membership, asyncio.TimerHandle] = {}
        self.talk = Talk(sfu, self._directory, ids)
        self.media = MemberMedia(sfu, self._directory, ids, self.talk)
        self.moderation = Moderation(self._directory, self.media, self.talk, self.admit)

    # The door

    async def arrive(self, grant: Grant, client: ClientInfo, listener: Listener) -> Arrival:
        """Takes a connection to the door of its room. One whose peer is in the room goes on with that; the newest wins."""
        self._service.refuse_when_draining()
        room = await self._directory.enter(grant.room)
        room.watchers += 1
        arrival = Arrival(room, grant, grant.own_name, client, listener)
        peer = room.peers.get(arrival.name)
        member = peer.membership if peer is not None else None
        if member is not None and member.subject == grant.subject:
            self._take_over(member, listener)
            arrival.member, arrival.resumed = member, True
        return arrival

    def join(self, arrival: Arrival) -> Membership | None:
        """Lets a newcomer in; none while it has to wait. A client that begins again leaves first what it had."""
        room, grant = arrival.room, arrival.grant
        if room.closed:
            raise WrongState(f"the room {room.name} has ended")
        if arrival.member is not None:
            self._directory.announcer.leave(room.name, arrival.listener)
            arrival.member.listener = None
            self._end(arrival.member, BEGAN_AGAIN)
            arrival.member, arrival.resumed = None, False
        if arrival.waiting is not None:
            return None
        self._refuse_other_holder(arrival)
        if room.locked and not grant.permissions.moderate and arrival.name not in room.peers:
            self._service.check_space(room, grant)
            self._wait(arrival)
            return None
        return self._enter(arrival)

    def depart(self, arrival: Arrival, *, left: bool) -> None:
        """Takes a connection away: for good if its client left, else for a while."""
        room, member = arrival.room, arrival.member
        room.watchers -= 1
        waiting = arrival.waiting
        if waiting is not None and room.lobby.get(waiting.name) is waiting:
            del room.lobby[waiting.name]
            self._tell_moderators(room, PeerWaitsNoMore(waiting.name, denied=False))
        if member is not None and member.listener is arrival.listener:
            self._directory.announcer.leave(room.name, arrival.listener)
            member.listener = None
            if left or self._transports_lost(member):
                self._end(member, "left" if left else CloseCause.CONSENT_LOST)
            elif not member.closed:
                loop = asyncio.get_running_loop()
                self._expiries[member] = loop.call_later(
                    self._grace_s, self._end, member, "did not come back"
                )
        self._directory.settle(room)

    def attend(self, arrival: Arrival) -> None:
        """Begins to tell a member what happens in its room; before that it gets the whole picture."""
        self._directory.announcer.add(arrival.room.name, arrival.listener)

    # The lobby

    def admit(self, room: Room, waiting: Waiting) -> None:
        """Lets in somebody who waits: its connection then joins."""
        if room.lobby.get(waiting.name) is waiting:
            del room.lobby[waiting.name]
            waiting.admitted = True
            waiting.listener.offer(Admitted())

    def enter_admitted(self, arrival: Arrival) -> Membership:
        """Joins one who waited and was let in."""
        arrival.waiting = None
        self._refuse_other_holder(arrival)
        return self._enter(arrival)

    def _wait(self, arrival: Arrival) -> None:
        room = arrival.room
        other = room.lobby.get(arrival.name)
        if other is not None:
            other.listener.end()
        arrival.waiting = Waiting(arrival.name, arrival.grant.metadata, arrival.listener)
        room.lobby[arrival.name] = arrival.waiting
        self._tell_moderators(room, PeerWaits(arrival.name, arrival.grant.metadata))

    def _tell_moderators(self, room: Room, fact: PeerWaits | PeerWaitsNoMore) -> None:
        for member in room.members():
            if member.peer.permissions.moderate and member.listener is not None:
                member.listener.offer(fact)

    # Being here

    def _enter(self, arrival: Arrival) -> Membership:
        room, grant, name = arrival.room, arrival.grant, arrival.name
        peer = room.peers.get(name)
        if peer is None:
            self._service.check_space(room, grant)
            peer = self._service.new_peer(grant, name)
        member = Membership(
            id=session_id(),
            room=room,
            peer=peer,
            subject=grant.subject,
            started=self._clock.monotonic(),
            listener=arrival.listener,
        )
        self._directory.add_session(member)
        room.peers[name] = peer
        peer.membership, peer.role, peer.permissions = member, grant.role, grant.permissions
        peer.metadata, peer.client = grant.metadata, arrival.client
        arrival.member = member
        self._directory.presence.came(room, peer)
        self.talk.joined(member)
        log.info("member joined", session=member.id, room=room.name, peer=name, role=grant.role)
        return member

    def _take_over(self, member: Membership, listener: Listener) -> None:
        """Gives a member to a newer connection; the older one, if it lives, is told to close."""
        expiry = self._expiries.pop(member, None)
        if expiry is not None:
            expiry.cancel()
        older, member.listener = member.listener, listener
        if older is not None:
            self._directory.announcer.leave(member.room.name, older)
            older.end()

    def _refuse_other_holder(self, arrival: Arrival) -> None:
        peer = arrival.room.peers.get(arrival.name)
        if peer is None or peer.membership is None:
            return
        if peer.membership.subject != arrival.grant.subject:
            raise WrongState(f"{arrival.name} is in room {arrival.room.name} with another token")
        self._directory.end_session(peer.membership, BEGAN_AGAIN)

    def _end(self, member: Membership, cause: str) -> None:
        expiry = self._expiries.pop(member, None)
        if expiry is not None:
            expiry.cancel()
        self._directory.end_session(member, cause)

    # What the node tells

    def connected(self, member: Membership, transport: TransportId) -> None:
        """Media flows on one of a member's transports."""
        for leg in (member.send, member.receive):
            if leg is not None and leg.id == transport:
                leg.connected = True

    def transport_closed(self, member: Membership, transport: TransportId, cause: CloseCause) -> None:
        """A transport of a member ended. With both of them and the connection gone, nobody is there any more."""
        self.media.transport_closed(member, transport)
        if member.listener is None and self._transports_lost(member):
            self._end(member, cause)

    def levels(self, router: RouterId, levels: tuple[tuple[ProducerId, int], ...]) -> None:
        """Tells members who speaks, loudest first."""
        room = self._directory.room_of(router)
        if room is not None:
            self.talk.tell_speakers(room, levels)

    def _transports_lost(self, member: Membership) -> bool:
        return member.had_transport and not member.transports
