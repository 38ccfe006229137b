"""Roles, permissions and room controls, and what they allow. Pure: refuses to know tokens, protocols and the core."""

from dataclasses import dataclass, replace
from enum import StrEnum

from medianode.errors import InvalidArgument, PermissionDenied
from medianode.ids import SCREEN, SourceLabel
from medianode.sfu.params import MediaKind

MAX_ROLE_CHARS = 20
"""Longest name of a role of an application's own."""


class Role(StrEnum):
    """What a peer is in a room. A token may name another role if it lists the permissions too."""

    HOST = "host"
    CO_HOST = "coHost"
    GUEST = "guest"
    SPEAKER = "speaker"
    LISTENER = "listener"
    BOT = "bot"
    PUBLISHER = "publisher"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a peer may do."""

    moderate: bool = False
    """Control the room and other peers; room controls do not bind it."""
    publish: bool = False
    """Send media at all; the next three say which."""
    audio: bool = False
    video: bool = False
    screen: bool = False
    subscribe: bool = False
    send_data: bool = False
    receive_data: bool = False
    update_metadata: bool = False


@dataclass(frozen=True, slots=True)
class Controls:
    """What a room allows to everybody who does not moderate it."""

    locked: bool = False
    """Newcomers wait until a moderator lets them in."""
    publish: bool = True
    audio: bool = True
    video: bool = True
    screen: bool = True
    subscribe: bool = True
    send_data: bool = True

    def bind(self, permissions: Permissions) -> Permissions:
        """Returns what of a peer's permissions is left in this room."""
        if permissions.moderate:
            return permissions
        return replace(
            permissions,
            publish=permissions.publish and self.publish,
            audio=permissions.audio and self.audio,
            video=permissions.video and self.video,
            screen=permissions.screen and self.screen,
            subscribe=permissions.subscribe and self.subscribe,
            send_data=permissions.send_data and self.send_data,
        )


_GUEST = Permissions(
    publish=True,
    audio=True,
    video=True,
    screen=True,
    subscribe=True,
    send_data=True,
    receive_data=True,
    update_metadata=True,
)

_ALLOWED: dict[str, Permissions] = {
    Role.HOST: replace(_GUEST, moderate=True),
    Role.CO_HOST: replace(_GUEST, moderate=True),
    Role.GUEST: _GUEST,
    Role.SPEAKER: replace(_GUEST, video=False),
    Role.LISTENER: Permissions(subscribe=True, send_data=True, receive_data=True, update_metadata=True),
    Role.BOT: Permissions(subscribe=True),
    Role.PUBLISHER: Permissions(publish=True, audio=True, video=True, screen=True, send_data=True),
    Role.SUBSCRIBER: Permissions(subscribe=True, receive_data=True),
}


def check_role(text: str) -> str:
    """Refuses what cannot be the name of a role."""
    if not 0 < len(text) <= MAX_ROLE_CHARS or not text.isprintable():
        raise InvalidArgument(f"{text[:64]!r} cannot be a role: 1 to {MAX_ROLE_CHARS} characters")
    return text


def permissions_of(role: str) -> Permissions:
    """Returns what a role allows; a role that we do not know has to come with its permissions."""
    known = _ALLOWED.get(role)
    if known is None:
        raise InvalidArgument(
            f"{role!r} is no role; there are {', '.join(Role)}, or any other with its permissions listed"
        )
    return known


def may_publish(permissions: Permissions, label: SourceLabel, kind: MediaKind) -> bool:
    """Says whether one kind of media may be published under a label."""
    if label == SCREEN:
        return permissions.publish and permissions.screen
    return permissions.publish and (permissions.audio if kind == MediaKind.AUDIO else permissions.video)


def check_publish(permissions: Permissions, label: SourceLabel, kinds: frozenset[MediaKind]) -> None:
    """Refuses what this peer may not publish."""
    for kind in kinds:
        if not may_publish(permissions, label, kind):
            raise PermissionDenied(f"this token may not publish {'a screen' if label == SCREEN else kind}")
    if not kinds and not permissions.send_data:
        raise PermissionDenied("this token may not publish data")


def check_subscribe(permissions: Permissions) -> None:
    """Refuses a peer that may not play."""
    if not permissions.subscribe:
        raise PermissionDenied("this token may not play")
