"""GStreamer publishes by itself; that Chromium shows what it sends is in ``tests/browser``."""

from pathlib import Path

import pytest

from tests.support.namespace import in_namespace
from tests.support.programs import needs

pytestmark = pytest.mark.gstreamer


def test_a_publisher_connects_over_udp(tmp_path: Path) -> None:
    needs("gst-inspect-1.0")
    seen = in_namespace("tests.interop.gstreamer_call", home=tmp_path)
    assert (seen["selected_protocol"], seen["dtls_state"]) == ("udp", "connected"), seen
    assert seen["packets_received"] > 200
