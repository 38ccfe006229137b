"""One producer has a name among all that its peer sends; two kinds that belong together share a source. Pure.

``video`` and ``audio`` are the two kinds of the source ``camera``, ``screen-share-video`` and ``screen-share-audio`` those of
``screen``; these names are Huddle01's. Any other name is a source of its own.
"""

from medianode.ids import CAMERA, SCREEN, SourceLabel
from medianode.sfu.params import MediaKind

_NAMES: dict[tuple[SourceLabel, MediaKind], str] = {
    (CAMERA, MediaKind.VIDEO): "video",
    (CAMERA, MediaKind.AUDIO): "audio",
    (SCREEN, MediaKind.VIDEO): "screen-share-video",
    (SCREEN, MediaKind.AUDIO): "screen-share-audio",
}
_PLACES = {(name, kind): label for (label, kind), name in _NAMES.items()}


def name_in(label: SourceLabel, kind: MediaKind) -> str:
    """Names the producer of one kind in a source that was published as a whole."""
    return _NAMES.get((label, kind)) or f"{label}-{kind}"


def place_of(name: str, kind: MediaKind) -> SourceLabel:
    """Finds the source that a producer belongs to which was published by its own name."""
    return _PLACES.get((name, kind)) or SourceLabel(name)
