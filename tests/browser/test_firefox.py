"""Firefox publishes and plays through a real node."""

from pathlib import Path

import pytest

from tests.support.namespace import in_namespace
from tests.support.programs import needs

pytestmark = pytest.mark.browser


def test_a_firefox_tab_sees_and_hears_another(tmp_path: Path) -> None:
    seen = in_namespace("tests.browser.firefox_call", needs("firefox-esr"), home=tmp_path)
    assert seen["look"]["inbound"]["video"]["framesDecoded"] > 30
    assert seen["look"]["inbound"]["audio"]["packetsReceived"] > 0
    transports = [session["transport"] for session in seen["stats"]["sessions"]]
    assert len(transports) == 2
    assert all(transport["srtp_cipher"].startswith("AEAD_AES_") for transport in transports), transports
