"""Roles and what they allow. Pure: refuses to know tokens, protocols and the core."""

from dataclasses import dataclass
from enum import StrEnum

from medianode.errors import InvalidArgument, PermissionDenied
from medianode.ids import SCREEN, SourceLabel
from medianode.sfu.params import MediaKind


class Role(StrEnum):
    """What a peer is in a room."""

    HOST = "host"
    GUEST = "guest"
    SPEAKER = "speaker"
    LISTENER = "listener"
    PUBLISHER = "publisher"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a peer may do."""

    audio: bool = False
    video: bool = False
    screen: bool = False
    data: bool = False
    subscribe: bool = False
    moderate: bool = False


_ALLOWED: dict[Role, Permissions] = {
    Role.HOST: Permissions(audio=True, video=True, screen=True, data=True, subscribe=True, moderate=True),
    Role.GUEST: Permissions(audio=True, video=True, screen=True, data=True, subscribe=True),
    Role.SPEAKER: Permissions(audio=True, data=True, subscribe=True),
    Role.LISTENER: Permissions(data=True, subscribe=True),
    Role.PUBLISHER: Permissions(audio=True, video=True, screen=True, data=True),
    Role.SUBSCRIBER: Permissions(subscribe=True),
}


def role_of(text: str) -> Role:
    """Turns a word into a role."""
    try:
        return Role(text)
    except ValueError:
        raise InvalidArgument(f"{text!r} is no role; there are {', '.join(Role)}") from None


def permissions_of(role: Role) -> Permissions:
    """Returns what a role allows."""
    return _ALLOWED[role]


def check_publish(permissions: Permissions, label: SourceLabel, kinds: frozenset[MediaKind]) -> None:
    """Refuses what this peer may not publish."""
    if MediaKind.AUDIO in kinds and not permissions.audio:
        raise PermissionDenied("this token may not publish audio")
    if MediaKind.VIDEO in kinds and not (permissions.screen if label == SCREEN else permissions.video):
        raise PermissionDenied(f"this token may not publish {'a screen' if label == SCREEN else 'video'}")
    if not kinds and not permissions.data:
        raise PermissionDenied("this token may not publish data")


def check_subscribe(permissions: Permissions) -> None:
    """Refuses a peer that may not play."""
    if not permissions.subscribe:
        raise PermissionDenied("this token may not play")
