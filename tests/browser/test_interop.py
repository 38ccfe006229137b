"""Other people's publishers, seen in Chromium."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.browser.conftest import needs
from tests.browser.test_whip_whep import DECODING

pytestmark = [pytest.mark.browser, pytest.mark.gstreamer]

SCRIPT = Path(__file__).parents[1] / "interop" / "gstreamer_whip.py"


def test_a_gstreamer_publisher_is_seen_and_heard(tab, node):
    needs("gst-inspect-1.0")
    token = node.token("gst")
    command = ["/usr/bin/python3", str(SCRIPT), f"{node.url}/whip/gst/camera-1"]
    publisher = subprocess.Popen(
        command, env={**os.environ, "TOKEN": token}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert publisher.stdout is not None
        assert publisher.stdout.readline() == "published\n"
        receiver = tab()
        receiver.play("p", "gst", "camera-1", token)
        look = receiver.until("p", DECODING)
        assert (look["width"], look["height"]) == (640, 360)
    finally:
        publisher.terminate()
        publisher.wait(10)
