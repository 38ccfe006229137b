"""The room model: rooms, peers, what they publish and play. Pure state; refuses to await and to speak a protocol.

::

    Room ── Peer ── Source ── Producer (audio, video)     what a peer publishes under one label, by whatever session
               ├── Publisher     a WHIP session: one transport, all of one source
               ├── Player        a WHEP session: one transport that follows a target
               └── Membership    a signalled presence: two transports, any sources, one consumer for each producer it asks for

A peer may have all of these at once. Whatever publishes, everybody else finds sources (players) or producers (memberships).
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
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
    run_id,
)
from medianode.rooms.announce import ClientInfo, Listener
from medianode.rooms.capabilities import fits
from medianode.rooms.roles import Controls, Permissions
from medianode.sfu.params import ChannelParameters, CodecParameters, MediaKind


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
    stream_id: int | None
    """Of the publisher's transport; none when the control plane feeds the channel."""


@dataclass(slots=True, eq=False)
class Producer:
    """One media source of a peer."""

    id: ProducerId
    source: "Source"
    kind: MediaKind
    name: str
    codecs: tuple[CodecParameters, ...] = ()
    paused: bool = False

    @property
    def receivable(self) -> bool:
        """Says whether members can be sent one of its codecs."""
        return fits(self.kind, self.codecs)


@dataclass(slots=True, weakref_slot=True, eq=False)
class Session(ABC):
    """What one exchange or conversation with a peer has made."""

    id: SessionId
    room: "Room"
    peer: "Peer"
    subject: str
    started: float
    """Monotonic seconds."""
    closed: bool = False

    @property
    @abstractmethod
    def transports(self) -> tuple[TransportId, ...]:
        """Lists its transports."""

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Says whether media flows."""

    @property
    def sources(self) -> "list[Source]":
        """Lists what it publishes."""
        return [source for source in self.peer.sources.values() if source.session is self]


@dataclass(slots=True, eq=False, kw_only=True)
class TransportSession(Session):
    """A session that is one transport."""

    transport: TransportId
    data: bool = False
    """SCTP was agreed."""
    connected: bool = False

    @property
    def transports(self) -> tuple[TransportId, ...]:
        """Lists its transports."""
        return (self.transport,)


@dataclass(slots=True, eq=False)
class Source:
    """What a peer publishes under one label."""

    peer: "Peer"
    session: "Publisher | Membership"
    label: SourceLabel
    producers: dict[MediaKind, Producer] = field(default_factory=dict)
    channels: dict[str, SourceChannel] = field(default_factory=dict)
    live: bool = False
    """All producers exist: players may follow."""

    @property
    def whole(self) -> bool:
        """Says whether it lives as long as its session, whatever is left of it."""
        return isinstance(self.session, Publisher)

    @property
    def kinds(self) -> list[str]:
        """Names what there is to play."""
        return [kind.value for kind in MediaKind if kind in self.producers]


@dataclass(slots=True, eq=False)
class Publisher(TransportSession):
    """What sends one source on one transport."""

    source: Source = field(init=False)
    """Its label is the peer's; the session ends with it, and it with the session."""


@dataclass(slots=True, eq=False)
class Player(TransportSession):
    """What a peer plays on one transport."""

    target: Target = field(default_factory=Target)
    consumers: dict[MediaKind, ConsumerId] = field(default_factory=dict)
    following: Source | None = None
    fed: dict[MediaKind, ProducerId | None] = field(default_factory=dict)
    """What each consumer is fed from."""
    own_channels: dict[str, int] = field(default_factory=dict)
    """Channels that the player opened: label to stream id."""
    legs: dict[str, tuple[DataProducerId, DataConsumerId]] = field(default_factory=dict)
    """Channels that are fed now, by label, and from what."""
    live: bool = False
    """All consumers exist: they can be switched."""
    settled: bool = False
    """Had time to open its own channels; what it lacks now is opened for it."""


@dataclass(slots=True)
class MemberTransport:
    """One direction of a membership."""

    id: TransportId
    connected: bool = False


@dataclass(slots=True)
class Consumption:
    """One producer of another peer that a member receives."""

    consumer: ConsumerId
    producer: Producer
    wanted: bool = False
    """The member said that it is ready."""
    sending: bool = False
    """As the core was told last."""
    bound: bool = False
    """Not sent in full: the room is large and others speak."""


@dataclass(slots=True)
class BotChannel:
    """A member's channel for messages of others and for the list of who speaks."""

    data_producer: DataProducerId
    channel: ChannelParameters
    legs: dict[DataProducerId, DataConsumerId] = field(default_factory=dict)
    """What feeds the channel."""


@dataclass(slots=True, eq=False)
class Membership(Session):
    """A peer's presence by signalling."""

    listener: Listener | None = None
    """Towards its connection; none while the connection is lost."""
    ended_by: str | None = None
    """Why the membership is over."""
    send: MemberTransport | None = None
    receive: MemberTransport | None = None
    consumptions: dict[ProducerId, Consumption] = field(default_factory=dict)
    stale: "OrderedDict[tuple[PeerName, str], ProducerId]" = field(default_factory=OrderedDict)
    """Ended producers, by peer and name, of which the client may not have heard yet."""
    bot: BotChannel | None = None
    had_transport: bool = False
    mids: int = 0
    """How many mids were given out on the receiving transport."""

    @property
    def transports(self) -> tuple[TransportId, ...]:
        """Lists its transports."""
        return tuple(leg.id for leg in (self.send, self.receive) if leg is not None)

    @property
    def connected(self) -> bool:
        """Says whether media flows either way."""
        return any(leg.connected for leg in (self.send, self.receive) if leg is not None)


@dataclass(slots=True, eq=False)
class Peer:
    """One participant's presence in one room."""

    name: PeerName
    role: str
    permissions: Permissions
    joined_at: float
    """Seconds since 1970."""
    named: bool = True
    """Has a name that others know; a player without one is an onlooker."""
    metadata: str | None = None
    client: ClientInfo | None = None
    joined: bool = False
    """The others were told of it."""
    sources: dict[SourceLabel, Source] = field(default_factory=dict)
    players: dict[SessionId, Player] = field(default_factory=dict)
    membership: Membership | None = None

    @property
    def present(self) -> bool:
        """Says whether anything holds this peer in the room."""
        return bool(self.sources or self.players or self.membership)

    @property
    def participates(self) -> bool:
        """Says whether the others should know of this peer: onlookers without a name are not told of."""
        return bool(self.sources or self.membership or (self.named and self.players))

    def sessions(self) -> list[Session]:
        """Lists what the peer has in the room."""
        found: dict[Session, None] = dict.fromkeys(source.session for source in self.sources.values())
        found |= dict.fromkeys(self.players.values())
        if self.membership is not None:
            found[self.membership] = None
        return list(found)

    def producers(self) -> list[Producer]:
        """Lists what the peer sends, as far as it can be received."""
        return [p for source in self.sources.values() if source.live for p in source.producers.values()]


@dataclass(slots=True, eq=False)
class Waiting:
    """Somebody in the lobby."""

    name: PeerName
    metadata: str | None
    listener: Listener
    admitted: bool = False
    denied: bool = False


@dataclass(slots=True)
class Direct:
    """What the control plane itself says and hears in a room."""

    transport: TransportId
    bot: DataProducerId
    """Feeds every member's bot channel."""
    ears: dict[DataProducerId, DataConsumerId] = field(default_factory=dict)
    """What is listened to."""


@dataclass(slots=True, eq=False)
class Room:
    """Who is together."""

    name: RoomName
    router: RouterId
    permanent: bool
    """Made by the API: stays until deleted. Otherwise ends when the last peer has left."""
    created_at: float
    """Seconds since 1970."""
    metadata: str | None = None
    """JSON text."""
    controls: Controls = field(default_factory=Controls)
    peers: dict[PeerName, Peer] = field(default_factory=dict)
    lobby: dict[PeerName, Waiting] = field(default_factory=dict)
    watchers: int = 0
    """Clients that listen to the room's events or are about to join."""
    speaker: Source | None = None
    spotlight: list[PeerName] = field(default_factory=list)
    """Who spoke last, latest first."""
    session: str = field(default_factory=run_id)
    """Names the present run of the room, or the next one while nobody is here. A run lasts from the first peer to the last."""
    run_started_at: float | None = None
    """Seconds since 1970; none while nobody is here."""
    direct: Direct | None = None
    closed: bool = False

    @property
    def locked(self) -> bool:
        """Says whether newcomers have to wait."""
        return self.controls.locked

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

    def members(self) -> list[Membership]:
        """Lists who is here by signalling."""
        return [peer.membership for peer in self.peers.values() if peer.membership is not None]

    def participants(self) -> list[Peer]:
        """Lists the peers that the others know of."""
        return [peer for peer in self.peers.values() if peer.joined]

    def allowed(self, peer: Peer) -> Permissions:
        """Returns what a peer may do here and now."""
        return self.controls.bind(peer.permissions)

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
        sources = [source for source in self.sources() if source.kinds]
        others = [source for source in sources if source.peer is not player.peer]
        labelled = [source for source in others if source.label == label]
        if label == CAMERA:
            labelled = labelled or others or sources
        return next(iter(labelled), None)
