"""Lost connections: media goes on, nobody is told, the client syncs; and those who do not come back."""

import asyncio
from collections.abc import Iterator

import pytest

from medianode.rooms.roles import Role
from medianode.signalling.huddle01 import session
from medianode.signalling.huddle01.codes import Code
from medianode.signalling.huddle01.wire import client_pb2 as wire
from tests.unit.huddle01.scripted import Client, Stage


async def back(stage: Stage, name: str, *producers: str) -> tuple[Client, wire.SyncMeetingStateResponse]:
    """Comes back as the SDK does: hello, then sync; no connectRoom."""
    client = stage.connect(name)
    await client.until(wire.Hello)
    client.ask(wire.SyncMeetingState(localProducerIds=producers))
    return client, await client.until(wire.SyncMeetingStateResponse)


@pytest.mark.parametrize("code", [1006, 1005, 1011])
async def test_a_broken_line_costs_neither_peer_nor_media(stage: Stage, code: int) -> None:
    ann, (video,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await ann.hang_up(code)
    await bob.quiet(wire.PeerLeft, wire.CloseProducerSuccess)
    assert int(video) in stage.world.sfu.producers
    again, synced = await back(stage, "ann", video)
    assert [peer.peerId for peer in synced.roomInfo.peers] == ["bob"]
    await bob.quiet(wire.NewPeerJoined, wire.PeerLeft)
    assert int(video) in stage.world.sfu.producers
    assert await again.produce("audio")
    assert (await bob.until(wire.ProduceResponse)).label == "audio"


@pytest.mark.parametrize("code", [1000, 1001, 4002])
async def test_who_leaves_is_gone_at_once(stage: Stage, code: int) -> None:
    ann, _ = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await ann.hang_up(code)
    assert (await bob.until(wire.PeerLeft)).peerId == "ann"
    await stage.world.settled()
    assert not stage.world.sfu.producers


async def test_who_leaves_while_something_is_sent_is_gone_at_once(stage: Stage) -> None:
    """The writer finds the line dead before the reader finds the goodbye."""
    ann, bob = await stage.joined("ann"), await stage.joined("bob")
    ann.line.broken = True
    bob.ask(wire.SendData(to=["*"], payload="hi"))
    await bob.until(wire.ReceiveData)
    ann.line.inward.put_nowait(1000)
    assert (await bob.until(wire.PeerLeft)).peerId == "ann"


async def test_a_client_that_comes_back_learns_what_it_missed(stage: Stage) -> None:
    ann, (video,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await bob.transport("recv")
    await bob.consume("ann", video)
    await bob.hang_up(1006)
    await stage.joined("cid")
    audio = await ann.produce("audio")
    _, synced = await back(stage, "bob")
    assert {peer.peerId: [p.id for p in peer.producers] for peer in synced.roomInfo.peers} == {
        "ann": [video, audio],
        "cid": [],
    }


async def test_a_label_that_was_used_again_meanwhile_is_closed_first(stage: Stage) -> None:
    """The client would keep the dead consumer and never ask for the new producer."""
    ann, (old,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await bob.transport("recv")
    await bob.consume("ann", old)
    await bob.hang_up(1006)
    ann.ask(wire.CloseProducer(producerId=old))
    new = await ann.produce("video")
    again, synced = await back(stage, "bob")
    closures = [m for m in again.told if isinstance(m, wire.CloseProducerSuccess)]
    assert [(m.peerId, m.producerId, m.label) for m in closures] == [("ann", old, "video")]
    assert again.told.index(closures[0]) < again.told.index(synced)
    assert [p.id for p in synced.roomInfo.peers[0].producers] == [new]
    await again.consume("ann", new)
    await again.hang_up(1006)
    third, _ = await back(stage, "bob")
    assert not [m for m in third.told if isinstance(m, wire.CloseProducerSuccess)]


async def test_a_closure_that_went_into_a_dead_line_is_told_again(stage: Stage) -> None:
    """The node learns late that a line is dead; what it sent meanwhile never arrived."""
    ann, (old,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await bob.transport("recv")
    await bob.consume("ann", old)
    ann.ask(wire.CloseProducer(producerId=old))
    await ann.until(wire.CloseProducerSuccess)
    await ann.produce("video")
    again, _ = await back(stage, "bob")
    assert [m.producerId for m in again.told if isinstance(m, wire.CloseProducerSuccess)] == [old]


async def test_own_producers_that_the_client_lost_are_closed(stage: Stage) -> None:
    ann, (video, audio) = await stage.on_air("ann", "video", "audio")
    bob = await stage.joined("bob")
    await ann.hang_up(1006)
    await back(stage, "ann", audio, "never-was")
    assert (await bob.until(wire.CloseProducerSuccess)).producerId == video
    assert list(stage.world.sfu.producers) == [int(audio)]


async def test_facts_of_the_time_before_the_sync_come_once(stage: Stage) -> None:
    ann, _ = await stage.on_air("ann")
    bob = await stage.joined("bob")
    await bob.hang_up(1006)
    again = stage.connect("bob")
    await again.until(wire.Hello)
    video = await ann.produce("video")
    again.ask(wire.SyncMeetingState())
    synced = await again.until(wire.SyncMeetingStateResponse)
    assert [p.id for p in synced.roomInfo.peers[0].producers] == [video]
    await again.quiet(wire.ProduceResponse)
    assert not [m for m in again.told if isinstance(m, wire.ProduceResponse)]


async def test_the_newest_connection_wins_and_the_older_one_is_told(stage: Stage) -> None:
    ann, (video,) = await stage.on_air("ann", "video")
    again, _ = await back(stage, "ann", video)
    assert await ann.ended() == Code.GOING_AWAY
    assert int(video) in stage.world.sfu.producers
    await again.produce("audio")


async def test_two_that_take_each_others_place_never_lose_the_peer(stage: Stage) -> None:
    bob = await stage.joined("bob")
    ann = await stage.joined("ann")
    for _ in range(5):
        older, (ann, _) = ann, await back(stage, "ann")
        assert await older.ended() == Code.GOING_AWAY
    await bob.until(wire.NewPeerJoined)
    await bob.quiet(wire.PeerLeft, wire.NewPeerJoined)


async def test_a_reloaded_page_joins_anew(stage: Stage) -> None:
    ann, _ = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await ann.hang_up(1006)
    again = stage.connect("ann")
    entered = await again.join()
    assert [peer.peerId for peer in entered.roomInfo.peers] == ["bob"]
    kinds = [type(m) for m in (await bob.until(wire.PeerLeft), await bob.until(wire.NewPeerJoined))]
    assert kinds == [wire.PeerLeft, wire.NewPeerJoined]
    await stage.world.settled()
    assert not stage.world.sfu.producers


async def test_an_unknown_session_is_sent_to_join_anew(stage: Stage) -> None:
    """After a restart of the node nothing makes the client build its transports again."""
    ann = stage.connect("ann")
    await ann.until(wire.Hello)
    ann.ask(wire.SyncMeetingState())
    assert await ann.ended() == Code.CONNECTION_EXPIRED


async def test_a_role_that_changed_meanwhile_is_in_the_greeting(stage: Stage) -> None:
    host, ann = await stage.joined("host", Role.HOST), await stage.joined("ann")
    await ann.hang_up(1006)
    host.ask(wire.UpdatePeerRole(peerId="ann", role="listener"))
    await host.until(wire.NewPeerRole)
    again = stage.connect("ann")
    hello = await again.until(wire.Hello)
    assert (hello.role, hello.acl.canProduce) == ("listener", False)


async def test_who_was_kicked_meanwhile_does_not_come_back(stage: Stage) -> None:
    host, ann = await stage.joined("host", Role.HOST), await stage.joined("ann")
    await ann.hang_up(1006)
    host.ask(wire.KickPeer(peerId="ann"))
    await host.until(wire.PeerLeft)
    again = stage.connect("ann")
    again.ask(wire.SyncMeetingState())
    assert await again.ended() == Code.CONNECTION_EXPIRED


async def test_a_client_that_does_not_read_is_dropped_and_may_come_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SEND_S", 0.05)
    ann, (video,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    ann.line.readable.clear()
    bob.ask(wire.SendData(to=["*"], payload="hi"))
    assert await ann.ended() is None
    await back(stage, "ann", video)
    await bob.quiet(wire.PeerLeft)


# The grace


@pytest.fixture
def short_grace(stage: Stage) -> Iterator[None]:
    members = stage.world.services.conversations.members
    members._grace_s = 0.02
    yield
    assert not members._expiries


@pytest.mark.usefixtures("short_grace")
async def test_who_does_not_come_back_leaves(stage: Stage) -> None:
    ann, _ = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    await ann.hang_up(1006)
    assert (await bob.until(wire.PeerLeft)).peerId == "ann"
    assert not stage.world.sfu.producers


@pytest.mark.usefixtures("short_grace")
async def test_who_came_back_stays(stage: Stage) -> None:
    ann, (video,) = await stage.on_air("ann", "video")
    await ann.hang_up(1006)
    again, _ = await back(stage, "ann", video)
    await asyncio.sleep(0.04)  # longer than the grace: nothing may happen
    await again.quiet()
    assert stage.world.sfu.producers


async def test_a_page_closed_without_a_word_leaves_when_its_media_is_lost(stage: Stage) -> None:
    ann, (video,) = await stage.on_air("ann", "video")
    info = await ann.transport("recv")
    bob = await stage.joined("bob")
    await ann.hang_up(1006)
    stage.world.sfu.lose(int(info.id))
    await stage.world.settled()
    await bob.quiet(wire.PeerLeft)
    stage.world.sfu.lose(stage.world.sfu.producers[int(video)].transport)
    assert (await bob.until(wire.PeerLeft)).peerId == "ann"


async def test_media_lost_first_and_the_line_then_leaves_as_well(stage: Stage) -> None:
    ann, (video,) = await stage.on_air("ann", "video")
    bob = await stage.joined("bob")
    stage.world.sfu.lose(stage.world.sfu.producers[int(video)].transport)
    await bob.until(wire.CloseProducerSuccess)
    await bob.quiet(wire.PeerLeft)
    await ann.hang_up(1006)
    assert (await bob.until(wire.PeerLeft)).peerId == "ann"


async def test_the_last_to_leave_ends_the_room_and_its_run(stage: Stage) -> None:
    ann = await stage.joined("ann")
    session_id = stage.world.rooms.directory.room("r").session
    await ann.hang_up(1000)
    assert not stage.world.rooms.directory.rooms()
    await stage.world.settled()
    assert not stage.world.sfu.routers
    again = stage.connect("ann")
    assert (await again.until(wire.Hello)).sessionId != session_id
