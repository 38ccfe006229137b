"""Who gets in, who is seen by whom, and what ends when."""

import asyncio

import pytest

from medianode.errors import Conflict, Draining, LimitReached, PermissionDenied, WrongState
from medianode.ids import PeerName, RoomName
from medianode.rooms.announce import PeerPublished, PeerUnpublished, Present, RoomEnded, SpeakerChanged
from medianode.rooms.roles import Role
from medianode.sfu.commands import CreateConsumer, CreateProducer, CreateRouter
from medianode.sfu.params import MediaKind
from tests.unit.conftest import AV, AVD, World, media


async def test_a_player_that_came_first_gets_its_publisher(world: World) -> None:
    player = await world.play("ann")
    assert world.fed_by(player) is None
    source = await world.publish("ann")
    assert world.fed_by(player) == source.source.producers[MediaKind.VIDEO].id


async def test_a_player_picks_up_a_publisher_that_comes_back(world: World) -> None:
    player = await world.play("ann")
    first = await world.publish("ann")
    world.rooms.close(first)
    assert world.fed_by(player) is None
    second = await world.publish("ann")
    assert world.fed_by(player) == second.source.producers[MediaKind.VIDEO].id


async def test_screen_and_camera_are_separate(world: World) -> None:
    camera = await world.publish("ann")
    screen = await world.publish("ann", "screen", media(MediaKind.VIDEO))
    on_camera, on_screen = await world.play("ann"), await world.play("ann", "screen")
    assert world.fed_by(on_camera) == camera.source.producers[MediaKind.VIDEO].id
    assert world.fed_by(on_screen) == screen.source.producers[MediaKind.VIDEO].id
    assert world.fed_by(on_screen, MediaKind.AUDIO) is None


async def test_the_room_player_follows_the_speaker_and_stays(world: World) -> None:
    ann, bob = await world.publish("ann"), await world.publish("bob")
    player = await world.play(None)
    world.sfu.speak(bob.source.producers[MediaKind.AUDIO].id)
    await world.settled()
    assert world.fed_by(player) == bob.source.producers[MediaKind.VIDEO].id
    world.sfu.speak(None)
    await world.settled()
    assert world.fed_by(player) == bob.source.producers[MediaKind.VIDEO].id
    world.rooms.close(bob)
    assert world.fed_by(player) == ann.source.producers[MediaKind.VIDEO].id


async def test_a_screen_player_of_the_room_sees_screens_only(world: World) -> None:
    await world.publish("ann")
    player = await world.play(None, "screen")
    assert world.fed_by(player) is None
    screen = await world.publish("bob", "screen", media(MediaKind.VIDEO))
    assert world.fed_by(player) == screen.source.producers[MediaKind.VIDEO].id


async def test_nobody_is_shown_to_themselves_while_another_is_there(world: World) -> None:
    ann = await world.publish("ann")
    bob = await world.publish("bob")
    player = await world.play(None, peer="ann")
    world.sfu.speak(ann.source.producers[MediaKind.AUDIO].id)
    await world.settled()
    assert world.fed_by(player) == bob.source.producers[MediaKind.VIDEO].id


async def test_a_second_publisher_of_another_token_is_refused(world: World) -> None:
    first = await world.publish("ann", subject="token:1")
    world.sfu.connect(first.transport)
    await world.settled()
    with pytest.raises(Conflict):
        await world.publish("ann", subject="token:2")
    assert not first.closed


async def test_the_same_subject_takes_over_and_never_both(world: World) -> None:
    first = await world.publish("ann")
    world.sfu.connect(first.transport)
    player = await world.play("ann")
    second = await world.publish("ann")
    assert first.closed
    assert not second.closed
    assert list(world.sfu.transports) == [player.transport, second.transport]
    assert world.fed_by(player) == second.source.producers[MediaKind.VIDEO].id


async def test_a_publisher_that_never_connected_loses_its_name(world: World) -> None:
    first = await world.publish("ann", subject="token:1")
    with pytest.raises(Conflict):
        await world.publish("ann", subject="token:2")
    world.clock.seconds += 11
    await world.publish("ann", subject="token:2")
    assert first.closed


async def test_a_publisher_that_faded_loses_its_name(world: World) -> None:
    first = await world.publish("ann", subject="token:1")
    world.sfu.connect(first.transport)
    await world.settled()
    world.clock.seconds += 60
    with pytest.raises(Conflict):
        await world.publish("ann", subject="token:2")
    world.sfu.faded.add(first.transport)
    await world.publish("ann", subject="token:2")
    assert first.closed


async def test_a_room_opened_by_a_token_ends_with_its_last_peer(world: World) -> None:
    source, player = await world.publish("ann"), await world.play("ann")
    world.rooms.close(source)
    assert world.rooms.directory.rooms()
    world.rooms.close(player)
    assert not world.rooms.directory.rooms()
    assert not world.sfu.routers


async def test_a_room_made_by_the_api_stays_until_deleted(world: World) -> None:
    await world.rooms.create_room("r")
    source = await world.publish("ann")
    world.rooms.close(source)
    assert world.rooms.directory.rooms()
    world.rooms.delete_room("r")
    assert not world.sfu.routers


async def test_a_lost_transport_ends_its_session(world: World) -> None:
    source = await world.publish("ann")
    world.sfu.lose(source.transport)
    await world.settled()
    assert source.closed
    assert not world.rooms.directory.rooms()


@pytest.mark.parametrize("refused", [CreateRouter, CreateProducer, CreateConsumer])
async def test_a_refused_join_leaves_nothing_behind(world: World, refused: type) -> None:
    world.sfu.refuse[refused] = LimitReached("full")
    with pytest.raises(LimitReached):
        await (world.play("ann") if refused is CreateConsumer else world.publish("ann"))
    await world.settled()
    assert not world.rooms.directory.rooms()
    assert not world.rooms.directory.sessions()
    assert not world.sfu.transports
    assert not world.sfu.routers


@pytest.mark.parametrize(
    ("role", "label", "what"),
    [
        (Role.SPEAKER, "camera", AV),
        (Role.LISTENER, "camera", media(MediaKind.AUDIO)),
        (Role.SUBSCRIBER, "camera", media(data=True)),
    ],
)
async def test_a_role_publishes_only_what_it_may(world: World, role: Role, label: str, what: object) -> None:
    with pytest.raises(PermissionDenied):
        await world.publish("ann", label, what, role)  # type: ignore[arg-type]
    assert not world.rooms.directory.rooms()


async def test_a_publisher_may_not_play(world: World) -> None:
    from medianode.rooms.room import Target
    from tests.unit.conftest import grant

    with pytest.raises(PermissionDenied):
        await world.rooms.play(grant("ann", Role.PUBLISHER), Target(PeerName("bob")), AV)


async def test_a_draining_node_takes_nobody_in(world: World) -> None:
    world.rooms.draining = True
    with pytest.raises(Draining):
        await world.publish("ann")


async def test_a_session_closed_while_it_opens_is_refused(world: World) -> None:
    joining = asyncio.create_task(world.publish("ann"))
    while not world.rooms.directory.sessions():  # noqa: ASYNC110
        await asyncio.sleep(0)
    for session in world.rooms.directory.sessions():
        world.rooms.close(session)
    with pytest.raises(WrongState):
        await joining
    await world.settled()
    assert not world.sfu.transports


async def test_a_room_whose_router_died_gets_a_new_one(world: World) -> None:
    room = await world.rooms.create_room("r")
    source, old = await world.publish("ann"), room.router
    world.sfu.fail_router(old)
    await world.settled()
    assert source.closed
    assert room.router != old
    again = await world.publish("ann")
    assert world.sfu.transports[again.transport] == room.router


async def test_listeners_hear_what_happens_in_order(world: World) -> None:
    async with world.rooms.watch(RoomName("r"), opens=True) as facts:
        ann = await world.publish("ann")
        world.sfu.speak(ann.source.producers[MediaKind.AUDIO].id)
        await world.settled()
        world.rooms.close(ann)
        world.rooms.delete_room("r")
        told = Present | PeerPublished | SpeakerChanged | PeerUnpublished | RoomEnded
        heard = [fact async for fact in facts if isinstance(fact, told)]
    assert heard == [
        Present(()),
        PeerPublished(PeerName("ann"), ann.source.label, ("audio", "video")),
        SpeakerChanged(PeerName("ann"), ann.source.label),
        PeerUnpublished(PeerName("ann"), ann.source.label),
        RoomEnded("deleted"),
    ]


async def test_a_listener_keeps_its_room_until_it_leaves(world: World) -> None:
    async with world.rooms.watch(RoomName("r"), opens=True):
        world.rooms.close(await world.publish("ann"))
        assert world.rooms.directory.rooms()
    assert not world.rooms.directory.rooms()


async def test_a_listener_that_does_not_listen_is_cut_off(world: World) -> None:
    async with world.rooms.watch(RoomName("r"), opens=True) as facts:
        for _ in range(200):
            world.rooms.close(await world.publish("ann"))
        heard = [fact async for fact in facts]
    assert len(heard) < 300


async def test_a_thousand_joins_leave_nothing_behind(world: World) -> None:
    for _ in range(1000):
        source = await world.publish("ann", what=AVD)
        player = await world.play("ann", what=AVD)
        world.rooms.close(source)
        world.rooms.close(player)
    await world.settled()
    directory = world.rooms.directory
    for table in (
        directory._rooms,
        directory._sessions,
        directory._transports,
        directory.sources._producers,
        directory._ready,
    ):
        assert not table
    assert not directory._routers
    assert not directory.switching._posted
