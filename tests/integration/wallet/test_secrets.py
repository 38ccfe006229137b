"""A whole run on a chain (register, stake, a running node) leaves no key and no password where others read."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from tests.support.chains import tool
from tests.support.command import call
from tests.support.running_node import start_node
from tests.support.secrets import assert_nowhere, file_places, process_places

READY_S = 60


@pytest.fixture
def devnet(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A chain of developers in this data folder, and what it says of itself."""
    words = [
        "devnet",
        "chain",
        "--json",
        "--port",
        "0",
        "--anvil",
        str(tool("anvil")),
        "--data-dir",
        str(tmp_path),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "medianode", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    yield process, json.loads(line)
    process.terminate()
    process.communicate(timeout=30)


def test_no_secret_after_a_run_on_a_chain(
    devnet: tuple[subprocess.Popen[str], dict[str, Any]], tmp_path: Path
) -> None:
    process, chain = devnet
    environment = {"MEDIANODE_CHAIN__RPC": chain["rpc"], "MEDIANODE_CHAIN__FINALITY": "1"}
    keystore, password = chain["keystores"]["owner"], chain["password_files"]["owner"]
    owner = ("--owner-keystore", keystore, "--owner-password-file", password)
    texts: dict[str, str] = {}

    def command(*words: str) -> None:
        done = call(*words, "--data-dir", str(tmp_path), **environment)
        assert done.returncode == 0, done
        texts[" ".join(words)] = done.stdout + done.stderr

    command("wallet", "new")
    command("node", "register", "--endpoint", "https://n.example", *owner)
    command("node", "stake", "1000", *owner)
    node = start_node(tmp_path, "--log-level", "debug", **environment)
    try:
        end = time.monotonic() + READY_S
        while (shown := json.loads(node.request("GET", "/api/v1/wallet")[2]))["chain"][
            "registration"
        ] is None:
            assert time.monotonic() < end, "".join(node.log)
            time.sleep(0.1)
        assert shown["chain"]["registration"]["endpoint"] == "https://n.example"
        texts["facts"] = json.dumps(shown) + node.request("GET", "/metrics")[2].decode()
        processes = list(process_places([node.process.pid, process.pid]))
    finally:
        assert node.stop() == 0
    command("wallet", "status", "--wait")
    command("wallet", "follow", "--once")
    texts["log"] = "".join(node.log)

    kept = {"node": tmp_path / "wallet" / "key.json", **{k: Path(v) for k, v in chain["keystores"].items()}}
    words = {"node": tmp_path / "wallet" / "password"}
    words |= {name: Path(path) for name, path in chain["password_files"].items()}
    secrets = {f"the {name}'s password": path.read_bytes().strip() for name, path in words.items()}
    for name, path in kept.items():
        key = Account.decrypt(json.loads(path.read_text()), words[name].read_text().strip())
        secrets[f"the {name}'s key"] = bytes(key)
    assert len(processes) > 4, "the chain's own process is missing"
    places = [*processes, *file_places(tmp_path, words.values())]
    assert_nowhere(secrets, [*places, *((name, text.encode()) for name, text in texts.items())])
