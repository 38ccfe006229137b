"""The room model: rooms, peers, what they publish and play. Pure state; refuses to await and to speak a protocol."""

from dataclasses import dataclass, field

from medianode.ids import (
    CAMERA,
    ConsumerId,
    DataConsumerId,
    DataProducerId,
    PeerName,
    ProducerId,
    RoomName,
    RouterId,
    SessionId,
    SourceLabel,
    TransportId,
)
from medianode.rooms.roles import Permissions, Role
from medianode.sfu.params import ChannelParameters, MediaKind


@dataclass(frozen=True, slots=True)
class Target:
    """What a player follows: one peer's source by its label, or whoever speaks."""

    peer: PeerName | None = None
    label: SourceLabel = CAMERA


@dataclass(frozen=True, slots=True)
class SourceChannel:
    """A publisher's data channel that players can receive."""

    data_producer: DataProducerId
    parameters: ChannelParameters
    stream_id: int


@dataclass(slots=True, weakref_slot=True, eq=False)
class Session:
    """One transport of one peer, made by one exchange with it."""

    id: SessionId
    room: "Room"
    peer: "Peer"
    subject: str
    transport: TransportId
    started: float
    """Monotonic seconds."""
    data: bool = False
    """SCTP was agreed."""
    connected: bool = False
    closed: bool = False


@dataclass(slots=True, eq=False)
class Source(Session):
    """What a peer publishes under one label."""

    label: SourceLabel = CAMERA
    producers: dict[MediaKind, ProducerId] = field(default_factory=dict)
    channels: dict[str, SourceChannel] = field(default_factory=dict)
    live: bool = False
    """All producers exist: players may follow."""

    @property
    def kinds(self) -> list[str]:
        """Names what there is to play."""
        return [kind.value for kind in MediaKind if kind in self.producers]


@dataclass(slots=True, eq=False)
class Player(Session):
    """What a peer plays on one transport."""

    target: Target = field(default_factory=Target)
    consumers: dict[MediaKind, ConsumerId] = field(default_factory=dict)
    following: Source | None = None
    own_channels: dict[str, int] = field(default_factory=dict)
    """Channels that the player opened: label to stream id."""
    legs: dict[str, DataConsumerId] = field(default_factory=dict)
    """Channels that are fed now, by label."""
    live: bool = False
    """All consumers exist: they can be switched."""
    settled: bool = False
    """Had time to open its own channels; what it lacks now is opened for it."""


@dataclass(slots=True, eq=False)
class Peer:
    """One participant's presence in one room."""

    name: PeerName
    role: Role
    permissions: Permissions
    joined_at: float
    """Seconds since 1970."""
    sources: dict[SourceLabel, Source] = field(default_factory=dict)
    players: dict[SessionId, Player] = field(default_factory=dict)

    @property
    def present(self) -> bool:
        """Says whether anything holds this peer in the room."""
        return bool(self.sources or self.players)


@dataclass(slots=True, eq=False)
class Room:
    """Who is together."""

    name: RoomName
    router: RouterId
    permanent: bool
    """Made by the API: stays until deleted. Otherwise ends when the last peer has left."""
    created_at: float
    """Seconds since 1970."""
    peers: dict[PeerName, Peer] = field(default_factory=dict)
    watchers: int = 0
    """Clients that listen to the room's events."""
    speaker: Source | None = None
    closed: bool = False

    @property
    def empty(self) -> bool:
        """Says whether nobody is here."""
        return not self.peers and self.watchers == 0

    def sources(self) -> list[Source]:
        """Lists what can be played, longest there first."""
        return [source for peer in self.peers.values() for source in peer.sources.values() if source.live]

    def players(self) -> list[Player]:
        """Lists who plays."""
        return [player for peer in self.peers.values() for player in peer.players.values() if player.live]

    def source_for(self, player: Player) -> Source | None:
        """Finds what a player is to be shown now."""
        target = player.target
        if target.peer is not None:
            peer = self.peers.get(target.peer)
            source = peer.sources.get(target.label) if peer is not None else None
            return source if source is not None and source.live else None
        return self._speaking(player)

    def _speaking(self, player: Player) -> Source | None:
        """Follows the speaker, shows nobody to themselves while another is there, and stays until somebody else speaks."""
        label = player.target.label
        if self.speaker is not None and self.speaker.peer is not player.peer:
            wanted = self.speaker if label == CAMERA else self.speaker.peer.sources.get(label)
            if wanted is not None and wanted.live:
                return wanted
        if (
            player.following is not None
            and player.following.live
            and player.following.peer is not player.peer
        ):
            return player.following
        sources = self.sources()
        others = [source for source in sources if source.peer is not player.peer]
        labelled = [source for source in others if source.label == label]
        if label == CAMERA:
            labelled = labelled or others or sources
        return next(iter(labelled), None)
