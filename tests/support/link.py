"""A bad network in front of the node's media port: the relay of the load generator, steered from a test."""

import json
import subprocess
import sys
from typing import Any


class Link:
    """Forwards one client's datagrams; its port stands in for the server's in an answer."""

    def __init__(self, server_port: int, seed: int = 1) -> None:
        command = [sys.executable, "-m", "medianode.bench", "link", f"127.0.0.1:{server_port}", str(seed)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port: int = self._read()["port"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def set(self, **settings: Any) -> dict[str, Any]:
        """Changes the impairment; returns the counts so far."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(settings) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        self._process.terminate()
        with self._process:
            self._process.wait(10)
