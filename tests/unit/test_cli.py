"""The command line prints what it says and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medianode.cli.token import seconds
from medianode.clock import SystemClock
from medianode.errors import InvalidArgument
from medianode.jws import TokenMint, load_key


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "medianode", *words], capture_output=True, check=False, text=True, timeout=60
    )


def test_a_token_is_printed_alone(tmp_path: Path) -> None:
    done = call(
        "token",
        "--room",
        "r",
        "--peer",
        "ann",
        "--role",
        "speaker",
        "--ttl",
        "30m",
        "--data-dir",
        str(tmp_path),
    )
    assert done.returncode == 0
    assert done.stderr == ""
    claims = TokenMint(load_key(tmp_path), SystemClock()).verify(done.stdout.removesuffix("\n"))
    assert (claims.room, claims.peer, claims.role) == ("r", "ann", "speaker")
    assert 1795 < claims.expires_at - SystemClock().now() <= 1800


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90), ("30m", 1800), ("4h", 14400), ("7d", 604800), ("5", 5)]
)
def test_times(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "h", "-1h", "0s", "1w", "1.5h", "9" * 12])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidArgument):
        seconds(text)


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    folder = ("--data-dir", str(tmp_path))
    made = call("keys", "create", "ci", *folder).stdout.strip()
    (key,) = json.loads(call("keys", "list", "--json", *folder).stdout)
    assert made.startswith(f"mnk_{key['id']}_")
    assert call("keys", "revoke", key["id"], *folder).returncode == 0
    assert call("keys", "revoke", key["id"], *folder).returncode == 2
    assert json.loads(call("keys", "list", "--json", *folder).stdout) == []


def test_wrong_settings_are_told_without_a_trace(tmp_path: Path) -> None:
    done = call("--http", "nonsense", "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("medianode: settings: http")
    assert "Traceback" not in done.stderr


def test_doctor_names_a_mend_for_what_fails(tmp_path: Path) -> None:
    done = call(
        "doctor", "--json", "--http", "192.0.2.77:1", "--media-port", "0", "--data-dir", str(tmp_path)
    )
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert not report["ok"]
    assert all(check["fix"] for check in report["checks"] if check["state"] != "ok")
    assert {check["check"] for check in report["checks"] if check["state"] == "fail"} >= {
        "HTTP port",
        "camera in browsers",
    }
