"""Frames of Huddle01's clients: bytes to a request, a response to bytes. Refuses to know what is asked or answered."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from google.protobuf.message import DecodeError, EncodeError, Message

from medianode.errors import InternalError, InvalidArgument
from medianode.signalling.huddle01.wire.client_pb2 import Request, Response

MAX_FRAME_BYTES = 64 * 1024
"""A client's largest request, a ``produce`` or metadata of 5 KiB, is far below; more is not parsed."""

_FIELDS = {field.message_type.name: field.name for field in Response.DESCRIPTOR.fields if field.message_type}


def decode(frame: bytes) -> Message:
    """Reads one frame of a client and returns the message inside its ``Request``.

    Unknown fields are skipped. What is wrong otherwise raises ``InvalidArgument``: a frame beyond ``MAX_FRAME_BYTES``, broken
    protobuf, an absent ``required`` field, text that is not UTF-8, no request that we know.
    """
    if len(frame) > MAX_FRAME_BYTES:
        raise InvalidArgument(f"a frame of {len(frame)} bytes; at most {MAX_FRAME_BYTES} are read")
    try:
        envelope = Request.FromString(frame)
    except DecodeError as error:
        raise InvalidArgument("the frame is not a Request in protobuf") from error
    name = envelope.WhichOneof("request")
    if name is None:
        raise InvalidArgument("the frame holds no request that this node knows")
    request: Message = getattr(envelope, name)
    if not request.IsInitialized():
        raise InvalidArgument(f"{name} lacks {_absent_fields(request)}")
    if not _is_text_sound(request):
        raise InvalidArgument(f"{name} holds text that is not UTF-8")
    return request


def encode(message: Message) -> bytes:
    """Wraps an answer or an event into a ``Response`` frame.

    A message that is none, or lacks a ``required`` field (its reader would drop it without a word), raises ``InternalError``.
    """
    name = type(message).__name__
    if name not in _FIELDS:
        raise InternalError(f"{name} is no message for a client")
    envelope = Response()
    getattr(envelope, _FIELDS[name]).CopyFrom(message)
    getattr(envelope, _FIELDS[name]).SetInParent()
    try:
        return envelope.SerializeToString()
    except EncodeError as error:
        raise InternalError(f"{name} lacks {_absent_fields(message)}") from error


def _absent_fields(message: Message) -> str:
    paths: list[str] = cast(
        "Any", message
    ).FindInitializationErrors()  # in every runtime, but not in the stubs
    return ", ".join(paths[:8])


def _is_text_sound(value: object) -> bool:
    """Tells whether all text is UTF-8: the runtime checks it for proto3 alone and hands out the rest as bytes."""
    if isinstance(value, Message):
        return all(_is_text_sound(content) for _, content in value.ListFields())
    if isinstance(value, Mapping):
        return all(_is_text_sound(key) and _is_text_sound(value[key]) for key in value)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return all(_is_text_sound(item) for item in value)
    return not isinstance(value, bytes)
