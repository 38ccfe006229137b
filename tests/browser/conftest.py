"""A real Chromium with a synthetic camera and microphone, beside a real node."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.certificate import self_signed
from tests.support.programs import needs
from tests.support.running_node import RunningNode, start_node

CLIENTS = Path(__file__).with_name("clients.js")
GSTREAMER = Path(__file__).parents[1] / "interop" / "gstreamer_whip.py"
FLAGS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--auto-select-desktop-capture-source=Entire screen",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # nothing needs a foreign host
]


# Its end comes with this package's: playwright's synchronous face keeps a loop running, which would forbid asynchronous tests.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = needs("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = start_node(tmp_path_factory.mktemp("node"), "--announced-ip", "127.0.0.1")
    yield running
    assert running.stop() == 0, "".join(running.log)


@pytest.fixture
def open_tab(chromium: Browser, node: RunningNode) -> Iterator[Callable[[], Page]]:
    """Opens tabs on the node's origin with the clients of ``clients.js`` loaded."""
    context = chromium.new_context(permissions=["camera", "microphone"])

    def tab() -> Page:
        page = context.new_page()
        page.goto(node.url + "/healthz")
        page.add_script_tag(content=CLIENTS.read_text())
        return page

    yield tab
    context.close()


class Tab:
    """What the tests do in a tab, in the words of ``clients.js``."""

    def __init__(self, page: Page, node: RunningNode) -> None:
        self.page, self.node = page, node

    def publish(self, room: str, peer: str, token: str, label: str = "", **options: Any) -> dict[str, Any]:
        query = f"?label={label}" if label else ""
        url = f"{self.node.url}/whip/{room}/{peer}{query}"
        return self.page.evaluate(
            "o => publish(o)", {"name": peer + label, "url": url, "token": token, **options}
        )

    def play(self, name: str, room: str, target: str, token: str, **options: Any) -> dict[str, Any]:
        url = f"{self.node.url}/whep/{room}" + (f"/{target}" if target else "")
        return self.page.evaluate("o => play(o)", {"name": name, "url": url, "token": token, **options})

    def look(self, name: str) -> dict[str, Any]:
        return self.page.evaluate("n => look(n)", name)

    def leave(self, name: str, token: str) -> int:
        return self.page.evaluate("([n, t]) => leave(n, t)", [name, token])

    def restart(self, name: str, token: str, tag: str) -> tuple[int, str | None]:
        status, fresh = self.page.evaluate("([n, t, e]) => restart(n, t, e)", [name, token, tag])
        return status, fresh

    def until(self, name: str, condition: str, timeout_s: float = 20) -> dict[str, Any]:
        """Waits until ``condition``, a JavaScript expression over the look ``s``, holds; returns that look."""
        script = f"async n => {{ const s = await look(n); return [s, Boolean({condition})]; }}"
        deadline = time.monotonic() + timeout_s
        while True:
            look, holds = self.page.evaluate(script, name)
            if holds:
                return look
            assert time.monotonic() < deadline, f"never: {condition}; last look: {look}"
            self.page.wait_for_timeout(100)


@pytest.fixture
def tab(open_tab: Callable[[], Page], node: RunningNode) -> Callable[[], Tab]:
    return lambda: Tab(open_tab(), node)


@pytest.fixture
def gstreamer(tmp_path: Path, node: RunningNode) -> Iterator[Callable[[str, str, str], None]]:
    """Starts GStreamer publishers, which end with the test."""
    needs("gst-inspect-1.0")
    certificate = tmp_path / "certificate.pem"
    certificate.write_text(self_signed())
    publishers = []

    def publish(room: str, peer: str, token: str) -> None:
        command = ["/usr/bin/python3", str(GSTREAMER), f"{node.url}/whip/{room}/{peer}", str(certificate)]
        publisher = subprocess.Popen(
            command, env={**os.environ, "TOKEN": token}, stdout=subprocess.PIPE, text=True
        )
        publishers.append(publisher)
        assert publisher.stdout is not None
        killer = threading.Timer(30, publisher.kill)
        killer.start()
        line = publisher.stdout.readline()
        killer.cancel()
        assert line == "published\n"

    yield publish
    for publisher in publishers:
        publisher.kill()
        with publisher:
            publisher.wait(10)
