"""The chain of a developer, and a node's life on it by commands, as README tells it."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from medianode.cli import main
from medianode.clock import SystemClock
from tests.support.chains import tool

PAYEE = "0x" + "00" * 18 + "1234"
ENDPOINT = "https://node.example.org"


@dataclass
class Devnet:
    """A chain that ``medianode devnet chain`` runs."""

    data_dir: Path
    process: subprocess.Popen[str]
    ready: dict

    @property
    def rpc(self) -> str:
        return self.ready["rpc"]

    def command(self, *words: str, status: int = 0, chain: bool = True) -> dict:
        """Runs a command; returns its JSON."""
        where = ["--data-dir", str(self.data_dir), *(["--rpc", self.rpc] if chain else [])]
        done = run(*words, *where, "--json")
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {"error": done.stderr}

    def owner(self) -> list[str]:
        return [
            "--owner-keystore",
            self.ready["keystores"]["owner"],
            "--owner-password-file",
            self.password("owner"),
        ]

    def reporter(self) -> list[str]:
        return [
            "--owner-keystore",
            self.ready["keystores"]["reporter"],
            "--owner-password-file",
            self.password("reporter"),
        ]

    def password(self, role: str) -> str:
        return self.ready["password_files"][role]

    def cast(self, contract: str, signature: str, *arguments: str) -> str:
        """Asks the chain through an independent client."""
        address = self.ready["contracts"][contract]
        command = [str(tool("cast")), "call", address, signature, *arguments, "--rpc-url", self.rpc]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(*words: str) -> Done:
    """Runs a command in this process: most of its time would go into imports."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(list(words))
    code = ended.value.code
    return Done(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


def start(data_dir: Path, port: int = 0) -> Devnet:
    command = [sys.executable, "-m", "medianode", "devnet", "chain", "--data-dir", str(data_dir), "--json"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--anvil", str(tool("anvil"))], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the chain ended before it was ready"
    return Devnet(data_dir, process, json.loads(line))


@pytest.fixture
def devnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Devnet]:
    monkeypatch.setenv("MEDIANODE_WALLET__SCRYPT_N", str(1 << 17))
    made = run("wallet", "new", "--data-dir", str(tmp_path), "--json")
    assert made.returncode == 0, made.stderr
    devnet = start(tmp_path)
    yield devnet
    devnet.stop()


@pytest.mark.timeout(300)
def test_from_registration_to_the_claim_by_commands(devnet: Devnet, tmp_path: Path) -> None:
    details = ["--endpoint", ENDPOINT, "--region", "eu-west", "--payee", PAYEE]
    dry = devnet.command("node", "register", *devnet.owner(), *details, "--dry-run")
    assert dry["typedData"][0]["primaryType"] == "SignerConsent"
    assert dry["transaction"]["costsAtMostWei"] > 0
    first = devnet.command("node", "register", *devnet.owner(), *details)
    assert first["state"] == "final"
    again = devnet.command("node", "register", *devnet.owner(), *details)
    assert again["note"] == "already so"
    seen = devnet.cast(
        "NodeRegistry",
        "nodes(uint256)((address,uint8,uint32,uint32,address,bytes8,uint32,address,bytes32,string))",
        "1",
    )
    assert ENDPOINT in seen
    assert PAYEE in seen
    assert "0x" + b"eu-west\0".hex() in seen

    assert devnet.command("node", "stake", *devnet.owner(), "250")["state"] == "final"
    assert "250000000000000000000" in devnet.cast("Staking", "stakeOf(uint256)(uint256,uint256,uint256)", "1")

    now = int(SystemClock().now())
    number = now // 60
    fields = {
        "nodeId": "1",
        "epoch": str(number),
        "seq": "1",
        "start": str(number * 60),
        "end": str(now + 5),
        "bytesRelayed": "1000",
        "participantMs": "1",
        "sessions": 1,
        "lossPpm": 0,
        "rttP95Us": 0,
        "sessionsRoot": "0x" + "00" * 32,
        "prevDigest": "0x" + "00" * 32,
    }
    (tmp_path / "usage.json").write_text(json.dumps(fields))
    signed = devnet.command("epoch", "sign", str(tmp_path / "usage.json"))
    (tmp_path / "report.json").write_text(json.dumps(signed))
    (tmp_path / "usage.json").write_text(json.dumps({**fields, "bytesRelayed": "2000"}))
    refused = devnet.command("epoch", "sign", str(tmp_path / "usage.json"), status=2)
    assert "epoch" in refused["error"]

    run("devnet", "advance", "2m", "--data-dir", str(tmp_path), "--rpc", devnet.rpc)
    file = tmp_path / "epoch.json"
    budget = ["--budget", str(10**18), "--out", str(file)]
    built = devnet.command("epoch", "build", str(tmp_path / "report.json"), "--epoch", str(number), *budget)
    assert devnet.command("epoch", "verify", str(file), chain=False)["reward_root"] == built["reward_root"]
    assert devnet.command("epoch", "report", *devnet.reporter(), str(file))["state"] == "final"
    run("devnet", "advance", "1m", "--data-dir", str(tmp_path), "--rpc", devnet.rpc)
    assert devnet.command("epoch", "activate", str(number))["state"] == "final"
    assert devnet.command("epoch", "verify", str(file))["on_chain"] == "active"
    assert devnet.command("node", "claim", str(file))["state"] == "final"
    assert devnet.command("node", "claim", str(file))["note"] == "already so"
    assert devnet.cast("MediaToken", "balanceOf(address)(uint256)", PAYEE).startswith(str(10**18))

    altered = file.read_text().replace('"cumulative": "1', '"cumulative": "2')
    (tmp_path / "altered.json").write_text(altered)
    assert (
        "add up"
        in devnet.command("epoch", "verify", str(tmp_path / "altered.json"), status=1, chain=False)["error"]
    )

    observed = ["--observe", devnet.ready["accounts"]["node"]]
    assert "observe mode" in devnet.command("node", "update", "--region", "us", *observed, status=2)["error"]


@pytest.mark.timeout(240)
def test_a_chain_goes_on_after_a_kill_where_it_was(devnet: Devnet, tmp_path: Path) -> None:
    details = ["--endpoint", ENDPOINT]
    assert devnet.command("node", "register", *devnet.owner(), *details)["state"] == "final"
    before = devnet.cast("NodeRegistry", "keysOf(uint256)", "1")
    state = tmp_path / "devnet" / "chain.state"
    head = cast_head(devnet)
    saved = state.stat().st_mtime_ns
    end = time.monotonic() + 10
    while time.monotonic() < end and state.stat().st_mtime_ns == saved and not is_saved(devnet, state):
        time.sleep(0.1)
    devnet.stop(signal.SIGKILL)
    again = start(tmp_path)
    try:
        assert again.ready["resumed"]
        assert again.ready["contracts"] == devnet.ready["contracts"]
        assert cast_head(again) == head
        assert again.cast("NodeRegistry", "keysOf(uint256)", "1") == before
        assert again.command("node", "register", *again.owner(), *details)["note"] == "already so"
    finally:
        again.stop()


def test_a_missing_anvil_is_named_with_how_to_get_it(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": "/nowhere"}
    command = [sys.executable, "-m", "medianode", "devnet", "chain", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 2
    assert f"npm install --prefix {tmp_path / 'devnet'} @foundry-rs/anvil@" in done.stderr


def test_an_unreachable_chain_has_an_exit_status_of_its_own(tmp_path: Path) -> None:
    manifest = {
        "chain_id": 1,
        "block": 0,
        **dict.fromkeys(("registry", "staking", "reports", "token"), PAYEE),
    }
    (tmp_path / "deployment.json").write_text(json.dumps(manifest))
    done = run("epoch", "activate", "1", "--data-dir", str(tmp_path), "--rpc", "http://127.0.0.1:9/secret")
    assert done.returncode == 3
    assert "chain 1" in done.stderr
    assert "secret" not in done.stderr


def cast_head(devnet: Devnet) -> str:
    command = [str(tool("cast")), "block", "latest", "--field", "hash", "--rpc-url", devnet.rpc]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def is_saved(devnet: Devnet, state: Path) -> bool:
    """Says whether the file is at least as young as the newest block."""
    command = [str(tool("cast")), "block", "latest", "--field", "timestamp", "--rpc-url", devnet.rpc]
    made = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    return state.stat().st_mtime > int(made) + 2
