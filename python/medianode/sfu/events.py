"""Everything that the control plane may learn from the core, apart from numbers. Owns the shapes only."""

from dataclasses import dataclass, field
from enum import StrEnum

from medianode.ids import ConsumerId, DataConsumerId, DataProducerId, ProducerId, RouterId, TransportId
from medianode.sfu.params import ChannelParameters, Layer, Protocol, SrtpProfile


class CloseCause(StrEnum):
    """Why an object ended."""

    CLOSED = "closed"
    PARENT = "parent"
    PEER_CLOSED = "peer_closed"
    CONSENT_LOST = "consent_lost"
    CONNECT_TIMEOUT = "connect_timeout"
    DTLS_FAILED = "dtls_failed"
    FINGERPRINT_MISMATCH = "fingerprint_mismatch"
    LIMIT = "limit"
    PANIC = "panic"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class IceConnected:
    """A path was nominated; repeated when the peer moves."""

    transport: TransportId
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class TransportConnected:
    """ICE and DTLS are done: media flows."""

    transport: TransportId
    srtp_profile: SrtpProfile
    dtls_version: str


@dataclass(frozen=True, slots=True)
class TransportClosed:
    """A transport ended; its legs were told before."""

    transport: TransportId
    cause: CloseCause


@dataclass(frozen=True, slots=True)
class RouterClosed:
    """A router ended; its transports were told before."""

    router: RouterId
    cause: CloseCause


@dataclass(frozen=True, slots=True)
class ProducerLayers:
    """The first packet of a producer, and again when the number of live encodings changes."""

    producer: ProducerId
    live: int


@dataclass(frozen=True, slots=True)
class ProducerClosed:
    """A producer ended."""

    producer: ProducerId
    cause: CloseCause


@dataclass(frozen=True, slots=True)
class ConsumerClosed:
    """A consumer ended."""

    consumer: ConsumerId
    cause: CloseCause


@dataclass(frozen=True, slots=True)
class ConsumerLayer:
    """What is being sent now; none while nothing fits or nothing arrives."""

    consumer: ConsumerId
    layer: Layer | None


@dataclass(frozen=True, slots=True)
class ActiveSpeaker:
    """The loudest producer of a router changed."""

    router: RouterId
    producer: ProducerId | None


@dataclass(frozen=True, slots=True)
class AudioLevels:
    """At most one a second per router while anybody speaks; dBov, -127 (silence) to 0."""

    router: RouterId
    levels: tuple[tuple[ProducerId, int], ...]


@dataclass(frozen=True, slots=True)
class DataChannelOpened:
    """The peer opened a channel."""

    transport: TransportId
    stream_id: int
    channel: ChannelParameters


@dataclass(frozen=True, slots=True)
class DataChannelClosed:
    """The peer closed a channel."""

    transport: TransportId
    stream_id: int


@dataclass(frozen=True, slots=True)
class DataProducerClosed:
    """A data producer ended."""

    data_producer: DataProducerId
    cause: CloseCause


@dataclass(frozen=True, slots=True)
class DataConsumerClosed:
    """A data consumer ended."""

    data_consumer: DataConsumerId
    cause: CloseCause


@dataclass(frozen=True, slots=True)
class DataMessage:
    """A string for a data consumer of a direct transport.

    Binary messages are not told but counted (``data_binary``), and so are those that came faster than they were taken
    (``data_unread``).
    """

    data_consumer: DataConsumerId
    payload: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """Events were dropped because the reader was too slow; closures are never dropped."""

    count: int


Event = (
    IceConnected
    | TransportConnected
    | TransportClosed
    | RouterClosed
    | ProducerLayers
    | ProducerClosed
    | ConsumerClosed
    | ConsumerLayer
    | ActiveSpeaker
    | AudioLevels
    | DataChannelOpened
    | DataChannelClosed
    | DataProducerClosed
    | DataConsumerClosed
    | DataMessage
    | Lost
)
