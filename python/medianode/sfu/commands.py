"""Everything that the control plane may ask of the core, and what comes back. Owns the shapes; the core owns the effects."""

from dataclasses import dataclass
from enum import StrEnum

from medianode.ids import ConsumerId, DataConsumerId, DataProducerId, ProducerId, RouterId, TransportId
from medianode.sfu.params import (
    ChannelParameters,
    DtlsParameters,
    IceCandidate,
    IceParameters,
    Layer,
    MediaKind,
    RtpParameters,
    SctpParameters,
)


@dataclass(frozen=True, slots=True)
class CreateRouter:
    """Opens the fan-out of one room."""

    router: RouterId


@dataclass(frozen=True, slots=True)
class CloseRouter:
    """Closes a router and everything in it."""

    router: RouterId


@dataclass(frozen=True, slots=True)
class CreateWebRtcTransport:
    """Opens a place for one peer connection; answered with ``TransportReply``."""

    router: RouterId
    transport: TransportId
    sctp: bool = False
    name: str = ""
    """Free text for the session's log line; never an address or a token."""


@dataclass(frozen=True, slots=True)
class CreateDirectTransport:
    """Opens a transport without a network, for data alone: ``SendData`` speaks into it, ``DataMessage`` is heard from it."""

    router: RouterId
    transport: TransportId


@dataclass(frozen=True, slots=True)
class ConnectTransport:
    """Tells the peer's DTLS role and fingerprints; media flows as soon as ICE and DTLS are done."""

    transport: TransportId
    dtls: DtlsParameters
    sctp: SctpParameters | None = None


@dataclass(frozen=True, slots=True)
class RestartIce:
    """Makes new local credentials; the old ones serve until the new ones are used. Answered with ``IceReply``."""

    transport: TransportId


@dataclass(frozen=True, slots=True)
class CloseTransport:
    """Closes a transport and its legs, with a goodbye to the peer."""

    transport: TransportId


@dataclass(frozen=True, slots=True)
class SetTransportCap:
    """Limits what is sent to this peer, in bit/s."""

    transport: TransportId
    max_bitrate: int | None


@dataclass(frozen=True, slots=True)
class CreateProducer:
    """Accepts one media source from a transport's peer."""

    transport: TransportId
    producer: ProducerId
    kind: MediaKind
    rtp: RtpParameters
    paused: bool = False


@dataclass(frozen=True, slots=True)
class CloseProducer:
    """Ends a source; its consumers wait for another."""

    producer: ProducerId


@dataclass(frozen=True, slots=True)
class PauseProducer:
    """Stops forwarding of a source."""

    producer: ProducerId


@dataclass(frozen=True, slots=True)
class ResumeProducer:
    """Forwards a paused source again."""

    producer: ProducerId


@dataclass(frozen=True, slots=True)
class CreateConsumer:
    """Opens an egress leg. Without a producer it waits for ``SwitchConsumer``."""

    transport: TransportId
    consumer: ConsumerId
    kind: MediaKind
    rtp: RtpParameters
    producer: ProducerId | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class SwitchConsumer:
    """Feeds a leg from another producer of the same router, or from none; numbers and timestamps go on."""

    consumer: ConsumerId
    producer: ProducerId | None


@dataclass(frozen=True, slots=True)
class CloseConsumer:
    """Ends an egress leg."""

    consumer: ConsumerId


@dataclass(frozen=True, slots=True)
class PauseConsumer:
    """Stops sending on a leg."""

    consumer: ConsumerId


@dataclass(frozen=True, slots=True)
class ResumeConsumer:
    """Sends again on a paused leg, beginning with a key frame."""

    consumer: ConsumerId


@dataclass(frozen=True, slots=True)
class SetConsumerLayers:
    """Sets the upper bound of the layer choice; none lets the estimate decide alone."""

    consumer: ConsumerId
    layer: Layer | None


@dataclass(frozen=True, slots=True)
class RequestKeyframe:
    """Asks the publisher behind a leg for a key frame."""

    consumer: ConsumerId


@dataclass(frozen=True, slots=True)
class CreateDataProducer:
    """Makes a channel of a transport a source: one that the peer opened, or a pre-negotiated one.

    A pre-negotiated channel may be named before the transport connects, and opens then. A direct transport has no channels: its
    data producers take neither ``stream_id`` nor ``negotiated``.
    """

    transport: TransportId
    data_producer: DataProducerId
    stream_id: int | None = None
    negotiated: ChannelParameters | None = None


@dataclass(frozen=True, slots=True)
class CloseDataProducer:
    """Ends a data source."""

    data_producer: DataProducerId


@dataclass(frozen=True, slots=True)
class CreateDataConsumer:
    """Sends what a data producer receives into a channel.

    ``stream_id`` alone means a channel that the peer opened, ``channel`` alone a new one that the node opens, both together
    a pre-negotiated one. Several data consumers may send into one channel, which ends with the last of them if it is the
    node's. One of a direct transport takes neither, and tells ``DataMessage``.
    """

    transport: TransportId
    data_consumer: DataConsumerId
    data_producer: DataProducerId
    stream_id: int | None = None
    channel: ChannelParameters | None = None


@dataclass(frozen=True, slots=True)
class CloseDataConsumer:
    """Ends an egress leg of data."""

    data_consumer: DataConsumerId


@dataclass(frozen=True, slots=True)
class SendData:
    """Sends one string from a data producer of a direct transport to all its data consumers.

    Refused above 256 KiB; ``Overloaded`` while too many bytes wait. A data consumer that does not take it costs nobody else
    anything.
    """

    data_producer: DataProducerId
    payload: str


Command = (
    CreateRouter
    | CloseRouter
    | CreateWebRtcTransport
    | CreateDirectTransport
    | ConnectTransport
    | RestartIce
    | CloseTransport
    | SetTransportCap
    | CreateProducer
    | CloseProducer
    | PauseProducer
    | ResumeProducer
    | CreateConsumer
    | SwitchConsumer
    | CloseConsumer
    | PauseConsumer
    | ResumeConsumer
    | SetConsumerLayers
    | RequestKeyframe
    | CreateDataProducer
    | CloseDataProducer
    | CreateDataConsumer
    | CloseDataConsumer
    | SendData
)


@dataclass(frozen=True, slots=True)
class Done:
    """The command was carried out."""


@dataclass(frozen=True, slots=True)
class TransportReply:
    """What the peer must be told about a new transport."""

    ice: IceParameters
    candidates: tuple[IceCandidate, ...]
    dtls: DtlsParameters
    sctp: SctpParameters | None = None


@dataclass(frozen=True, slots=True)
class IceReply:
    """What the peer must be told after an ICE restart."""

    ice: IceParameters
    candidates: tuple[IceCandidate, ...]


Reply = Done | TransportReply | IceReply

REPLY_TAGS: dict[str, type[Done | TransportReply | IceReply]] = {
    "done": Done,
    "transport": TransportReply,
    "ice": IceReply,
}


class RefusalKind(StrEnum):
    """Families of refusal, the same as in ``medianode.errors``."""

    INVALID_ARGUMENT = "invalid_argument"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    WRONG_STATE = "wrong_state"
    UNSUPPORTED = "unsupported"
    LIMIT_REACHED = "limit_reached"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command was not carried out."""

    kind: RefusalKind
    detail: str
