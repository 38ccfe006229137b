"""GStreamer publishes by itself; that Chromium shows what it sends is in ``tests/browser``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.namespace import unshared
from tests.support.programs import needs

pytestmark = pytest.mark.gstreamer


def test_a_publisher_connects_over_udp():
    needs("gst-inspect-1.0")
    command = [*unshared(), sys.executable, "-m", "tests.interop.gstreamer_call"]
    folder = Path(__file__).parents[2]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100, cwd=folder)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert (seen["selected_protocol"], seen["dtls_state"]) == ("udp", "connected"), seen
    assert seen["packets_received"] > 200
