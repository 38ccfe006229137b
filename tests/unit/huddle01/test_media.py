"""What members send and receive, how it is answered, and what WHIP and WHEP see of it."""

import pytest

from medianode.errors import Conflict, LimitReached
from medianode.rooms.attention import CROWD, LOWEST
from medianode.rooms.roles import Role
from medianode.sfu.commands import (
    CloseConsumer,
    ConnectTransport,
    CreateConsumer,
    CreateProducer,
    PauseConsumer,
    PauseProducer,
    ResumeConsumer,
    ResumeProducer,
    SetConsumerLayers,
)
from medianode.sfu.params import MediaKind
from medianode.signalling.huddle01.wire import client_pb2 as wire
from tests.unit.conftest import AV, media
from tests.unit.huddle01.scripted import DTLS, Client, Stage, rtp


async def test_a_transport_is_described_so_that_ice_starts(stage: Stage) -> None:
    client = await stage.joined("ann")
    info = await client.transport("send")
    (candidate,) = info.iceCandidates
    assert candidate.address == candidate.ip != ""
    assert info.iceParameters.iceLite
    assert (info.dtlsParameters.role, info.sctpParameters.port) == ("auto", 5000)
    made = stage.world.sfu.commands[-1]
    assert isinstance(made, ConnectTransport)
    assert made.sctp is not None


async def test_a_produce_is_answered_to_everybody_with_its_label(stage: Stage) -> None:
    bob = await stage.joined("bob")
    _, (video,) = await stage.on_air("ann", "video")
    told = await bob.until(wire.ProduceResponse)
    assert (told.peerId, told.producerId, told.label) == ("ann", video, "video")
    made = stage.world.sfu.producers[int(video)]
    assert [encoding.rid for encoding in made.rtp.encodings] == ["r0", "r1", "r2"]
    assert all(encoding.ssrc is None for encoding in made.rtp.encodings)


async def test_a_consumer_waits_for_its_client_and_says_that_it_is_not_paused(stage: Stage) -> None:
    _, (video,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await bob.transport("recv")
    bob.ask(wire.Consume(producerPeerId="ann", producerId=video))
    answer = await bob.until(wire.ConsumeResponse)
    made = last(stage, CreateConsumer)
    assert made.paused
    assert (answer.label, answer.kind, answer.producerPeerId) == ("video", "video", "ann")
    assert answer.HasField("producerPaused")
    assert not answer.producerPaused
    sent = answer.rtpParameters
    assert (sent.mid, sent.rtcp.cname) == ("1", "ann")
    (encoding,) = sent.encodings
    assert encoding.ssrc not in (0, 1234)
    assert encoding.rtx.ssrc not in (0, encoding.ssrc)
    assert [(c.mimeType, c.payloadType) for c in sent.codecs] == [("video/H264", 103), ("video/rtx", 104)]
    assert not [c for c in stage.world.sfu.commands if isinstance(c, ResumeConsumer)]
    bob.ask(wire.ResumeConsumer(consumerId=answer.consumerId, producerPeerId="ann"))
    await bob.quiet()
    assert last(stage, ResumeConsumer).consumer == int(answer.consumerId)


async def test_mids_differ_and_one_peer_has_one_cname(stage: Stage) -> None:
    _, made = await stage.on_air("ann", "video", "audio")
    bob = await stage.joined("bob")
    await bob.transport("recv")
    sent = [(await bob.consume("ann", number)).rtpParameters for number in made]
    assert sent[0].mid != sent[1].mid
    assert {p.rtcp.cname for p in sent} == {"ann"}
    extensions = [{e.id: e.uri for e in p.headerExtensions} for p in sent]
    common = extensions[0].keys() & extensions[1].keys()
    assert all(extensions[0][number] == extensions[1][number] for number in common)


async def test_a_paused_producer_is_told_as_such(stage: Stage) -> None:
    ann, (audio,) = await stage.on_air("ann", "audio")
    bob = await stage.joined("bob")
    ann.ask(wire.PauseProducer(producerId=audio))
    assert (await bob.until(wire.PauseProducerSuccess)).label == "audio"
    assert last(stage, PauseProducer).producer == int(audio)
    late = stage.connect("late")
    entered = await late.join()
    assert [p.paused for peer in entered.roomInfo.peers for p in peer.producers] == [True]
    await late.transport("recv")
    assert (await late.consume("ann", audio)).producerPaused
    ann.ask(wire.ResumeProducer(producerId=audio))
    await late.until(wire.ResumeProducerSuccess, producerId=audio)
    assert last(stage, ResumeProducer).producer == int(audio)


async def test_closing_is_told_to_all_and_closing_the_unknown_is_nothing(stage: Stage) -> None:
    ann, (video,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await bob.transport("recv")
    answer = await bob.consume("ann", video)
    ann.ask(wire.CloseProducer(producerId=video))
    for client in (ann, bob):
        assert (await client.until(wire.CloseProducerSuccess)).label == "video"
    assert last(stage, CloseConsumer).consumer == int(answer.consumerId)
    for gone in (video, "refused-video", "no number", "9" * 40):
        ann.ask(wire.CloseProducer(producerId=gone))
    await ann.quiet(wire.Error, wire.CloseProducerSuccess)


@pytest.mark.parametrize(
    ("role", "label", "kind", "mime"),
    [
        (Role.LISTENER, "video", "video", None),
        (Role.SPEAKER, "video", "video", None),
        (Role.BOT, "screen-share-video", "video", None),
        (Role.GUEST, "video", "video", "audio/opus"),
        (Role.GUEST, "audio", "audio", "audio/unheard-of"),
        (Role.GUEST, "", "audio", None),
        (Role.GUEST, "video", "smell", None),
    ],
)
async def test_a_refused_produce_lets_the_next_one_through(
    stage: Stage, role: Role, label: str, kind: str, mime: str | None
) -> None:
    """No error is understood: the answer names a producer that is closed at once, for the asker alone."""
    bob = await stage.joined("bob")
    ann = await stage.joined("ann", role)
    await ann.transport("send")
    parameters = rtp("audio" if kind == "audio" else "video", mime)
    ann.ask(wire.Produce(label=label, kind=kind, rtpParameters=parameters, paused=False))
    opened = await ann.until(wire.ProduceResponse)
    closed = await ann.until(wire.RoomClosedProducers)
    assert (opened.label, closed.reason.code) == (label, 4444)
    assert [p.producerId for p in closed.producers] == [opened.producerId]
    assert not stage.world.sfu.producers
    ann.ask(wire.CloseProducer(producerId=opened.producerId))
    if role in (Role.GUEST, Role.SPEAKER):
        await ann.produce("audio")
    await bob.quiet(wire.RoomClosedProducers)
    assert not [m for m in bob.told if isinstance(m, wire.ProduceResponse) and m.label != "audio"]


async def test_a_produce_that_the_core_refuses_is_refused(stage: Stage) -> None:
    ann, _ = await stage.on_air("ann")
    stage.world.sfu.refuse[CreateProducer] = LimitReached("full")
    ann.ask(wire.Produce(label="video", kind="video", rtpParameters=rtp("video"), paused=False))
    await ann.until(wire.RoomClosedProducers)
    del stage.world.sfu.refuse[CreateProducer]
    await ann.produce("video")


async def test_what_cannot_be_consumed_costs_nothing_else(stage: Stage) -> None:
    _, (video,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await bob.transport("recv")
    for peer, number in (("ann", "99999"), ("nobody", video), ("ann", "x"), ("ann", "-1")):
        bob.ask(wire.Consume(producerPeerId=peer, producerId=number))
        assert (await bob.until(wire.Error)).event == "Consume"
    await bob.consume("ann", video)


async def test_consuming_again_replaces_the_consumer(stage: Stage) -> None:
    _, (video,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await bob.transport("recv")
    first, second = [await bob.consume("ann", video) for _ in range(2)]
    assert first.rtpParameters.mid != second.rtpParameters.mid
    await bob.quiet()
    assert list(stage.world.sfu.consumers) == [int(second.consumerId)]
    bob.ask(wire.CloseConsumer(consumerId=second.consumerId))
    await bob.until(wire.CloseConsumerSuccess, consumerId=second.consumerId)
    assert not stage.world.sfu.consumers


async def test_a_label_can_be_used_again(stage: Stage) -> None:
    ann, (first,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    second = await ann.produce("video")
    assert (await bob.until(wire.CloseProducerSuccess)).producerId == first
    assert (await bob.until(wire.ProduceResponse)).producerId == second
    assert list(stage.world.sfu.producers) == [int(second)]


async def test_an_ice_restart_is_answered_with_everything(stage: Stage) -> None:
    ann = await stage.joined("ann")
    info = await ann.transport("send")
    ann.ask(wire.RestartTransportIce(transportType="send", transportId=info.id))
    ice = (await ann.until(wire.RestartTransportIceResponse)).iceParameters
    assert ice.iceLite
    assert ice.usernameFragment
    assert ice.password


async def test_a_restart_of_what_is_gone_sends_the_client_to_join_anew(stage: Stage) -> None:
    ann = await stage.joined("ann")
    info = await ann.transport("send")
    stage.world.sfu.lose(int(info.id))
    await stage.world.settled()
    ann.ask(wire.RestartTransportIce(transportType="send", transportId=info.id))
    assert await ann.ended() == 4002


async def test_a_lost_transport_takes_its_producers_with_it(stage: Stage) -> None:
    ann, (video,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    stage.world.sfu.lose(stage.world.sfu.producers[int(video)].transport)
    assert (await bob.until(wire.CloseProducerSuccess)).producerId == video
    await bob.quiet(wire.PeerLeft)
    await ann.quiet()


async def test_dtls_without_a_fingerprint_is_told(stage: Stage) -> None:
    ann = await stage.joined("ann")
    await ann.transport("send")
    ann.ask(wire.ConnectTransport(transportType="recv", dtlsParameters=DTLS))
    assert "no recv transport" in (await ann.until(wire.Error)).error


# With WHIP and WHEP


async def test_a_publisher_over_whip_is_a_peer_with_producers(stage: Stage) -> None:
    bob = await stage.joined("bob")
    publisher = await stage.world.publish("ann")
    await stage.world.publish("ann", "screen", media(MediaKind.VIDEO))
    labels = [(await bob.until(wire.ProduceResponse)).label for _ in range(3)]
    assert labels == ["audio", "video", "screen-share-video"]
    await bob.transport("recv")
    video = publisher.source.producers[MediaKind.VIDEO].id
    answer = await bob.consume("ann", str(video))
    assert [c.mimeType for c in answer.rtpParameters.codecs] == ["video/VP8", "video/rtx"]
    stage.world.rooms.close(publisher)
    await bob.until(wire.CloseProducerSuccess, label="video")


async def test_a_player_follows_a_members_camera_as_its_kinds_come_and_go(stage: Stage) -> None:
    world = stage.world
    player = await world.play("ann")
    ann, (video,) = await stage.on_air("ann", "video")
    await world.settled()
    assert world.fed_by(player) == int(video)
    assert world.fed_by(player, MediaKind.AUDIO) is None
    audio = await ann.produce("audio")
    assert world.fed_by(player, MediaKind.AUDIO) == int(audio)
    ann.ask(wire.CloseProducer(producerId=video))
    await ann.until(wire.CloseProducerSuccess)
    assert world.fed_by(player) is None
    assert world.fed_by(player, MediaKind.AUDIO) == int(audio)


async def test_a_players_screen_is_a_members_screen(stage: Stage) -> None:
    world = stage.world
    player = await world.play("ann", "screen")
    _, (screen,) = await stage.on_air("ann", "screen-share-video")
    assert world.fed_by(player) == int(screen)


async def test_onlookers_without_a_name_are_no_peers(stage: Stage) -> None:
    bob = await stage.joined("bob")
    await stage.world.play("bob")
    await bob.quiet(wire.NewPeerJoined)
    late = stage.connect("late")
    assert [peer.peerId for peer in (await late.join()).roomInfo.peers] == ["bob"]


async def test_one_name_publishes_one_camera(stage: Stage) -> None:
    ann, _ = await stage.on_air("ann", "video")
    with pytest.raises(Conflict):
        await stage.world.publish("ann", "camera", AV)
    await stage.world.publish("ann", "screen", media(MediaKind.VIDEO))
    await ann.quiet(wire.ProduceResponse)  # its client has not asked for that
    ann.ask(wire.Produce(label="screen-share-video", kind="video", rtpParameters=rtp("video"), paused=False))
    await ann.until(wire.RoomClosedProducers)


async def test_in_a_crowd_those_who_spoke_last_are_sent_in_full(stage: Stage) -> None:
    bob = await stage.joined("bob")
    await bob.transport("recv")
    peers = [await stage.world.publish(f"p{n}") for n in range(CROWD + 1)]
    cameras = {f"p{n}": p.source.producers[MediaKind.VIDEO].id for n, p in enumerate(peers)}
    consumers = {
        name: int((await bob.consume(name, str(number))).consumerId) for name, number in cameras.items()
    }
    await bob.quiet()
    assert bounds(stage) == dict.fromkeys(consumers.values(), LOWEST)
    for speaker in ("p0", "p1", "p2", "p3", "p4", "p2"):
        stage.world.sfu.speak(peers[int(speaker[1])].source.producers[MediaKind.AUDIO].id)
    await stage.world.settled()
    free = {name for name, number in consumers.items() if bounds(stage)[number] is None}
    assert free == {"p1", "p2", "p3", "p4"}
    bob.ask(wire.CloseConsumer(consumerId=str(consumers["p9"])))
    await bob.until(wire.CloseConsumerSuccess, consumerId=str(consumers["p9"]))
    assert {number for number, bound in bounds(stage).items() if bound} == {consumers["p9"]}


def bounds(stage: Stage) -> dict[int, object]:
    return {c.consumer: c.layer for c in stage.world.sfu.commands if isinstance(c, SetConsumerLayers)}


async def test_consumers_stop_while_the_room_forbids_it(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    _, (video,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await bob.transport("recv")
    await bob.consume("ann", video)
    allow(host, "allowConsume", value=False)
    await bob.until(wire.NewRoomControls)
    assert isinstance(last(stage, PauseConsumer), PauseConsumer)
    allow(host, "allowConsume", value=True)
    await bob.until(wire.NewRoomControls)
    assert isinstance(stage.world.sfu.commands[-1], ResumeConsumer)


def allow(host: Client, what: str, *, value: bool) -> None:
    host.ask(wire.UpdateRoomControls(room_control=wire.RoomControlType(type=what, value=value)))


def last(stage: Stage, kind: type) -> object:
    return next(c for c in reversed(stage.world.sfu.commands) if isinstance(c, kind))
