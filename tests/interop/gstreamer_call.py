"""GStreamer publishes over UDP in a network of its own: libnice ties its sockets to the interface of each candidate, so that what it
sends to a loopback address never arrives.

Run inside a fresh network namespace; prints one JSON object, the publisher's transport as the node counted it.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.certificate import self_signed
from tests.support.namespace import HOST, network
from tests.support.running_node import RunningNode, start_node

PUBLISHER = Path(__file__).with_name("gstreamer_whip.py")


def call(folder: Path) -> dict[str, Any]:
    node = start_node(folder / "node", "--announced-ip", HOST)
    certificate = folder / "certificate.pem"
    certificate.write_text(self_signed())
    command = ["/usr/bin/python3", str(PUBLISHER), f"{node.url}/whip/gst/camera", str(certificate)]
    publisher = subprocess.Popen(command, env={**os.environ, "TOKEN": node.mint("gst")})
    try:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            seen = transport(node)
            if seen.get("packets_received", 0) > 200:
                return seen
            time.sleep(0.2)
        return seen
    finally:
        publisher.kill()
        publisher.wait(10)
        node.stop()


def transport(node: RunningNode) -> dict[str, Any]:
    _, _, body = node.request("GET", "/api/v1/rooms/gst/stats", token=node.ready["api_key"])
    return next((session["transport"] or {} for session in json.loads(body).get("sessions", [])), {})


def main() -> None:
    network()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(call(Path(folder))))


main()
