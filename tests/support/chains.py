"""Local chains as processes: Anvil, and Hardhat as a second implementation. Installed by npm into tests/chains."""

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_utils.abi import function_signature_to_4byte_selector
from eth_utils.address import to_checksum_address

FOLDER = Path(__file__).parents[1] / "chains"
START_S = 60
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
COUNTER = bytes.fromhex("600035805460010190550000")
"""PUSH1 0 CALLDATALOAD DUP1 SLOAD PUSH1 1 ADD SWAP1 SSTORE STOP: counts how often each number was given to it."""
ETHER = 10**18


class Refused(Exception):
    """The chain answered with an error."""


@dataclass
class LocalChain:
    """A chain that a test owns."""

    url: str
    chain_id: int
    process: subprocess.Popen[Any]
    kind: str

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws")

    def rpc(self, method: str, *params: Any) -> Any:
        """Asks; raises ``Refused`` with what the chain says."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        if "error" in answer:
            raise Refused(answer["error"].get("message"))
        return answer["result"]

    @property
    def height(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.rpc("evm_mine")

    def nonce(self, address: str, block: str = "latest") -> int:
        return int(self.rpc("eth_getTransactionCount", address, block), 16)

    def balance(self, address: str) -> int:
        return int(self.rpc("eth_getBalance", address, "latest"), 16)

    def storage(self, address: str, slot: int) -> int:
        return int(self.rpc("eth_getStorageAt", address, f"0x{slot:064x}", "latest"), 16)

    def send(self, **transaction: str) -> dict[str, Any]:
        """Sends from the first account, which the chain holds the key of, mines, and returns the receipt."""
        sender = self.rpc("eth_accounts")[0]
        transaction_hash = self.rpc("eth_sendTransaction", {"from": sender, **transaction})
        end = time.monotonic() + 20
        while (receipt := self.rpc("eth_getTransactionReceipt", transaction_hash)) is None:
            assert time.monotonic() < end, "not mined"
            self.mine()
        assert receipt["status"] == "0x1", receipt
        return receipt

    def fund(self, address: str, wei: int = 100 * ETHER) -> None:
        self.send(to=address, value=hex(wei))

    def deploy(self, runtime: bytes = COUNTER) -> str:
        """Puts a contract of this code on the chain and returns its address."""
        size = len(runtime)
        # PUSH1 size DUP1 PUSH1 offset PUSH1 0 CODECOPY PUSH1 0 RETURN
        creation = bytes([0x60, size, 0x80, 0x60, 0x0B, 0x60, 0, 0x39, 0x60, 0, 0xF3]) + runtime
        return self.send(data="0x" + creation.hex(), gas=hex(500_000))["contractAddress"]

    def drop_all(self) -> None:
        """Empties the pool."""
        if self.kind == "anvil":
            self.rpc("anvil_dropAllTransactions")
            return
        for transaction in self.rpc("eth_getBlockByNumber", "pending", True)["transactions"]:
            self.rpc("hardhat_dropTransaction", transaction["hash"])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


def missing(what: str) -> None:
    """Skips a test; fails it where nothing may be missing."""
    message = f"{what} is missing: npm ci --prefix tests/chains"
    if os.environ.get("MEDIANODE_STRICT") == "1":
        pytest.fail(message)
    pytest.skip(message)


def tool(name: str) -> Path:
    """Finds a program of the Foundry packages; their platform package holds the binary."""
    machine = ARCHITECTURES.get(platform.machine(), platform.machine())
    path = FOLDER / "node_modules" / "@foundry-rs" / f"{name}-linux-{machine}" / "bin" / name
    if not path.exists():
        missing(name)
    return path


def start_anvil(*options: str, chain_id: int = 31337, port: int = 0) -> LocalChain:
    command = [str(tool("anvil")), "--port", str(port), "--chain-id", str(chain_id), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if line.startswith("Listening on"):
            chain = LocalChain("http://" + line.split()[-1], chain_id, process, "anvil")
            _drain(process)
            return chain
    raise AssertionError("Anvil did not start:\n" + "".join(seen))


def start_hardhat() -> LocalChain:
    node = shutil.which("node")
    script = FOLDER / "node_modules" / "hardhat" / "internal" / "cli" / "bootstrap.js"
    if node is None or not script.exists():
        missing("Hardhat")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(node), str(script), "node", "--hostname", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true", "CI": "1"}
    process = subprocess.Popen(
        command, cwd=FOLDER, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    chain = LocalChain(f"http://127.0.0.1:{port}", 31338, process, "hardhat")
    end = time.monotonic() + START_S
    while True:
        try:
            chain.rpc("eth_chainId")
        except OSError:
            assert process.poll() is None, "Hardhat ended"
            assert time.monotonic() < end, "Hardhat did not start"
            time.sleep(0.1)
        else:
            return chain


def _drain(process: subprocess.Popen[str]) -> None:
    """Lets the chain talk into nothing, so that it never waits for a reader."""

    def read() -> None:
        assert process.stdout is not None
        with process.stdout:
            for _ in process.stdout:
                pass

    threading.Thread(target=read, daemon=True).start()


@dataclass(frozen=True)
class TestArtifact:
    """A contract that only tests use."""

    __test__ = False
    bytecode: str
    abi: list[dict[str, Any]]

    def deploy(self, chain: LocalChain, *addresses: str) -> str:
        arguments = "".join(address[2:].rjust(64, "0") for address in addresses)
        return str(to_checksum_address(chain.send(data=self.bytecode + arguments)["contractAddress"]))

    def call(self, name: str) -> str:
        """Encodes a call without arguments."""
        return "0x" + function_signature_to_4byte_selector(f"{name}()").hex()


def artifact_of_test(name: str) -> TestArtifact:
    document = json.loads((Path(__file__).parent / "contracts" / f"{name}.json").read_text())
    return TestArtifact("0x" + document["bytecode"].removeprefix("0x"), document["abi"])
