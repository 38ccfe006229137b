"""An ``Sfu`` in memory that behaves like the core: the same refusals, the same closing order, no media. And its ``Sdp``."""

import asyncio
from collections.abc import AsyncIterator

from medianode.errors import (
    Conflict,
    InvalidArgument,
    LimitReached,
    MedianodeError,
    NotFound,
    Unsupported,
    WrongState,
)
from medianode.sfu.commands import (
    CloseConsumer,
    CloseDataConsumer,
    CloseDataProducer,
    CloseProducer,
    CloseRouter,
    CloseTransport,
    Command,
    ConnectTransport,
    CreateConsumer,
    CreateDataConsumer,
    CreateDataProducer,
    CreateDirectTransport,
    CreateProducer,
    CreateRouter,
    CreateWebRtcTransport,
    Done,
    IceReply,
    PauseConsumer,
    PauseProducer,
    Reply,
    RequestKeyframe,
    RestartIce,
    ResumeConsumer,
    ResumeProducer,
    SendData,
    SetConsumerLayers,
    SwitchConsumer,
    TransportReply,
)
from medianode.sfu.events import (
    ActiveSpeaker,
    CloseCause,
    ConsumerClosed,
    DataChannelClosed,
    DataChannelOpened,
    DataConsumerClosed,
    DataMessage,
    DataProducerClosed,
    Event,
    ProducerClosed,
    RouterClosed,
    TransportClosed,
    TransportConnected,
)
from medianode.sfu.params import (
    ChannelParameters,
    CodecParameters,
    DtlsFingerprint,
    DtlsParameters,
    DtlsRole,
    Encoding,
    IceCandidate,
    IceParameters,
    MediaKind,
    Protocol,
    RtpParameters,
    SctpParameters,
    SrtpProfile,
)
from medianode.sfu.sdp import Fragment, Leg, Plan

SCTP = SctpParameters(port=5000, max_message_size=262144)
DTLS = DtlsParameters(DtlsRole.AUTO, (DtlsFingerprint("sha-256", "AA:BB"),))


class FakeSfu:
    """Keeps the tables that the core keeps, and answers at the next turn of the loop."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.routers: set[int] = set()
        self.transports: dict[int, int] = {}
        self.direct: set[int] = set()
        self.connected: dict[int, DtlsParameters] = {}
        self.producers: dict[int, CreateProducer] = {}
        self.consumers: dict[int, int | None] = {}
        self.consumer_transports: dict[int, int] = {}
        self.data_producers: dict[int, CreateDataProducer] = {}
        self.data_consumers: dict[int, CreateDataConsumer] = {}
        self.refuse: dict[type[Command], MedianodeError] = {}
        self.sent: list[tuple[int, str]] = []
        """What was said on direct transports."""
        self.restarts = 0
        self.faded: set[int] = set()
        """Transports whose peer is not heard any more, but not yet given up."""
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._closed = False

    def submit(self, command: Command) -> asyncio.Future[Reply]:
        if self._closed:
            raise WrongState("the core is closed")
        self.commands.append(command)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        try:
            if type(command) in self.refuse:
                raise self.refuse[type(command)]
            reply = self._do(command)
        except MedianodeError as error:
            future.get_loop().call_soon(_fail, future, error)
        else:
            future.get_loop().call_soon(_finish, future, reply)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event

    def snapshot(self) -> dict[str, object]:
        routers = [
            {
                "router": router,
                "transports": [
                    {"transport": t, "ice_state": "disconnected" if t in self.faded else "connected"}
                    for t, owner in self.transports.items()
                    if owner == router and t not in self.direct
                ],
            }
            for router in self.routers
        ]
        return {"workers": [{"transports": len(self.transports) - len(self.direct), "routers": routers}]}

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            for router in list(self.routers):
                self._close_router(router, CloseCause.WORKER)
            self._events.put_nowait(None)

    # What the world does

    def tell(self, event: Event) -> None:
        self._events.put_nowait(event)

    def connect(self, transport: int) -> None:
        self.tell(TransportConnected(transport, SrtpProfile.AEAD_AES_128_GCM, "1.2"))

    def lose(self, transport: int, cause: CloseCause = CloseCause.CONSENT_LOST) -> None:
        self._close_transport(transport, cause)

    def speak(self, producer: int | None) -> None:
        router = (
            self.transports[self.producers[producer].transport]
            if producer is not None
            else next(iter(self.routers))
        )
        self.tell(ActiveSpeaker(router, producer))

    def open_channel(self, transport: int, stream_id: int, label: str, *, ordered: bool = True) -> None:
        self.tell(DataChannelOpened(transport, stream_id, ChannelParameters(label, ordered=ordered)))

    def close_channel(self, transport: int, stream_id: int) -> None:
        self.tell(DataChannelClosed(transport, stream_id))

    def hear(self, data_producer: int, payload: str) -> None:
        """A peer says something into a channel that is a data producer."""
        self._fan_out(data_producer, payload)

    def fail_router(self, router: int) -> None:
        self._close_router(router, CloseCause.PANIC)

    # What the core does

    def _do(self, command: Command) -> Reply:
        match command:
            case CreateRouter(router=router):
                self._fresh(router, self.routers)
                self.routers.add(router)
            case CloseRouter(router=router):
                self._close_router(router, CloseCause.CLOSED)
            case CreateWebRtcTransport(router=router, transport=transport, sctp=sctp):
                self._known(router, self.routers)
                self._fresh(transport, self.transports)
                self.transports[transport] = router
                return TransportReply(
                    IceParameters(f"ufrag{transport}", "p" * 22, ice_lite=True),
                    (IceCandidate("1", 1, "127.0.0.1", Protocol.UDP, 14100),),
                    DTLS,
                    SCTP if sctp else None,
                )
            case CreateDirectTransport(router=router, transport=transport):
                self._known(router, self.routers)
                self._fresh(transport, self.transports)
                self.transports[transport] = router
                self.direct.add(transport)
            case ConnectTransport(transport=transport, dtls=dtls):
                self._with_peer(transport)
                self.connected[transport] = dtls
            case RestartIce(transport=transport):
                self._with_peer(transport)
                self.restarts += 1
                return IceReply(IceParameters(f"again{self.restarts}", "q" * 22, ice_lite=True), ())
            case CloseTransport(transport=transport):
                self._close_transport(transport, CloseCause.CLOSED)
            case _:
                self._do_leg(command)
        return Done()

    def _do_leg(self, command: Command) -> None:
        match command:
            case CreateProducer(transport=transport, producer=producer):
                self._with_peer(transport)
                self._fresh(producer, self.producers)
                self.producers[producer] = command
            case CreateConsumer(transport=transport, consumer=consumer, producer=producer):
                self._with_peer(transport)
                self._fresh(consumer, self.consumers)
                self.consumers[consumer] = producer
                self.consumer_transports[consumer] = transport
            case SwitchConsumer(consumer=consumer, producer=producer):
                self._known(consumer, self.consumers)
                if producer is not None:
                    self._known(producer, self.producers)
                self.consumers[consumer] = producer
            case CloseProducer(producer=producer):
                self._close_producer(producer, CloseCause.CLOSED)
            case CloseConsumer(consumer=consumer):
                self._close_consumer(consumer, CloseCause.CLOSED)
            case PauseProducer(producer=number) | ResumeProducer(producer=number):
                self._known(number, self.producers)
            case (
                PauseConsumer(consumer=number)
                | ResumeConsumer(consumer=number)
                | RequestKeyframe(consumer=number)
                | SetConsumerLayers(consumer=number)
            ):
                self._known(number, self.consumers)
            case _:
                self._do_data(command)

    def _do_data(self, command: Command) -> None:
        match command:
            case CreateDataProducer(transport=transport, data_producer=data_producer):
                self._known(transport, self.transports)
                self._channel(transport, command.stream_id, command.negotiated, alone=False)
                self._fresh(data_producer, self.data_producers)
                self.data_producers[data_producer] = command
            case CreateDataConsumer(
                transport=transport, data_consumer=data_consumer, data_producer=data_producer
            ):
                self._known(transport, self.transports)
                self._known(data_producer, self.data_producers)
                self._channel(transport, command.stream_id, command.channel, alone=True)
                self._fresh(data_consumer, self.data_consumers)
                self.data_consumers[data_consumer] = command
            case CloseDataProducer(data_producer=data_producer):
                self._close_data_producer(data_producer, CloseCause.CLOSED)
            case CloseDataConsumer(data_consumer=data_consumer):
                if self.data_consumers.pop(data_consumer, None) is not None:
                    self.tell(DataConsumerClosed(data_consumer, CloseCause.CLOSED))
            case SendData(data_producer=data_producer, payload=payload):
                self._known(data_producer, self.data_producers)
                if self.data_producers[data_producer].transport not in self.direct:
                    raise InvalidArgument("this data producer is fed by its peer")
                self.sent.append((data_producer, payload))
                self._fan_out(data_producer, payload)
            case _:
                raise Unsupported(f"the fake does not know {type(command).__name__}")

    def _fan_out(self, data_producer: int, payload: str) -> None:
        for number, made in self.data_consumers.items():
            if made.data_producer == data_producer and made.transport in self.direct:
                self.tell(DataMessage(number, payload))

    def _with_peer(self, transport: int) -> None:
        self._known(transport, self.transports)
        if transport in self.direct:
            raise Unsupported("a direct transport has no peer")

    def _channel(self, transport: int, stream_id: int | None, wanted: object, *, alone: bool) -> None:
        """What names a channel, or may not."""
        if transport in self.direct:
            if stream_id is not None or wanted is not None:
                raise InvalidArgument("a direct transport has no channels")
        elif stream_id is None and not (alone and wanted is not None):
            raise InvalidArgument("which channel?")

    def _known(self, number: int, table: object) -> None:
        if number not in table:  # type: ignore[operator]
            raise NotFound(f"there is no object {number}")

    def _fresh(self, number: int, table: object) -> None:
        if number in table:  # type: ignore[operator]
            raise Conflict(f"object {number} exists")

    def _close_router(self, router: int, cause: CloseCause) -> None:
        if router not in self.routers:
            return
        for transport in [t for t, owner in self.transports.items() if owner == router]:
            self._close_transport(transport, CloseCause.PARENT)
        self.routers.discard(router)
        self.tell(RouterClosed(router, cause))

    def _close_transport(self, transport: int, cause: CloseCause) -> None:
        if transport not in self.transports:
            return
        for consumer in [c for c, owner in self.consumer_transports.items() if owner == transport]:
            self._close_consumer(consumer, CloseCause.PARENT)
        for producer in [p for p, made in self.producers.items() if made.transport == transport]:
            self._close_producer(producer, CloseCause.PARENT)
        for number in [n for n, made in self.data_consumers.items() if made.transport == transport]:
            del self.data_consumers[number]
            self.tell(DataConsumerClosed(number, CloseCause.PARENT))
        for number in [n for n, made in self.data_producers.items() if made.transport == transport]:
            self._close_data_producer(number, CloseCause.PARENT)
        del self.transports[transport]
        self.direct.discard(transport)
        self.connected.pop(transport, None)
        self.tell(TransportClosed(transport, cause))

    def _close_producer(self, producer: int, cause: CloseCause) -> None:
        if self.producers.pop(producer, None) is None:
            return
        for consumer, source in self.consumers.items():
            if source == producer:
                self.consumers[consumer] = None
        self.tell(ProducerClosed(producer, cause))

    def _close_consumer(self, consumer: int, cause: CloseCause) -> None:
        if consumer in self.consumers:
            del self.consumers[consumer], self.consumer_transports[consumer]
            self.tell(ConsumerClosed(consumer, cause))

    def _close_data_producer(self, number: int, cause: CloseCause) -> None:
        if self.data_producers.pop(number, None) is None:
            return
        for leg in [n for n, made in self.data_consumers.items() if made.data_producer == number]:
            del self.data_consumers[leg]
            self.tell(DataConsumerClosed(leg, CloseCause.PARENT))
        self.tell(DataProducerClosed(number, cause))


class FakeSdp:
    """Understands offers such as ``v=0 audio video data ufrag=abcd``: words instead of sections."""

    def publish(self, offer: str) -> Plan:
        return self._plan(offer)

    def play(self, offer: str) -> Plan:
        return self._plan(offer)

    def answer(self, plan: Plan, transport: TransportReply) -> str:
        return f"v=0 answer ufrag={transport.ice.username_fragment}"

    def read_fragment(self, text: str) -> Fragment:
        if "broken" in text:
            raise InvalidArgument("line 1: broken")
        words = dict(word.split("=", 1) for word in text.split() if "=" in word)
        return Fragment(words.get("ufrag"), words.get("pwd"))

    def write_fragment(self, plan: Plan, ice: IceReply) -> str:
        return f"a=ice-ufrag:{ice.ice.username_fragment}"

    def _plan(self, offer: str) -> Plan:
        words = offer.split()
        if not words or words[0] != "v=0":
            raise InvalidArgument("line 1: not v=0")
        if "unusable" in words:
            raise Unsupported("no BUNDLE")
        ufrag = next((word.removeprefix("ufrag=") for word in words if word.startswith("ufrag=")), "peer")
        legs = tuple(
            Leg(MediaKind(word), rtp(MediaKind(word))) for word in words if word in ("audio", "video")
        )
        return Plan(legs, DTLS, SCTP if "data" in words else None, ufrag, None)


def rtp(kind: MediaKind) -> RtpParameters:
    codec = ("audio/opus", 111, 48000) if kind == MediaKind.AUDIO else ("video/VP8", 96, 90000)
    return RtpParameters(codecs=(CodecParameters(*codec),), encodings=(Encoding(ssrc=1),))


def limit(text: str) -> LimitReached:
    return LimitReached(text)


def _finish(future: asyncio.Future[Reply], reply: Reply) -> None:
    if not future.done():
        future.set_result(reply)


def _fail(future: asyncio.Future[Reply], error: MedianodeError) -> None:
    if not future.done():
        future.set_exception(error)
