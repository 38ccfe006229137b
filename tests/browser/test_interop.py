"""Other people's publishers, seen in Chromium."""

import pytest

from tests.browser.test_whip_whep import DECODING

pytestmark = [pytest.mark.browser, pytest.mark.gstreamer]


def test_a_gstreamer_publisher_is_seen_and_heard(tab, node, gstreamer):
    token = node.mint("gst")
    gstreamer("gst", "camera-1", token)
    receiver = tab()
    receiver.play("p", "gst", "camera-1", token)
    look = receiver.until("p", DECODING)
    assert (look["width"], look["height"]) == (640, 360)
