"""What moderators may and others may not, and what each change does to what runs. The client's own checks are not relied on."""

from typing import Any

import pytest

from medianode.rooms.roles import Role
from medianode.signalling.huddle01.codes import Code
from medianode.signalling.huddle01.wire import client_pb2 as wire
from tests.unit.huddle01.scripted import Stage, acl

LOCK = wire.UpdateRoomControls(room_control=wire.RoomControlType(type="roomLocked", value=True))


@pytest.mark.parametrize(
    "request_",
    [
        LOCK,
        wire.UpdateRoomMetadata(metadata="1"),
        wire.UpdatePeerPermission(peerId="bob", permissions=acl(admin=True)),
        wire.UpdatePeerRole(peerId="ann", role="host"),
        wire.UpdatePeerRole(peerId="bob", role="listener"),
        wire.UpdatePeerMetadata(peerId="bob", metadata="1"),
        wire.CloseStreamOfLabel(label="audio"),
        wire.AcceptLobbyPeer(peerId="x"),
        wire.DenyLobbyPeer(peerId="x"),
        wire.KickPeer(peerId="bob"),
        wire.CloseRoom(),
    ],
    ids=lambda request: type(request).__name__,
)
async def test_nobody_moderates_without_the_right(stage: Stage, request_: Any) -> None:
    ann, bob = await stage.joined("ann"), await stage.joined("bob")
    before = stage.world.rooms.directory.room("r").controls
    ann.ask(request_)
    assert (await ann.until(wire.Error)).event == type(request_).__name__
    await bob.quiet(wire.NewRoomControls, wire.NewPermissions, wire.NewPeerRole, wire.PeerMetadataUpdated)
    assert stage.world.rooms.directory.room("r").controls == before


async def test_controls_are_told_whole_and_bind_all_but_moderators(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    await host.transport("send")
    await host.produce("audio")
    ann, _ = await stage.on_air("ann", "video", "audio")
    sources = wire.ProduceSources(mic=False, cam=True, screen=True)
    control = wire.ProduceSourcesControl(type="allowProduceSources", value=sources)
    host.ask(wire.UpdateRoomControls(produce_sources_control=control))
    told = (await ann.until(wire.NewRoomControls)).controls
    assert (told.allowProduceSources.mic, told.allowProduceSources.cam) == (False, True)
    assert (told.roomLocked, told.allowProduce, told.allowConsume, told.allowSendData) == (
        False,
        True,
        True,
        True,
    )
    closed = await ann.until(wire.RoomClosedProducers)
    assert [(p.peerId, p.label) for p in closed.producers] == [("ann", "audio")]
    assert closed.reason.code == 4444
    assert len(stage.world.sfu.producers) == 2


async def test_an_unknown_control_is_refused(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    for bad in (
        wire.UpdateRoomControls(room_control=wire.RoomControlType(type="gravity", value=False)),
        wire.UpdateRoomControls(),
    ):
        host.ask(bad)
        await host.until(wire.Error)


async def test_permissions_are_told_to_their_peer_and_end_what_they_forbid(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    ann, _ = await stage.on_air("ann", "video", "audio")
    bob = await stage.joined("bob")
    host.ask(wire.UpdatePeerPermission(peerId="ann", permissions=acl(cam=False)))
    assert (await ann.until(wire.NewPermissions)).acl == acl(cam=False)
    assert [p.label for p in (await bob.until(wire.RoomClosedProducers)).producers] == ["video"]
    await bob.quiet(wire.NewPermissions)
    assert await ann.produce("audio")


async def test_a_role_is_told_to_all_and_brings_its_permissions(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    ann, bob = await stage.joined("ann"), await stage.joined("bob")
    host.ask(wire.UpdatePeerRole(peerId="ann", role="listener"))
    for client in (ann, bob, host):
        assert (await client.until(wire.NewPeerRole)).role == "listener"
    assert not (await ann.until(wire.NewPermissions)).acl.canProduce
    custom = wire.UpdatePeerRole.Options(custom=acl(screen=False))
    host.ask(wire.UpdatePeerRole(peerId="ann", role="critic", options=custom))
    assert (await ann.until(wire.NewPeerRole)).role == "critic"
    assert (await ann.until(wire.NewPermissions)).acl == acl(screen=False)
    for role in ("critic", "x" * 21, ""):
        host.ask(wire.UpdatePeerRole(peerId="bob", role=role))
        await host.until(wire.Error)


async def test_a_cohost_makes_nobody_a_host(stage: Stage) -> None:
    cohost, ann = await stage.joined("co", Role.CO_HOST), await stage.joined("ann")
    cohost.ask(wire.UpdatePeerRole(peerId="ann", role="host"))
    await cohost.until(wire.Error)
    cohost.ask(wire.UpdatePeerRole(peerId="ann", role="coHost"))
    assert (await ann.until(wire.NewPermissions)).acl.admin


async def test_mute_everyone_spares_moderators(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    await host.transport("send")
    await host.produce("audio")
    ann, _ = await stage.on_air("ann", "audio", "video")
    bob, _ = await stage.on_air("bob", "audio")
    whip = await stage.world.publish("whip")
    host.ask(wire.CloseStreamOfLabel(label="audio"))
    for client in (ann, bob, host):
        closed = await client.until(wire.RoomClosedProducers)
        assert {(p.peerId, p.label) for p in closed.producers} == {
            ("ann", "audio"),
            ("bob", "audio"),
            ("whip", "audio"),
        }
    assert not whip.closed
    again, _ = await ann.produce("audio"), await bob.produce("audio")
    host.ask(wire.CloseStreamOfLabel(label="audio", peerIds=["ann"]))
    assert [p.producerId for p in (await bob.until(wire.RoomClosedProducers)).producers] == [again]


async def test_a_kicked_peer_is_gone_by_whatever_it_came(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    ann, _ = await stage.on_air("ann", "video")
    whip = await stage.world.publish("ann", "screen")
    host.ask(wire.KickPeer(peerId="ann"))
    assert await ann.ended() == Code.KICKED
    assert (await host.until(wire.PeerLeft)).peerId == "ann"
    assert whip.closed
    host.ask(wire.KickPeer(peerId="ann"))
    await host.until(wire.Error)


async def test_a_closed_room_says_so_to_everybody(stage: Stage) -> None:
    host, ann = await stage.joined("host", Role.HOST), await stage.joined("ann")
    host.ask(wire.CloseRoom())
    assert [await client.ended() for client in (host, ann)] == [Code.ROOM_CLOSED] * 2
    assert not stage.world.rooms.directory.rooms()


async def test_who_waits_hears_that_the_room_closed(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    host.ask(LOCK)
    await host.until(wire.NewRoomControls)
    ann = stage.connect("ann")
    ann.ask(wire.ConnectRoom(roomId="r"))
    await ann.until(wire.WaitingRoom)
    host.ask(wire.CloseRoom())
    assert await ann.ended() == Code.ROOM_CLOSED


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[1, -Infinity]", "{'a': 1}", "[" * 99 + "]" * 99, '"' + "x" * 5200 + '"']
)
async def test_metadata_that_is_no_json_is_refused_to_its_sender(stage: Stage, text: str) -> None:
    """One bad peer must not break the joins of others."""
    host, ann = await stage.joined("host", Role.HOST), await stage.joined("ann")
    ann.ask(wire.UpdatePeerMetadata(peerId="ann", metadata=text))
    assert "metadata" in (await ann.until(wire.Error)).error
    host.ask(wire.UpdateRoomMetadata(metadata=text))
    assert "metadata" in (await host.until(wire.Error)).error
    late = stage.connect("late")
    entered = await late.join()
    assert not entered.roomInfo.HasField("metadata")
    assert not any(peer.HasField("metadata") for peer in entered.roomInfo.peers)


async def test_metadata_comes_back_to_its_sender(stage: Stage) -> None:
    host, ann = await stage.joined("host", Role.HOST), await stage.joined("ann")
    ann.ask(wire.UpdatePeerMetadata(peerId="ann", metadata='{"a":1}'))
    host.ask(wire.UpdateRoomMetadata(metadata="[]"))
    for client in (host, ann):
        told = await client.until(wire.PeerMetadataUpdated)
        assert (told.peerId, told.metadata) == ("ann", '{"a":1}')
        assert (await client.until(wire.RoomMetadataUpdated)).metadata == "[]"
    entered = await stage.connect("late").join()
    assert entered.roomInfo.metadata == "[]"


async def test_a_removed_member_of_the_api_is_kicked(stage: Stage) -> None:
    ann = await stage.joined("ann")
    response = await stage.world.http.delete("/api/v1/rooms/r/peers/ann", headers=stage.world.key)
    assert response.status_code == 204
    assert await ann.ended() == Code.KICKED


async def test_a_deleted_room_of_the_api_is_closed(stage: Stage) -> None:
    ann = await stage.joined("ann")
    await stage.world.http.delete("/api/v1/rooms/r", headers=stage.world.key)
    assert await ann.ended() == Code.ROOM_CLOSED
