"""Messages of members, the chat that they share with pages, bot channels, and who speaks."""

import json

import pytest

from medianode.rooms.roles import Role
from medianode.sfu.commands import CreateDataProducer
from medianode.sfu.events import AudioLevels, DataMessage
from medianode.sfu.params import MediaKind
from medianode.signalling.huddle01.wire import client_pb2 as wire
from medianode.signalling.huddle01.wire import rtc_pb2 as rtc
from tests.unit.conftest import AVD
from tests.unit.huddle01.scripted import CHANNEL, Client, Stage, acl


async def test_a_message_to_all_comes_back_to_its_sender(stage: Stage) -> None:
    """Applications show their own words only when they come back."""
    ann, bob = await stage.joined("ann"), await stage.joined("bob")
    ann.ask(wire.SendData(to=["*"], payload="hi", label="chat"))
    for client in (ann, bob):
        heard = await client.until(wire.ReceiveData)
        assert (getattr(heard, "from"), heard.payload, heard.label) == ("ann", "hi", "chat")


async def test_a_private_message_goes_to_those_named_alone(stage: Stage) -> None:
    ann, bob, cid = [await stage.joined(name) for name in ("ann", "bob", "cid")]
    ann.ask(wire.SendData(to=["bob", "nobody"], payload="psst"))
    heard = await bob.until(wire.ReceiveData)
    assert not heard.HasField("label")
    await cid.quiet(wire.ReceiveData)
    await ann.quiet(wire.ReceiveData)


async def test_who_may_not_speak_or_hear_does_not(stage: Stage) -> None:
    ann, bot = await stage.joined("ann"), await stage.joined("bot", Role.BOT)
    bot.ask(wire.SendData(to=["*"], payload="beep"))
    assert (await bot.until(wire.Error)).event == "SendData"
    ann.ask(wire.SendData(to=["*"], payload="hi"))
    await ann.until(wire.ReceiveData)
    await bot.quiet(wire.ReceiveData)


async def test_a_message_beyond_its_limit_is_refused(stage: Stage) -> None:
    ann = await stage.joined("ann")
    ann.ask(wire.SendData(to=["*"], payload="ä" * 513))
    assert "1024" in (await ann.until(wire.Error)).error


async def test_a_page_hears_a_member_and_a_member_hears_a_page(stage: Stage) -> None:
    world = stage.world
    page = await world.publish("page", what=AVD)
    world.sfu.open_channel(page.transport, 1, "chat")
    ann = await stage.joined("ann")
    # The page plays ann, who sends no media, for her chat.
    player = await world.play("ann", what=AVD)
    world.sfu.open_channel(player.transport, 3, "chat")
    await world.settled()
    legs = [c for c in world.sfu.data_consumers.values() if c.transport == player.transport]
    ann.ask(wire.SendData(to=["*"], payload="hi", label="chat"))
    await ann.until(wire.ReceiveData)
    assert [(number, text) for number, text in world.sfu.sent] == [(legs[0].data_producer, "hi")]
    (ear,) = [
        number
        for number, c in world.sfu.data_consumers.items()
        if c.data_producer == page.source.channels["chat"].data_producer
    ]
    for said, read in (('{"text": "hello"}', "hello"), ("plain", "plain"), ("7", "7"), ("[" * 9000, None)):
        world.sfu.tell(DataMessage(ear, said))
        if read is None:
            await world.settled()
            await ann.quiet(wire.ReceiveData)
            continue
        heard = await ann.until(wire.ReceiveData)
        assert (getattr(heard, "from"), heard.payload, heard.label) == ("page", read, "chat")


async def test_a_page_that_comes_later_is_heard_as_well(stage: Stage) -> None:
    world = stage.world
    ann = await stage.joined("ann")
    page = await world.publish("page", what=AVD)
    world.sfu.open_channel(page.transport, 1, "chat")
    await world.settled()
    (ear,) = world.sfu.data_consumers
    world.sfu.tell(DataMessage(ear, "hi"))
    assert (await ann.until(wire.ReceiveData)).payload == "hi"
    world.rooms.close(page)
    await world.settled()
    assert not stage.world.services.conversations.members.talk._ears


async def test_words_for_other_labels_are_not_for_the_page(stage: Stage) -> None:
    ann = await stage.joined("ann")
    ann.ask(wire.SendData(to=["*"], payload="{}", label="reaction"))
    await ann.until(wire.ReceiveData)
    assert not stage.world.sfu.sent


async def test_bot_channels_hear_each_other_and_the_node(stage: Stage) -> None:
    ann, bob = await stage.joined("ann"), await stage.joined("bob")
    first, second = await open_bot(ann), await open_bot(bob)
    await stage.world.settled()
    assert first.sctpStreamParameters == CHANNEL
    assert (first.label, first.protocol, first.peerId) == ("bot", "", "ann")
    legs = stage.world.sfu.data_consumers
    room = stage.world.rooms.directory.room("r")
    assert room.direct is not None
    heard = {
        name: {c.data_producer for c in legs.values() if c.transport == member(stage, name).receive.id}
        for name in ("ann", "bob")
    }
    assert heard["ann"] == {room.direct.bot, int(second.dataProducerId)}
    assert heard["bob"] == {room.direct.bot, int(first.dataProducerId)}
    assert int(first.id) in legs
    assert {
        (c.stream_id, c.channel.ordered, c.channel.max_retransmits) for c in legs.values() if c.channel
    } == {(0, False, 3)}
    made = [c for c in stage.world.sfu.commands if isinstance(c, CreateDataProducer) and c.negotiated]
    assert [c.stream_id for c in made] == [0, 0]


async def test_a_bot_channel_follows_what_its_member_may(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    ann, bob = await stage.joined("ann"), await stage.joined("bob")
    for client in (ann, bob):
        await open_bot(client)
    await stage.world.settled()
    count = len(stage.world.sfu.data_consumers)
    host.ask(wire.UpdatePeerPermission(peerId="ann", permissions=acl(canSendData=False)))
    await ann.until(wire.NewPermissions)
    await stage.world.settled()
    assert len(stage.world.sfu.data_consumers) == count - 1
    host.ask(wire.UpdatePeerPermission(peerId="ann", permissions=acl()))
    await ann.until(wire.NewPermissions)
    await stage.world.settled()
    assert len(stage.world.sfu.data_consumers) == count
    await ann.hang_up(1000)
    await stage.world.settled()
    assert len(stage.world.sfu.data_consumers) == 1


async def test_speakers_are_told_loudest_first_each_once(stage: Stage) -> None:
    _, (audio, screen) = await stage.on_air("ann", "audio", "screen-share-audio")
    page = await stage.world.publish("page")
    await open_bot(await stage.joined("bob"))
    room = stage.world.rooms.directory.room("r")
    levels = ((int(screen), -60), (int(audio), -20), (page.source.producers[MediaKind.AUDIO].id, -10))
    stage.world.sfu.tell(AudioLevels(room.router, (*levels, (99999, -1))))
    await stage.world.settled()
    ((number, text),) = stage.world.sfu.sent
    assert room.direct is not None
    assert number == room.direct.bot
    assert json.loads(text) == {"label": "lastN", "payload": {"activeSpeakers": ["page", "ann"]}}


async def test_a_bot_channel_needs_both_transports(stage: Stage) -> None:
    ann = await stage.joined("ann")
    info = await ann.transport("send")
    ann.ask(wire.ProduceData(transportId=info.id, sctpStreamParameters=CHANNEL, label="bot"))
    assert (await ann.until(wire.Error)).event == "ProduceData"


@pytest.mark.parametrize("label", ["chat", "Bot", ""])
async def test_the_bot_channel_is_the_only_one(stage: Stage, label: str) -> None:
    ann = await stage.joined("ann")
    ann.ask(wire.ProduceData(transportId="1", sctpStreamParameters=CHANNEL, label=label))
    await ann.until(wire.Error)


async def test_an_ordered_channel_that_gives_up_is_refused(stage: Stage) -> None:
    ann = await stage.joined("ann")
    info = await ann.transport("send")
    await ann.transport("recv")
    ordered = rtc.ProtoSctpStreamParameters(streamId=0, ordered=True, maxRetransmits=3)
    ann.ask(wire.ProduceData(transportId=info.id, sctpStreamParameters=ordered, label="bot"))
    assert "ordered" in (await ann.until(wire.Error)).error


async def open_bot(client: Client) -> wire.ProduceDataResponse:
    info = await client.transport("send")
    await client.transport("recv")
    client.ask(wire.ProduceData(transportId=info.id, sctpStreamParameters=CHANNEL, label="bot"))
    return await client.until(wire.ProduceDataResponse)


def member(stage: Stage, name: str):
    return stage.world.rooms.directory.room("r").peers[name].membership  # type: ignore[index]
