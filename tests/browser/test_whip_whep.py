"""Chromium publishes and plays over WHIP and WHEP through a real node."""

import pytest

pytestmark = pytest.mark.browser

DECODING = "s.inbound.video?.framesDecoded > 10 && s.inbound.audio?.packetsReceived > 20"


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
def test_a_player_sees_and_hears_a_publisher(tab, node, codec):
    token = node.mint(f"codec-{codec}")
    sender, receiver = tab(), tab()
    sender.publish(f"codec-{codec}", "ann", token, codec=codec)
    receiver.play("p", f"codec-{codec}", "ann", token)
    look = receiver.until("p", DECODING)
    assert look["inbound"]["video"]["frameWidth"] > 0
    assert look["inbound"]["audio"]["packetsLost"] == 0


def test_both_sides_negotiate_an_aead_profile(tab, node):
    token = node.mint("aead")
    sender, receiver = tab(), tab()
    sender.publish("aead", "ann", token)
    receiver.play("p", "aead", "ann", token)
    receiver.until("p", DECODING)
    for look in (sender.look("ann"), receiver.look("p")):
        assert "AEAD_AES_" in look["srtpCipher"], look["srtpCipher"]


def test_a_player_may_come_before_its_publisher_and_follows_its_return(tab, node):
    token = node.mint("early")
    sender, receiver = tab(), tab()
    receiver.play("p", "early", "ann", token)
    receiver.until("p", "s.state === 'connected'")
    sender.publish("early", "ann", token)
    before = receiver.until("p", DECODING)["inbound"]["video"]["framesDecoded"]
    assert sender.leave("ann", token) == 200
    sender.publish("early", "ann", token)
    receiver.until("p", f"s.inbound.video.framesDecoded > {before + 60}")


def test_the_room_player_sees_who_speaks(tab, node):
    token = node.mint("speaker")
    sender, receiver = tab(), tab()
    sender.publish("speaker", "ann", token)
    receiver.play("p", "speaker", "", token)
    receiver.until("p", DECODING)


def test_simulcast_reaches_the_top_layer(tab, node):
    token = node.mint("simulcast")
    sender, receiver = tab(), tab()
    sender.publish("simulcast", "ann", token, simulcast=True)
    receiver.play("p", "simulcast", "ann", token)
    receiver.until("p", "s.inbound.video?.frameHeight === 720 && s.inbound.video.framesDecoded > 30", 40)


def test_media_flows_over_tcp_where_udp_does_not(tab, node):
    token = node.mint("tcp")
    sender, receiver = tab(), tab()
    sender.publish("tcp", "ann", token)
    receiver.play("p", "tcp", "ann", token, rewrite="onlyTcp")
    assert receiver.until("p", DECODING)["protocol"] == "tcp"


def test_messages_of_a_publishers_channel_reach_its_players(tab, node):
    token = node.mint("chat")
    sender, receiver = tab(), tab()
    sender.publish("chat", "ann", token, chat=True)
    receiver.play("p", "chat", "ann", token, chat=True)
    receiver.until("p", DECODING)
    receiver.page.wait_for_function("sessions.p.chat.readyState === 'open'")
    sender.page.wait_for_function("sessions.ann.chat.readyState === 'open'")
    sender.page.evaluate("() => sessions.ann.chat.send('hello')")
    sender.page.evaluate("() => sessions.ann.chat.send('')")
    receiver.until("p", "s.messages.length === 2 && s.messages[0] === 'hello' && s.messages[1] === ''")


def test_leaving_ends_the_session_once(tab, node):
    token = node.mint("leave")
    sender = tab()
    session = sender.publish("leave", "ann", token)
    path = session["resource"].removeprefix(node.url)
    assert sender.leave("ann", token) == 200
    assert node.request("DELETE", path, token=token)[0] == 404


def test_ice_restarts_while_media_goes_on(tab, node):
    token = node.mint("restart")
    sender, receiver = tab(), tab()
    published = sender.publish("restart", "ann", token)
    played = receiver.play("p", "restart", "ann", token)
    receiver.until("p", DECODING)
    for who, name, tag in ((receiver, "p", played["etag"]), (sender, "ann", published["etag"])):
        status, fresh = who.restart(name, token, tag)
        assert status == 200
        assert fresh not in {None, tag}
        assert who.restart(name, token, tag)[0] == 412  # of the ICE session that is over
        before = receiver.look("p")["inbound"]["video"]["framesDecoded"]
        receiver.until("p", f"s.inbound.video.framesDecoded > {before + 30}")
        assert who.restart(name, token, "*")[0] == 200
        before = receiver.look("p")["inbound"]["video"]["framesDecoded"]
        receiver.until("p", f"s.inbound.video.framesDecoded > {before + 30}")
        assert who.look(name)["state"] == "connected"
