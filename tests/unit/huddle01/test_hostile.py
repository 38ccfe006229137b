"""Whatever one connection sends costs at most that connection: others in the room go on."""

import asyncio
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from medianode.rooms.roles import Role
from medianode.signalling.huddle01 import budget, session
from medianode.signalling.huddle01.codes import Code
from medianode.signalling.huddle01.wire import client_pb2 as wire
from tests.unit.huddle01.scripted import Client, Stage, opened, small_node


async def in_call(stage: Stage) -> tuple[Client, Client]:
    """Two that talk while a third one misbehaves."""
    ann, _ = await stage.on_air("ann", "video", "audio")
    return ann, await stage.joined("bob")


async def goes_on(stage: Stage, ann: Client, bob: Client) -> None:
    ann.ask(wire.SendData(to=["*"], payload="still here"))
    assert (await bob.until(wire.ReceiveData, payload="still here")).payload
    assert await ann.produce("screen-share-video")
    assert {peer.name for peer in stage.world.rooms.directory.room("r").participants()} >= {"ann", "bob"}


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xff" * 40, b"\x12\x7f", b"\x12\x00", b"text", b"\x00" * 70_000, b"\x12\x04\x0a\x02\xff\xfe"],
    ids=["empty", "noise", "cut", "without required", "text", "too long", "not utf-8"],
)
async def test_nonsense_is_skipped_and_much_of_it_ends_its_sender(stage: Stage, frame: bytes) -> None:
    ann, bob = await in_call(stage)
    eve = await stage.joined("eve")
    for _ in range(session.MALFORMED):
        eve.raw(frame)
    await eve.quiet()
    eve.raw(frame)
    assert await eve.ended() == Code.CONNECTION_ERROR
    await goes_on(stage, ann, bob)


async def test_ten_thousand_tiny_frames_end_their_sender(stage: Stage) -> None:
    ann, bob = await in_call(stage)
    eve = await stage.joined("eve")
    for _ in range(10_000):
        eve.ask(wire.CloseProducer(producerId="1"))
    assert await eve.ended() == Code.CONNECTION_ERROR
    assert eve.line.inward.qsize() > 10_000 - 2 * budget.BURST  # the rest was not even read
    await goes_on(stage, ann, bob)


async def test_a_flood_of_messages_cannot_fill_the_memory_of_others(stage: Stage) -> None:
    ann, bob = await in_call(stage)
    eve = await stage.joined("eve")
    bob.line.readable.clear()
    for n in range(budget.BURST - 10):
        eve.ask(wire.SendData(to=["*"], payload=f"{n}" * 300))
    await eve.quiet()
    bob.line.readable.set()
    await goes_on(stage, ann, bob)


def fields_of(kind: Descriptor) -> st.SearchStrategy[dict[str, Any]]:
    """Makes values for the fields of a message; required ones are usually there."""
    return st.fixed_dictionaries({}, optional={f.name: value_of(f) for f in kind.fields})


def value_of(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    one = single(field)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return st.just({})
    return st.lists(one, max_size=3) if field.is_repeated else one


def single(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return (
            st.deferred(lambda: fields_of(field.message_type)) if field.message_type.fields else st.just({})
        )
    words = [
        "",
        "ann",
        "eve",
        "*",
        "send",
        "recv",
        "video",
        "audio",
        "bot",
        "roomLocked",
        "1",
        "7",
        "host",
        "{}",
        "[",
        "r",
    ]
    by_type = {
        FieldDescriptor.TYPE_STRING: st.sampled_from(words) | st.text(max_size=30),
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
        FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
        FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
    }
    return by_type[field.type]


REQUESTS = st.one_of(
    [
        fields_of(field.message_type).map(lambda made, name=field.name: {name: made})
        for field in wire.Request.DESCRIPTOR.fields
    ]
)


def frame_of(request: dict[str, Any]) -> bytes:
    """Writes a request, whether or not it has what it needs."""
    return wire.Request(**request).SerializePartialToString()


@pytest.mark.parametrize("role", [Role.GUEST, Role.HOST])
@settings(max_examples=50)
@given(frames=st.lists(REQUESTS.map(frame_of) | st.binary(max_size=60), max_size=25), enters=st.booleans())
def test_no_conversation_breaks_the_node(role: Role, frames: list[bytes], *, enters: bool) -> None:
    """Any frames, from anybody, with any rights: no handler fails, and afterwards nothing is left."""
    asyncio.run(play(role, frames, enters=enters))


async def play(role: Role, frames: list[bytes], *, enters: bool) -> None:
    async with small_node() as stage:
        ann, bob = await in_call(stage)
        eve = stage.connect("eve", role)
        if enters:
            await eve.join()
        for frame in frames:
            eve.raw(frame)
        await eve.hang_up(1000)
        errors = [m.error for m in map(opened, eve.line.frames) if isinstance(m, wire.Error)]
        assert "this node could not do it" not in errors
        if role == Role.GUEST:
            await goes_on(stage, ann, bob)
        for client in (ann, bob):
            if not client.serving.done():
                await client.hang_up(1000)
        assert not stage.world.rooms.directory.rooms()
        await stage.world.settled()
        assert not stage.world.sfu.transports
