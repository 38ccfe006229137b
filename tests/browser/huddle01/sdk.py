"""Huddle01's SDK as an app ships it: installed unmodified, bundled, served from an origin of its own."""

import contextlib
import functools
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support import npm

HERE = Path(__file__).parent
WEB_CORE = "sha512-E9/yURFkaDJRERlRAdpwLdzBjKZ1g5bqh/j1IQTJAAUs6UiuMin63IQG//xIUqR79YubvQu8yxpb388AiBIbpQ=="
"""Hash of ``@huddle01/web-core`` 2.6.4 as published."""

PAGE = """<!doctype html><meta charset="utf-8"><title>SDK</title><link rel="icon" href="data:,">
<style>video { width: 300px; margin: 4px; background: #ddd }</style><body><script src="%s"></script></body>"""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


def bundle(folder: Path) -> None:
    """Writes ``peer.html`` and ``react.html`` with all that they need."""
    assert npm.integrity(HERE, "@huddle01/web-core") == WEB_CORE, (
        "the lock names another SDK than the published one"
    )
    modules = npm.install(HERE)
    command = [
        modules / ".bin" / "esbuild",
        "peer.js",
        "react.jsx",
        "--bundle",
        "--format=iife",
        "--jsx=automatic",
    ]
    options = ['--define:process.env.NODE_ENV="production"', f"--outdir={folder}", "--log-level=warning"]
    subprocess.run([*map(str, command), *options], cwd=HERE, check=True, timeout=60)
    for name in ("peer", "react"):
        (folder / f"{name}.html").write_text(PAGE % f"{name}.js")


@contextlib.contextmanager
def served(folder: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """Serves a folder; yields its address."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer((host, 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://{host}:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)
