"""A call between two Firefox tabs in a network of its own: Firefox offers no loopback candidates, so a host address is needed.

Run inside a fresh network namespace; prints one JSON object with what was seen.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.browser.firefox import Firefox
from tests.support.namespace import HOST, network
from tests.support.running_node import start_node

CLIENTS = Path(__file__).with_name("clients.js")


def call(folder: Path, program: str) -> dict[str, object]:
    node = start_node(folder / "node", "--announced-ip", HOST)
    (folder / "profile").mkdir()
    firefox = Firefox(program, folder / "profile")
    try:
        token = node.mint("fox")
        sender, receiver = (firefox.tab(node.url + "/healthz", CLIENTS.read_text()) for _ in range(2))
        publish = {"name": "ann", "url": f"{node.url}/whip/fox/ann", "token": token, "simulcast": True}
        firefox.evaluate(sender, f"publish({json.dumps(publish)})")
        play = {"name": "p", "url": f"{node.url}/whep/fox/ann", "token": token}
        firefox.evaluate(receiver, f"play({json.dumps(play)})")
        deadline = time.monotonic() + 40
        look: dict[str, object] = {}
        while time.monotonic() < deadline:
            look = firefox.evaluate(receiver, "look('p')")
            inbound = look["inbound"]
            assert isinstance(inbound, dict)
            if inbound.get("video", {}).get("framesDecoded", 0) > 30 and inbound.get("audio", {}).get(
                "packetsReceived"
            ):
                break
            time.sleep(0.2)
        stats = json.loads(node.request("GET", "/api/v1/rooms/fox/stats", token=node.ready["api_key"])[2])
        return {"look": look, "sender": firefox.evaluate(sender, "look('ann')"), "stats": stats}
    finally:
        firefox.close()
        node.stop()


def main() -> None:
    network()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(call(Path(folder), sys.argv[1])))


main()
