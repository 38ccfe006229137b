"""Huddle01's React SDK in a call with the plain one."""

import pytest
from playwright.sync_api import expect

from tests.browser.huddle01.conftest import Join
from tests.support.running_node import RunningNode

pytestmark = pytest.mark.browser


def test_a_react_app_joins_sees_and_is_seen(join: Join, open_peer, node: RunningNode) -> None:
    ann = join("react", "ann")
    ann.on_air()
    rea = open_peer("rea", "react")
    token = node.mint("react", peer="rea")
    rea.run("given => start(given)", {"api": f"{node.url}/huddle01/api/v1", "room": "react", "token": token})
    rea.page.get_by_role("button", name="Join").click()
    expect(rea.page.locator("output")).to_have_text("connected", timeout=20_000)
    assert "version=core@2.6.4,react@2.6.4" in rea.run("() => client.socket.ws.url")
    for name in ("Camera", "Microphone"):
        rea.page.get_by_role("button", name=name).click()
    ann.sees(rea)
    ann.hears(rea)
    moves = """() => {
        const [video, audio] = ["video", "audio"].map(kind => document.querySelector(`[title="ann/${kind}"]`));
        return video?.videoWidth > 0 && video.currentTime > 1 && audio?.srcObject?.getAudioTracks().some(track => !track.muted);
    }"""
    rea.page.wait_for_function(moves, timeout=25_000)
