"""What applications attach to rooms and peers: JSON text that we carry and never read. Pure."""

import json

from medianode.errors import InvalidArgument

MAX_METADATA_BYTES = 5 * 1024
MAX_DEPTH = 32
"""Deeper nesting than any application has; beyond it some readers fail."""


def check_metadata(text: str) -> str:
    """Refuses what is not JSON text: every client of the room would stumble over it."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidArgument("metadata must be Unicode text: it has half of a surrogate pair") from None
    if size > MAX_METADATA_BYTES:
        raise InvalidArgument(f"metadata has at most {MAX_METADATA_BYTES} bytes")
    if max(text.count("["), text.count("{")) > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise InvalidArgument(f"metadata is nested more than {MAX_DEPTH} deep")
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise InvalidArgument(f"metadata must be JSON text: {error}") from error
    return text


def _refuse(word: str) -> object:
    """Python reads NaN and Infinity, JSON (RFC 8259 section 6) has no such numbers."""
    raise ValueError(f"{word} is no JSON")


def _depth(text: str) -> int:
    """Counts nesting with a margin: brackets inside strings count as well."""
    depth = deepest = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest
