"""A direct transport beside a real client whose channels are pre-negotiated on both sides, several sources on one stream."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from medianode.ids import DataConsumerId, IdSource, RouterId, TransportId
from medianode.sfu.commands import (
    CloseDataConsumer,
    ConnectTransport,
    CreateDataConsumer,
    CreateDataProducer,
    CreateDirectTransport,
    CreateRouter,
    CreateWebRtcTransport,
    SendData,
    TransportReply,
)
from medianode.sfu.events import DataMessage
from medianode.sfu.params import ChannelParameters
from tests.integration.test_native_sfu import CONFIG

native = pytest.importorskip("medianode.sfu.native")
native_sdp = pytest.importorskip("medianode.sfu.native_sdp")

STREAM = 0
BOT = ChannelParameters("bot", ordered=False, max_retransmits=3)


@pytest.fixture
async def sfu() -> AsyncIterator[Any]:
    core = native.NativeSfu(CONFIG)
    yield core
    await core.close()


class Client:
    """A client with one pre-negotiated channel."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.pc.createDataChannel(
            "bot", negotiated=True, id=STREAM, ordered=False, maxRetransmits=3
        )
        self.heard: list[Any] = []
        self.channel.on("message", self.heard.append)

    async def join(self, sfu: Any, router: RouterId, transport: TransportId, *before: Any) -> None:
        """Connects; the commands ``before`` are given while the transport does not know its peer yet."""
        sdp = native_sdp.NativeSdp()
        await self.pc.setLocalDescription(await self.pc.createOffer())
        plan = sdp.play(self.pc.localDescription.sdp)
        reply = await sfu.submit(CreateWebRtcTransport(router, transport, sctp=True))
        assert isinstance(reply, TransportReply)
        for command in before:
            await sfu.submit(command)
        await sfu.submit(ConnectTransport(transport, plan.dtls, plan.sctp))
        answer = RTCSessionDescription(sdp.answer(plan, reply), "answer")
        await self.pc.setRemoteDescription(answer)
        await until(lambda: self.channel.readyState == "open")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_messages_pass_between_clients_and_the_control_plane(sfu: Any) -> None:
    ids = IdSource()
    router, direct = ids.router(), ids.transport()
    await sfu.submit(CreateRouter(router))
    await sfu.submit(CreateDirectTransport(router, direct))
    ours, theirs = ids.data_producer(), ids.data_producer()
    heard = DataConsumerId(ids.data_consumer())
    await sfu.submit(CreateDataProducer(direct, ours))
    speaker, hearer = Client(), Client()
    sending, receiving = ids.transport(), ids.transport()
    await speaker.join(sfu, router, sending, CreateDataProducer(sending, theirs, STREAM, BOT))
    await sfu.submit(CreateDataConsumer(direct, heard, theirs))
    legs = {source: ids.data_consumer() for source in (ours, theirs)}
    wanted = [CreateDataConsumer(receiving, leg, source, STREAM, BOT) for source, leg in legs.items()]
    await hearer.join(sfu, router, receiving, *wanted)
    await sfu.submit(SendData(ours, "speakers"))
    speaker.channel.send("hello")
    speaker.channel.send(b"binary")
    await until(lambda: len(hearer.heard) == 3)
    assert sorted(map(str, hearer.heard)) == ["b'binary'", "hello", "speakers"]
    await sfu.submit(CloseDataConsumer(legs[theirs]))
    speaker.channel.send("nobody hears")
    await sfu.submit(SendData(ours, "still here"))
    await until(lambda: hearer.heard[-1] == "still here")
    assert hearer.channel.readyState == "open"
    await sfu.submit(CloseDataConsumer(legs[ours]))
    await until(lambda: hearer.channel.readyState == "closed")
    await sfu.close()
    told = [event async for event in sfu.events()]
    assert DataMessage(heard, "hello") in told
    assert [event.payload for event in told if isinstance(event, DataMessage)] == ["hello", "nobody hears"]
    await asyncio.gather(speaker.pc.close(), hearer.pc.close())
