"""The application of ``app.js`` as a process that answers questions and collects webhooks."""

import itertools
import json
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from tests.support.npm import install
from tests.support.programs import needs
from tests.support.running_node import RunningNode

FOLDER = Path(__file__).parent
ANSWER_TIMEOUT_S = 20


class Application:
    """A back end that uses the server SDK."""

    def __init__(self, secret: str) -> None:
        install(FOLDER)
        command = [needs("node", "nodejs"), str(FOLDER / "app.js"), secret]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=FOLDER
        )
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._numbers = itertools.count(1)
        self.webhooks: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self._known: set[str] = set()
        threading.Thread(target=self._read, daemon=True).start()
        port = self._answers.get(timeout=ANSWER_TIMEOUT_S)["port"]
        self.url = f"http://127.0.0.1:{port}/hook"

    def ask(self, node: RunningNode, key: str, what: str, *given: object) -> Any:
        """Lets the SDK do something; raises what it raises."""
        number = next(self._numbers)
        assert self._process.stdin is not None
        question = {"id": number, "node": node.url, "key": key, "what": what, "with": given}
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._answers.get(timeout=ANSWER_TIMEOUT_S)
        assert answer["id"] == number
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["answer"]

    def heard(self, *events: str, seconds: float = 20) -> list[dict[str, Any]]:
        """Waits until these events have arrived, one after the other with nothing between, and takes them away."""
        end = time.monotonic() + seconds
        while len(self.webhooks) < len(events):
            assert time.monotonic() < end, (events, self.webhooks, self.refused)
            time.sleep(0.02)
        taken = self.webhooks[: len(events)]
        assert [hook["event"] for hook in taken] == list(events)
        del self.webhooks[: len(events)]
        return [hook["payload"] for hook in taken]

    def stop(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = json.loads(text)
            if "webhook" in line:
                self._take(line["webhook"])
            elif "refused" in line:
                self.refused.append(line)
            else:
                self._answers.put(line)

    def _take(self, webhook: dict[str, Any]) -> None:
        """Takes an event once: one whose answer was lost comes again, under the same id."""
        if webhook["id"] not in self._known:
            self._known.add(webhook["id"])
            self.webhooks.append(webhook)
