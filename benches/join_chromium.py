"""How long from asking to join until Chromium shows the first decoded frame: `python benches/join_chromium.py [JOINS]`."""

import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browser.conftest import CLIENTS, FLAGS
from tests.support.running_node import start_node

PAUSE_MS = 700
"""Between joins: longer than the 500 ms in which a publisher is asked for one key frame at most."""

JOIN = """async o => {
  const began = performance.now();
  await play(o);
  const video = sessions[o.name].element;
  await new Promise((done) => video.requestVideoFrameCallback(done));
  const took = performance.now() - began;
  await leave(o.name, o.token);
  return took;
}"""


def main() -> None:
    joins = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        node = start_node(Path(folder), "--announced-ip", "127.0.0.1")
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        context = browser.new_context(permissions=["camera", "microphone"])
        sender, receiver = context.new_page(), context.new_page()
        for page in (sender, receiver):
            page.goto(node.url + "/healthz")
            page.add_script_tag(content=CLIENTS.read_text())
        token = node.token("join")
        sender.evaluate(
            "o => publish(o)", {"name": "ann", "url": f"{node.url}/whip/join/ann", "token": token}
        )
        sender.wait_for_timeout(3000)
        plan = {"url": f"{node.url}/whep/join/ann", "token": token}
        times = []
        for number in range(joins):
            receiver.wait_for_timeout(PAUSE_MS)
            times.append(receiver.evaluate(JOIN, {"name": f"p{number}", **plan}))
        times.sort()
        browser.close()
        node.stop()
    p95 = times[min(int(len(times) * 0.95), len(times) - 1)]
    print(
        f"join to first decoded frame over {joins} joins: p50 {statistics.median(times):.0f} ms, p95 {p95:.0f} ms"
    )


main()
