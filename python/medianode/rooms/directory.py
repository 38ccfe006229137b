"""The rooms of this orchestrator and the sessions in them: opens, finds, ends; takes in the events of the node."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import structlog

from medianode.clock import Clock
from medianode.errors import Conflict, LimitReached, MedianodeError, NotFound, WrongState
from medianode.ids import IdSource, ProducerId, RoomName, RouterId, SessionId, TransportId
from medianode.rooms.announce import Announcer, PeerUnpublished, RoomEnded, SpeakerChanged
from medianode.rooms.room import Player, Room, Session, Source
from medianode.rooms.switching import Switching
from medianode.sfu.commands import CloseRouter, CloseTransport, CreateRouter, Reply
from medianode.sfu.events import (
    ActiveSpeaker,
    CloseCause,
    DataChannelClosed,
    DataChannelOpened,
    Event,
    Lost,
    RouterClosed,
    TransportClosed,
    TransportConnected,
)
from medianode.sfu.interface import Sfu

DEPARTED = 1024
"""Sessions that are remembered after their client hung up."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """Bounds on what clients can make the orchestrator remember."""

    rooms: int = 4096
    peers_per_room: int = 2000
    sources_per_peer: int = 8
    players_per_peer: int = 512


class Directory:
    """Knows every room and every session, by all their names."""

    def __init__(self, sfu: Sfu, ids: IdSource, clock: Clock, limits: RoomLimits) -> None:
        self.limits = limits
        self.announcer = Announcer()
        self.switching = Switching(sfu, ids)
        self._sfu = sfu
        self._ids = ids
        self._clock = clock
        self._rooms: dict[RoomName, Room] = {}
        self._ready: dict[RouterId, Awaitable[Reply]] = {}
        self._routers: dict[RouterId, Room] = {}
        self._sessions: dict[SessionId, Session] = {}
        self._transports: dict[TransportId, Session] = {}
        self._producers: dict[ProducerId, Source] = {}
        self._departed: dict[SessionId, tuple[RoomName, str]] = {}
        self.sessions_started = 0
        self.sessions_ended: dict[str, int] = {}

    # Rooms

    def rooms(self) -> list[Room]:
        """Lists the rooms, oldest first."""
        return list(self._rooms.values())

    def room(self, name: str) -> Room:
        """Finds a room."""
        room = self._rooms.get(RoomName(name))
        if room is None:
            raise NotFound(f"there is no room {name}")
        return room

    async def create(self, name: RoomName) -> Room:
        """Makes a room that stays until it is deleted."""
        if name in self._rooms:
            raise Conflict(f"there is a room {name} already")
        return await self._open(name, permanent=True)

    async def enter(self, name: RoomName) -> Room:
        """Finds a room, or opens one that ends with its last peer."""
        room = self._rooms.get(name)
        if room is None:
            return await self._open(name, permanent=False)
        await self._until_ready(room)
        return room

    def end_room(self, room: Room, reason: str) -> None:
        """Tells everybody, closes everything, forgets the room. Doing so twice does nothing."""
        if room.closed:
            return
        room.closed = True
        if self._rooms.get(room.name) is room:
            del self._rooms[room.name]
        for peer in list(room.peers.values()):
            for session in [*peer.sources.values(), *peer.players.values()]:
                self.end_session(session, reason)
        self.announcer.tell(room.name, RoomEnded(reason))
        self.announcer.end(room.name)
        self.switching.post(CloseRouter(room.router))
        log.info("room ended", room=room.name, reason=reason)

    def settle(self, room: Room) -> None:
        """Ends a room that nobody holds any more."""
        if not room.permanent and room.empty and not room.closed:
            self.end_room(room, "everybody left")

    async def _open(self, name: RoomName, *, permanent: bool) -> Room:
        if len(self._rooms) >= self.limits.rooms:
            raise LimitReached(f"this node has {self.limits.rooms} rooms, its limit (rooms)", retry_after=10)
        room = Room(name=name, router=self._ids.router(), permanent=permanent, created_at=self._clock.now())
        self._rooms[name] = room
        self._start_router(room)
        log.info("room opened", room=name, permanent=permanent)
        try:
            await self._until_ready(room)
        except BaseException:
            self.end_room(room, "it could not be opened")
            raise
        return room

    def _start_router(self, room: Room) -> None:
        self._routers[room.router] = room
        self._ready[room.router] = asyncio.ensure_future(self._sfu.submit(CreateRouter(room.router)))

    async def _until_ready(self, room: Room) -> None:
        ready = self._ready.get(room.router)
        if ready is not None:
            await asyncio.shield(ready)
            self._ready.pop(room.router, None)

    # Sessions

    def session(self, session_id: str) -> Session:
        """Finds a living session."""
        session = self._sessions.get(SessionId(session_id))
        if session is None:
            raise NotFound("there is no such session")
        return session

    def session_of(self, transport: TransportId) -> Session | None:
        """Finds the session of a transport."""
        return self._transports.get(transport)

    def sessions(self) -> list[Session]:
        """Lists the living sessions."""
        return list(self._sessions.values())

    def add_session(self, session: Session) -> None:
        """Begins to know a session."""
        if session.room.closed:
            raise WrongState(f"the room {session.room.name} has ended")
        self._sessions[session.id] = session
        self._transports[session.transport] = session
        self.sessions_started += 1

    def add_producers(self, source: Source) -> None:
        """Begins to know the producers of a source."""
        self._producers.update(dict.fromkeys(source.producers.values(), source))

    def end_session(self, session: Session, cause: str) -> None:
        """Closes a session and frees its name. Doing so twice does nothing."""
        if session.closed:
            return
        session.closed = True
        self._sessions.pop(session.id, None)
        self._transports.pop(session.transport, None)
        self.sessions_ended[cause] = self.sessions_ended.get(cause, 0) + 1
        self.switching.post(CloseTransport(session.transport))
        room, peer = session.room, session.peer
        if isinstance(session, Source):
            self._end_source(session)
        elif isinstance(session, Player):
            peer.players.pop(session.id, None)
            self.switching.drop(session)
        if not peer.present and room.peers.get(peer.name) is peer:
            del room.peers[peer.name]
        log.info(
            "session ended",
            kind="publish" if isinstance(session, Source) else "play",
            session=session.id,
            room=room.name,
            peer=peer.name,
            cause=cause,
            connected=session.connected,
            seconds=round(self._clock.monotonic() - session.started, 1),
        )
        self.settle(room)

    def _remember(self, session: Session, cause: CloseCause) -> None:
        if cause == CloseCause.PEER_CLOSED:
            self._departed[session.id] = (session.room.name, session.subject)
            if len(self._departed) > DEPARTED:
                del self._departed[next(iter(self._departed))]

    def departed(self, session: str, room: RoomName, subject: str) -> bool:
        """Says, once, that a client hung up by itself before it asked us to end its session."""
        known = self._departed.get(SessionId(session)) == (room, subject)
        if known:
            del self._departed[SessionId(session)]
        return known

    def _end_source(self, source: Source) -> None:
        room, peer = source.room, source.peer
        if peer.sources.get(source.label) is source:
            del peer.sources[source.label]
        for producer in source.producers.values():
            self._producers.pop(producer, None)
        if room.speaker is source:
            room.speaker = None
        if source.live:
            source.live = False
            self.announcer.tell(room.name, PeerUnpublished(peer.name, source.label))
            self.switching.follow(room)

    # Events

    async def run(self) -> None:
        """Takes in the node's events until it closes."""
        async for event in self._sfu.events():
            try:
                self._take(event)
            except Exception:  # one event must not end the reading of all others
                log.exception("an event could not be handled", type=type(event).__name__)

    def _take(self, event: Event) -> None:
        match event:
            case TransportConnected(transport=transport):
                self._connected(transport, event)
            case TransportClosed(transport=transport, cause=cause):
                session = self._transports.get(transport)
                if session is not None:
                    self.end_session(session, cause.value)
                    self._remember(session, cause)
            case ActiveSpeaker(router=router, producer=producer):
                self._speaks(router, producer)
            case DataChannelOpened() | DataChannelClosed():
                self._channel(event)
            case RouterClosed(router=router, cause=cause):
                self._router_closed(router, cause.value)
            case Lost(count=count):
                self._lost(count)
            case _:
                pass  # layers and levels are read from the snapshot; closures of legs follow their transport's

    def _lost(self, count: int) -> None:
        """Takes every session for connected: a lost event must not cost a publisher its name. Closures are never lost."""
        log.warning("events were lost", count=count)
        for session in self._sessions.values():
            session.connected = True

    def _connected(self, transport: TransportId, event: TransportConnected) -> None:
        session = self._transports.get(transport)
        if session is None:
            return
        session.connected = True
        if isinstance(session, Player):
            self.switching.connected(session)
        log.info(
            "session connected",
            session=session.id,
            room=session.room.name,
            peer=session.peer.name,
            srtp=event.srtp_profile.value,
            dtls=event.dtls_version,
        )

    def _channel(self, event: DataChannelOpened | DataChannelClosed) -> None:
        session = self._transports.get(event.transport)
        if not isinstance(session, Source | Player):
            return
        if isinstance(event, DataChannelOpened):
            self.switching.channel_opened(session, event)
        else:
            self.switching.channel_closed(session, event)

    def _speaks(self, router: RouterId, producer: ProducerId | None) -> None:
        room = self._routers.get(router)
        if room is None or room.closed:
            return
        source = self._producers.get(producer) if producer is not None else None
        if source is room.speaker:
            return
        room.speaker = source
        who = (
            SpeakerChanged(source.peer.name, source.label)
            if source is not None
            else SpeakerChanged(None, None)
        )
        self.announcer.tell(room.name, who)
        self.switching.follow(room)

    def _router_closed(self, router: RouterId, cause: str) -> None:
        room = self._routers.pop(router, None)
        self._ready.pop(router, None)
        if room is None or room.closed or room.router != router:
            return
        log.error("the room lost its router and gets a new one", room=room.name, cause=cause)
        room.router = self._ids.router()
        self._start_router(room)

    # End

    def end_all(self, reason: str) -> None:
        """Ends every room."""
        for room in self.rooms():
            try:
                self.end_room(room, reason)
            except MedianodeError:
                log.exception("a room could not be ended", room=room.name)
