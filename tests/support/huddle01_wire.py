"""The published schema of Huddle01's clients and an encoder of its own, to hold against the generated messages."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA: dict[str, list[tuple[int, str, str, str]]] = {
    name: [(number, field, kind, label) for number, field, kind, label in fields]
    for name, fields in json.loads(
        (Path(__file__).parents[1] / "unit" / "huddle01" / "schema.json").read_text()
    ).items()
}
"""Message name to (number, name, type, label) of its fields; ``singular`` is a field of proto3."""

SAMPLES = {"string": "väl", "bool": True, "int32": 77, "int64": 1 << 33, "float": 1.5}


def sample(message: str) -> dict[str, Any]:
    """A value for every field; of a ``oneof`` the first."""
    values: dict[str, Any] = {}
    for _, field, kind, label in SCHEMA[message]:
        if label == "oneof" and values:
            continue
        value = sample_of(kind)
        values[field] = [value, value] if label == "repeated" else value
    return values


def sample_of(kind: str) -> Any:
    if kind.startswith("map<"):
        return {"key": sample_of(kind[len("map<string, ") : -1])}
    return SAMPLES[kind] if kind in SAMPLES else sample(kind)


def required(message: str, inside: str = "") -> Iterator[str]:
    """Paths of the ``required`` fields, ``a.b`` for b in a."""
    for _, field, kind, label in SCHEMA[message]:
        if label == "required":
            yield inside + field
            if kind in SCHEMA:
                yield from required(kind, f"{inside}{field}.")


def without(values: dict[str, Any], path: str) -> dict[str, Any]:
    """The same values without the field at a path."""
    head, _, rest = path.partition(".")
    kept = {name: value for name, value in values.items() if name != head}
    return {**kept, head: without(values[head], rest)} if rest else kept


def encode(message: str, values: dict[str, Any]) -> bytes:
    """Writes protobuf by the schema alone, fields in the order of their numbers."""
    fields = sorted(
        (number, kind, values[name]) for number, name, kind, _ in SCHEMA[message] if name in values
    )
    return b"".join(
        _field(number, kind, item)
        for number, kind, value in fields
        for item in (value if isinstance(value, list) else [value])
    )


def _field(number: int, kind: str, value: Any) -> bytes:
    if kind.startswith("map<"):
        inner = kind[len("map<string, ") : -1]
        entries = [_field(1, "string", key) + _field(2, inner, item) for key, item in value.items()]
        return b"".join(_bytes(number, entry) for entry in entries)
    if kind in SCHEMA:
        return _bytes(number, encode(kind, value))
    if kind == "string":
        return _bytes(number, value.encode())
    if kind == "float":
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3) + varint(value & (1 << 64) - 1)


def _bytes(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """Seven bits a byte, lowest first."""
    text = bytearray()
    while value > 0x7F:
        text.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*text, value])
