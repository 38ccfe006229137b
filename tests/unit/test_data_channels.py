"""Messages of a publisher's channel reach the channel of the same label of its players, whoever opened first."""

import asyncio
from dataclasses import replace

import pytest

from medianode.ids import CAMERA, PeerName
from medianode.rooms import switching
from medianode.rooms.roles import Permissions
from medianode.rooms.room import Player
from medianode.sfu.params import MediaKind
from tests.unit.conftest import AVD, World, grant, media


@pytest.mark.parametrize("player_first", [True, False])
async def test_a_players_own_channel_is_fed(world: World, *, player_first: bool) -> None:
    source, player = await world.publish("ann", what=AVD), await world.play("ann", what=AVD)
    opens = [(source.transport, 1), (player.transport, 3)]
    for transport, stream_id in reversed(opens) if player_first else opens[1:]:
        world.sfu.open_channel(transport, stream_id, "chat")
    if not player_first:
        await world.settled()
        world.sfu.open_channel(source.transport, 1, "chat")
    await world.settled()
    (leg,) = world.sfu.data_consumers.values()
    assert (leg.transport, leg.stream_id, leg.channel) == (player.transport, 3, None)


async def test_a_player_without_a_channel_gets_one_like_the_publishers(world: World) -> None:
    source, player = await world.publish("ann", what=AVD), await world.play("ann", what=AVD)
    world.sfu.open_channel(source.transport, 1, "chat", ordered=False)
    await world.settled()
    assert not world.sfu.data_consumers
    await connected(world, player)
    (leg,) = world.sfu.data_consumers.values()
    assert leg.transport == player.transport
    assert leg.stream_id is None
    assert leg.channel is not None
    assert not leg.channel.ordered


async def test_channels_move_with_the_player(world: World) -> None:
    ann, bob = await world.publish("ann", what=AVD), await world.publish("bob", what=AVD)
    player = await world.play(None, what=AVD)
    world.sfu.open_channel(ann.transport, 1, "chat")
    world.sfu.open_channel(bob.transport, 1, "chat")
    world.sfu.open_channel(player.transport, 3, "chat")
    await world.settled()
    world.sfu.speak(bob.source.producers[MediaKind.AUDIO].id)
    await world.settled()
    (leg,) = world.sfu.data_consumers.values()
    assert leg.data_producer == bob.source.channels["chat"].data_producer
    assert leg.stream_id == 3


async def test_a_closed_channel_ends_its_legs(world: World) -> None:
    source, player = await world.publish("ann", what=AVD), await world.play("ann", what=AVD)
    await connected(world, player)
    world.sfu.open_channel(source.transport, 1, "chat")
    await world.settled()
    assert len(world.sfu.data_consumers) == 1
    world.sfu.close_channel(source.transport, 1)
    await world.settled()
    assert not world.sfu.data_consumers
    assert not world.sfu.data_producers
    assert not player.legs


async def test_a_channel_without_permission_stays_unused(world: World) -> None:
    grant_without_data = replace(grant("ann"), permissions=Permissions(publish=True, audio=True))
    opened = await world.rooms.publish(
        grant_without_data, PeerName("ann"), CAMERA, media(MediaKind.AUDIO, data=True)
    )
    world.sfu.open_channel(opened.session.transport, 1, "chat")
    await world.settled()
    assert not world.sfu.data_producers


async def test_a_channel_that_we_opened_gives_way_to_the_players_own(world: World) -> None:
    source, player = await world.publish("ann", what=AVD), await world.play("ann", what=AVD)
    await connected(world, player)
    world.sfu.open_channel(source.transport, 1, "chat")
    await world.settled()
    world.sfu.open_channel(player.transport, 2, "chat")
    await world.settled()
    (leg,) = world.sfu.data_consumers.values()
    assert (leg.stream_id, leg.channel) == (2, None)


async def connected(world: World, player: Player) -> None:
    """Connects a player and lets it have its moment."""
    world.sfu.connect(player.transport)
    await asyncio.sleep(0.02)
    assert player.settled


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switching, "SETTLE_S", 0.001)
