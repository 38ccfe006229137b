"""Frames of Huddle01's clients, held against the published schema."""

import random
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from medianode.errors import InternalError, InvalidArgument
from medianode.signalling.huddle01 import codec
from medianode.signalling.huddle01.wire import client_pb2, rtc_pb2
from medianode.signalling.huddle01.wire.client_pb2 import (
    AppData,
    ConnectRoom,
    ConsumeResponse,
    Hello,
    PeerLeft,
    Permissions,
    Request,
    Response,
)
from tests.support import huddle01_wire as published

PACKAGE = "medianode.signalling.huddle01.wire."
SCALARS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_FLOAT: "float",
}
REQUESTS = {name: kind for _, name, kind, _ in published.SCHEMA["Request"]}
RESPONSES = {name: kind for _, name, kind, _ in published.SCHEMA["Response"]}


def descriptors() -> dict[str, Descriptor]:
    found: dict[str, Descriptor] = {}

    def collect(kind: Descriptor) -> None:
        if not kind.GetOptions().map_entry:
            found[kind.full_name.removeprefix(PACKAGE)] = kind
            for nested in kind.nested_types:
                collect(nested)

    for module in (rtc_pb2, client_pb2):
        for kind in module.DESCRIPTOR.message_types_by_name.values():
            collect(kind)
    return found


def type_of(field: FieldDescriptor) -> str:
    kind = field.message_type
    if kind is None:
        return SCALARS[field.type]
    if kind.GetOptions().map_entry:
        return f"map<string, {type_of(kind.fields_by_name['value'])}>"
    return kind.full_name.removeprefix(PACKAGE)


def label_of(field: FieldDescriptor) -> str:
    if field.containing_oneof is not None:
        return "oneof"
    if field.is_repeated and not type_of(field).startswith("map<"):
        return "repeated"
    if not field.has_presence or type_of(field).startswith("map<"):
        return "singular"
    if field.is_required:
        return "required"
    return "optional"


def message(name: str) -> Any:
    outer, *inner = name.split(".")
    kind = getattr(client_pb2, outer, None) or getattr(rtc_pb2, outer)
    for part in inner:
        kind = getattr(kind, part)
    return kind


def fields(kind: Descriptor) -> dict[int, tuple[str, str, str]]:
    return {field.number: (field.name, type_of(field), label_of(field)) for field in kind.fields}


def test_messages_are_the_published_ones_but_for_those_between_nodes() -> None:
    assert sorted(descriptors()) == sorted(published.SCHEMA)


@pytest.mark.parametrize("name", published.SCHEMA)
def test_fields_are_the_published_ones(name: str) -> None:
    ours = fields(descriptors()[name])
    theirs = {number: (field, kind, label) for number, field, kind, label in published.SCHEMA[name]}
    if descriptors()[name].file.name.endswith(
        "rtc.proto"
    ):  # a submessage always has presence; the schema calls it singular
        ours = {n: (f, k, "singular" if label == "optional" else label) for n, (f, k, label) in ours.items()}
    assert ours == theirs


@pytest.mark.parametrize("name", published.SCHEMA)
def test_a_message_means_what_the_published_schema_says(name: str) -> None:
    values = published.sample(name)
    frame = published.encode(name, values)
    read = message(name).FromString(frame)
    read.DiscardUnknownFields()
    assert read.SerializeToString(deterministic=True) == frame
    for field, value in values.items():
        if isinstance(value, str | int | float):
            assert getattr(read, field) == value


def request(name: str, values: dict[str, Any]) -> bytes:
    return published.encode("Request", {name: values})


@pytest.mark.parametrize("name", REQUESTS)
def test_every_request_is_read(name: str) -> None:
    read = codec.decode(request(name, published.sample(REQUESTS[name])))
    assert type(read).__name__ == REQUESTS[name]
    assert read.ListFields() or name == "close_room"


@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name, kind in REQUESTS.items() for path in published.required(kind)]
)
def test_a_request_without_a_required_field_is_refused_by_name(name: str, path: str) -> None:
    values = published.without(published.sample(REQUESTS[name]), path)
    with pytest.raises(InvalidArgument, match=f"{name} lacks {path}"):
        codec.decode(request(name, values))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"", "no request that this node knows"),
        (b"\xfa\x3f\x00", "no request that this node knows"),
        (b"\xff", "not a Request in protobuf"),
        (b"\x12\x05\x0a\x01a", "not a Request in protobuf"),
        (b"\x12\x03\x0a\x01\xff", "connect_room holds text that is not UTF-8"),
        (b"\x6a\x06\x0a\x01\xff\x1a\x01a", "send_data holds text that is not UTF-8"),
        (b"x" * (codec.MAX_FRAME_BYTES + 1), "at most 65536"),
    ],
    ids=["empty", "unknown", "broken", "cut", "text", "text in a list", "large"],
)
def test_a_frame_that_cannot_be_read_is_refused_with_the_reason(frame: bytes, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        codec.decode(frame)


def test_broken_text_in_app_data_is_refused() -> None:
    frame = request("produce", published.sample("Produce")).replace(b"\x03key", b"\x03\xff\xff\xff")
    with pytest.raises(InvalidArgument, match=r"UTF-8|not a Request"):
        codec.decode(frame)


def test_fields_that_we_do_not_know_are_skipped() -> None:
    read = codec.decode(b"\x12\x07\x0a\x01r\xfa\x3f\x01x\xfa\x3f\x01x")
    assert isinstance(read, ConnectRoom)
    assert read.roomId == "r"


def test_a_deep_nest_is_refused() -> None:
    frame = b""
    for _ in range(200):
        frame = b"\x0b" + frame + b"\x0c"  # groups of unknown fields
    with pytest.raises(InvalidArgument):
        codec.decode(frame)


@pytest.mark.parametrize("name", RESPONSES)
def test_every_response_is_written_as_its_own_member(name: str) -> None:
    kind, values = RESPONSES[name], published.sample(RESPONSES[name])
    written = codec.encode(message(kind).FromString(published.encode(kind, values)))
    assert written == published.encode("Response", {name: values})


@pytest.mark.parametrize(
    ("kind", "path"), [(kind, path) for kind in RESPONSES.values() for path in published.required(kind)]
)
def test_a_response_without_a_required_field_is_our_error(kind: str, path: str) -> None:
    values = published.without(published.sample(kind), path)
    with pytest.raises(InternalError, match=path.rpartition(".")[2]):
        codec.encode(message(kind).FromString(published.encode(kind, values)))


@pytest.mark.parametrize("stray", [AppData(), Permissions(), Request(), Response(), ConnectRoom(roomId="r")])
def test_what_no_client_reads_is_not_written(stray: Message) -> None:
    with pytest.raises(InternalError, match="no message for a client"):
        codec.encode(stray)


def test_a_flag_that_is_set_to_false_is_sent() -> None:
    values = {**published.sample("ConsumeResponse"), "producerPaused": False}
    frame = codec.encode(ConsumeResponse.FromString(published.encode("ConsumeResponse", values)))
    assert Response.FromString(frame).consumeResponse.HasField("producerPaused")


def test_an_envelope_keeps_an_empty_message() -> None:
    acl = Permissions.FromString(published.encode("Permissions", published.sample("Permissions")))
    hello = Hello(peerId="", roomId="", sessionId="", acl=acl)
    assert Response.FromString(codec.encode(hello)).hello == hello
    assert Response.FromString(codec.encode(PeerLeft(peerId=""))).WhichOneof("Response") == "peerLeft"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(frame: bytes) -> None:
    read_or_refuse(frame)


@given(st.sampled_from(sorted(REQUESTS)), st.integers(0, 2**32), st.integers(1, 8))
def test_a_damaged_request_is_read_or_refused(name: str, seed: int, damages: int) -> None:
    dice, frame = random.Random(seed), bytearray(request(name, published.sample(REQUESTS[name])))
    for _ in range(damages):
        at = dice.randrange(len(frame) + 1)
        match dice.randrange(3):
            case 0:
                frame[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                del frame[at : at + dice.randrange(4)]
            case _:
                frame[at:at] = dice.randbytes(dice.randrange(1, 6))
    read_or_refuse(bytes(frame))


def read_or_refuse(frame: bytes) -> None:
    try:
        read = codec.decode(frame)
    except InvalidArgument:
        return
    assert type(read).__name__ in REQUESTS.values()
    assert read.IsInitialized()
    str(read).encode()
