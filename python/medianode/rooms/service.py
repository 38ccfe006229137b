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
from medianode.rooms.announce import PeerPublished, Present, Published, Subscription
from medianode.rooms.directory import Directory
from medianode.rooms.roles import check_publish, check_subscribe
from medianode.rooms.room import Peer, Player, Room, Session, Source, Target
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

    session: Session
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

    # Rooms

    async def create_room(self, name: str) -> Room:
        """Makes a room that stays until it is deleted."""
        self._refuse_when_draining()
        return await self.directory.create(RoomName(name))

    def delete_room(self, name: str) -> None:
        """Ends a room, telling everybody in it."""
        self.directory.end_room(self.directory.room(name), "deleted")

    def remove_peer(self, room: Room, name: str) -> None:
        """Ends all that a peer has in a room."""
        peer = room.peers.get(PeerName(name))
        if peer is None:
            raise NotFound(f"there is no peer {name} in room {room.name}")
        for session in [*peer.sources.values(), *peer.players.values()]:
            self.directory.end_session(session, "removed")

    @asynccontextmanager
    async def watch(self, name: RoomName, *, opens: bool) -> AsyncIterator[Subscription]:
        """Listens to a room: first the whole picture, then what changes. With ``opens`` the listener counts as present."""
        if opens:
            self._refuse_when_draining()
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
        self._refuse_when_draining()
        check_publish(grant.permissions, label, frozenset(kind for kind, _ in media.legs))
        room = await self.directory.enter(grant.room)
        try:
            source = self._claim(room, grant, name, label, media)
            async with self._closed_on_failure(source):
                reply = await self._transport(source, media)
                source.producers = {kind: self._ids.producer() for kind, _ in media.legs}
                self.directory.add_producers(source)
                await self._all(
                    ConnectTransport(source.transport, media.dtls, media.sctp),
                    *(
                        CreateProducer(source.transport, source.producers[kind], kind, rtp)
                        for kind, rtp in media.legs
                    ),
                )
                _check_open(source)
                source.live = True
                self.directory.announcer.tell(room.name, PeerPublished(name, label, tuple(source.kinds)))
                self.directory.switching.follow(room)
                return Opened(source, reply)
        finally:
            self.directory.settle(room)

    async def play(self, grant: Grant, target: Target, media: Media) -> Opened:
        """Opens a player's session; it is fed whenever its target publishes."""
        self._refuse_when_draining()
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
                self.directory.switching.follow(room)
                return Opened(player, reply)
        finally:
            self.directory.settle(room)

    async def restart_ice(self, session: Session) -> IceReply:
        """Makes new ICE credentials for a session; the old path serves until the new one is found."""
        reply = await self._sfu.submit(RestartIce(session.transport))
        if not isinstance(reply, IceReply):
            raise InternalError(
                f"RestartIce of transport {session.transport} was answered with {type(reply).__name__}"
            )
        return reply

    def session_for(self, grant: Grant, session: str) -> Session:
        """Finds a session that this token may steer: its own, or any of its room when it moderates."""
        found = self.directory.session(session)
        if found.room.name != grant.room:
            raise NotFound("there is no such session")
        if found.subject != grant.subject and not grant.permissions.moderate:
            raise PermissionDenied("this session belongs to another token")
        return found

    def leave(self, grant: Grant, session: str) -> None:
        """Ends a session at its client's word; one whose client hung up a moment before has ended as asked."""
        if not self.directory.departed(session, grant.room, grant.subject):
            self.close(self.session_for(grant, session))

    def close(self, session: Session, cause: str = "closed") -> None:
        """Ends a session."""
        self.directory.end_session(session, cause)

    # Pieces

    def _claim(self, room: Room, grant: Grant, name: PeerName, label: SourceLabel, media: Media) -> Source:
        """Gives a name and label to one publisher: to the first, or to one that may take over. Never to two."""
        peer = self._peer(room, grant, name)
        holder = peer.sources.get(label)
        if holder is not None and not self._may_take_over(holder, grant):
            raise Conflict(f"{name} publishes {label} in room {room.name} already")
        if holder is None and len(peer.sources) >= self.directory.limits.sources_per_peer:
            raise LimitReached(f"{name} publishes {len(peer.sources)} sources, the limit (sources_per_peer)")
        source = Source(
            id=session_id(),
            room=room,
            peer=peer,
            subject=grant.subject,
            transport=self._ids.transport(),
            started=self._clock.monotonic(),
            data=media.sctp is not None and grant.permissions.data,
            label=label,
        )
        self.directory.add_session(source)
        room.peers[name] = peer
        peer.sources[label] = source
        if holder is not None:
            self.directory.end_session(holder, "taken over")
        return source

    def _may_take_over(self, holder: Source, grant: Grant) -> bool:
        # A token that names the peer is that peer, come back. One without a name may be an invitation that many people hold.
        if grant.peer is not None and holder.subject == grant.subject:
            return True
        if not holder.connected:
            return self._clock.monotonic() - holder.started > CONNECT_GRACE_S
        transport = transport_in(router_in(self._sfu.snapshot(), holder.room.router), holder.transport)
        return transport.get("ice_state") == "disconnected"

    def _seat(self, room: Room, grant: Grant, target: Target, media: Media) -> Player:
        name = grant.peer or given_name()
        peer = self._peer(room, grant, name)
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

    def _peer(self, room: Room, grant: Grant, name: PeerName) -> Peer:
        """Finds a peer or makes one, which is in the room from its first session on."""
        peer = room.peers.get(name)
        if peer is not None:
            return peer
        if len(room.peers) >= self.directory.limits.peers_per_room:
            raise LimitReached(
                f"room {room.name} has {len(room.peers)} peers, the limit (peers_per_room)", retry_after=10
            )
        return Peer(name=name, role=grant.role, permissions=grant.permissions, joined_at=self._clock.now())

    async def _transport(self, session: Session, media: Media) -> TransportReply:
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
    async def _closed_on_failure(self, session: Session) -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            if session.closed and isinstance(error, RequestError):
                _check_open(session)  # the core no longer knows what was closed under our hands
            self.directory.end_session(session, "refused")
            raise

    def _refuse_when_draining(self) -> None:
        if self.draining:
            raise Draining("this node is stopping", retry_after=5)


def _check_open(session: Session) -> None:
    if session.closed:
        raise WrongState(f"session {session.id} was closed while it was being opened")


def _picture(room: Room) -> Present:
    return Present(
        tuple(Published(source.peer.name, source.label, tuple(source.kinds)) for source in room.sources())
    )
