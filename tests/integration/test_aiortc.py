"""aiortc publishes and plays through the real core."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection

from tests.support.rtc_client import RtcClient
from tests.support.running_node import RunningNode

Make = Callable[[str], RtcClient]

DECODING = "c.frames.get('video', 0) > 5 and c.frames.get('audio', 0) > 10"


@pytest.fixture
async def client(real_node: RunningNode) -> AsyncIterator[Make]:
    made: list[RtcClient] = []

    def make(token: str) -> RtcClient:
        made.append(RtcClient(real_node.url, token))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_a_player_sees_and_hears_a_publisher(real_node: RunningNode, client: Make) -> None:
    token = real_node.mint("av")
    sender, receiver = client(token), client(token)
    await sender.publish("/whip/av/ann")
    await sender.until("c.pc.connectionState == 'connected'")
    await receiver.play("/whep/av/ann")
    await receiver.until(DECODING)


async def test_clients_that_bundle_from_the_start_find_the_candidates(
    real_node: RunningNode, client: Make
) -> None:
    """With max-bundle this client has one transport and reads the candidates of the last section."""
    token = real_node.mint("bundle")
    sender, receiver = client(token), client(token)
    for one in (sender, receiver):
        one.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    await sender.publish("/whip/bundle/ann")
    await receiver.play("/whep/bundle/ann")
    await receiver.until(DECODING)


async def test_a_player_that_came_first_follows_its_publisher_back(
    real_node: RunningNode, client: Make
) -> None:
    token = real_node.mint("early")
    receiver, first, second = client(token), client(token), client(token)
    await receiver.play("/whep/early/ann")
    await receiver.until("c.pc.connectionState == 'connected'")
    await first.publish("/whip/early/ann")
    await receiver.until(DECODING)
    assert await first.close() == 200
    before = receiver.frames["video"]
    await second.publish("/whip/early/ann")
    await receiver.until(f"c.frames['video'] > {before + 20}")


async def test_the_room_player_sees_who_is_there(real_node: RunningNode, client: Make) -> None:
    token = real_node.mint("speaker")
    sender, receiver = client(token), client(token)
    await sender.publish("/whip/speaker/ann")
    await receiver.play("/whep/speaker")
    await receiver.until(DECODING)


@pytest.mark.parametrize("own_channel", [True, False])
async def test_messages_reach_the_players(real_node: RunningNode, client: Make, *, own_channel: bool) -> None:
    room = f"chat-{own_channel}"
    token = real_node.mint(room)
    sender, receiver = client(token), client(token)
    await sender.publish(f"/whip/{room}/ann", video=False, chat=True)
    await receiver.play(f"/whep/{room}/ann", video=False, chat=own_channel or _data_section(receiver))
    await sender.until("c.channel.readyState == 'open'")
    await receiver.until("c.pc.connectionState == 'connected'")
    await receiver.until("c.channel is not None and c.channel.readyState == 'open'")
    await asyncio.sleep(0.3)
    for message in ("hello", "", b"\x00\x01"):
        sender.channel.send(message)
    await receiver.until("c.messages == ['hello', '', b'\\x00\\x01']")


def _data_section(receiver: RtcClient) -> bool:
    """Offers SCTP by a channel of another label, so that the node has to open the publisher's."""
    receiver.pc.createDataChannel("other")
    return False


async def test_ice_restart_answers_new_credentials_and_media_goes_on(
    real_node: RunningNode, client: Make
) -> None:
    token = real_node.mint("restart")
    sender, receiver = client(token), client(token)
    await sender.publish("/whip/restart/ann")
    await receiver.play("/whep/restart/ann")
    await receiver.until(DECODING)
    status, headers, body = real_node.request(
        "PATCH",
        sender.location,
        token=token,
        body=b"a=ice-ufrag:newu\r\na=ice-pwd:0123456789012345678901\r\n",
        Content_Type="application/trickle-ice-sdpfrag",
        If_Match="*",
    )
    assert status == 200
    assert headers["etag"] != sender.etag
    assert b"a=ice-ufrag:" in body
    assert b"a=candidate:" in body
    before = receiver.frames["video"]
    await receiver.until(f"c.frames['video'] > {before + 10}")


async def test_sdp_bombs_and_nonsense_are_refused_during_a_call(real_node: RunningNode, client: Make) -> None:
    token = real_node.mint("rude")
    sender, receiver = client(token), client(token)
    await sender.publish("/whip/rude/ann")
    await receiver.play("/whep/rude/ann")
    await receiver.until(DECODING)
    good = sender.pc.localDescription.sdp
    bombs = {
        400: [
            b"v=0\r\n" + b"a=x\r\n" * 9000,
            b"\xff\xfe",
            b"v=1",
            good.encode().replace(b"m=video", b"m=vi\x00deo", 1),
        ],
        422: [
            good.replace("a=ice-ufrag", "a=not-ufrag").encode(),
            good.replace("a=fingerprint", "a=no").encode(),
        ],
        413: [good.encode() + b"a=x\r\n" * 20_000],
    }
    for expected, bodies in bombs.items():
        for body in bodies:
            status, _, text = real_node.request(
                "POST", "/whip/rude/bob", token=token, body=body, Content_Type="application/sdp"
            )
            assert status in {expected, 400, 422, 413}, (status, text, body[:60])
            assert 400 <= status < 500
    before = receiver.frames["video"]
    await receiver.until(f"c.frames['video'] > {before + 10}")
