"""The page when its way to the node breaks for a while: the call comes back by itself."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.test_page import plays
from tests.support.link import Link
from tests.support.running_node import RunningNode

pytestmark = pytest.mark.browser

NOTICED_MS = 30_000
BACK_MS = 40_000


class Detour:
    """Leads every session of a browser context through a link of its own, over UDP alone."""

    def __init__(self, context: BrowserContext, node: RunningNode) -> None:
        self._port = node.ready["media_ports"][0]
        self._links: list[Link] = []
        self._cut = False
        self.sessions = 0
        """How many were opened."""
        context.route(re.compile(r"/wh[ie]p/"), self._lead)

    def cut(self, *, cut: bool) -> None:
        self._cut = cut
        for link in self._links:
            link.set(cut=cut)

    def close(self) -> None:
        for link in self._links:
            link.close()

    def _lead(self, route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        response = route.fetch()
        link = Link(self._port)
        link.set(cut=self._cut)
        self._links.append(link)
        self.sessions += 1
        answer = re.sub(r"a=candidate:.* tcptype .*\r\n", "", response.text())
        answer = re.sub(r"(a=candidate:\S+ 1 udp \d+) \S+ \d+ ", rf"\1 127.0.0.1 {link.port} ", answer)
        route.fulfill(response=response, body=answer)


@pytest.fixture
def join(chromium: Browser, node: RunningNode) -> Iterator[Callable[..., tuple[Page, Detour]]]:
    """Joins a room; what the page sends and is sent takes a detour that can be cut."""
    opened = []

    def join(room: str, name: str, token: str) -> tuple[Page, Detour]:
        context = chromium.new_context(permissions=["camera", "microphone"])
        detour = Detour(context, node)
        opened.append((context, detour))
        page = context.new_page()
        page.goto(f"{node.url}/?room={room}&name={name}#token={token}")
        page.get_by_role("button", name="Join", exact=True).click()
        return page, detour

    yield join
    for context, detour in opened:
        context.unroute_all(behavior="ignoreErrors")
        context.close()
        detour.close()


@pytest.mark.parametrize("until", ["noticed", "given up"])
def test_the_call_comes_back(join: Callable[..., tuple[Page, Detour]], node: RunningNode, until: str) -> None:
    """A short outage ends with an ICE restart in the session that was, a long one with a session of its own."""
    room = f"outage-{len(until)}"
    token = node.mint(room)
    ann, _ = join(room, "Ann", token)
    bob, detour = join(room, "Bob", token)
    plays(ann, "Bob")
    plays(bob, "Ann")
    state = bob.locator("#room-state")
    expect(state).to_have_text("connected")
    before = detour.sessions
    detour.cut(cut=True)
    expect(state).to_contain_text("reconnecting", timeout=NOTICED_MS)
    if until == "given up":
        deadline = time.monotonic() + 60
        while detour.sessions == before:
            assert time.monotonic() < deadline, "the page keeps to its old sessions"
            bob.wait_for_timeout(200)
    detour.cut(cut=False)
    expect(state).to_have_text("connected", timeout=BACK_MS)
    plays(bob, "Ann")
    plays(ann, "Bob")
    if until == "noticed":
        assert detour.sessions == before
