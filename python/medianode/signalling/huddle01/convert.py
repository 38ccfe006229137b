"""ORTC parameters between our dataclasses and the messages of Huddle01's clients. Pure; refuses to know rooms and the core.

What comes in is checked here once: a number out of its range or an unknown word raises ``InvalidArgument``. proto3 does not
send a zero, so an absent number, text or flag arrives as zero, empty or false.
"""

from collections.abc import Iterable

from medianode.errors import InternalError, InvalidArgument
from medianode.sfu.commands import TransportReply
from medianode.sfu.params import (
    ChannelParameters,
    CodecParameters,
    DtlsFingerprint,
    DtlsParameters,
    DtlsRole,
    Encoding,
    HeaderExtension,
    IceCandidate,
    IceParameters,
    MediaKind,
    Protocol,
    RtpCapabilities,
    RtpParameters,
    SctpParameters,
)
from medianode.signalling.huddle01.wire.rtc_pb2 import (
    ProtoCodecParameters,
    ProtoDtlsFingerPrints,
    ProtoDtlsParameters,
    ProtoEncodings,
    ProtoHeaderExtensionParameters,
    ProtoIceCandidates,
    ProtoIceParameters,
    ProtoRtcpFeedback,
    ProtoRtpCapabilities,
    ProtoRtpCodecCapability,
    ProtoRtpHeaderExtension,
    ProtoRtpParameters,
    ProtoSctpParameters,
    ProtoSctpStreamParameters,
    ProtoTransportSDPInfo,
    RtcpParameters,
)

SCTP_STREAMS = 1024
"""Streams each way that a transport is announced with, as the clients themselves announce."""

MAX_U32 = (1 << 32) - 1
MAX_U16 = (1 << 16) - 1

# --- what clients send ---------------------------------------------------------------------------------------------------


def read_kind(text: str) -> MediaKind:
    """Reads the kind of a ``produce``."""
    try:
        return MediaKind(text)
    except ValueError:
        raise InvalidArgument(f"{text[:20]!r} is no kind of media; there are audio and video") from None


def read_rtp(kind: MediaKind, rtp: ProtoRtpParameters) -> RtpParameters:
    """Reads what a client will send, with its own payload types and extension ids.

    Simulcast comes without SSRC and cname. ``active`` is not read: it is absent where an application gave no encodings. A codec
    that does not fit the kind is refused.
    """
    return RtpParameters(
        codecs=tuple(_read_codec(kind, codec) for codec in rtp.codecs),
        encodings=tuple(_read_encoding(encoding) for encoding in rtp.encodings),
        mid=rtp.mid or None,
        header_extensions=tuple(
            HeaderExtension(extension.uri, _in_range("extension id", extension.id, 1, 255))
            for extension in rtp.headerExtensions
        ),
        cname=rtp.rtcp.cname or None,
    )


def read_dtls(dtls: ProtoDtlsParameters) -> DtlsParameters:
    """Reads a client's DTLS role and certificate hashes."""
    if not dtls.fingerprints:
        raise InvalidArgument("dtlsParameters name no fingerprint")
    try:
        role = DtlsRole(dtls.role)
    except ValueError:
        raise InvalidArgument(
            f"{dtls.role[:20]!r} is no DTLS role; there are {', '.join(DtlsRole)}"
        ) from None
    return DtlsParameters(role, tuple(DtlsFingerprint(f.algorithm, f.value) for f in dtls.fingerprints))


def read_channel(
    label: str, protocol: str, stream: ProtoSctpStreamParameters
) -> tuple[int, ChannelParameters]:
    """Reads a negotiated data channel: its stream id and how it delivers. A limit of zero is none: they arrive alike."""
    lifetime, retransmits = stream.maxPacketLifeTime, stream.maxRetransmits
    if lifetime and retransmits:
        raise InvalidArgument(
            "a channel has either maxPacketLifeTime or maxRetransmits (RFC 8831 section 6.1)"
        )
    channel = ChannelParameters(
        label=label,
        protocol=protocol,
        ordered=stream.ordered,
        max_retransmits=_in_range("maxRetransmits", retransmits, 0, MAX_U16) or None,
        max_packet_life_time=_in_range("maxPacketLifeTime", lifetime, 0, MAX_U16) or None,
    )
    return _in_range("streamId", stream.streamId, 0, SCTP_STREAMS - 1), channel


def _read_codec(kind: MediaKind, codec: ProtoCodecParameters) -> CodecParameters:
    if not codec.mimeType.lower().startswith(f"{kind}/"):
        raise InvalidArgument(f"{codec.mimeType[:40]!r} is no codec for {kind}")
    return CodecParameters(
        mime_type=codec.mimeType,
        payload_type=_in_range("payload type", codec.payloadType, 0, 127),
        clock_rate=_in_range("clock rate", codec.clockRate, 1, MAX_U32),
        channels=_in_range("channels", codec.channels, 0, 255) or None,
        parameters={key.lower(): value for key, value in codec.parameters.items()},
        rtcp_feedback=tuple(_one_word(feedback) for feedback in codec.rtcpFeedback),
    )


def _read_encoding(encoding: ProtoEncodings) -> Encoding:
    return Encoding(
        rid=encoding.rid or None,
        ssrc=_in_range("ssrc", encoding.ssrc, 0, MAX_U32) or None,
        rtx_ssrc=_in_range("ssrc of rtx", encoding.rtx.ssrc, 0, MAX_U32) or None,
        max_bitrate=_in_range("maxBitrate", encoding.maxBitrate, 0, MAX_U32) or None,
    )


def _in_range(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise InvalidArgument(f"{name} {value} is not within {low}-{high}")
    return value


def _one_word(feedback: ProtoRtcpFeedback) -> str:
    return f"{feedback.type} {feedback.parameter}".strip()


# --- what clients are told -----------------------------------------------------------------------------------------------


def write_transport(transport_id: str, reply: TransportReply) -> ProtoTransportSDPInfo:
    """Describes our side of a transport."""
    return ProtoTransportSDPInfo(
        id=transport_id,
        iceCandidates=[_write_candidate(candidate) for candidate in reply.candidates],
        iceParameters=write_ice(reply.ice),
        dtlsParameters=ProtoDtlsParameters(
            role=reply.dtls.role,
            fingerprints=[
                ProtoDtlsFingerPrints(algorithm=fingerprint.algorithm, value=fingerprint.value)
                for fingerprint in reply.dtls.fingerprints
            ],
        ),
        sctpParameters=_write_sctp(reply.sctp) if reply.sctp else None,
    )


def write_ice(ice: IceParameters) -> ProtoIceParameters:
    """Describes our ICE credentials. The node is lite, and the client reads that at a restart as well."""
    return ProtoIceParameters(usernameFragment=ice.username_fragment, password=ice.password, iceLite=True)


def write_capabilities(capabilities: RtpCapabilities) -> ProtoRtpCapabilities:
    """Describes what the router of a room forwards."""
    return ProtoRtpCapabilities(
        codecs=[
            ProtoRtpCodecCapability(
                kind=codec.mime_type.partition("/")[0],
                mimeType=codec.mime_type,
                preferredPayloadType=codec.payload_type,
                clockRate=codec.clock_rate,
                channels=codec.channels,
                parameters=codec.parameters,
                rtcpFeedback=[
                    ProtoRtpCodecCapability.ProtoRtcpFeedback(type=word, parameter=parameter)
                    for word, parameter in _two_words(codec.rtcp_feedback)
                ],
            )
            for codec in capabilities.codecs
        ],
        headerExtensions=[
            ProtoRtpHeaderExtension(
                kind=extension.kind,
                uri=extension.uri,
                preferredId=extension.id,
                direction=extension.direction,
            )
            for extension in capabilities.header_extensions
        ],
    )


def write_rtp(rtp: RtpParameters) -> ProtoRtpParameters:
    """Describes what a client is sent. Without ``mid``, ``cname`` or SSRC the client would lose this and its neighbours."""
    if not rtp.mid or not rtp.cname or not all(encoding.ssrc for encoding in rtp.encodings):
        raise InternalError("a consumer of these clients needs mid, cname and ssrc")
    return ProtoRtpParameters(
        mid=rtp.mid,
        codecs=[_write_codec(codec) for codec in rtp.codecs],
        headerExtensions=[
            ProtoHeaderExtensionParameters(uri=extension.uri, id=extension.id)
            for extension in rtp.header_extensions
        ],
        encodings=[_write_encoding(encoding) for encoding in rtp.encodings],
        rtcp=RtcpParameters(cname=rtp.cname, reducedSize=True, mux=True),
    )


def write_channel(stream_id: int, channel: ChannelParameters) -> ProtoSctpStreamParameters:
    """Describes a negotiated data channel. Clients refuse one that is ordered and gives up repeating."""
    limited = channel.max_packet_life_time is not None or channel.max_retransmits is not None
    if channel.ordered and limited:
        raise InternalError(f"channel {channel.label!r} is ordered and has a limit of repeats")
    return ProtoSctpStreamParameters(
        streamId=stream_id,
        ordered=channel.ordered,
        maxPacketLifeTime=channel.max_packet_life_time,
        maxRetransmits=channel.max_retransmits,
    )


def _write_candidate(candidate: IceCandidate) -> ProtoIceCandidates:
    """Fills ``ip`` and ``address`` alike: without the latter ICE never starts, and nothing says so."""
    return ProtoIceCandidates(
        foundation=candidate.foundation,
        priority=candidate.priority,
        ip=candidate.ip,
        address=candidate.ip,
        port=candidate.port,
        type="host",
        protocol=candidate.protocol,
        tcpType="passive" if candidate.protocol is Protocol.TCP else "",
    )


def _write_sctp(sctp: SctpParameters) -> ProtoSctpParameters:
    return ProtoSctpParameters(
        port=sctp.port, OS=SCTP_STREAMS, MIS=SCTP_STREAMS, maxMessageSize=sctp.max_message_size
    )


def _write_codec(codec: CodecParameters) -> ProtoCodecParameters:
    return ProtoCodecParameters(
        mimeType=codec.mime_type,
        payloadType=codec.payload_type,
        clockRate=codec.clock_rate,
        channels=codec.channels,
        parameters=codec.parameters,
        rtcpFeedback=[
            ProtoRtcpFeedback(type=word, parameter=parameter)
            for word, parameter in _two_words(codec.rtcp_feedback)
        ],
    )


def _write_encoding(encoding: Encoding) -> ProtoEncodings:
    rtx = ProtoEncodings.ProtoRTX(ssrc=encoding.rtx_ssrc) if encoding.rtx_ssrc else None
    return ProtoEncodings(ssrc=encoding.ssrc, rtx=rtx, active=True)


def _two_words(feedback: Iterable[str]) -> list[tuple[str, str]]:
    """Splits ``nack pli`` into type and parameter."""
    return [(word, parameter) for word, _, parameter in (entry.partition(" ") for entry in feedback)]
