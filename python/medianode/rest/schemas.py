"""The documents of the API. Owns their shapes; holds no rule."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from medianode.ids import NAME_PATTERN
from medianode.rooms.roles import MAX_ROLE_CHARS, Role
from medianode.rooms.room import Peer, Room

Name = Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$", examples=["lobby"])]
MAX_TTL_S = 30 * 24 * 3600


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewRoom(_In):
    """What a room is made from."""

    name: Name
    metadata: str | None = Field(None, description="JSON text that every peer is told")
    locked: bool = Field(False, description="newcomers wait until a moderator lets them in")


class NewToken(_In):
    """What a token is made from."""

    role: str = Field(
        Role.GUEST,
        min_length=1,
        max_length=MAX_ROLE_CHARS,
        description=f"{', '.join(Role)}, or another one with permissions",
    )
    peer: Name | None = Field(None, description="the name that the bearer has; none: any")
    ttl_s: int = Field(4 * 3600, ge=1, le=MAX_TTL_S, description="seconds until it expires")
    permissions: dict[str, Any] | None = Field(
        None, description="all seven permissions of Huddle01's tokens; none: those of the role"
    )
    metadata: str | None = Field(None, description="JSON text that describes the bearer to others")
    max_peers: int | None = Field(
        None, ge=1, description="the bearer does not get in when so many peers are there"
    )


class TokenDocument(BaseModel):
    """A token."""

    token: str
    room: str
    role: str
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
    role: str
    metadata: str | None = Field(description="JSON text that describes it")
    signalled: bool = Field(description="present by a signalling connection")
    joined_at: float = Field(description="seconds since 1970")
    sources: list[SourceDocument]
    players: list[PlayerDocument]

    @classmethod
    def of(cls, peer: Peer) -> "PeerDocument":
        """Describes a peer."""
        return cls(
            peer=peer.name,
            role=peer.role,
            metadata=peer.metadata,
            signalled=peer.membership is not None,
            joined_at=peer.joined_at,
            sources=[
                SourceDocument(
                    session=source.session.id,
                    label=source.label,
                    kinds=source.kinds,
                    channels=list(source.channels),
                    connected=source.session.connected,
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
    metadata: str | None = Field(description="JSON text that every peer is told")
    locked: bool
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
            metadata=room.metadata,
            locked=room.locked,
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
