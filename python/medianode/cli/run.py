"""``medianode run``: runs a node until it is told to stop."""

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

from medianode import __version__, log
from medianode.cli import options

if TYPE_CHECKING:
    from medianode.node.build import Node


@options.expanded
def run(node: options.NodeOptions, json_line: options.Json = False) -> None:
    """Runs the node."""
    from medianode.node.lifecycle import run_node

    settings = node.settings()
    log.configure(settings.log_format, settings.log_level)

    def ready(running: "Node") -> None:
        text = json.dumps(ready_facts(running)) if json_line else ready_text(running)
        print(text, flush=True)

    sys.exit(asyncio.run(run_node(settings, ready)))


def ready_facts(node: "Node") -> dict[str, object]:
    """Describes a node that serves, for programs."""
    facts: dict[str, object] = {
        "event": "ready",
        "version": __version__,
        "pid": os.getpid(),
        "page_url": node.base_url + "/",
        "invite_url": node.invite_url(),
        "api_url": node.base_url,
        "http_port": node.http.port,
        "media_ports": list(node.media_ports),
        "announced_ips": node.announced,
        "data_dir": str(node.settings.data_dir),
    }
    if node.first_key is not None:
        facts["api_key"] = node.first_key
    return facts


def ready_text(node: "Node") -> str:
    """Describes a node that serves, for a person."""
    from medianode.node.build import INVITE_ROOM

    ports = ", ".join(str(port) for port in node.media_ports)
    lines = [
        f"medianode {__version__} is ready",
        "",
        f"  page       {node.invite_url()}",
        f"             (opens the room {INVITE_ROOM!r} for whoever has this link, for 4 hours)",
        f"  API        {node.base_url}/api/v1   (described at {node.base_url}/docs)",
        f"  WHIP       {node.base_url}/whip/ROOM/PEER",
        f"  WHEP       {node.base_url}/whep/ROOM or /whep/ROOM/PEER",
        f"  media      UDP and TCP port {ports}" if node.settings.tcp else f"  media      UDP port {ports}",
        f"  announced  {', '.join(node.announced)}",
        f"  data       {node.settings.data_dir}",
        f"  a token    medianode token --room ROOM [--peer NAME] --data-dir {node.settings.data_dir}",
    ]
    if node.first_key is not None:
        lines += ["", f"  API key, shown this once: {node.first_key}"]
    if not node.camera_allowed:
        lines += [
            "",
            "  Browsers give no camera to a page on plain HTTP at this address. Serve HTTPS (--tls-cert, --tls-key),",
            "  put a proxy with HTTPS in front, or open the page on this machine (--http 127.0.0.1:PORT).",
        ]
    return "\n".join(lines)
