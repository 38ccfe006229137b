"""A client of Huddle01's signalling without a browser: joins, speaks over real ICE, DTLS and SRTP, listens, breaks, comes back."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any, Self

from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceCandidate, RTCIceGatherer, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.rtp import RtpPacket
from google.protobuf.message import Message
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from medianode.signalling.huddle01.wire import client_pb2 as wire
from medianode.signalling.huddle01.wire import rtc_pb2 as rtc

FIELDS = {f.message_type.name: f.name for f in wire.Request.DESCRIPTOR.fields}
ANSWER_S = 20
OPUS_SILENCE = b"\xf8\xff\xfe"


class Association:
    """One transport of ours: the controlling side of ICE and the client of DTLS."""

    def __init__(self) -> None:
        self._ice = RTCIceTransport(RTCIceGatherer(iceServers=[]))
        self.dtls = RTCDtlsTransport(self._ice, [RTCCertificate.generateCertificate()])

    def parameters(self) -> rtc.ProtoDtlsParameters:
        hashes = [
            rtc.ProtoDtlsFingerPrints(algorithm=f.algorithm, value=f.value)
            for f in self.dtls.getLocalParameters().fingerprints
            if f.algorithm == "sha-256"
        ]
        return rtc.ProtoDtlsParameters(role="client", fingerprints=hashes)

    async def connect(self, info: rtc.ProtoTransportSDPInfo) -> None:
        await self._ice.iceGatherer.gather()
        self._ice._role_set = True
        self._ice._connection.ice_controlling = True
        for one in info.iceCandidates:
            if one.protocol == "udp":
                candidate = RTCIceCandidate(
                    1, one.foundation, one.address, one.port, one.priority, "udp", one.type
                )
                await self._ice.addRemoteCandidate(candidate)
        await self._ice.addRemoteCandidate(None)
        ours = info.iceParameters
        await self._ice.start(RTCIceParameters(ours.usernameFragment, ours.password, iceLite=True))
        hashes = [RTCDtlsFingerprint(f.algorithm, f.value) for f in info.dtlsParameters.fingerprints]
        self.dtls._set_role("client")
        await self.dtls.start(RTCDtlsParameters(hashes, "server"))
        assert self.dtls.state == "connected"

    async def close(self) -> None:
        await self.dtls.stop()
        await self._ice.stop()

    def vanish(self) -> None:
        """Ends without a goodbye to the other side."""
        self.dtls._state = type(self.dtls._state).CLOSED


class HeadlessPeer:
    """One peer in one room. Listens to everybody whom it hears of while ``listens``."""

    def __init__(self, base_url: str, room: str, token: str, *, listens: bool = False) -> None:
        self._url = f"ws{base_url.removeprefix('http')}/huddle01/ws?token={token}&version=core@2.6.4"
        self._room = room
        self._listens = listens
        self.told: list[Message] = []
        self._changed = asyncio.Event()
        self._associations: dict[str, Association] = {}
        self._transports: dict[str, str] = {}
        self._producers: list[str] = []
        self.name = ""
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None

    # The line

    async def open(self) -> Self:
        self.told.clear()
        self._socket = await connect(self._url, compression=None)
        self._reader = asyncio.create_task(self._read(self._socket))
        self.name = (await self.until(wire.Hello)).peerId
        return self

    async def join(self) -> Self:
        await self.open()
        entered = await self.ask(wire.ConnectRoom(roomId=self._room), wire.ConnectRoomResponse)
        if self._listens:
            await self._connect("recv")
            for peer in entered.roomInfo.peers:
                for producer in peer.producers:
                    await self._send(wire.Consume(producerPeerId=peer.peerId, producerId=producer.id))
        return self

    async def come_back(self) -> None:
        """Reconnects as the SDK does."""
        await self.open()
        await self.ask(wire.SyncMeetingState(localProducerIds=self._producers), wire.SyncMeetingStateResponse)
        for way, transport in self._transports.items():
            request = wire.RestartTransportIce(transportType=way, transportId=transport)
            await self.ask(request, wire.RestartTransportIceResponse)

    async def cut(self) -> None:
        """Breaks the line without a close frame."""
        assert self._socket is not None
        self._socket.transport.abort()
        await self._ended()

    async def leave(self, code: int = 1000) -> None:
        """Goes for good."""
        assert self._socket is not None
        for association in self._associations.values():
            await association.close()
        await self._socket.close(code)
        await self._ended()

    async def vanish(self) -> None:
        """Goes without a word on any line."""
        await self.cut()
        for association in self._associations.values():
            association.vanish()
            with contextlib.suppress(Exception):
                await association._ice.stop()

    # Media

    async def speak(self, seconds: float, label: str = "audio") -> None:
        """Opens a producer and sends Opus."""
        await self._connect("send")
        ssrc = random.getrandbits(32) or 1
        codec = rtc.ProtoCodecParameters(mimeType="audio/opus", payloadType=111, clockRate=48000, channels=2)
        parameters = rtc.ProtoRtpParameters(
            mid=f"{len(self._producers)}", codecs=[codec], encodings=[rtc.ProtoEncodings(ssrc=ssrc)]
        )
        request = wire.Produce(label=label, kind="audio", rtpParameters=parameters, paused=False)
        await self._send(request)
        opened = await self.until(wire.ProduceResponse, peerId=self.name, label=label)
        self._producers.append(opened.producerId)
        dtls = self._associations["send"].dtls
        for n in range(max(1, round(seconds * 50))):
            packet = RtpPacket(payload_type=111, sequence_number=n, timestamp=n * 960, ssrc=ssrc)
            packet.payload = OPUS_SILENCE
            await dtls._send_rtp(packet.serialize())
            await asyncio.sleep(0.02)

    async def say(self, text: str) -> None:
        request = wire.SendData(to=["*"], payload=text)
        await self.ask(request, wire.ReceiveData, payload=text)

    async def _connect(self, way: str) -> None:
        if way in self._associations:
            return
        sctp = rtc.ProtoSctpCapabilities(numStreams=rtc.ProtoNumSctpStreams(OS=1024, MIS=1024))
        made = await self.ask(
            wire.CreateTransport(sctpCapabilities=sctp, transportType=way), wire.CreateTransportOnClient
        )
        association = self._associations[way] = Association()
        self._transports[way] = made.transportSDPInfo.id
        await self.ask(
            wire.ConnectTransport(transportType=way, dtlsParameters=association.parameters()),
            wire.ConnectTransportResponse,
        )
        await association.connect(made.transportSDPInfo)

    # Messages

    async def ask(self, request: Message, answer: type[Any], **wanted: object) -> Any:
        start = len(self.told)
        await self._send(request)
        return await self.until(answer, start, **wanted)

    async def until(self, kind: type[Any], start: int = 0, **wanted: object) -> Any:
        async with asyncio.timeout(ANSWER_S):
            while True:
                self._changed.clear()
                for message in self.told[start:]:
                    if isinstance(message, kind) and all(getattr(message, k) == v for k, v in wanted.items()):
                        return message
                await self._changed.wait()

    async def _send(self, request: Message) -> None:
        assert self._socket is not None
        envelope = wire.Request()
        getattr(envelope, FIELDS[type(request).__name__]).CopyFrom(request)
        getattr(envelope, FIELDS[type(request).__name__]).SetInParent()
        await self._socket.send(envelope.SerializeToString())

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in socket:
                assert isinstance(frame, bytes)
                envelope = wire.Response.FromString(frame)
                message = getattr(envelope, str(envelope.WhichOneof("Response")))
                self.told.append(message)
                self._changed.set()
                await self._follow(message)

    async def _follow(self, message: Message) -> None:
        if isinstance(message, wire.ProduceResponse) and message.peerId != self.name and self._listens:
            await self._send(wire.Consume(producerPeerId=message.peerId, producerId=message.producerId))
        if isinstance(message, wire.ConsumeResponse):
            resume = wire.ResumeConsumer(consumerId=message.consumerId, producerPeerId=message.producerPeerId)
            await self._send(resume)

    async def _ended(self) -> None:
        assert self._reader is not None
        await asyncio.wait([self._reader], timeout=ANSWER_S)
        self._reader.cancel()


@contextlib.asynccontextmanager
async def joined(
    base_url: str, room: str, token: str, *, listens: bool = False
) -> AsyncIterator[HeadlessPeer]:
    """A peer that leaves at the end."""
    peer = HeadlessPeer(base_url, room, token, listens=listens)
    await peer.join()
    try:
        yield peer
    finally:
        await peer.leave()
