"""Dataclasses to and from the JSON values of the core's border. Owns the mapping; refuses to know what is mapped."""

import dataclasses
import enum
import functools
import re
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, Union, cast

T = TypeVar("T")

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def tag_of(kind: type) -> str:
    """Returns the tag of a variant: its name in snake case."""
    return _WORD.sub("_", kind.__name__).lower()


def tags(union: object) -> dict[str, type]:
    """Maps the tags of a union of dataclasses to its members."""
    return {tag_of(member): member for member in typing.get_args(union)}


def encode(value: object) -> Any:  # noqa: ANN401 - a JSON value
    """Turns a dataclass into a JSON value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: encode(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return value


def encode_tagged(value: object) -> dict[str, Any]:
    """Turns a variant into a JSON object whose ``type`` is its tag."""
    return {"type": tag_of(type(value)), **encode(value)}


def decode(kind: type[T], value: Any) -> T:  # noqa: ANN401 - a JSON value
    """Turns a JSON value into a dataclass; fields that we do not know are ignored, absent ones take their default."""
    return cast("T", _decoder(cast("Any", kind))(value))


@functools.cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.cache
def _decoder(kind: Any) -> Callable[[Any], Any]:  # noqa: ANN401, PLR0911 - a type expression
    if isinstance(kind, typing.NewType):
        return _decoder(kind.__supertype__)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return _optional(arguments)
    if origin is tuple:
        return _tuple(arguments)
    if origin is dict:
        return dict
    if dataclasses.is_dataclass(kind):
        return _dataclass(cast("type", kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind
    return lambda value: value


def _optional(arguments: Iterable[Any]) -> Callable[[Any], Any]:
    (inner,) = (_decoder(argument) for argument in arguments if argument is not types.NoneType)
    return lambda value: None if value is None else inner(value)


def _tuple(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    if arguments[-1] is Ellipsis:
        inner = _decoder(arguments[0])
        return lambda value: tuple(inner(item) for item in value)
    parts = [_decoder(argument) for argument in arguments]
    return lambda value: tuple(part(item) for part, item in zip(parts, value, strict=True))


def _dataclass(kind: type) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    decoders = {name: _decoder(hints[name]) for name in _names(kind)}

    def build(value: dict[str, Any]) -> Any:  # noqa: ANN401 - the dataclass
        return kind(**{name: decode(value[name]) for name, decode in decoders.items() if name in value})

    return build
