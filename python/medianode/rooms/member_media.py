"""What members send and receive: transports, producers, consumers. Decides by permissions; refuses to know who may join."""

import asyncio
import random
from enum import StrEnum

from medianode.errors import (
    Conflict,
    InternalError,
    InvalidArgument,
    LimitReached,
    NotFound,
    Unsupported,
    WrongState,
)
from medianode.ids import ConsumerId, IdSource, PeerName, ProducerId, SourceLabel, TransportId
from medianode.rooms.attention import Attention
from medianode.rooms.capabilities import consumer_parameters, fits, repaired
from medianode.rooms.directory import Directory
from medianode.rooms.labels import place_of
from medianode.rooms.roles import check_publish, check_subscribe, may_publish
from medianode.rooms.room import Consumption, Membership, MemberTransport, Producer, Room, Source
from medianode.rooms.talk import Talk
from medianode.sfu.commands import (
    CloseConsumer,
    CloseProducer,
    CloseTransport,
    ConnectTransport,
    CreateConsumer,
    CreateProducer,
    CreateWebRtcTransport,
    IceReply,
    PauseConsumer,
    RequestKeyframe,
    RestartIce,
    ResumeConsumer,
    TransportReply,
)
from medianode.sfu.interface import Sfu
from medianode.sfu.params import DtlsParameters, Encoding, MediaKind, RtpParameters, SctpParameters

REMOTE_SCTP = SctpParameters(port=5000, max_message_size=262144)
"""What browsers have; members do not tell theirs."""
MAX_NAME_CHARS = 64
KEYFRAME_AGAIN_S = 0.3
"""A transport that has only just connected may lose the first key frame."""
_FORBIDDEN_SSRC = 1234
"""Clients built on mediasoup use it for their own probing."""


class Way(StrEnum):
    """Which of a member's transports, as the member sees it."""

    SEND = "send"
    RECEIVE = "recv"


class MemberMedia:
    """Opens and ends what members send and receive."""

    def __init__(self, sfu: Sfu, directory: Directory, ids: IdSource, talk: Talk) -> None:
        self._sfu = sfu
        self._directory = directory
        self._ids = ids
        self._talk = talk
        self._random = random.SystemRandom()
        self.attention = Attention(directory.switching)

    # Transports

    async def create_transport(self, member: Membership, way: Way) -> tuple[TransportId, TransportReply]:
        """Opens a transport; a second one for the same way takes the place of the first, which nobody uses any more."""
        older = self.transport(member, way)
        if older is not None:
            self._close_transport(member, older.id)
        transport = MemberTransport(self._ids.transport())
        if way == Way.SEND:
            member.send = transport
        else:
            member.receive = transport
        member.had_transport = True
        self._directory.add_transport(member, transport.id)
        name = f"{member.room.name}/{member.peer.name}/{member.id}/{way}"
        command = CreateWebRtcTransport(member.room.router, transport.id, sctp=True, name=name)
        try:
            reply = await self._sfu.submit(command)
        except BaseException:
            self._close_transport(member, transport.id)
            raise
        if not isinstance(reply, TransportReply):
            raise InternalError(f"transport {transport.id} was answered with {type(reply).__name__}")
        if member.closed:
            self._directory.switching.post(CloseTransport(transport.id))
            raise WrongState(f"session {member.id} was closed while a transport was opened")
        return transport.id, reply

    async def connect_transport(self, member: Membership, way: Way, dtls: DtlsParameters) -> TransportId:
        """Tells a transport its peer's fingerprint; ICE and DTLS run when the client knows that we know."""
        transport = self._open_transport(member, way)
        await self._sfu.submit(ConnectTransport(transport.id, dtls, REMOTE_SCTP))
        return transport.id

    async def restart_ice(self, member: Membership, way: Way) -> IceReply:
        """Makes new ICE credentials; the old path serves until the new one is found."""
        transport = self._open_transport(member, way)
        reply = await self._sfu.submit(RestartIce(transport.id))
        if not isinstance(reply, IceReply):
            raise InternalError(
                f"RestartIce of transport {transport.id} was answered with {type(reply).__name__}"
            )
        return reply

    def transport(self, member: Membership, way: Way) -> MemberTransport | None:
        """Finds one of a member's transports."""
        return member.send if way == Way.SEND else member.receive

    def transport_closed(self, member: Membership, transport: TransportId) -> None:
        """Forgets a transport that ended, with all that went over it."""
        self._directory.drop_transport(transport)
        if member.send is not None and member.send.id == transport:
            member.send = None
            self._talk.bot_ended(member)
            producers = [p for source in member.sources for p in source.producers.values()]
            self._directory.sources.close(member.room, producers)
        elif member.receive is not None and member.receive.id == transport:
            member.receive = None
            member.consumptions.clear()
            self._talk.bot_ended(member)

    def _open_transport(self, member: Membership, way: Way) -> MemberTransport:
        transport = self.transport(member, way)
        if transport is None:
            raise NotFound(f"{member.peer.name} has no {way} transport")
        return transport

    def _close_transport(self, member: Membership, transport: TransportId) -> None:
        self._directory.switching.post(CloseTransport(transport))
        self.transport_closed(member, transport)

    # Producers

    async def produce(
        self, member: Membership, name: str, kind: MediaKind, rtp: RtpParameters, *, paused: bool
    ) -> Producer:
        """Opens a producer; a name that is taken by an older one of the same member passes to the new one."""
        transport = self._open_transport(member, Way.SEND)
        if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
            raise InvalidArgument(f"a label has 1 to {MAX_NAME_CHARS} printable characters")
        label = place_of(name, kind)
        check_publish(member.room.allowed(member.peer), label, frozenset([kind]))
        if not fits(kind, rtp.codecs):
            raise Unsupported(f"no codec of {name} is {kind} that this node forwards")
        source = self._place(member, label, kind)
        producer = Producer(self._ids.producer(), source, kind, name, rtp.codecs, paused)
        self._directory.sources.claim(source, producer)
        try:
            await self._sfu.submit(CreateProducer(transport.id, producer.id, kind, rtp, paused))
        except BaseException:
            self._directory.sources.unclaim(producer)
            self._directory.switching.post(CloseProducer(producer.id))
            raise
        if self._directory.sources.producer(producer.id) is None:
            raise WrongState(f"{name} was closed while it was opened")
        self._directory.sources.open(member.room, source, [producer])
        return producer

    def _place(self, member: Membership, label: SourceLabel, kind: MediaKind) -> Source:
        """Finds the source that a new producer belongs to, and makes space in it."""
        peer = member.peer
        source = peer.sources.get(label)
        if source is None:
            if len(peer.sources) >= self._directory.limits.sources_per_peer:
                raise LimitReached(f"{peer.name} publishes {len(peer.sources)} sources (sources_per_peer)")
            source = Source(peer, member, label)
            peer.sources[label] = source
        elif source.session is not member:
            raise Conflict(f"{peer.name} publishes {label} in another session")
        elif kind in source.producers:
            self._directory.sources.close(member.room, [source.producers[kind]])
            return self._place(member, label, kind)
        return source

    def own_producer(self, member: Membership, producer: ProducerId) -> Producer | None:
        """Finds a producer of this member."""
        found = self._directory.sources.producer(producer)
        return found if found is not None and found.source.session is member else None

    def close_producer(self, member: Membership, number: ProducerId) -> None:
        """Ends a producer; one that is gone already has ended as asked."""
        producer = self.own_producer(member, number)
        if producer is not None:
            self._directory.sources.close(member.room, [producer])

    def pause_producer(self, member: Membership, number: ProducerId, *, paused: bool) -> None:
        """Pauses a producer or lets it go on."""
        producer = self.own_producer(member, number)
        if producer is not None:
            self._directory.sources.pause(member.room, producer, paused=paused)

    def keep_producers(self, member: Membership, kept: set[ProducerId]) -> None:
        """Ends those producers that a client which came back does not have any more."""
        producers = [p for source in member.sources for p in source.producers.values() if p.id not in kept]
        self._directory.sources.close(member.room, producers)

    # Consumers

    async def consume(
        self, member: Membership, peer: PeerName, number: ProducerId
    ) -> tuple[Consumption, RtpParameters]:
        """Opens a consumer, which sends when the member says that it is ready. A second one takes the place of the first."""
        transport = self._open_transport(member, Way.RECEIVE)
        check_subscribe(member.room.allowed(member.peer))
        producer = self._directory.sources.producer(number)
        if producer is None or producer.source.session.room is not member.room or not producer.source.live:
            raise NotFound(f"there is no producer {number} in room {member.room.name}")
        owner = producer.source.peer
        if owner is member.peer or owner.name != peer or not producer.receivable:
            raise NotFound(f"producer {number} of {peer} cannot be received here")
        older = member.consumptions.pop(number, None)
        if older is not None:
            self._directory.switching.post(CloseConsumer(older.consumer))
        consumption = Consumption(self._ids.consumer(), producer)
        member.consumptions[number] = consumption
        member.stale.pop((owner.name, producer.name), None)
        member.mids += 1
        rtp = consumer_parameters(
            producer.codecs, producer.kind, self._encoding(producer.kind), str(member.mids), owner.name
        )
        command = CreateConsumer(
            transport.id, consumption.consumer, producer.kind, rtp, producer.id, paused=True
        )
        try:
            await self._sfu.submit(command)
        except BaseException:
            if member.consumptions.get(number) is consumption:
                del member.consumptions[number]
            self._directory.switching.post(CloseConsumer(consumption.consumer))
            raise
        if member.consumptions.get(number) is not consumption:
            raise NotFound(f"producer {number} ended while it was asked for")
        return consumption, rtp

    def resume_consumer(self, member: Membership, number: ConsumerId) -> None:
        """Begins to send, with a key frame."""
        consumption = self._consumption(member, number)
        if consumption is None:
            return
        consumption.wanted = True
        self.attention.look(member)
        self._apply(member, consumption)
        if consumption.sending and consumption.producer.kind == MediaKind.VIDEO:
            asyncio.get_running_loop().call_later(KEYFRAME_AGAIN_S, self._ask_again, member, consumption)

    def close_consumer(self, member: Membership, number: ConsumerId) -> None:
        """Ends a consumer; one that is gone already has ended as asked."""
        consumption = self._consumption(member, number)
        if consumption is not None:
            del member.consumptions[consumption.producer.id]
            self._directory.switching.post(CloseConsumer(consumption.consumer))
            self.attention.look(member)

    def enforce(self, room: Room) -> None:
        """Ends and pauses what is not allowed any more, and lets go on what is."""
        ended = [
            producer
            for peer in list(room.peers.values())
            for producer in peer.producers()
            if not may_publish(room.allowed(peer), producer.source.label, producer.kind)
        ]
        self._directory.sources.close(room, ended, moderated=True)
        for member in room.members():
            for consumption in member.consumptions.values():
                self._apply(member, consumption)

    def _apply(self, member: Membership, consumption: Consumption) -> None:
        wanted = consumption.wanted and member.room.allowed(member.peer).subscribe
        if wanted != consumption.sending:
            consumption.sending = wanted
            number = consumption.consumer
            self._directory.switching.post(ResumeConsumer(number) if wanted else PauseConsumer(number))

    def _ask_again(self, member: Membership, consumption: Consumption) -> None:
        if member.consumptions.get(consumption.producer.id) is consumption and consumption.sending:
            self._directory.switching.post(RequestKeyframe(consumption.consumer))

    def _consumption(self, member: Membership, number: ConsumerId) -> Consumption | None:
        return next((c for c in member.consumptions.values() if c.consumer == number), None)

    def _encoding(self, kind: MediaKind) -> Encoding:
        ssrc = self._ssrc()
        return Encoding(ssrc=ssrc, rtx_ssrc=self._ssrc() if repaired(kind) else None)

    def _ssrc(self) -> int:
        """Makes a random SSRC (RFC 3550 section 8.1); the core refuses the rare one that is taken."""
        number = self._random.randrange(1, 1 << 32)
        return number if number != _FORBIDDEN_SSRC else self._ssrc()
