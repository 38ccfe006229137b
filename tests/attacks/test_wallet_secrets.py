"""A run of the node with its wallet leaves no private key and no password where others read."""

import json
import time
from pathlib import Path

import pytest
from eth_account import Account

from tests.support.command import call
from tests.support.running_node import RunningNode, start_node
from tests.support.secrets import assert_nowhere, file_places, process_places

PASSWORD = "correct horse battery staple"
NONCE = "0x" + "07" * 32


def wallet(node: RunningNode) -> dict[str, str]:
    return json.loads(node.request("GET", "/api/v1/wallet")[2])


def until_open(node: RunningNode) -> str:
    end = time.monotonic() + 60
    while wallet(node)["state"] == "opening":
        assert time.monotonic() < end, "".join(node.log)
        time.sleep(0.05)
    return wallet(node)["state"]


@pytest.fixture(params=["password of its own", "password of the operator"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """What says where the password is: nothing, or a settings file."""
    if request.param == "password of its own":
        return []
    password, config = tmp_path / "secret", tmp_path / "node.toml"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    config.write_text(f'[wallet]\npassword_file = "{password}"\n')
    return ["--config", str(config)]


def test_no_secret_after_a_run(options: list[str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    texts: dict[str, str] = {}

    def command(*words: str, status: int = 0) -> None:
        done = call(*words, "--data-dir", str(data), *options)
        assert done.returncode == status, done
        texts[" ".join(words)] = done.stdout + done.stderr

    node = start_node(data, *options, "--log-level", "debug")
    try:
        assert until_open(node) == "ready"
        command("wallet", "auth", "--audience", "a", "--nonce", NONCE)
        command("wallet", "show", "--unlock")
        command("wallet", "new", status=2)
        command("config")
        for path in ("/api/v1/wallet", "/metrics"):
            texts[path] = node.request("GET", path)[2].decode()
        processes = list(process_places([node.process.pid]))
        limits = Path(f"/proc/{node.process.pid}/limits").read_text()
    finally:
        assert node.stop() == 0
    texts["log"] = "".join(node.log)

    keystore, own = data / "wallet" / "key.json", data / "wallet" / "password"
    password = PASSWORD.encode() if options else own.read_bytes().rstrip()
    key = bytes(Account.decrypt(json.loads(keystore.read_text()), password.decode()))
    places = [*processes, *file_places(data, [own]), *((name, text.encode()) for name, text in texts.items())]
    assert_nowhere({"the private key": key, "the password": password}, places)
    assert limits.split("Max core file size", 1)[1].split()[0] == "0", "a core file would hold the key"
    assert own.exists() != bool(options)


def test_the_search_finds_what_it_looks_for() -> None:
    key = bytes(range(1, 33))
    for text in (key, b"x" + key.hex().encode(), str(int.from_bytes(key)).encode()):
        with pytest.raises(AssertionError, match="the key in there"):
            assert_nowhere({"the key": key}, [("there", text)])


def test_a_locked_wallet_stops_no_call(tmp_path: Path) -> None:
    first = start_node(tmp_path)
    assert until_open(first) == "ready"
    assert first.stop() == 0
    (tmp_path / "wallet" / "password").write_text("something else")
    node = start_node(tmp_path)
    try:
        assert until_open(node) == "locked"
        assert node.request("GET", "/readyz")[0] == 200
        assert "wrong password" in "".join(node.log)
        assert "something else" not in "".join(node.log)
        assert wallet(node) == {"state": "locked", "address": None, "last_report": None, "chain": None}
    finally:
        assert node.stop() == 0


def test_a_node_that_observes_needs_no_key(tmp_path: Path) -> None:
    address = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"
    node = start_node(tmp_path, "--observe", address)
    try:
        assert wallet(node) == {"state": "observing", "address": address, "last_report": None, "chain": None}
        assert not (tmp_path / "wallet").exists()
    finally:
        assert node.stop() == 0
