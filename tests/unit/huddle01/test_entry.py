"""Who is greeted, who enters, who waits, and what refuses the rest."""

import asyncio
import json
import re

import pytest

from medianode.errors import Draining, InternalError
from medianode.rooms.roles import Role, permissions_of
from medianode.rooms.tokens import permissions_to
from medianode.signalling.huddle01 import session
from medianode.signalling.huddle01.codes import Code, code_of_end, code_of_error
from medianode.signalling.huddle01.wire import client_pb2 as wire
from tests.unit.conftest import AV
from tests.unit.huddle01.scripted import Stage, acl


async def test_hello_comes_at_once_with_everything_that_the_client_needs(stage: Stage) -> None:
    client = stage.connect("ann", Role.HOST, metadata='{"displayName":"Ann"}')
    hello = await client.until(wire.Hello)
    room = stage.world.rooms.directory.room("r")
    assert (hello.peerId, hello.roomId, hello.sessionId) == ("ann", "r", room.session)
    assert (hello.role, hello.metadata) == ("host", '{"displayName":"Ann"}')
    assert hello.acl == acl(admin=True)


async def test_metadata_that_nobody_has_is_absent_for_an_empty_one_breaks_the_join(stage: Stage) -> None:
    client = stage.connect("ann")
    hello = await client.until(wire.Hello)
    client.ask(wire.ConnectRoom(roomId="r"))
    entered = await client.until(wire.ConnectRoomResponse)
    assert not hello.HasField("metadata")
    assert not entered.roomInfo.HasField("metadata")


async def test_the_newcomer_gets_the_room_and_the_others_get_the_newcomer(stage: Stage) -> None:
    ann, (video, audio) = await stage.on_air("ann", "video", "audio")
    bob = stage.connect("bob", metadata="1")
    entered = await bob.join()
    (peer,) = entered.roomInfo.peers
    assert (peer.peerId, peer.role) == ("ann", "guest")
    assert {(p.id, p.label, p.paused) for p in peer.producers} == {
        (video, "video", False),
        (audio, "audio", False),
    }
    assert entered.roomInfo.startTime == 1_000_000_000
    joined = await ann.until(wire.NewPeerJoined)
    assert (joined.peerId, joined.metadata, joined.role) == ("bob", "1", "guest")


async def test_h264_is_among_what_the_router_can_do(stage: Stage) -> None:
    """Without it the client produces nothing, audio included."""
    client = stage.connect("ann")
    codecs = (await client.join()).routerRTPCapabilities.codecs
    assert {"audio/opus", "video/VP8", "video/H264"} <= {codec.mimeType for codec in codecs}
    assert all(codec.kind and codec.preferredPayloadType not in (0, 127) for codec in codecs)
    numbers = [codec.preferredPayloadType for codec in codecs]
    assert len(numbers) == len(set(numbers))


async def test_a_token_that_is_not_valid_is_refused_after_the_upgrade(stage: Stage) -> None:
    assert await stage.connect("ann", token="nonsense").ended() == Code.CONNECTION_EXPIRED
    old = stage.token("ann")
    stage.world.clock.seconds += 7200
    assert await stage.connect("ann", token=old).ended() == Code.CONNECTION_EXPIRED


async def test_a_token_needs_no_encoding_in_an_address(stage: Stage) -> None:
    """The client puts it there as it is."""
    token = stage.token(
        "ann", metadata='{"a":"äöü+/=&?#"}', permissions=permissions_to(permissions_of("host"))
    )
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", token)


async def test_codes_are_those_that_make_a_client_forget_its_token() -> None:
    """After 1001, 1011 or 1012 it would neither come back nor forget."""
    assert all(4000 <= code < 5000 for code in Code)
    assert all(
        error is None or error in Code for error in map(code_of_error, (Draining("x"), InternalError("x")))
    )
    assert code_of_end("whatever") in Code


async def test_another_room_than_the_tokens_is_refused(stage: Stage) -> None:
    client = stage.connect("ann")
    client.ask(wire.ConnectRoom(roomId="elsewhere"))
    assert await client.ended() == Code.ENTRY_DENIED
    assert not stage.world.rooms.directory.rooms()


async def test_a_full_room_is_refused(stage: Stage) -> None:
    await stage.joined("recorder", Role.BOT)  # bots do not count
    await stage.joined("ann", max_peers=1)
    late = stage.connect("bob", max_peers=1)
    late.ask(wire.ConnectRoom(roomId="r"))
    assert await late.ended() == Code.MAX_PEERS_REACHED
    await stage.joined("bot2", Role.BOT, max_peers=1)


async def test_a_stopping_node_drops_the_line_so_that_the_client_comes_back(stage: Stage) -> None:
    ann = await stage.joined("ann")
    stage.world.rooms.draining = True
    assert await stage.connect("bob").ended() is None
    stage.world.rooms.directory.end_all("the node is stopping")
    assert await ann.ended() is None


async def test_who_never_asks_to_enter_is_sent_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "ENTRY_S", 0.001)
    assert await stage.connect("ann").ended() == Code.GOING_AWAY
    assert not stage.world.rooms.directory.rooms()


async def test_nothing_else_works_before_the_entry(stage: Stage) -> None:
    client = stage.connect("ann")
    client.ask(wire.SendData(to=["*"], payload="hi"))
    assert (await client.until(wire.Error)).event == "SendData"
    assert not stage.world.rooms.directory.room("r").participants()


async def test_a_locked_room_lets_in_whom_a_moderator_lets_in(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    lock(host, locked=True)
    assert (await host.until(wire.NewRoomControls)).controls.roomLocked
    ann, bob = stage.connect("ann", metadata='{"n":1}'), stage.connect("bob")
    for client in (ann, bob):
        client.ask(wire.ConnectRoom(roomId="r"))
        assert (await client.until(wire.WaitingRoom)).reason == "WAITING_FOR_PERMISSIONS"
        waiting = await host.until(wire.NewLobbyPeer)
        assert waiting.peerId == client.name
        json.loads(waiting.metadata)
    host.ask(wire.AcceptLobbyPeer(peerId="ann"))
    entered = await ann.until(wire.ConnectRoomResponse)
    assert [peer.peerId for peer in entered.roomInfo.peers] == ["host"]
    assert not entered.roomInfo.lobbyPeers
    assert (await host.until(wire.NewPeerJoined)).peerId == "ann"
    host.ask(wire.DenyLobbyPeer(peerId="bob"))
    assert await bob.ended() == Code.ENTRY_DENIED
    assert (await host.until(wire.LobbyPeerLeft)).peerId == "bob"


async def test_unlocking_lets_in_those_who_wait(stage: Stage) -> None:
    host = await stage.joined("host", Role.HOST)
    lock(host, locked=True)
    await host.until(wire.NewRoomControls)
    ann = stage.connect("ann")
    ann.ask(wire.ConnectRoom(roomId="r"))
    await ann.until(wire.WaitingRoom)
    lock(host, locked=False)
    await ann.until(wire.ConnectRoomResponse)


async def test_who_waits_without_a_moderator_waits_for_one(stage: Stage) -> None:
    await stage.world.rooms.create_room("r", locked=True)
    ann = stage.connect("ann")
    ann.ask(wire.ConnectRoom(roomId="r"))
    assert (await ann.until(wire.WaitingRoom)).reason == "WAITING_FOR_ADMIN_TO_JOIN"
    host = stage.connect("host", Role.HOST)
    entered = await host.join()
    assert [(peer.peerId, peer.metadata) for peer in entered.roomInfo.lobbyPeers] == [("ann", "{}")]
    await ann.hang_up(1006)
    assert (await host.until(wire.LobbyPeerLeft)).peerId == "ann"


async def test_a_locked_room_takes_no_new_publisher_either(stage: Stage) -> None:
    from medianode.errors import PermissionDenied

    await stage.world.publish("old")
    host = await stage.joined("host", Role.HOST)
    lock(host, locked=True)
    await host.until(wire.NewRoomControls)
    await stage.world.publish("old", "screen", AV)
    with pytest.raises(PermissionDenied):
        await stage.world.publish("new")


async def test_facts_are_held_until_a_fresh_client_can_take_them(stage: Stage) -> None:
    """Between the room's picture and its own readiness the client loses them for good."""
    ann, _ = await stage.on_air("ann")
    bob = stage.connect("bob")
    await bob.join(ready=False)
    video = await ann.produce("video")
    brief = await ann.produce("brief", "video")
    ann.ask(wire.CloseProducer(producerId=brief))
    await ann.until(wire.CloseProducerSuccess, producerId=brief)
    await asyncio.sleep(0)
    assert not bob.read()
    await bob.transport("recv")
    told = [m.producerId for m in bob.told if isinstance(m, wire.ProduceResponse)]
    assert told == [video]  # what came and went is nothing to tell
    assert not [m for m in bob.told if isinstance(m, wire.CloseProducerSuccess)]


async def test_facts_are_held_for_a_moment_only(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HOLD_S", 0.001)
    ann, _ = await stage.on_air("ann")
    bob = stage.connect("bob")
    await bob.join(ready=False)
    video = await ann.produce("video")
    assert (await bob.until(wire.ProduceResponse)).producerId == video


async def test_a_peer_is_told_of_before_what_it_sends(stage: Stage) -> None:
    ann = await stage.joined("ann")
    await stage.world.publish("bob")
    await ann.until(wire.ProduceResponse)
    kinds = [type(m) for m in ann.told if isinstance(m, wire.NewPeerJoined | wire.ProduceResponse)]
    assert kinds[0] is wire.NewPeerJoined


def lock(host: object, *, locked: bool) -> None:
    control = wire.RoomControlType(type="roomLocked", value=locked)
    host.ask(wire.UpdateRoomControls(room_control=control))  # type: ignore[attr-defined]
