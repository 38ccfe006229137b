"""Parameters between the core's shapes and the messages of Huddle01's clients."""

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medianode.errors import InternalError, InvalidArgument
from medianode.sfu.commands import TransportReply
from medianode.sfu.params import (
    ChannelParameters,
    CodecParameters,
    Direction,
    DtlsFingerprint,
    DtlsParameters,
    DtlsRole,
    Encoding,
    HeaderExtension,
    HeaderExtensionCapability,
    IceCandidate,
    IceParameters,
    MediaKind,
    Protocol,
    RtpCapabilities,
    RtpParameters,
    SctpParameters,
)
from medianode.signalling.huddle01 import convert
from medianode.signalling.huddle01.wire.rtc_pb2 import (
    ProtoCodecParameters,
    ProtoDtlsFingerPrints,
    ProtoDtlsParameters,
    ProtoEncodings,
    ProtoHeaderExtensionParameters,
    ProtoRtcpFeedback,
    ProtoRtpParameters,
    ProtoSctpStreamParameters,
    RtcpParameters,
)
from tests.support import huddle01_wire as published

MID, RID = "urn:ietf:params:rtp-hdrext:sdes:mid", "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"


def camera() -> ProtoRtpParameters:
    """A camera as the SDK produces it: three layers told apart by rid, no SSRC, no cname."""
    return ProtoRtpParameters(
        mid="1",
        codecs=[
            ProtoCodecParameters(
                mimeType="video/H264",
                payloadType=108,
                clockRate=90000,
                parameters={"Packetization-Mode": "1", "profile-level-id": "42e01f"},
                rtcpFeedback=[
                    ProtoRtcpFeedback(type="transport-cc"),
                    ProtoRtcpFeedback(type="nack", parameter="pli"),
                ],
            ),
            ProtoCodecParameters(
                mimeType="video/rtx", payloadType=109, clockRate=90000, parameters={"apt": "108"}
            ),
        ],
        headerExtensions=[
            ProtoHeaderExtensionParameters(uri=MID, id=9),
            ProtoHeaderExtensionParameters(uri=RID, id=10),
        ],
        encodings=[
            ProtoEncodings(rid=f"r{i}", scalabilityMode="L1T3", maxBitrate=300_000 * (i + 1))
            for i in range(3)
        ],
        rtcp=RtcpParameters(reducedSize=True),
    )


def test_a_simulcast_camera_is_read_without_ssrc_and_cname() -> None:
    assert convert.read_rtp(MediaKind.VIDEO, camera()) == RtpParameters(
        codecs=(
            CodecParameters(
                "video/H264",
                108,
                90000,
                None,
                {"packetization-mode": "1", "profile-level-id": "42e01f"},
                ("transport-cc", "nack pli"),
            ),
            CodecParameters("video/rtx", 109, 90000, None, {"apt": "108"}),
        ),
        encodings=tuple(Encoding(rid=f"r{i}", max_bitrate=300_000 * (i + 1)) for i in range(3)),
        mid="1",
        header_extensions=(HeaderExtension(MID, 9), HeaderExtension(RID, 10)),
        cname=None,
    )


def test_a_screen_without_active_is_read_as_any_stream() -> None:
    screen = camera()
    del screen.encodings[:]
    screen.encodings.add(ssrc=4_000_000_000, rtx=ProtoEncodings.ProtoRTX(ssrc=4_000_000_001), active=False)
    screen.rtcp.cname = "c"
    read = convert.read_rtp(MediaKind.VIDEO, screen)
    assert read.encodings == (Encoding(ssrc=4_000_000_000, rtx_ssrc=4_000_000_001),)
    assert read.cname == "c"


def test_a_codec_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="'video/H264' is no codec for audio"):
        convert.read_rtp(MediaKind.AUDIO, camera())
    with pytest.raises(InvalidArgument, match="no kind of media"):
        convert.read_kind("application")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("payloadType", 128, "payload type 128 is not within 0-127"),
        ("payloadType", -1, "payload type -1"),
        ("clockRate", 0, "clock rate 0"),
        ("channels", 256, "channels 256"),
    ],
)
def test_a_codec_number_out_of_range_is_refused(field: str, value: int, words: str) -> None:
    rtp = camera()
    setattr(rtp.codecs[0], field, value)
    with pytest.raises(InvalidArgument, match=words):
        convert.read_rtp(MediaKind.VIDEO, rtp)


def test_an_ssrc_and_an_extension_id_out_of_range_are_refused() -> None:
    rtp = camera()
    rtp.encodings[0].ssrc = 1 << 32
    with pytest.raises(InvalidArgument, match="ssrc 4294967296"):
        convert.read_rtp(MediaKind.VIDEO, rtp)
    rtp = camera()
    rtp.headerExtensions[0].id = 0
    with pytest.raises(InvalidArgument, match="extension id 0"):
        convert.read_rtp(MediaKind.VIDEO, rtp)


def test_dtls_parameters_are_read() -> None:
    hashes = [ProtoDtlsFingerPrints(algorithm="sha-256", value="AA:BB")]
    assert convert.read_dtls(ProtoDtlsParameters(role="client", fingerprints=hashes)) == DtlsParameters(
        DtlsRole.CLIENT, (DtlsFingerprint("sha-256", "AA:BB"),)
    )
    with pytest.raises(InvalidArgument, match="no DTLS role"):
        convert.read_dtls(ProtoDtlsParameters(role="", fingerprints=hashes))
    with pytest.raises(InvalidArgument, match="no fingerprint"):
        convert.read_dtls(ProtoDtlsParameters(role="client"))


def test_the_bot_channel_is_read_and_written() -> None:
    stream = ProtoSctpStreamParameters(streamId=0, ordered=False, maxRetransmits=3)
    number, channel = convert.read_channel("bot", "", stream)
    assert (number, channel) == (0, ChannelParameters("bot", "", ordered=False, max_retransmits=3))
    assert convert.write_channel(7, channel) == ProtoSctpStreamParameters(streamId=7, maxRetransmits=3)


def test_channels_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="either maxPacketLifeTime or maxRetransmits"):
        convert.read_channel("x", "", ProtoSctpStreamParameters(maxPacketLifeTime=1, maxRetransmits=1))
    with pytest.raises(InvalidArgument, match="streamId 1024"):
        convert.read_channel("x", "", ProtoSctpStreamParameters(streamId=1024))
    with pytest.raises(InvalidArgument, match="maxRetransmits -1"):
        convert.read_channel("x", "", ProtoSctpStreamParameters(maxRetransmits=-1))
    with pytest.raises(InternalError, match="ordered"):
        convert.write_channel(0, ChannelParameters("bot", ordered=True, max_retransmits=3))


def test_a_transport_is_described_with_both_names_of_the_address() -> None:
    described = convert.write_transport(
        "7",
        TransportReply(
            ice=IceParameters("ufrag", "password", ice_lite=True),
            candidates=(
                IceCandidate("u1", 2_130_706_431, "192.0.2.1", Protocol.UDP, 4000),
                IceCandidate("t1", 1_000, "192.0.2.1", Protocol.TCP, 4001),
            ),
            dtls=DtlsParameters(DtlsRole.AUTO, (DtlsFingerprint("sha-256", "AA:BB"),)),
            sctp=SctpParameters(5000, 262_144),
        ),
    )
    udp, tcp = described.iceCandidates
    assert described.id == "7"
    assert (udp.ip, udp.address, udp.port, udp.priority) == ("192.0.2.1", "192.0.2.1", 4000, 2_130_706_431)
    assert (udp.type, udp.protocol, udp.tcpType, udp.foundation) == ("host", "udp", "", "u1")
    assert (tcp.protocol, tcp.tcpType) == ("tcp", "passive")
    ice, sctp = described.iceParameters, described.sctpParameters
    assert (ice.usernameFragment, ice.password, ice.iceLite) == ("ufrag", "password", True)
    assert described.dtlsParameters.role == "auto"
    assert [f.value for f in described.dtlsParameters.fingerprints] == ["AA:BB"]
    assert (sctp.port, sctp.OS, sctp.MIS, sctp.maxMessageSize) == (5000, 1024, 1024, 262_144)


def test_capabilities_are_described() -> None:
    described = convert.write_capabilities(
        RtpCapabilities(
            (
                CodecParameters("audio/opus", 100, 48000, 2, {"useinbandfec": "1"}, ("transport-cc",)),
                CodecParameters("video/VP8", 101, 90000, None, {}, ("nack", "nack pli", "ccm fir")),
            ),
            (HeaderExtensionCapability(MediaKind.VIDEO, RID, 2, Direction.RECVONLY),),
        )
    )
    opus, vp8 = described.codecs
    assert (opus.kind, opus.mimeType, opus.preferredPayloadType) == ("audio", "audio/opus", 100)
    assert (opus.clockRate, opus.channels, dict(opus.parameters)) == (48000, 2, {"useinbandfec": "1"})
    assert [(f.type, f.parameter) for f in vp8.rtcpFeedback] == [
        ("nack", ""),
        ("nack", "pli"),
        ("ccm", "fir"),
    ]
    (rid,) = described.headerExtensions
    assert (rid.kind, rid.uri, rid.preferredId, rid.direction) == ("video", RID, 2, "recvonly")


def sent(**changes: object) -> RtpParameters:
    whole = {
        "codecs": (CodecParameters("video/VP8", 101, 90000, None, {}, ("nack pli",)),),
        "encodings": (Encoding(ssrc=3_000_000_000, rtx_ssrc=3_000_000_001, max_bitrate=1 << 33),),
        "mid": "0",
        "header_extensions": (HeaderExtension(MID, 1),),
        "cname": "alice",
    }
    return RtpParameters(**{**whole, **changes})  # type: ignore[arg-type]


def test_what_a_consumer_is_sent_is_described() -> None:
    described = convert.write_rtp(sent())
    (encoding,) = described.encodings
    assert described.mid == "0"
    assert (encoding.ssrc, encoding.rtx.ssrc, encoding.active) == (3_000_000_000, 3_000_000_001, True)
    assert (described.rtcp.cname, described.rtcp.mux, described.rtcp.reducedSize) == ("alice", True, True)
    assert [(e.uri, e.id, e.encrypt) for e in described.headerExtensions] == [(MID, 1, False)]
    assert convert.read_rtp(MediaKind.VIDEO, described) == sent(
        encodings=(Encoding(ssrc=3_000_000_000, rtx_ssrc=3_000_000_001),)
    )


def test_a_consumer_without_retransmission_names_none() -> None:
    described = convert.write_rtp(sent(encodings=(Encoding(ssrc=5),)))
    assert not described.encodings[0].HasField("rtx")


@pytest.mark.parametrize("lack", [{"mid": ""}, {"mid": None}, {"cname": None}, {"encodings": (Encoding(),)}])
def test_a_consumer_that_would_break_the_client_is_our_error(lack: dict[str, object]) -> None:
    with pytest.raises(InternalError, match="needs mid, cname and ssrc"):
        convert.write_rtp(sent(**lack))


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_any_parameters_are_read_or_refused(seed: int, damages: int) -> None:
    dice = random.Random(seed)
    frame = bytearray(published.encode("ProtoRtpParameters", published.sample("ProtoRtpParameters")))
    for _ in range(damages):
        frame[dice.randrange(len(frame))] = dice.randrange(256)
    message = ProtoRtpParameters()
    with contextlib.suppress(Exception):
        message.MergeFromString(bytes(frame))
    with contextlib.suppress(InvalidArgument):
        read = convert.read_rtp(MediaKind.VIDEO, message)
        assert all(0 <= codec.payload_type < 128 for codec in read.codecs)
