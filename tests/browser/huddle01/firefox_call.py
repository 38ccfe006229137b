"""A call between two Firefox tabs with Huddle01's SDK, in a network of its own (see ``tests.browser.firefox_call``).

Arguments: Firefox, the folder of the bundled SDK. Prints one JSON object: what each tab saw last.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.browser.firefox import Firefox
from tests.browser.huddle01.sdk import served
from tests.support.namespace import HOST, network
from tests.support.running_node import start_node

ON_AIR = """(async () => {
    await client.localPeer.enableVideo({ prefferedCodec: "video/vp8" });
    await client.localPeer.enableAudio({ prefferedCodec: "video/vp8" });
})()"""


def call(folder: Path, program: str, page: str) -> dict[str, Any]:
    node = start_node(folder / "node", "--announced-ip", HOST)
    (folder / "profile").mkdir()
    firefox = Firefox(program, folder / "profile")
    tabs: dict[str, str] = {}
    try:
        for name in ("ann", "bob"):
            tabs[name] = firefox.tab(f"{page}/peer.html", "")
            given = {
                "api": f"{node.url}/huddle01/api/v1",
                "room": "fox",
                "token": node.mint("fox", peer=name),
            }
            firefox.evaluate(tabs[name], f"join({json.dumps(given)})")
        for tab in tabs.values():
            until(firefox, tab, "s.state === 'connected'")
            firefox.evaluate(tab, ON_AIR)
        ends = (("ann", "bob"), ("bob", "ann"))
        seen = "s.peers.{0}?.streams.video?.seen && s.peers.{0}.streams.audio?.bytes > 1000"
        return {name: until(firefox, tabs[name], seen.format(other)) for name, other in ends}
    finally:
        firefox.close()
        node.stop()


def until(firefox: Firefox, tab: str, condition: str) -> Any:
    """Looks until a condition holds, or time is over."""
    deadline = time.monotonic() + 30
    while True:
        look, holds = firefox.evaluate(tab, f"look().then(s => [s, Boolean({condition})])")
        if holds or time.monotonic() > deadline:
            return {"holds": holds, **look}
        time.sleep(0.2)


def main() -> None:
    program, bundled = sys.argv[1:]
    network()
    with served(Path(bundled)) as page, tempfile.TemporaryDirectory() as folder:
        print(json.dumps(call(Path(folder), program, page)))


if __name__ == "__main__":
    main()
