"""Many tabs with Huddle01's SDK, and tabs in one room with everybody else whom the node serves."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Tab
from tests.browser.huddle01.conftest import Join
from tests.browser.test_page import plays, shot
from tests.browser.test_whip_whep import DECODING
from tests.support.running_node import RunningNode

pytestmark = pytest.mark.browser


@pytest.mark.timeout(400)
def test_six_tabs_see_and_hear_the_five_others(join: Join) -> None:
    peers = [join("six", name) for name in ("ann", "bob", "cat", "dan", "eve", "fay")]
    for peer in peers:
        peer.on_air_with_little()
    for peer in peers:
        others = [other for other in peers if other is not peer]
        peer.sees(*others, timeout_s=120)
        peer.hears(*others, timeout_s=120)
    shot(peers[0].page, "huddle01-six")
    assert [peer.complaints for peer in peers] == [[]] * 6


@pytest.fixture
def page_tab(chromium: Browser, node: RunningNode):
    """A person on the node's own page."""
    context = chromium.new_context(permissions=["camera", "microphone"])

    def open_tab(room: str, name: str, token: str) -> Page:
        page = context.new_page()
        page.goto(f"{node.url}/?room={room}&name={name}#token={token}")
        page.get_by_role("button", name="Join", exact=True).click()
        expect(page.locator("#room")).to_be_visible()
        return page

    yield open_tab
    context.close()


def test_sdk_whip_whep_and_the_page_share_a_room(
    join: Join,
    node: RunningNode,
    tab: Callable[[], Tab],
    page_tab: Callable[..., Page],
    gstreamer: Callable[[str, str, str], None],
) -> None:
    token = node.mint("mixed")
    ann, bob = join("mixed", "ann"), join("mixed", "bob")
    ann.on_air_with_little()
    bob.on_air_with_little()
    gstreamer("mixed", "obs", token)
    pat = page_tab("mixed", "pat", token)
    viewer = tab()
    for peer, other in ((ann, "bob"), (bob, "ann")):
        for name in (other, "obs", "pat"):
            peer.until(f"s.peers['{name}']?.streams.video?.seen", 30)
            peer.until(f"s.peers['{name}']?.streams.audio?.heard", 30)
    for name in ("ann", "bob", "obs"):
        plays(pat, name)
    for name in ("ann", "bob", "obs", "pat"):
        viewer.play(name, "mixed", name, token)
        viewer.until(name, DECODING)
    chat_meets(ann, bob, pat)
    shot(ann.page, "huddle01-mixed-sdk")
    shot(pat, "huddle01-mixed-page")
    shot(viewer.page, "huddle01-mixed-whep")


def chat_meets(ann, bob, pat: Page) -> None:
    """What the page says arrives at the SDK, and the other way round."""
    pat.locator("#talk").click()
    pat.locator("#chat-text").fill("from the page")
    pat.locator("#chat-text").press("Enter")
    for peer in (ann, bob):
        assert peer.event("receive-data", "e.payload.includes('from the page')")["from"] == "pat"
    ann.run("() => client.localPeer.sendData({ to: '*', payload: 'from the app', label: 'chat' })")
    line = pat.locator("#chat-log li", has_text="from the app").filter(has_text="ann")
    expect(line).to_have_count(1)
