"""What a room's router can forward to members, and what one consumer is sent. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from medianode.sfu.params import (
    CodecParameters,
    Direction,
    Encoding,
    HeaderExtension,
    HeaderExtensionCapability,
    MediaKind,
    RtpCapabilities,
    RtpParameters,
)

_VIDEO_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")


def _video(mime_type: str, payload_type: int, **parameters: str) -> tuple[CodecParameters, CodecParameters]:
    """One video codec and its retransmission (RFC 4588), which has the next payload type."""
    written = {name.replace("_", "-"): value for name, value in parameters.items()}
    return (
        CodecParameters(mime_type, payload_type, 90000, None, written, _VIDEO_FEEDBACK),
        CodecParameters("video/rtx", payload_type + 1, 90000, None, {"apt": str(payload_type)}),
    )


def _h264(payload_type: int, profile_level_id: str) -> tuple[CodecParameters, CodecParameters]:
    return _video(
        "video/H264",
        payload_type,
        level_asymmetry_allowed="1",
        packetization_mode="1",
        profile_level_id=profile_level_id,
    )


_BOTH = (MediaKind.AUDIO, MediaKind.VIDEO)
_VIDEO = (MediaKind.VIDEO,)


def _extension(
    number: int, uri: str, kinds: tuple[MediaKind, ...] = _BOTH, direction: Direction = Direction.SENDRECV
) -> tuple[HeaderExtensionCapability, ...]:
    return tuple(HeaderExtensionCapability(kind, uri, number, direction) for kind in kinds)


_SDES = "urn:ietf:params:rtp-hdrext:sdes:"
_EXPERIMENTS = "http://www.webrtc.org/experiments/rtp-hdrext/"

ROUTER = RtpCapabilities(
    codecs=(
        CodecParameters(
            "audio/opus",
            100,
            48000,
            2,
            {"minptime": "10", "useinbandfec": "1"},
            ("nack", "transport-cc"),
        ),
        *_video("video/VP8", 101),
        *_h264(103, "42e01f"),
        *_video("video/VP9", 105, profile_id="0"),
        *_video("video/AV1", 107, profile="0"),
        # What cameras and encoders publish over WHIP.
        *_h264(109, "64001f"),
    ),
    header_extensions=(
        *_extension(1, f"{_SDES}mid"),
        *_extension(2, f"{_SDES}rtp-stream-id", _VIDEO, Direction.RECVONLY),
        *_extension(3, f"{_SDES}repaired-rtp-stream-id", _VIDEO, Direction.RECVONLY),
        *_extension(4, f"{_EXPERIMENTS}abs-send-time"),
        *_extension(5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
        *_extension(
            8,
            "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
            _VIDEO,
        ),
        *_extension(10, "urn:ietf:params:rtp-hdrext:ssrc-audio-level", (MediaKind.AUDIO,)),
        *_extension(11, "urn:3gpp:video-orientation", _VIDEO),
        *_extension(12, "urn:ietf:params:rtp-hdrext:toffset", _VIDEO),
        *_extension(13, f"{_EXPERIMENTS}abs-capture-time"),
        *_extension(14, f"{_EXPERIMENTS}playout-delay", _VIDEO),
    ),
)
"""Opus, VP8, H.264, VP9 and AV1 with the numbers that every consumer has. Extension ids are those of mediasoup.

H.264 must be there: Huddle01's client looks for it before it sends anything, audio included.
"""


def fits(kind: MediaKind, codecs: Iterable[CodecParameters]) -> bool:
    """Says whether these codecs are of this kind, and members can be sent one of them."""
    listed = list(codecs)
    of_kind = all(codec.mime_type.lower().startswith(f"{kind}/") for codec in listed)
    return of_kind and bool(_matching(listed))


def consumer_parameters(
    codecs: Iterable[CodecParameters], kind: MediaKind, encoding: Encoding, mid: str, cname: str
) -> RtpParameters:
    """Says what one consumer is sent: the producer's codecs with the router's numbers, one encoding."""
    matching = _matching(codecs)
    repair = {codec.parameters.get("apt"): codec for codec in ROUTER.codecs if _is_rtx(codec)}
    chosen: list[CodecParameters] = []
    for codec in matching:
        chosen.append(_with_one_congestion_signal(codec))
        if str(codec.payload_type) in repair:
            chosen.append(repair[str(codec.payload_type)])
    extensions = tuple(
        HeaderExtension(extension.uri, extension.id)
        for extension in ROUTER.header_extensions
        if extension.kind == kind and extension.direction != Direction.RECVONLY
    )
    return RtpParameters(tuple(chosen), (encoding,), mid, extensions, cname)


def repaired(kind: MediaKind) -> bool:
    """Says whether consumers of this kind have a stream for retransmission."""
    return kind == MediaKind.VIDEO


def _with_one_congestion_signal(codec: CodecParameters) -> CodecParameters:
    """Transport-wide feedback and REMB exclude each other; every client that offers the first prefers it."""
    feedback = tuple(entry for entry in codec.rtcp_feedback if entry != "goog-remb")
    return replace(codec, rtcp_feedback=feedback)


def _matching(codecs: Iterable[CodecParameters]) -> list[CodecParameters]:
    """Lists the router's codecs that carry what a producer sends, in the producer's order, each once."""
    found: dict[int, CodecParameters] = {}
    for codec in codecs:
        for ours in ROUTER.codecs:
            if not _is_rtx(ours) and _same(codec, ours):
                found.setdefault(ours.payload_type, ours)
    return list(found.values())


def _same(theirs: CodecParameters, ours: CodecParameters) -> bool:
    if theirs.mime_type.lower() != ours.mime_type.lower() or theirs.clock_rate != ours.clock_rate:
        return False
    name = ours.mime_type.lower()
    if name == "video/h264":
        return _family(theirs) == _family(ours)
    if name == "video/vp9":
        return theirs.parameters.get("profile-id", "0") == ours.parameters["profile-id"]
    return True


def _family(codec: CodecParameters) -> str:
    """Baseline and Main streams of WebRTC encoders are decoded by all; High is its own (as the core judges)."""
    profile = codec.parameters.get("profile-level-id", "42e01f")[:2].lower()
    return "42" if profile in ("42", "4d", "58") else profile


def _is_rtx(codec: CodecParameters) -> bool:
    return codec.mime_type.lower().endswith("/rtx")
