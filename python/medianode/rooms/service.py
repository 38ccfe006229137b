"""What a peer or an operator may ask of rooms. Owns the rules of joining; turns them into commands for the node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from medianode.clock import Clock
from medianode.errors import (
    Conflict,
    Draining,
    InternalError,
    LimitReached,
    NotFound,
    PermissionDenied,
    RequestError,
    WrongState,
)
from medianode.ids import IdSource, PeerName, RoomName, SourceLabel, given_name, session_id
from medianode.rooms.announce import Present, Published, RoomMetadataChanged, Subscription
from medianode.rooms.directory import DELETED, Directory
from medianode.rooms.labels import name_in
from medianode.rooms.metadata import check_metadata
from medianode.rooms.roles import Role, check_publish, check_subscribe
from medianode.rooms.room import Peer, Player, Producer, Publisher, Room, Source, Target, TransportSession
from medianode.rooms.tokens import Grant
from medianode.sfu.commands import (
    ConnectTransport,
    CreateConsumer,
    CreateProducer,
    CreateWebRtcTransport,
    IceReply,
    RestartIce,
    TransportReply,
)
from medianode.sfu.interface import Sfu
from medianode.sfu.params import DtlsParameters, MediaKind, RtpParameters, SctpParameters
from medianode.sfu.snapshots import router_in, transport_in

CONNECT_GRACE_S = 10.0
"""A publisher that has not connected after this time no longer holds its name."""
REMOVED = "removed"
"""Why a session ended that a moderator did not want in the room."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Media:
    """What a peer offered, in the node's terms."""

    legs: tuple[tuple[MediaKind, RtpParameters], ...]
    dtls: DtlsParameters
    sctp: SctpParameters | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that waits for its peer to connect."""

    session: Publisher | Player
    transport: TransportReply


class RoomService:
    """Joins peers to rooms."""

    def __init__(self, sfu: Sfu, directory: Directory, ids: IdSource, clock: Clock) -> None:
        self.directory = directory
        self._sfu = sfu
        self._ids = ids
        self._clock = clock
        self.draining = False

    def now(self) -> float:
        """Returns the monotonic time that sessions' starts are told in."""
        return self._clock.monotonic()

    def refuse_when_draining(self) -> None:
        """Takes nobody in while the node stops."""
        if self.draining:
            raise Draining("this node is stopping", retry_after=5)

    # Rooms

    async def create_room(self, name: str, *, metadata: str | None = None, locked: bool = False) -> Room:
        """Makes a room that stays until it is deleted."""
        self.refuse_when_draining()
        text = check_metadata(metadata) if metadata is not None else None
        return await self.directory.create(RoomName(name), text, locked=locked)

    def set_room_metadata(self, room: Room, metadata: str | None) -> None:
        """Changes what is told about a room."""
        room.metadata = check_metadata(metadata) if metadata is not None else None
        self.directory.announcer.tell(room.name, RoomMetadataChanged(room.metadata))

    def delete_room(self, name: str) -> None:
        """Ends a room, telling everybody in it."""
        self.directory.end_room(self.directory.room(name), DELETED)

    def remove_peer(self, room: Room, name: str) -> None:
        """Ends all that a peer has in a room."""
        peer = room.peers.get(PeerName(name))
        if peer is None:
            raise NotFound(f"there is no peer {name} in room {room.name}")
        for session in peer.sessions():
            self.directory.end_session(session, REMOVED)

    @asynccontextmanager
    async def watch(self, name: RoomName, *, opens: bool) -> AsyncIterator[Subscription]:
        """Listens to a room: first the whole picture, then what changes. With ``opens`` the listener counts as present."""
        if opens:
            self.refuse_when_draining()
        room = await self.directory.enter(name) if opens else self.directory.room(name)
        subscription = self.directory.announcer.listen(room.name)
        room.watchers += opens
        subscription.offer(_picture(room))
        try:
            yield subscription
        finally:
            room.watchers -= opens
            self.directory.announcer.leave(room.name, subscription)
            self.directory.settle(room)

    # Sessions

    async def publish(self, grant: Grant, name: PeerName, label: SourceLabel, media: Media) -> Opened:
        """Opens a publisher's session; what it sends can be played as soon as it arrives."""
        self.refuse_when_draining()
        check_publish(grant.permissions, label, frozenset(kind for kind, _ in media.legs))
        room = await self.directory.enter(grant.room)
        try:
            publisher = self._claim(room, grant, name, label, media)
            source = publisher.source
            async with self._closed_on_failure(publisher):
                reply = await self._transport(publisher, media)
                for kind, rtp in media.legs:
                    number, named = self._ids.producer(), name_in(label, kind)
                    self.directory.sources.claim(source, Producer(number, source, kind, named, rtp.codecs))
                await self._all(
                    ConnectTransport(publisher.transport, media.dtls, media.sctp),
                    *(
                        CreateProducer(publisher.transport, source.producers[kind].id, kind, rtp)
                        for kind, rtp in media.legs
                    ),
                )
                _check_open(publisher)
                self.directory.presence.came(room, source.peer)
                self.directory.sources.open(room, source, source.producers.values())
                return Opened(publisher, reply)
        finally:
            self.directory.settle(room)

    async def play(self, grant: Grant, target: Target, media: Media) -> Opened:
        """Opens a player's session; it is fed whenever its target publishes."""
        self.refuse_when_draining()
        check_subscribe(grant.permissions)
        room = await self.directory.enter(grant.room)
        try:
            player = self._seat(room, grant, target, media)
            async with self._closed_on_failure(player):
                reply = await self._transport(player, media)
                player.consumers = {kind: self._ids.consumer() for kind, _ in media.legs}
                await self._all(
                    ConnectTransport(player.transport, media.dtls, media.sctp),
                    *(
                        CreateConsumer(player.transport, player.consumers[kind], kind, rtp)
                        for kind, rtp in media.legs
                    ),
                )
                _check_open(player)
                player.live = True
                self.directory.presence.came(room, player.peer)
                self.directory.switching.follow(room)
                return Opened(player, reply)
        finally:
            self.directory.settle(room)

    async def restart_ice(self, session: TransportSession) -> IceReply:
        """Makes new ICE credentials for a session; the old path serves until the new one is found."""
        reply = await self._sfu.submit(RestartIce(session.transport))
        if not isinstance(reply, IceReply):
            raise InternalError(
                f"RestartIce of transport {session.transport} was answered with {type(reply).__name__}"
            )
        return reply

    def session_for(self, grant: Grant, session: str) -> TransportSession:
        """Finds a session that this token may steer: its own, or any of its room when it moderates."""
        found = self.directory.session(session)
        if found.room.name != grant.room or not isinstance(found, TransportSession):
            raise NotFound("there is no such session")
        if found.subject != grant.subject and not grant.permissions.moderate:
            raise PermissionDenied("this session belongs to another token")
        return found

    def leave(self, grant: Grant, session: str) -> None:
        """Ends a session at its client's word; one whose client hung up a moment before has ended as asked."""
        if not self.directory.departed(session, grant.room, grant.subject):
            self.close(self.session_for(grant, session))

    def close(self, session: TransportSession, cause: str = "closed") -> None:
        """Ends a session."""
        self.directory.end_session(session, cause)

    # Pieces

    def _claim(self, room: Room, grant: Grant, name: PeerName, label: SourceLabel, media: Media) -> Publisher:
        """Gives a name and label to one publisher: to the first, or to one that may take over. Never to two."""
        peer = self.peer(room, grant, name)
        check_publish(room.controls.bind(grant.permissions), label, frozenset(kind for kind, _ in media.legs))
        holder = peer.sources.get(label)
        if holder is not None and not self._may_take_over(holder, grant):
            raise Conflict(f"{name} publishes {label} in room {room.name} already")
        if holder is None and len(peer.sources) >= self.directory.limits.sources_per_peer:
            raise LimitReached(f"{name} publishes {len(peer.sources)} sources, the limit (sources_per_peer)")
        publisher = Publisher(
            id=session_id(),
            room=room,
            peer=peer,
            subject=grant.subject,
            transport=self._ids.transport(),
            started=self._clock.monotonic(),
            data=media.sctp is not None and grant.permissions.send_data,
        )
        publisher.source = source = Source(peer, publisher, label)
        self.directory.add_session(publisher)
        room.peers[name] = peer
        peer.sources[label] = source
        if holder is not None:
            self.directory.end_session(holder.session, "taken over")
        return publisher

    def _may_take_over(self, holder: Source, grant: Grant) -> bool:
        session = holder.session
        if not isinstance(session, Publisher):
            return False  # a member says itself when it stops
        # A token that names the peer is that peer, come back. One without a name may be an invitation that many people hold.
        if grant.peer is not None and session.subject == grant.subject:
            return True
        if not session.connected:
            return self._clock.monotonic() - session.started > CONNECT_GRACE_S
        transport = transport_in(router_in(self._sfu.snapshot(), session.room.router), session.transport)
        return transport.get("ice_state") == "disconnected"

    def _seat(self, room: Room, grant: Grant, target: Target, media: Media) -> Player:
        name = grant.peer or given_name()
        peer = self.peer(room, grant, name)
        check_subscribe(room.controls.bind(grant.permissions))
        if len(peer.players) >= self.directory.limits.players_per_peer:
            raise LimitReached(f"{name} has {len(peer.players)} players, the limit (players_per_peer)")
        player = Player(
            id=session_id(),
            room=room,
            peer=peer,
            subject=grant.subject,
            transport=self._ids.transport(),
            started=self._clock.monotonic(),
            data=media.sctp is not None,
            target=target,
        )
        self.directory.add_session(player)
        room.peers[name] = peer
        peer.players[player.id] = player
        return player

    def peer(self, room: Room, grant: Grant, name: PeerName) -> Peer:
        """Finds a peer or makes one, which is in the room from its first session on."""
        peer = room.peers.get(name)
        if peer is not None:
            return peer
        if room.locked and not grant.permissions.moderate:
            raise PermissionDenied(f"room {room.name} is locked")
        self.check_space(room, grant)
        return self.new_peer(grant, name)

    def new_peer(self, grant: Grant, name: PeerName) -> Peer:
        """Makes a peer that is in no room yet."""
        return Peer(
            name=name,
            role=grant.role,
            permissions=grant.permissions,
            joined_at=self._clock.now(),
            named=grant.peer is not None,
            metadata=grant.metadata,
        )

    def check_space(self, room: Room, grant: Grant) -> None:
        """Refuses one more peer than the room, or the newcomer's token, has space for."""
        if len(room.peers) >= self.directory.limits.peers_per_room:
            raise LimitReached(
                f"room {room.name} has {len(room.peers)} peers, the limit (peers_per_room)", retry_after=10
            )
        people = [peer for peer in room.participants() if peer.role != Role.BOT]
        if grant.max_peers is not None and grant.role != Role.BOT and len(people) >= grant.max_peers:
            raise LimitReached(f"room {room.name} has {grant.max_peers} peers, as many as the token allows")

    async def _transport(self, session: Publisher | Player, media: Media) -> TransportReply:
        reply = await self._sfu.submit(
            CreateWebRtcTransport(
                session.room.router,
                session.transport,
                sctp=media.sctp is not None,
                name=f"{session.room.name}/{session.peer.name}/{session.id}",
            )
        )
        if not isinstance(reply, TransportReply):
            raise InternalError(f"transport {session.transport} was answered with {type(reply).__name__}")
        return reply

    async def _all(self, *commands: ConnectTransport | CreateProducer | CreateConsumer) -> None:
        """Sends commands in order without waiting in between, then waits for all; the first refusal is the one told."""
        answers = [asyncio.ensure_future(self._sfu.submit(command)) for command in commands]
        results = await asyncio.gather(*answers, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    @asynccontextmanager
    async def _closed_on_failure(self, session: TransportSession) -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            if session.closed and isinstance(error, RequestError):
                _check_open(session)  # the core no longer knows what was closed under our hands
            self.directory.end_session(session, "refused")
            raise


def _check_open(session: TransportSession) -> None:
    if session.closed:
        raise WrongState(f"session {session.id} was closed while it was being opened")


def _picture(room: Room) -> Present:
    return Present(
        tuple(Published(source.peer.name, source.label, tuple(source.kinds)) for source in room.sources())
    )
