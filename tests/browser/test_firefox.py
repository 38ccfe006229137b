"""Firefox publishes and plays through a real node."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.namespace import unshared
from tests.support.programs import needs

pytestmark = pytest.mark.browser


def test_a_firefox_tab_sees_and_hears_another(tmp_path):
    program = needs("firefox-esr")
    command = [*unshared(), sys.executable, "-m", "tests.browser.firefox_call", program]
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=110,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["look"]["inbound"]["video"]["framesDecoded"] > 30
    assert seen["look"]["inbound"]["audio"]["packetsReceived"] > 0
    transports = [session["transport"] for session in seen["stats"]["sessions"]]
    assert len(transports) == 2
    assert all(transport["srtp_cipher"].startswith("AEAD_AES_") for transport in transports), transports
