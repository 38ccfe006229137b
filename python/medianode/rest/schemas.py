"""The documents of the API. Owns their shapes; holds no rule."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from medianode.ids import NAME_PATTERN
from medianode.rooms.roles import Role
from medianode.rooms.room import Peer, Room

Name = Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$", examples=["lobby"])]
MAX_TTL_S = 30 * 24 * 3600


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewRoom(_In):
    """What a room is made from."""

    name: Name


class NewToken(_In):
    """What a token is made from."""

    role: Role = Role.GUEST
    peer: Name | None = Field(None, description="the name that the bearer has; none: any")
    ttl_s: int = Field(4 * 3600, ge=1, le=MAX_TTL_S, description="seconds until it expires")


class TokenDocument(BaseModel):
    """A token."""

    token: str
    room: str
    role: Role
    peer: str | None
    expires_at: float = Field(description="seconds since 1970")


class SourceDocument(BaseModel):
    """What a peer publishes under one label."""

    session: str
    label: str
    kinds: list[str]
    channels: list[str] = Field(description="labels of its data channels")
    connected: bool


class PlayerDocument(BaseModel):
    """What a peer plays."""

    session: str
    target: str | None = Field(description="the peer that it follows; none: whoever speaks")
    label: str
    following: str | None = Field(description="the peer that it is shown now")
    connected: bool


class PeerDocument(BaseModel):
    """One participant."""

    peer: str
    role: Role
    joined_at: float = Field(description="seconds since 1970")
    sources: list[SourceDocument]
    players: list[PlayerDocument]

    @classmethod
    def of(cls, peer: Peer) -> "PeerDocument":
        """Describes a peer."""
        return cls(
            peer=peer.name,
            role=peer.role,
            joined_at=peer.joined_at,
            sources=[
                SourceDocument(
                    session=source.id,
                    label=source.label,
                    kinds=source.kinds,
                    channels=list(source.channels),
                    connected=source.connected,
                )
                for source in peer.sources.values()
            ],
            players=[
                PlayerDocument(
                    session=player.id,
                    target=player.target.peer,
                    label=player.target.label,
                    following=player.following.peer.name if player.following is not None else None,
                    connected=player.connected,
                )
                for player in peer.players.values()
            ],
        )


class RoomDocument(BaseModel):
    """One room."""

    name: str
    permanent: bool = Field(
        description="stays until it is deleted; otherwise ends when the last peer has left"
    )
    created_at: float = Field(description="seconds since 1970")
    peers: int
    publishing: int = Field(description="sources that can be played")
    speaker: str | None = Field(description="the peer that speaks now")

    @classmethod
    def of(cls, room: Room) -> "RoomDocument":
        """Describes a room."""
        return cls(
            name=room.name,
            permanent=room.permanent,
            created_at=room.created_at,
            peers=len(room.peers),
            publishing=len(room.sources()),
            speaker=room.speaker.peer.name if room.speaker is not None else None,
        )


class RoomList(BaseModel):
    """The rooms of this node."""

    rooms: list[RoomDocument]


class PeerList(BaseModel):
    """The peers of a room."""

    peers: list[PeerDocument]


class SessionStats(BaseModel):
    """The counters of one session; W3C webrtc-stats names where one exists."""

    session: str
    peer: str
    kind: str = Field(description="publish or play")
    label: str
    connected: bool
    seconds: float
    transport: dict[str, Any]
    producers: list[dict[str, Any]]
    consumers: list[dict[str, Any]]


class RoomStats(BaseModel):
    """The counters of a room."""

    room: str
    sessions: list[SessionStats]
