"""Firefox, driven over WebDriver BiDi (W3C) through its own remote port."""

import itertools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.getusermedia.insecure.enabled": True,
    "media.devices.unfocused.enabled": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "toolkit.telemetry.enabled": False,
}


class Firefox:
    """One headless browser; every call names a tab."""

    def __init__(self, program: str, profile: Path) -> None:
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()
        ]
        (profile / "user.js").write_text("\n".join(lines))
        command = [
            program,
            "--headless",
            "--no-remote",
            "--profile",
            str(profile),
            "--remote-debugging-port",
            "0",
        ]
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            found = re.search(r"WebDriver BiDi listening on (ws://\S+)", line)
            if found:
                self._socket = connect(found[1] + "/session", max_size=None)
                break
        self._ids = itertools.count(1)
        self._call("session.new", {"capabilities": {}})

    def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def tab(self, url: str, script: str) -> str:
        """Opens a page and runs ``script`` in it."""
        context = self._call("browsingContext.create", {"type": "tab"})["context"]
        self._call("browsingContext.navigate", {"context": context, "url": url, "wait": "complete"})
        self.evaluate(context, f"(() => {{ {script} }})()")
        return context

    def evaluate(self, context: str, expression: str) -> Any:
        """Value of a JavaScript expression, awaited."""
        wrapped = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        params = {
            "expression": wrapped,
            "target": {"context": context},
            "awaitPromise": True,
            "userActivation": True,
        }
        result = self._call("script.evaluate", params)
        assert result["type"] == "success", result
        return json.loads(result["result"]["value"])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
