"""The page at / as people use it: several tabs in one room, through a real node."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.running_node import RunningNode

pytestmark = pytest.mark.browser

SEEN_MS = 25_000
SHOTS = os.environ.get("MEDIANODE_SHOTS")

Join = Callable[..., Page]


@pytest.fixture
def join(chromium: Browser, node: RunningNode) -> Iterator[Join]:
    """Joins a room by an invite link; at the end no tab may have complained."""
    context = chromium.new_context(permissions=["camera", "microphone"])
    complaints: list[str] = []

    def join(room: str, name: str, token: str, *, size: tuple[int, int] = (1280, 800)) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{node.url}/?room={room}&name={name}#token={token}")
        page.get_by_role("button", name="Join", exact=True).click()
        expect(page.locator("#room")).to_be_visible()
        return page

    yield join
    context.close()
    assert complaints == []


def tile(page: Page, name: str):
    return page.get_by_role("article", name=name, exact=True)


def plays(page: Page, name: str) -> None:
    """Waits until a tile's picture moves and its sound arrives."""
    expect(tile(page, name)).to_be_visible(timeout=SEEN_MS)
    script = """async name => {
        const video = document.querySelector(`article[aria-label="${name}"] video`);
        if (!video?.videoWidth || getComputedStyle(video).visibility === "hidden" || video.paused) return false;
        const before = video.currentTime;
        await new Promise(done => setTimeout(done, 300));
        return video.currentTime > before && video.srcObject.getAudioTracks().some(track => !track.muted);
    }"""
    page.wait_for_function(script, arg=name, timeout=SEEN_MS)


def shot(page: Page, name: str) -> None:
    """Keeps a picture where MEDIANODE_SHOTS says, for people to look at."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def test_three_people_see_and_hear_each_other(join: Join, node: RunningNode) -> None:
    token = node.mint("trio")
    people = {name: join("trio", name, token) for name in ("Ann", "Bob")}
    for page, other in ((people["Ann"], "Bob"), (people["Bob"], "Ann")):
        plays(page, other)
    people["Eve"] = join("trio", "Eve", token, size=(390, 844))
    for name, page in people.items():
        for other in people.keys() - {name}:
            plays(page, other)
        expect(page.locator("#room-count")).to_have_text("3 people")
        expect(page.locator("#room-state")).to_have_text("connected")
    people["Ann"].locator("#plots").click()
    people["Ann"].wait_for_timeout(3000)
    shot(people["Ann"], "trio-desktop")
    shot(people["Eve"], "trio-phone")
    people["Bob"].locator("#leave").click()
    expect(people["Bob"].locator("#lobby")).to_be_visible()
    for name in ("Ann", "Eve"):
        expect(tile(people[name], "Bob")).to_have_count(0)
        expect(people[name].locator("#room-count")).to_have_text("2 people")


def test_chat_arrives(join: Join, node: RunningNode) -> None:
    token = node.mint("talk")
    ann, bob = (join("talk", name, token) for name in ("Ann", "Bob"))
    plays(ann, "Bob")
    plays(bob, "Ann")
    for page, text in ((ann, "hello"), (bob, "<b>hi</b> ✓")):
        page.locator("#talk").click()
        page.locator("#chat-text").fill(text)
        page.locator("#chat-text").press("Enter")
    for page, who, text in ((bob, "Ann", "hello"), (ann, "Bob", "<b>hi</b> ✓")):
        line = page.locator("#chat-log li", has_text=text).filter(has_text=who)
        expect(line).to_have_count(1)
    shot(ann, "chat-desktop")
    bob.set_viewport_size({"width": 390, "height": 844})
    shot(bob, "chat-phone")


def test_mute_and_camera_off_show(join: Join, node: RunningNode) -> None:
    token = node.mint("quiet")
    ann, bob = (join("quiet", name, token) for name in ("Ann", "Bob"))
    plays(bob, "Ann")
    plays(ann, "Bob")
    ann.locator("#mic").click()
    expect(tile(bob, "Ann").get_by_label("microphone off")).to_be_visible()
    ann.locator("#camera").click()
    expect(tile(bob, "Ann").locator("video")).to_be_hidden(timeout=SEEN_MS)
    shot(bob, "muted-desktop")
    ann.locator("#mic").click()
    expect(tile(bob, "Ann").get_by_label("microphone off")).to_be_hidden()
    ann.locator("#camera").click()
    expect(tile(bob, "Ann").locator("video")).to_be_visible(timeout=SEEN_MS)
    plays(bob, "Ann")


def test_a_shared_screen_is_a_tile_of_its_own(join: Join, node: RunningNode) -> None:
    token = node.mint("show")
    ann, bob = (join("show", name, token) for name in ("Ann", "Bob"))
    plays(bob, "Ann")
    ann.locator("#screen").click()
    shared = tile(bob, "Ann – screen")
    expect(shared).to_be_visible(timeout=SEEN_MS)
    bob.wait_for_function(
        "() => document.querySelector('.tile.screen video')?.videoWidth > 0", timeout=SEEN_MS
    )
    plays(bob, "Ann")
    shot(bob, "screen-desktop")
    bob.set_viewport_size({"width": 390, "height": 844})
    bob.wait_for_timeout(500)
    shot(bob, "screen-phone")
    ann.locator("#screen").click()
    expect(shared).to_have_count(0)


def test_a_gstreamer_publisher_appears_in_the_room(
    join: Join, node: RunningNode, gstreamer: Callable[[str, str, str], None]
) -> None:
    token = node.mint("mixed")
    ann = join("mixed", "Ann", token)
    gstreamer("mixed", "camera-1", token)
    plays(ann, "camera-1")
    shot(ann, "gstreamer-desktop")


def test_a_wrong_token_is_told_in_the_lobby(chromium: Browser, node: RunningNode) -> None:
    page = chromium.new_page()
    page.goto(f"{node.url}/?room=trio&name=Ann#token=wrong")
    page.get_by_role("button", name="Join", exact=True).click()
    expect(page.locator("#join-problem")).to_contain_text("token")
    expect(page.locator("#lobby")).to_be_visible()
    shot(page, "lobby-problem")
    page.close()
