"""The real core behind the ``Sfu`` interface."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from medianode.errors import (
    Conflict,
    InvalidArgument,
    NetworkUnavailable,
    NotFound,
    Unsupported,
    WrongState,
)
from medianode.ids import IdSource, RouterId
from medianode.sfu.commands import (
    CloseRouter,
    CloseTransport,
    CreateConsumer,
    CreateDataConsumer,
    CreateDataProducer,
    CreateDirectTransport,
    CreateRouter,
    CreateWebRtcTransport,
    Done,
    IceReply,
    RestartIce,
    SendData,
    SwitchConsumer,
    TransportReply,
)
from medianode.sfu.events import (
    CloseCause,
    DataConsumerClosed,
    DataMessage,
    DataProducerClosed,
    RouterClosed,
    TransportClosed,
)
from medianode.sfu.params import MediaKind
from tests.support.fake_sfu import FakeSfu, rtp

native = pytest.importorskip("medianode.sfu.native")

CONFIG: dict[str, Any] = {
    "workers": 1,
    "first_core": None,
    "media_port": 0,
    "listen_ips": ["127.0.0.1"],
    "announced_ips": ["127.0.0.1"],
}


@pytest.fixture
async def sfu() -> AsyncIterator[Any]:
    core = native.NativeSfu(CONFIG)
    yield core
    await core.close()


async def test_a_transport_tells_what_its_peer_needs(sfu: Any) -> None:
    ids = IdSource()
    router, transport = ids.router(), ids.transport()
    assert await sfu.submit(CreateRouter(router)) == Done()
    reply = await sfu.submit(CreateWebRtcTransport(router, transport, sctp=True, name="x"))
    assert isinstance(reply, TransportReply)
    assert reply.ice.ice_lite
    assert len(reply.ice.password) >= 22
    assert {candidate.port for candidate in reply.candidates} == set(sfu.media_ports())
    assert reply.sctp is not None
    again = await sfu.submit(RestartIce(transport))
    assert isinstance(again, IceReply)
    assert again.ice.username_fragment != reply.ice.username_fragment


async def test_refusals_are_our_errors(sfu: Any) -> None:
    ids = IdSource()
    router = ids.router()
    await sfu.submit(CreateRouter(router))
    with pytest.raises((Conflict, WrongState, InvalidArgument)):
        await sfu.submit(CreateRouter(router))
    with pytest.raises(NotFound):
        await sfu.submit(CreateWebRtcTransport(RouterId(999), ids.transport()))
    with pytest.raises(NotFound):
        await sfu.submit(SwitchConsumer(ids.consumer(), None))
    assert await sfu.submit(CloseTransport(ids.transport())) == Done()


async def test_closing_tells_each_object_once_leaf_first(sfu: Any) -> None:
    ids = IdSource()
    router, transport, consumer = ids.router(), ids.transport(), ids.consumer()
    await sfu.submit(CreateRouter(router))
    await sfu.submit(CreateWebRtcTransport(router, transport))
    await sfu.submit(CreateConsumer(transport, consumer, MediaKind.VIDEO, rtp(MediaKind.VIDEO)))
    await sfu.submit(CloseRouter(router))
    await sfu.close()
    told = [event async for event in sfu.events()]
    assert [type(event).__name__ for event in told] == ["ConsumerClosed", "TransportClosed", "RouterClosed"]
    assert told[1] == TransportClosed(transport, CloseCause.PARENT)
    assert told[2] == RouterClosed(router, CloseCause.CLOSED)


@pytest.mark.parametrize("make", [lambda: native.NativeSfu(CONFIG), FakeSfu], ids=["core", "fake"])
async def test_a_direct_transport_is_heard_and_hears(make: Any) -> None:
    sfu, ids = make(), IdSource()
    router, transport, peer = ids.router(), ids.transport(), ids.transport()
    source, leg = ids.data_producer(), ids.data_consumer()
    await sfu.submit(CreateRouter(router))
    await sfu.submit(CreateDirectTransport(router, transport))
    await sfu.submit(CreateWebRtcTransport(router, peer, sctp=True))
    await sfu.submit(CreateDataProducer(transport, source))
    await sfu.submit(CreateDataConsumer(transport, leg, source))
    await sfu.submit(SendData(source, '{"label":"lastN"} \u00fc'))
    for refused, error in (
        (RestartIce(transport), Unsupported),
        (CreateConsumer(transport, ids.consumer(), MediaKind.VIDEO, rtp(MediaKind.VIDEO)), Unsupported),
        (CreateDataProducer(transport, ids.data_producer(), stream_id=1), InvalidArgument),
        (CreateDataProducer(peer, ids.data_producer()), InvalidArgument),
        (SendData(ids.data_producer(), "nobody"), NotFound),
    ):
        with pytest.raises(error):
            await sfu.submit(refused)
    await sfu.submit(CloseTransport(transport))
    await sfu.close()
    told = [event async for event in sfu.events()]
    assert told[:4] == [
        DataMessage(leg, '{"label":"lastN"} \u00fc'),
        DataConsumerClosed(leg, CloseCause.PARENT),
        DataProducerClosed(source, CloseCause.PARENT),
        TransportClosed(transport, CloseCause.CLOSED),
    ]


async def test_commands_keep_their_order_however_many(sfu: Any) -> None:
    ids = IdSource()
    router = ids.router()
    answers = [sfu.submit(CreateRouter(router))]
    transports = [ids.transport() for _ in range(500)]
    answers += [sfu.submit(CreateWebRtcTransport(router, transport)) for transport in transports]
    answers += [sfu.submit(CloseTransport(transport)) for transport in transports]
    assert all(not isinstance(answer, BaseException) for answer in await asyncio.gather(*answers))


async def test_a_closed_core_refuses(sfu: Any) -> None:
    await sfu.close()
    await sfu.close()
    with pytest.raises(WrongState):
        sfu.submit(CreateRouter(RouterId(1)))
    assert sfu.snapshot() == {}


async def test_settings_and_sockets_are_checked() -> None:
    with pytest.raises(InvalidArgument):
        native.NativeSfu({"bogus": 1})
    first = native.NativeSfu(CONFIG)
    (port,) = first.media_ports()
    with pytest.raises(NetworkUnavailable):
        native.NativeSfu({**CONFIG, "media_port": port})
    await first.close()


async def test_numbers_are_told(sfu: Any) -> None:
    async with asyncio.timeout(5):
        while not sfu.snapshot():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert isinstance(sfu.snapshot(), dict)
