"""Huddle01's unmodified SDK in tabs of a real Chromium, its page served from another origin than the node."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.huddle01.sdk import bundle, served
from tests.support.link import Link
from tests.support.running_node import RunningNode, start_node


@pytest.fixture(scope="package")
def sdk_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a folder with ``peer.html`` and ``react.html``."""
    folder = tmp_path_factory.mktemp("sdk")
    bundle(folder)
    with served(folder) as address:
        yield address


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One node for all: every test has a room of its own."""
    running = start_node(tmp_path_factory.mktemp("node"), "--announced-ip", "127.0.0.1")
    yield running
    assert running.stop() == 0, "".join(running.log)


class Peer:
    """One tab with the SDK, in the words of ``peer.js``."""

    def __init__(self, page: Page, name: str) -> None:
        self.page, self.name = page, name
        self.complaints: list[str] = []
        """What the SDK and the browser wrote to the console as errors."""
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)

    def run(self, script: str, argument: Any = None) -> Any:
        """Runs a script in the tab; ``client`` is the SDK's client there."""
        return self.page.evaluate(script, argument)

    def look(self) -> dict[str, Any]:
        return self.page.evaluate("look()")

    def _test(self, condition: str) -> tuple[dict[str, Any], bool]:
        script = f"async () => {{ const s = await look(); return [s, Boolean({condition})]; }}"
        look, holds = self.page.evaluate(script)
        return look, holds

    def until(self, condition: str, timeout_s: float = 20) -> dict[str, Any]:
        """Waits until ``condition``, a JavaScript expression over the look ``s``, holds; returns that look."""
        deadline = time.monotonic() + timeout_s
        while True:
            look, holds = self._test(condition)
            if holds:
                return look
            assert time.monotonic() < deadline, f"{self.name} never: {condition}; last look: {brief(look)}"
            self.page.wait_for_timeout(100)

    def never(self, condition: str, seconds: float) -> None:
        """Looks for some time that ``condition`` does not come true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            look, holds = self._test(condition)
            assert not holds, f"{self.name}: {condition}; look: {brief(look)}"
            self.page.wait_for_timeout(100)

    def event(self, name: str, condition: str = "true", timeout_s: float = 20) -> dict[str, Any]:
        """Waits for an event of the SDK; ``condition`` is an expression over the event ``e``. Returns the newest one."""
        test = f"e => e.name === '{name}' && ({condition})"
        look = self.until(f"s.events.some({test})", timeout_s)
        return self.run(f"events => events.findLast({test})", look["events"])

    def knows(self, *others: "Peer") -> None:
        """Waits until others are in the room for this one too."""
        for other in others:
            self.until(f"s.peers['{other.name}']")

    def sees(self, *others: "Peer", label: str = "video", timeout_s: float = 25) -> None:
        """Waits until the pictures of others move."""
        for other in others:
            self.until(f"s.peers['{other.name}']?.streams['{label}']?.seen", timeout_s)

    def hears(self, *others: "Peer", label: str = "audio", timeout_s: float = 25) -> None:
        """Waits until the sound of others is loud enough to be heard."""
        for other in others:
            self.until(f"s.peers['{other.name}']?.streams['{label}']?.heard", timeout_s)

    def camera(self, codec: str | None = None) -> None:
        """Turns the camera on; ``codec`` is what the app prefers."""
        self.run("codec => client.localPeer.enableVideo({ prefferedCodec: codec ?? undefined })", codec)
        self.until("s.labels.includes('video')")

    def microphone(self) -> None:
        """Turns the microphone on."""
        self.run("() => client.localPeer.enableAudio()")
        self.until("s.labels.includes('audio')")

    def on_air(self) -> None:
        """Turns camera and microphone on."""
        self.camera()
        self.microphone()

    def on_air_with_little(self) -> None:
        """As ``on_air``, with a picture that leaves this machine time for others."""
        self.run("async () => client.localPeer.enableVideo({ customVideoStream: await smallPicture() })")
        self.until("s.labels.includes('video')")
        self.microphone()

    def frames_of(self, other: "Peer", label: str = "video") -> int:
        return int(self.look()["peers"][other.name]["streams"][label]["frames"])


def brief(look: dict[str, Any]) -> dict[str, Any]:
    """A look without what grows."""
    kept = {name: value for name, value in look.items() if name not in {"permissions", "config"}}
    return {**kept, "frames": kept["frames"][-15:], "events": kept["events"][-8:]}


Join = Callable[..., Peer]


@pytest.fixture
def open_peer(chromium: Browser, node: RunningNode, sdk_page: str) -> Iterator[Callable[..., Peer]]:
    """Opens tabs with the SDK loaded, not yet joined; no page may throw."""
    context = chromium.new_context(permissions=["camera", "microphone"])
    thrown: list[str] = []

    def open_tab(name: str, page: str = "peer") -> Peer:
        tab = context.new_page()
        tab.on("pageerror", lambda error: thrown.append(f"{name}: {error}"))
        tab.goto(f"{sdk_page}/{page}.html")
        return Peer(tab, name)

    yield open_tab
    context.close()
    assert thrown == []


@pytest.fixture
def join(open_peer: Callable[..., Peer], node: RunningNode) -> Join:
    """Joins a room in a new tab and waits until the SDK says so."""

    def join(
        room: str,
        name: str,
        *,
        role: str = "host",
        base_url: str | None = None,
        waits_for: str = "s.state === 'connected' && s.me",
        claims: dict[str, Any] | None = None,
        relays: list[int] | None = None,
        **options: Any,
    ) -> Peer:
        peer = open_peer(name)
        token = node.mint(room, peer=name, role=role, **(claims or {}))
        if relays:
            peer.run("ports => { window.relays = ports }", relays)
        enter(peer, base_url or node.url, room, token, **options)
        peer.until(waits_for)
        return peer

    return join


def enter(peer: Peer, base_url: str, room: str, token: str, **options: Any) -> None:
    """Lets the SDK join with a token."""
    region = options.pop("region", "EU")
    given = {
        "api": f"{base_url}/huddle01/api/v1",
        "room": room,
        "token": token,
        "region": region,
        "options": options,
    }
    peer.run("given => join(given)", given)


@pytest.fixture
def links(node: RunningNode) -> Iterator[list[Link]]:
    """A bad network for one tab: a link for each of its two connections, in the order in which the SDK makes them."""
    pair = [Link(node.ready["media_ports"][0], seed) for seed in (1, 2)]
    yield pair
    for link in pair:
        link.close()
