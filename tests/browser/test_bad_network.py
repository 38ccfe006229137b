"""Chromium behind a link that loses, throttles or changes its address."""

import json
import re
import time

import pytest

from tests.browser.test_whip_whep import DECODING
from tests.support.link import Link

pytestmark = pytest.mark.browser


@pytest.fixture
def link(node):
    links = []

    def make(answer_port: int, **settings):
        made = Link(answer_port)
        links.append(made)
        if settings:
            made.set(**settings)
        return made

    yield make
    for each in links:
        each.close()


def udp_port(answer: str) -> int:
    found = re.search(r"a=candidate:\S+ \d+ udp \d+ \S+ (\d+) ", answer, re.IGNORECASE)
    assert found
    return int(found[1])


def media_port(node) -> int:
    return node.ready["media_ports"][0]


def through(relay: Link) -> str:
    return f"throughPort({relay.port})"


@pytest.mark.parametrize("loss", [0.1, 0.3])
def test_a_call_connects_through_loss(tab, node, link, loss):
    room = f"loss-{int(loss * 100)}"
    token = node.mint(room)
    sender, receiver = tab(), tab()
    sender.publish(room, "ann", token)
    relay = link(media_port(node), up={"loss": loss, "delay_ms": 10}, down={"loss": loss, "delay_ms": 10})
    receiver.play("p", room, "ann", token, rewrite=through(relay))
    receiver.until("p", "s.state === 'connected'", 20)
    receiver.until("p", "s.inbound.video?.framesDecoded > 10", 20)


def test_a_throttled_player_gets_a_lower_layer_and_the_top_again_and_nobody_else_notices(tab, node, link):
    token = node.mint("throttle")
    sender, slow, fast = tab(), tab(), tab()
    sender.publish("throttle", "ann", token, simulcast=True)
    relay = link(media_port(node))
    slow.play("slow", "throttle", "ann", token, rewrite=through(relay))
    fast.play("fast", "throttle", "ann", token)
    top = "s.inbound.video?.frameHeight === 720 && s.inbound.video.framesDecoded > 30"
    slow.until("slow", top, 40)
    before = fast.until("fast", top, 40)["inbound"]["video"]
    relay.set(down={"rate": 400_000, "queue_ms": 300})
    began = time.monotonic()
    slow.until("slow", "s.inbound.video.frameHeight < 720", 15)
    print(f"lower layer after {time.monotonic() - began:.1f} s")
    relay.set()
    slow.until("slow", "s.inbound.video.frameHeight === 720", 40)
    after = fast.look("fast")["inbound"]["video"]
    assert after["frameHeight"] == 720
    assert after["freezeCount"] == before["freezeCount"]
    assert after["pliCount"] == before["pliCount"]


def test_media_goes_on_when_a_nat_rebinds(tab, node, link):
    token = node.mint("rebind")
    sender, receiver = tab(), tab()
    sender.publish("rebind", "ann", token)
    relay = link(media_port(node))
    receiver.play("p", "rebind", "ann", token, rewrite=through(relay))
    before = receiver.until("p", DECODING)["inbound"]["video"]["framesDecoded"]
    relay.set(binding=1)
    receiver.until("p", f"s.inbound.video.framesDecoded > {before + 150}", 30)
    assert receiver.look("p")["state"] == "connected"


def test_an_outage_of_three_seconds_needs_no_renegotiation(tab, node, link):
    token = node.mint("outage")
    sender, receiver = tab(), tab()
    sender.publish("outage", "ann", token)
    relay = link(media_port(node))
    receiver.play("p", "outage", "ann", token, rewrite=through(relay))
    receiver.until("p", DECODING)
    relay.set(cut=True)
    receiver.page.wait_for_timeout(3000)
    before = receiver.look("p")["inbound"]["video"]["framesDecoded"]
    relay.set()
    receiver.until("p", f"s.inbound.video.framesDecoded > {before + 60}")


def test_a_player_that_is_gone_without_a_word_is_forgotten(tab, node, link):
    token = node.mint("gone")
    sender, receiver = tab(), tab()
    sender.publish("gone", "ann", token)
    relay = link(media_port(node))
    receiver.play("p", "gone", "ann", token, rewrite=through(relay))
    receiver.until("p", DECODING)
    assert sessions(node, "gone") == ["play", "publish"]
    relay.set(cut=True)
    deadline = time.monotonic() + 50  # consent ends after 30 s (RFC 7675)
    while sessions(node, "gone") != ["publish"]:
        assert time.monotonic() < deadline, "the session is still there"
        receiver.page.wait_for_timeout(500)


def sessions(node, room: str) -> list[str]:
    """Kinds of a room's sessions, as the node tells them."""
    status, _, body = node.request("GET", f"/api/v1/rooms/{room}/stats", token=node.ready["api_key"])
    assert status == 200
    return sorted(session["kind"] for session in json.loads(body)["sessions"])
