"""One conversation with a client: greeting, entry, coming back, goodbye. Code without sockets.

Two loops share one bounded outbox. The reader takes requests in order and queues answers; rooms queue facts; the writer turns
both into frames in the order in which they were queued. So a picture of the room and the facts after it never cross.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from google.protobuf.message import Message

from medianode.clock import Clock
from medianode.errors import InternalError, InvalidArgument, MedianodeError
from medianode.ids import ProducerId
from medianode.jws import TokenMint
from medianode.rooms.announce import (
    Admitted,
    ClientInfo,
    Fact,
    Mailbox,
    PeerJoined,
    PeerLeft,
    ProducerClosed,
    ProducerOpened,
)
from medianode.rooms.capabilities import ROUTER
from medianode.rooms.members import Arrival, Members
from medianode.rooms.room import Membership
from medianode.rooms.tokens import Grant, grant_of
from medianode.signalling.connection import ConnectionEnded, FrameConnection
from medianode.signalling.huddle01 import announce, codec, convert
from medianode.signalling.huddle01.budget import Budget
from medianode.signalling.huddle01.codes import CLIENT_LEFT, Code, code_of_end, code_of_error
from medianode.signalling.huddle01.requests import Requests, SessionLost
from medianode.signalling.huddle01.wire import client_pb2 as wire

BACKLOG = 1024
"""Answers and facts that wait for one slow client; beyond it the connection is dropped, and the client comes back and syncs."""
HOLD_S = 1.5
"""How long a fresh client may need before it can take facts about others; its first request says that it can."""
ENTRY_S = 30.0
"""A connection that has not asked to enter by then is ended."""
SEND_S = 15.0
"""A client that takes nothing for so long has a dead connection."""
LAST_WORD_S = 1.0
MALFORMED = 16
"""Frames without sense that one connection may send."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server that clients are told of."""

    url: str
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Marks in the outbox from where facts are held back."""


@dataclass(frozen=True, slots=True)
class Release:
    """Marks in the outbox where held facts may go; with ``drop`` a newer picture of the room makes them void."""

    drop: bool = False


class Finished(Exception):
    """The connection must end: with a code, or without a word if there is none."""

    def __init__(self, code: Code | None) -> None:
        """Takes the code."""
        super().__init__(str(code))
        self.code = code


class Conversations:
    """Begins a conversation on every new connection."""

    def __init__(
        self, members: Members, mint: TokenMint, clock: Clock, ice_servers: Iterable[IceServer] = ()
    ) -> None:
        self.members = members
        self.mint = mint
        self.clock = clock
        self.ice_servers = tuple(ice_servers)

    async def serve(self, connection: FrameConnection, token: str, client: ClientInfo) -> None:
        """Serves a connection until it ends."""
        await Conversation(self, connection).run(token, client)


class Conversation:
    """Serves one connection from its first byte to its last."""

    def __init__(self, shared: Conversations, connection: FrameConnection) -> None:
        self._members = shared.members
        self._mint = shared.mint
        self._ice_servers = shared.ice_servers
        self._connection = connection
        self._outbox: Mailbox[Fact | Message | Hold | Release] = Mailbox(BACKLOG)
        self._held: deque[Fact] | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._budget = Budget(shared.clock)
        self._malformed = 0

    async def run(self, token: str, client: ClientInfo) -> None:
        """Serves the connection until it ends. Whoever must not enter is told so by the close code, after the upgrade."""
        try:
            grant = grant_of(self._mint.verify(token))
            arrival = await self._members.arrive(grant, client, self._outbox)
        except MedianodeError as error:
            await self._end(code_of_error(error))
            return
        left = False
        try:
            left = await self._serve(arrival, grant)
        finally:
            for timer in self._timers.values():
                timer.cancel()
            self._members.depart(arrival, left=left)

    async def _serve(self, arrival: Arrival, grant: Grant) -> bool:
        """Runs both loops until one ends; returns whether the client is not meant to come back."""
        self._greet(arrival, grant)
        self._at("entry", ENTRY_S, self._entry_missed, arrival)
        writer = asyncio.create_task(self._write(arrival), name="huddle01 writer")
        reader = asyncio.create_task(self._read(arrival), name="huddle01 reader")
        try:
            done, _ = await asyncio.wait([writer, reader], return_when=asyncio.FIRST_COMPLETED)
            if reader not in done:
                await writer
                # The line is dead; perhaps because the client left, which the reader is about to see.
                await asyncio.wait([reader], timeout=LAST_WORD_S)
                if not reader.done():
                    await self._end(None)
                    return False
            return await reader in CLIENT_LEFT
        except Finished as finished:
            await self._end(finished.code)
            return finished.code is not None
        finally:
            for task in (writer, reader):
                task.cancel()
            await asyncio.gather(writer, reader, return_exceptions=True)

    async def _end(self, code: Code | None) -> None:
        if code is None:
            self._connection.drop()
            return
        try:
            async with asyncio.timeout(SEND_S):
                await self._connection.close(code)
        except (ConnectionEnded, TimeoutError):
            self._connection.drop()

    # Reading

    async def _read(self, arrival: Arrival) -> int:
        """Takes requests until the client ends the connection; returns its close code."""
        requests = Requests(self._members, arrival)
        while True:
            try:
                frame = await self._connection.receive()
            except ConnectionEnded as ended:
                return ended.code
            if not self._budget.spend():
                log.info("a client sends too fast", room=arrival.room.name, peer=arrival.name)
                raise Finished(Code.CONNECTION_ERROR)
            try:
                request = codec.decode(frame)
            except InvalidArgument as error:
                self._malformed += 1
                if self._malformed > MALFORMED:
                    log.info("a client sends nonsense", room=arrival.room.name, reason=str(error))
                    raise Finished(Code.CONNECTION_ERROR) from None
                continue
            await self._take(arrival, requests, request)

    async def _take(self, arrival: Arrival, requests: Requests, request: Message) -> None:
        event = type(request).__name__
        try:
            match request:
                case wire.ConnectRoom():
                    self._connect(arrival, request)
                case wire.SyncMeetingState():
                    self._sync(arrival, request)
                case _:
                    if not isinstance(request, wire.RestartTransportIce):  # that comes before the sync
                        self._release()
                    for answer in await requests.answer(request):
                        self._outbox.offer(answer)
        except SessionLost:
            raise Finished(Code.CONNECTION_EXPIRED) from None
        except Finished:
            raise
        except MedianodeError as error:
            log.debug("a request was refused", request=event, peer=arrival.name, reason=str(error))
            self._outbox.offer(wire.Error(event=event, error=str(error)))
        except Exception:
            log.exception("a request failed", request=event, room=arrival.room.name)
            self._outbox.offer(wire.Error(event=event, error="this node could not do it"))

    # Entry

    def _greet(self, arrival: Arrival, grant: Grant) -> None:
        """Says hello at once: the client can do nothing without it. One that comes back is told the room from now on."""
        member = arrival.member
        peer = member.peer if member is not None else None
        self._outbox.offer(
            wire.Hello(
                peerId=arrival.name,
                roomId=arrival.room.name,
                sessionId=arrival.room.session,
                acl=announce.write_permissions(peer.permissions if peer is not None else grant.permissions),
                role=peer.role if peer is not None else grant.role,
                metadata=peer.metadata if peer is not None else grant.metadata,
            )
        )
        if member is not None:
            self._hold()
            self._members.attend(arrival)

    def _connect(self, arrival: Arrival, request: wire.ConnectRoom) -> None:
        if request.roomId != arrival.room.name:
            raise Finished(Code.ENTRY_DENIED)
        if arrival.member is not None and not arrival.resumed:
            return  # asked twice
        try:
            member = self._members.join(arrival)
        except MedianodeError as error:
            raise Finished(code_of_error(error)) from error
        if member is None:
            moderated = any(m.peer.permissions.moderate for m in arrival.room.members())
            reason = "WAITING_FOR_PERMISSIONS" if moderated else "WAITING_FOR_ADMIN_TO_JOIN"
            self._outbox.offer(wire.WaitingRoom(reason=reason))
        else:
            self._welcome(arrival, member)

    def _welcome(self, arrival: Arrival, member: Membership) -> None:
        """Shows the room to a new member, and from then on what changes."""
        self._outbox.offer(Release(drop=True))
        self._outbox.offer(
            wire.ConnectRoomResponse(
                roomId=arrival.room.name,
                roomInfo=announce.write_room(arrival.room, member.peer),
                routerRTPCapabilities=convert.write_capabilities(ROUTER),
                turnServers=[
                    wire.ConnectRoomResponse.RTCIceServer(
                        urls=server.url, username=server.username, credential=server.credential
                    )
                    for server in self._ice_servers
                ],
            )
        )
        self._hold()
        self._members.attend(arrival)

    def _sync(self, arrival: Arrival, request: wire.SyncMeetingState) -> None:
        """Brings a client that came back up to date."""
        member = arrival.member
        if member is None or member.closed:
            raise SessionLost
        kept = {ProducerId(int(number)) for number in request.localProducerIds if number.isdecimal()}
        self._members.media.keep_producers(member, kept)
        self._stop("hold")
        self._outbox.offer(Release(drop=True))
        for closure in announce.stale_closures(member):
            self._outbox.offer(closure)
        member.stale.clear()
        self._outbox.offer(
            wire.SyncMeetingStateResponse(roomInfo=announce.write_room(arrival.room, member.peer))
        )

    # Writing

    async def _write(self, arrival: Arrival) -> None:
        """Sends what is queued, in order; returns when the connection is dead, and finishes it when the outbox has ended."""
        async for item in self._outbox:
            for message in self._messages(arrival, item):
                try:
                    async with asyncio.timeout(SEND_S):
                        await self._connection.send(codec.encode(message))
                except ConnectionEnded:
                    return
                except TimeoutError:
                    raise Finished(None) from None
                except InternalError:
                    log.exception("a message could not be written", message=type(message).__name__)
        raise Finished(self._goodbye(arrival))

    def _messages(self, arrival: Arrival, item: Fact | Message | Hold | Release) -> list[Message]:
        if isinstance(item, Message):
            return [item]
        if isinstance(item, Hold):
            self._held = deque(maxlen=BACKLOG)
            return []
        if isinstance(item, Release):
            held, self._held = self._held or (), None
            return [] if item.drop else self._facts(arrival, difference(held))
        if isinstance(item, Admitted):
            return self._admitted(arrival)
        if self._held is not None:
            self._held.append(item)
            return []
        return self._facts(arrival, [item])

    def _facts(self, arrival: Arrival, facts: Iterable[Fact]) -> list[Message]:
        return [
            message
            for fact in facts
            if not _of_another_session(arrival, fact)
            for message in announce.messages_of(fact, arrival.name)
        ]

    def _admitted(self, arrival: Arrival) -> list[Message]:
        """Joins one who waited; the picture and what follows it take their place in the outbox."""
        try:
            member = self._members.enter_admitted(arrival)
        except MedianodeError as error:
            log.info("who was let in could not join", room=arrival.room.name, reason=str(error))
            self._outbox.end()
        else:
            self._welcome(arrival, member)
        return []

    def _goodbye(self, arrival: Arrival) -> Code | None:
        """Says why the outbox ended."""
        member, waiting = arrival.member, arrival.waiting
        if member is not None and member.closed:
            return code_of_end(member.ended_by)
        if member is not None:
            # Another connection has the member, or this client is too slow and had better come back.
            return Code.GOING_AWAY if member.listener is not self._outbox else None
        if waiting is not None and waiting.denied:
            return Code.ENTRY_DENIED
        return Code.ROOM_CLOSED if arrival.room.closed else Code.GOING_AWAY

    # Timers

    def _hold(self) -> None:
        """Holds facts back until the client can take them."""
        self._outbox.offer(Hold())
        self._at("hold", HOLD_S, self._release)

    def _release(self) -> None:
        if self._stop("hold"):
            self._outbox.offer(Release())

    def _entry_missed(self, arrival: Arrival) -> None:
        if arrival.member is None and arrival.waiting is None:
            self._outbox.end()

    def _at(self, name: str, seconds: float, call: Callable[..., None], *arguments: object) -> None:
        self._stop(name)
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, call, *arguments)

    def _stop(self, name: str) -> bool:
        """Stops a timer; says whether there was one."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        return timer is not None


def difference(facts: Iterable[Fact]) -> list[Fact]:
    """Leaves out what came and went while facts were held: peers that joined and left, producers that opened and closed."""
    listed = list(facts)
    gone = {fact.peer for fact in listed if isinstance(fact, PeerLeft)}
    brief_peers = gone & {fact.peer for fact in listed if isinstance(fact, PeerJoined)}
    ended = {fact.producer for fact in listed if isinstance(fact, ProducerClosed)}
    brief = ended & {fact.producer for fact in listed if isinstance(fact, ProducerOpened)}
    return [
        fact
        for fact in listed
        if not (isinstance(fact, ProducerOpened | ProducerClosed) and fact.producer in brief)
        and not (isinstance(fact, PeerJoined | PeerLeft) and fact.peer in brief_peers)
    ]


def _of_another_session(arrival: Arrival, fact: Fact) -> bool:
    """What a peer publishes over WHIP is nothing that its client here has asked for."""
    if not isinstance(fact, ProducerOpened) or fact.peer != arrival.name:
        return False
    return arrival.member is None or fact.session != arrival.member.id
