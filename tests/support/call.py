"""A call through a node while a test does something to it: the load generator publishes, plays and judges every packet."""

import json
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any, Self

from tests.support.running_node import RunningNode

JOIN_TIMEOUT_S = 40


class Call:
    """One publisher and a few players. Inside ``with`` the call is up; leaving it checks that nothing was lost or damaged."""

    def __init__(
        self,
        node: RunningNode,
        room: str,
        *,
        base_url: str | None = None,
        players: int = 3,
        seconds: float = 4,
    ) -> None:
        base = base_url or node.url
        self.token = node.mint(room)
        self._seconds = seconds
        self._judged = True
        self._scenario = {
            "whip_url": f"{base}/whip/{room}/ann{{n}}",
            "whep_url": f"{base}/whep/{room}/ann{{n}}",
            "token": self.token,
            "media": {"kind": "video", "payload": 1000, "bitrates": [600_000], "fps": 30},
            "subscribers": players,
            "warmup_s": 0.5,
            "duration_s": seconds,
        }
        self._began, self._ended = threading.Event(), threading.Event()
        self._lines: list[dict[str, Any]] = []

    @property
    def going(self) -> bool:
        """Packets are being judged right now."""
        return not self._ended.is_set()

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "medianode.bench", "run"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(self._scenario))
        self._process.stdin.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._began.wait(JOIN_TIMEOUT_S) or not self.going:
            self._end()
            raise AssertionError(f"the call did not start: {self._lines[-3:]}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._ended.wait(self._seconds + 30)
            self._process.wait(30)
            self._reader.join(10)
        self._end()
        if kind is None and self._judged:
            self._check()

    def leave_alone(self) -> None:
        """Ends the call without judging it."""
        self._judged = False
        self._end()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for text in lines:
                line = json.loads(text)
                self._lines.append(line)
                if line.get("phase") == "measure_begin":
                    self._began.set()
                if line.get("phase") == "measure_end":
                    self._ended.set()
        self._ended.set()
        self._began.set()

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(10)
        self._reader.join(10)

    def _check(self) -> None:
        results = [line["result"] for line in self._lines if line["type"] == "result"]
        assert results, f"the call came to no end: {self._lines[-3:]}"
        outcome = results[-1]
        tally = outcome["tally"]
        assert outcome["errors"] == []
        assert outcome["connected"] == outcome["asked"]
        assert tally["packets"] > 0
        wrong = {
            k: tally[k] for k in ("integrity_errors", "lost", "duplicated", "sequence_errors") if tally[k]
        }
        assert wrong == {}, f"the call was touched: {tally}"
