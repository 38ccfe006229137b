"""The rooms of this orchestrator and the sessions in them: opens, finds, ends. Events of the node come through ``intake``."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import structlog

from medianode.clock import Clock
from medianode.errors import Conflict, LimitReached, MedianodeError, NotFound, WrongState
from medianode.ids import IdSource, RoomName, RouterId, SessionId, TransportId
from medianode.rooms.announce import Announcer, RoomEnded
from medianode.rooms.presence import Presence
from medianode.rooms.records import RoomRecords
from medianode.rooms.roles import Controls
from medianode.rooms.room import Membership, Player, Publisher, Room, Session
from medianode.rooms.sources import Sources
from medianode.rooms.switching import Switching
from medianode.sfu.commands import CloseRouter, CloseTransport, CreateRouter
from medianode.sfu.interface import Sfu

DEPARTED = 1024
"""Sessions that are remembered after their client hung up."""
DELETED = "deleted"
STOPPING = "the node is stopping"
"""Why rooms end by the operator's doing."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """Bounds on what clients can make the orchestrator remember, and for how long."""

    rooms: int = 4096
    peers_per_room: int = 2000
    sources_per_peer: int = 8
    players_per_peer: int = 512
    grace_s: float = 75.0
    """How long a member stays whose connection broke: longer than Huddle01's client tries to come back (71 s)."""


class Directory:
    """Knows every room and every session, by all their names."""

    def __init__(
        self, sfu: Sfu, ids: IdSource, clock: Clock, limits: RoomLimits, records: RoomRecords
    ) -> None:
        self.limits = limits
        self.announcer = Announcer()
        self.switching = Switching(sfu, ids)
        self.sources = Sources(self.announcer, self.switching)
        self.presence = Presence(self.announcer, clock)
        self._sfu = sfu
        self._ids = ids
        self._clock = clock
        self._records = records
        self._rooms: dict[RoomName, Room] = {}
        self._ready: dict[RouterId, Awaitable[object]] = {}
        self._routers: dict[RouterId, Room] = {}
        self._sessions: dict[SessionId, Session] = {}
        self._transports: dict[TransportId, Session] = {}
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

    def find(self, name: RoomName) -> Room | None:
        """Finds a room if it is open."""
        return self._rooms.get(name)

    def room_of(self, router: RouterId) -> Room | None:
        """Finds the room of a router."""
        return self._routers.get(router)

    async def create(self, name: RoomName, metadata: str | None, *, locked: bool) -> Room:
        """Makes a room that stays until it is deleted."""
        if name in self._rooms:
            raise Conflict(f"there is a room {name} already")
        room = await self._open(name, permanent=True)
        room.metadata, room.controls = metadata, Controls(locked=locked)
        return room

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
            for session in peer.sessions():
                self.end_session(session, reason)
        for waiting in room.lobby.values():
            waiting.listener.end()
        room.lobby.clear()
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
        self._ready[room.router] = asyncio.gather(self._ready[room.router], self._recall(room))
        log.info("room opened", room=name, permanent=permanent)
        try:
            await self._until_ready(room)
        except BaseException:
            self.end_room(room, "it could not be opened")
            raise
        return room

    async def _recall(self, room: Room) -> None:
        """Makes a room what it is remembered to be."""
        record = await self._records.find(room.name)
        if record is not None:
            room.metadata, room.controls = record.metadata, Controls(locked=record.locked)

    def _start_router(self, room: Room) -> None:
        self._routers[room.router] = room
        self._ready[room.router] = asyncio.ensure_future(self._sfu.submit(CreateRouter(room.router)))

    async def _until_ready(self, room: Room) -> None:
        ready = self._ready.get(room.router)
        if ready is not None:
            await asyncio.shield(ready)
            self._ready.pop(room.router, None)

    def replace_router(self, room: Room) -> None:
        """Gives a room a new router in place of one that failed."""
        self._ready.pop(room.router, None)
        room.router, room.direct = self._ids.router(), None
        self._start_router(room)

    def forget_router(self, router: RouterId) -> Room | None:
        """Forgets a router that is closed; returns its room."""
        self._ready.pop(router, None)
        return self._routers.pop(router, None)

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
        for transport in session.transports:
            self._transports[transport] = session
        self.sessions_started += 1

    def add_transport(self, session: Session, transport: TransportId) -> None:
        """Begins to know another transport of a session."""
        self._transports[transport] = session

    def drop_transport(self, transport: TransportId) -> None:
        """Forgets a transport of a session that goes on."""
        self._transports.pop(transport, None)

    def end_session(self, session: Session, cause: str) -> None:
        """Closes a session and frees its name. Doing so twice does nothing."""
        if session.closed:
            return
        session.closed = True
        self._sessions.pop(session.id, None)
        for transport in session.transports:
            self._transports.pop(transport, None)
            self.switching.post(CloseTransport(transport))
        self.sessions_ended[cause] = self.sessions_ended.get(cause, 0) + 1
        room, peer = session.room, session.peer
        for source in session.sources:
            self.sources.end(room, source)
        if isinstance(session, Player):
            peer.players.pop(session.id, None)
            self.switching.drop(session)
        elif isinstance(session, Membership):
            self._end_membership(session, cause)
        self.presence.went(room, peer)
        if not peer.present and room.peers.get(peer.name) is peer:
            del room.peers[peer.name]
        self._log_end(session, cause)
        self.settle(room)

    def _end_membership(self, member: Membership, cause: str) -> None:
        if member.peer.membership is member:
            member.peer.membership = None
        member.consumptions.clear()
        member.ended_by = cause
        if member.listener is not None:
            self.announcer.leave(member.room.name, member.listener)
            member.listener.end()
            member.listener = None

    def _log_end(self, session: Session, cause: str) -> None:
        kinds = {Publisher: "publish", Player: "play", Membership: "member"}
        log.info(
            "session ended",
            kind=kinds[type(session)],
            session=session.id,
            room=session.room.name,
            peer=session.peer.name,
            cause=cause,
            connected=session.connected,
            seconds=round(self._clock.monotonic() - session.started, 1),
        )

    def remember_departed(self, session: Session) -> None:
        """Remembers that a client hung up by itself, for when it asks us to end its session."""
        self._departed[session.id] = (session.room.name, session.subject)
        if len(self._departed) > DEPARTED:
            del self._departed[next(iter(self._departed))]

    def departed(self, session: str, room: RoomName, subject: str) -> bool:
        """Says, once, that a client hung up by itself before it asked us to end its session."""
        known = self._departed.get(SessionId(session)) == (room, subject)
        if known:
            del self._departed[SessionId(session)]
        return known

    # End

    def end_all(self, reason: str) -> None:
        """Ends every room."""
        for room in self.rooms():
            try:
                self.end_room(room, reason)
            except MedianodeError:
                log.exception("a room could not be ended", room=room.name)
