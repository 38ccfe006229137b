"""Offers of a real client through the core's reader and writer."""

import re
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from medianode.errors import InvalidArgument, Unsupported
from medianode.sfu.commands import IceReply, TransportReply
from medianode.sfu.params import (
    DtlsFingerprint,
    DtlsParameters,
    DtlsRole,
    IceCandidate,
    IceParameters,
    MediaKind,
    Protocol,
    SctpParameters,
)

native = pytest.importorskip("medianode.sfu.native_sdp")

TRANSPORT = TransportReply(
    IceParameters("ours", "p" * 24, ice_lite=True),
    (IceCandidate("1", 2130706431, "127.0.0.1", Protocol.UDP, 14100),),
    DtlsParameters(DtlsRole.AUTO, (DtlsFingerprint("sha-256", ":".join(["AB"] * 32)),)),
    SctpParameters(5000, 65536),
)


@pytest.fixture
async def pc() -> AsyncIterator[RTCPeerConnection]:
    connection = RTCPeerConnection()
    yield connection
    await connection.close()


async def offer_of(pc: RTCPeerConnection, direction: str, *, data: bool = False) -> str:
    for kind, track in (("audio", AudioStreamTrack()), ("video", VideoStreamTrack())):
        pc.addTransceiver(track if direction == "sendonly" else kind, direction=direction)
    if data:
        pc.createDataChannel("chat")
    await pc.setLocalDescription(await pc.createOffer())
    return pc.localDescription.sdp


@pytest.mark.parametrize("direction", ["sendonly", "recvonly"])
async def test_a_client_takes_the_answer_to_its_offer(pc: RTCPeerConnection, direction: str) -> None:
    sdp = native.NativeSdp()
    offer = await offer_of(pc, direction, data=True)
    plan = sdp.publish(offer) if direction == "sendonly" else sdp.play(offer)
    assert [leg.kind for leg in plan.legs] == [MediaKind.AUDIO, MediaKind.VIDEO]
    assert plan.sctp is not None
    assert plan.remote_ufrag in offer
    answer = sdp.answer(plan, TRANSPORT)
    assert ("a=recvonly" if direction == "sendonly" else "a=sendonly") in answer
    await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))


async def test_two_players_never_share_an_ssrc(pc: RTCPeerConnection) -> None:
    offer = await offer_of(pc, "recvonly")
    sdp = native.NativeSdp()
    drawn = [e.ssrc for _ in range(50) for leg in sdp.play(offer).legs for e in leg.rtp.encodings]
    assert len(set(drawn)) == len(drawn)


async def test_a_section_that_cannot_be_taken_refuses_a_publisher(pc: RTCPeerConnection) -> None:
    offer = await offer_of(pc, "sendonly")
    video = offer.index("m=video")
    payload = re.search(r"^m=video \d+ \S+ (\d+)", offer[video:], re.MULTILINE)
    assert payload is not None
    with pytest.raises(Unsupported, match="video"):
        native.NativeSdp().publish(offer[:video] + re.sub(r"VP8|H264|rtx", "H261", offer[video:]))


@pytest.mark.parametrize("text", ["", "hello", "v=0", "v=0\r\n" + "a=x\r\n" * 5000])
def test_what_is_no_sdp_is_malformed(text: str) -> None:
    with pytest.raises(InvalidArgument):
        native.NativeSdp().publish(text)


async def test_a_restart_is_answered_for_the_tagged_section(pc: RTCPeerConnection) -> None:
    sdp = native.NativeSdp()
    plan = sdp.publish(await offer_of(pc, "sendonly"))
    text = sdp.write_fragment(
        plan, IceReply(IceParameters("next", "q" * 24, ice_lite=True), TRANSPORT.candidates)
    )
    lines = text.split("\r\n")
    assert "a=ice-lite" in lines
    assert "a=ice-ufrag:next" in lines
    assert "a=mid:0" in lines
    assert any(line.startswith("m=audio 9 UDP/TLS/RTP/SAVPF ") for line in lines)
    assert any(line.startswith("a=candidate:") for line in lines)
    read = sdp.read_fragment(text)
    assert (read.ufrag, read.password) == ("next", "q" * 24)
