"""A node as an operator starts it: its own process, its own data folder, free ports."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 30


@dataclass
class RunningNode:
    data_dir: Path
    process: subprocess.Popen[str]
    ready: dict[str, Any]
    log: list[str] = field(default_factory=list)
    python: str = sys.executable
    reader: threading.Thread | None = None

    @property
    def url(self) -> str:
        return self.ready["api_url"].rstrip("/")

    def command(self, *words: str) -> str:
        """Runs another command on the same data folder and returns what it printed."""
        command = [self.python, "-m", "medianode", *words, "--data-dir", str(self.data_dir)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()

    def token(self, room: str, *, peer: str | None = None, role: str = "host") -> str:
        options = ["--peer", peer] if peer else []
        return self.command("token", "--room", room, "--role", role, *options)

    def mint(self, room: str, *, peer: str | None = None, role: str = "host", **claims: Any) -> str:
        """Makes a token over HTTP, which is quicker than a command."""
        body = json.dumps({"role": role, "peer": peer, **claims}).encode()
        key, kind = self.ready["api_key"], "application/json"
        path = f"/api/v1/rooms/{room}/tokens"
        status, _, answer = self.request("POST", path, token=key, body=body, Content_Type=kind)
        assert status == 201, answer
        return str(json.loads(answer)["token"])

    def request(
        self, method: str, path: str, *, token: str | None = None, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Speaks HTTP: status, headers (names in lower case), body. Never raises for a status."""
        request = urllib.request.Request(self.url + path, data=body, method=method)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, {k.lower(): v for k, v in response.headers.items()}, response.read()
        except urllib.error.HTTPError as error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def stop(self) -> int:
        """Asks the node to end and returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(20)

    def wait(self, seconds: float) -> int:
        """Waits until the node has ended and its log is complete; returns its exit status."""
        status = self.process.wait(seconds)
        if self.process.stdout is not None:
            self.process.stdout.close()
        if self.reader is not None:
            self.reader.join(5)
        return status


def start_node(
    data_dir: Path, *options: str, python: str = sys.executable, **environment: str
) -> RunningNode:
    """Starts a node and waits for its ready line."""
    command = [python, "-m", "medianode", "run", "--data-dir", str(data_dir), "--json"]
    defaults = ["--http", "127.0.0.1:0", "--media-port", "0"]
    process = subprocess.Popen(
        [*command, *defaults, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # The cheapest keystore that may be made: a test's node makes one each time.
        env={**os.environ, "MEDIANODE_WALLET__SCRYPT_N": str(1 << 17), **environment},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    log: list[str] = []
    stderr = process.stderr

    def read() -> None:
        with stderr:
            log.extend(stderr)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    killer = threading.Timer(START_TIMEOUT_S, process.kill)
    killer.start()
    line = process.stdout.readline()
    killer.cancel()
    assert line, "the node ended before it was ready:\n" + "".join(log)
    return RunningNode(data_dir, process, json.loads(line), log, python, reader)
