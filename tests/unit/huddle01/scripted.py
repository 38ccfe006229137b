"""A connection in memory and a client that speaks the protocol on it, as the SDK does, request by request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from google.protobuf.message import Message

from medianode.ids import IdSource
from medianode.jws import TokenMint
from medianode.rooms.announce import ClientInfo
from medianode.rooms.directory import Directory, RoomLimits
from medianode.rooms.intake import Intake
from medianode.rooms.members import Members
from medianode.rooms.roles import Role
from medianode.rooms.service import RoomService
from medianode.rooms.tokens import checked_extras
from medianode.signalling.connection import ConnectionEnded
from medianode.signalling.huddle01.session import Conversations
from medianode.signalling.huddle01.wire import client_pb2 as wire
from medianode.signalling.huddle01.wire import rtc_pb2 as rtc
from tests.support.fake_sfu import FakeSfu
from tests.unit.conftest import FakeClock, World

TABLET = ClientInfo("core@2.6.4", "EU", "IN", "Mozilla/5.0")
FIELDS = {f.message_type.name: f.name for f in wire.Request.DESCRIPTOR.fields}
DEADLINE_S = 5.0


class Line:
    """Implements ``FrameConnection``: what the client put in comes out, what the node sends is kept."""

    def __init__(self) -> None:
        self.inward: asyncio.Queue[bytes | int] = asyncio.Queue()
        self.frames: list[bytes] = []
        self.close_code: int | None = None
        self.dropped = False
        self.broken = False
        """Nothing can be sent any more."""
        self.readable = asyncio.Event()
        self.readable.set()
        self.changed = asyncio.Event()

    async def receive(self) -> bytes:
        item = await self.inward.get()
        if isinstance(item, int):
            raise ConnectionEnded(item)
        return item

    async def send(self, frame: bytes) -> None:
        await self.readable.wait()
        if self.broken:
            raise ConnectionEnded(1006)
        self.frames.append(frame)
        self.changed.set()

    async def close(self, code: int) -> None:
        self.close_code = code
        self.changed.set()

    def drop(self) -> None:
        self.dropped = True
        self.changed.set()


@dataclass
class Client:
    """One client on one connection."""

    name: str
    line: Line
    serving: asyncio.Task[None]
    seen: int = 0
    told: list[Message] = field(default_factory=list)

    # Sending

    def ask(self, request: Message) -> None:
        envelope = wire.Request()
        getattr(envelope, FIELDS[type(request).__name__]).CopyFrom(request)
        getattr(envelope, FIELDS[type(request).__name__]).SetInParent()
        self.line.inward.put_nowait(envelope.SerializeToString())

    def raw(self, frame: bytes) -> None:
        self.line.inward.put_nowait(frame)

    async def hang_up(self, code: int) -> None:
        """Ends the connection from the client's side: 1000 leaves, 1006 breaks."""
        self.line.inward.put_nowait(code)
        await self.serving

    async def join(self, *, ready: bool = True) -> wire.ConnectRoomResponse:
        """Enters the room; ``ready`` sends the first request after it, which says that facts may come."""
        await self.until(wire.Hello)
        self.ask(wire.ConnectRoom(roomId="r"))
        entered = await self.until(wire.ConnectRoomResponse)
        if ready:
            self.ask(wire.CloseConsumer(consumerId="0"))
            await self.until(wire.CloseConsumerSuccess)
        return entered

    async def transport(self, way: str) -> rtc.ProtoTransportSDPInfo:
        capabilities = rtc.ProtoSctpCapabilities(numStreams=rtc.ProtoNumSctpStreams(OS=1024, MIS=1024))
        self.ask(wire.CreateTransport(sctpCapabilities=capabilities, transportType=way))
        made = await self.until(wire.CreateTransportOnClient)
        self.ask(wire.ConnectTransport(transportType=way, dtlsParameters=DTLS))
        await self.until(wire.ConnectTransportResponse)
        return made.transportSDPInfo

    async def produce(self, label: str = "video", kind: str | None = None) -> str:
        """Opens a producer on the send transport, made before; returns its id."""
        kind = kind or ("audio" if "audio" in label else "video")
        self.ask(wire.Produce(label=label, kind=kind, rtpParameters=rtp(kind), paused=False))
        return (await self.until(wire.ProduceResponse, peerId=self.name, label=label)).producerId

    async def consume(self, peer: str, producer: str) -> wire.ConsumeResponse:
        self.ask(wire.Consume(producerPeerId=peer, producerId=producer))
        answer = await self.until(wire.ConsumeResponse, producerId=producer)
        self.ask(wire.ResumeConsumer(consumerId=answer.consumerId, producerPeerId=peer))
        return answer

    # Hearing

    def read(self) -> list[Message]:
        """Reads what came since the last reading."""
        fresh = [opened(frame) for frame in self.line.frames[self.seen :]]
        self.seen = len(self.line.frames)
        self.told += fresh
        return fresh

    async def until(self, kind: type[Any], **wanted: object) -> Any:
        """Waits for a message of this kind with these fields, and leaves what comes after it for the next."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                self.line.changed.clear()
                while self.seen < len(self.line.frames):
                    message = opened(self.line.frames[self.seen])
                    self.seen += 1
                    self.told.append(message)
                    if isinstance(message, kind) and all(
                        getattr(message, name) == value for name, value in wanted.items()
                    ):
                        return message
                await self.line.changed.wait()

    async def ended(self) -> int | None:
        """Waits for the end of the conversation; returns the close code, none when the line was dropped."""
        async with asyncio.timeout(DEADLINE_S):
            await self.serving
        assert self.line.dropped == (self.line.close_code is None)
        return self.line.close_code

    async def quiet(self, *kinds: type[Message]) -> None:
        """Has the node answer a question of ours and checks that none of these came before the answer."""
        self.read()
        start = len(self.told)
        self.ask(wire.CloseConsumer(consumerId="0"))
        await self.until(wire.CloseConsumerSuccess)
        assert not [m for m in self.told[start:] if isinstance(m, kinds)]


def opened(frame: bytes) -> Message:
    envelope = wire.Response.FromString(frame)
    return getattr(envelope, str(envelope.WhichOneof("Response")))


@dataclass
class Stage:
    """The node with clients around it."""

    world: World
    clients: list[Client] = field(default_factory=list)

    def token(self, name: str, role: str = Role.GUEST, room: str = "r", **claims: Any) -> str:
        extras = checked_extras(
            role, claims.get("permissions"), claims.get("metadata"), claims.get("max_peers")
        )
        return self.world.services.mint.mint(room, role, name, 3600, extras)

    def connect(self, name: str, role: str = Role.GUEST, token: str | None = None, **claims: Any) -> Client:
        line = Line()
        serving = asyncio.create_task(
            self.world.services.conversations.serve(line, token or self.token(name, role, **claims), TABLET)
        )
        client = Client(name, line, serving)
        self.clients.append(client)
        return client

    async def joined(self, name: str, role: str = Role.GUEST, **claims: Any) -> Client:
        client = self.connect(name, role, **claims)
        await client.join()
        return client

    async def on_air(self, name: str, *labels: str) -> tuple[Client, list[str]]:
        """Joins a client that sends."""
        client = await self.joined(name)
        await client.transport("send")
        return client, [await client.produce(label) for label in labels]

    async def close(self) -> None:
        for client in self.clients:
            client.serving.cancel()
        await asyncio.gather(*(client.serving for client in self.clients), return_exceptions=True)


class NoRecords:
    """Remembers no room."""

    async def find(self, name: str) -> None:
        return None


@asynccontextmanager
async def small_node() -> AsyncIterator[Stage]:
    """Makes a node of rooms and conversations alone, for tests that need many."""
    sfu, clock, ids = FakeSfu(), FakeClock(), IdSource()
    directory = Directory(sfu, ids, clock, RoomLimits(), NoRecords())  # type: ignore[arg-type]
    rooms = RoomService(sfu, directory, ids, clock)
    members = Members(sfu, rooms, ids, clock)
    mint = TokenMint(b"k" * 32, clock)
    services = SimpleNamespace(conversations=Conversations(members, mint, clock), mint=mint)
    pump = asyncio.create_task(Intake(sfu, directory, members).run())
    stage = Stage(World(sfu, clock, rooms, services, None, ""))  # type: ignore[arg-type]
    try:
        yield stage
    finally:
        await stage.close()
        await sfu.close()
        await pump


DTLS = rtc.ProtoDtlsParameters(
    role="client", fingerprints=[rtc.ProtoDtlsFingerPrints(algorithm="sha-256", value="AA:BB")]
)
CHANNEL = rtc.ProtoSctpStreamParameters(streamId=0, ordered=False, maxRetransmits=3)


def rtp(kind: str, mime: str | None = None) -> rtc.ProtoRtpParameters:
    """What a client sends: a camera in three layers without SSRC, or a microphone."""
    if kind == "audio":
        codec = rtc.ProtoCodecParameters(
            mimeType=mime or "audio/opus", payloadType=111, clockRate=48000, channels=2
        )
        return rtc.ProtoRtpParameters(
            mid="0",
            codecs=[codec],
            encodings=[rtc.ProtoEncodings(ssrc=3_000_000_000)],
            rtcp=rtc.RtcpParameters(cname="c"),
        )
    fmtp = {"packetization-mode": "1", "profile-level-id": "42e01f", "level-asymmetry-allowed": "1"}
    return rtc.ProtoRtpParameters(
        mid="1",
        codecs=[
            rtc.ProtoCodecParameters(
                mimeType=mime or "video/H264", payloadType=108, clockRate=90000, parameters=fmtp
            ),
            rtc.ProtoCodecParameters(
                mimeType="video/rtx", payloadType=109, clockRate=90000, parameters={"apt": "108"}
            ),
        ],
        encodings=[rtc.ProtoEncodings(rid=f"r{n}", scalabilityMode="L1T3") for n in range(3)],
    )


def acl(**changes: bool) -> wire.Permissions:
    """A guest's permissions, apart from the changes; sources are ``cam``, ``mic`` and ``screen``."""
    sources = {name: changes.pop(name, True) for name in ("cam", "mic", "screen")}
    rest = {"admin": False, "canConsume": True, "canProduce": True, "canSendData": True, "canRecvData": True}
    return wire.Permissions(
        canProduceSources=wire.Permissions.ProduceSources(**sources),
        **{**rest, "canUpdateMetadata": True, **changes},
    )
