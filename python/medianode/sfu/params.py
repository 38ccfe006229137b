"""ORTC-style parameters, the same shapes as in the core. Owns the dataclasses; refuses to know SDP."""

from dataclasses import dataclass, field
from enum import StrEnum


class MediaKind(StrEnum):
    """Audio or video."""

    AUDIO = "audio"
    VIDEO = "video"


class Protocol(StrEnum):
    """Transport protocol below ICE."""

    UDP = "udp"
    TCP = "tcp"


class DtlsRole(StrEnum):
    """Who sends the ClientHello (RFC 8842); ``auto`` is an offer's ``actpass``."""

    AUTO = "auto"
    CLIENT = "client"
    SERVER = "server"


class SrtpProfile(StrEnum):
    """SRTP protection profiles (RFC 5764, RFC 7714)."""

    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"
    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"


@dataclass(frozen=True, slots=True)
class Layer:
    """A choice among what a producer sends: an encoding from the lowest up, a temporal layer from the base up."""

    spatial: int
    temporal: int


@dataclass(frozen=True, slots=True)
class CodecParameters:
    """One codec with the payload type that it has on one transport. Retransmission is an entry of its own."""

    mime_type: str
    payload_type: int
    clock_rate: int
    """Hz."""
    channels: int | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    rtcp_feedback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeaderExtension:
    """A header extension (RFC 8285) with the id that it has on one transport."""

    uri: str
    id: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """One stream as sent: a simulcast layer of a producer, lowest first, or the single stream of a consumer."""

    rid: str | None = None
    ssrc: int | None = None
    rtx_ssrc: int | None = None
    max_bitrate: int | None = None
    """bit/s."""


@dataclass(frozen=True, slots=True)
class RtpParameters:
    """What one producer sends, or what one consumer is sent."""

    codecs: tuple[CodecParameters, ...]
    encodings: tuple[Encoding, ...]
    mid: str | None = None
    header_extensions: tuple[HeaderExtension, ...] = ()
    cname: str | None = None


class Direction(StrEnum):
    """Which way a router handles a header extension, as seen from the router."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"


@dataclass(frozen=True, slots=True)
class HeaderExtensionCapability:
    """A header extension (RFC 8285) that could be used, with the id that it has then."""

    kind: MediaKind
    uri: str
    id: int
    direction: Direction = Direction.SENDRECV


@dataclass(frozen=True, slots=True)
class RtpCapabilities:
    """What a router could forward: codecs in the order of preference, with the payload types that its consumers have."""

    codecs: tuple[CodecParameters, ...]
    header_extensions: tuple[HeaderExtensionCapability, ...]


@dataclass(frozen=True, slots=True)
class IceParameters:
    """ICE credentials of one side (RFC 8445 section 5.3)."""

    username_fragment: str
    password: str = field(repr=False)
    ice_lite: bool = False


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """A host candidate of ours (RFC 8839 section 5.1; for TCP always passive, RFC 6544)."""

    foundation: str
    priority: int
    ip: str
    protocol: Protocol
    port: int


@dataclass(frozen=True, slots=True)
class DtlsFingerprint:
    """A certificate hash (RFC 8122)."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class DtlsParameters:
    """DTLS role and fingerprints of one side."""

    role: DtlsRole
    fingerprints: tuple[DtlsFingerprint, ...]


@dataclass(frozen=True, slots=True)
class SctpParameters:
    """SCTP over DTLS (RFC 8841)."""

    port: int
    max_message_size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class ChannelParameters:
    """How one data channel delivers (RFC 8831, RFC 8832)."""

    label: str
    protocol: str = ""
    ordered: bool = True
    max_retransmits: int | None = None
    max_packet_life_time: int | None = None
    """ms."""
