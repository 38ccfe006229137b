"""The chain goes away while people talk: nothing in the call, and no join, depends on it."""

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from medianode.clock import SystemClock
from medianode.devnet.deploy import Deployer, Rules
from medianode.wallet.chain.provider import ProviderConfig, open_provider
from tests.support.call import Call
from tests.support.chains import LocalChain, start_anvil
from tests.support.running_node import RunningNode, start_node

pytest.importorskip("medianode.sfu.native")
REPORTER = "0x" + "00" * 18 + "1234"


def deploy(chain: LocalChain, data_dir: Path) -> None:
    async def run() -> None:
        async with open_provider(ProviderConfig((chain.url,), chain.chain_id), SystemClock()) as provider:
            deployment = await Deployer(provider).deploy([REPORTER], Rules())
            deployment.save(data_dir / "deployment.json")

    asyncio.run(run())


def wallet(node: RunningNode) -> dict:
    status, _, body = node.request("GET", "/api/v1/wallet")
    assert status == 200
    return json.loads(body)


def metric(node: RunningNode, name: str) -> str | None:
    text = node.request("GET", "/metrics")[2].decode()
    return next((line.split()[-1] for line in text.splitlines() if line.startswith(name)), None)


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "never"
        time.sleep(0.2)


@pytest.mark.parametrize("cut", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "frozen"])
def test_a_call_does_not_notice_that_the_chain_is_gone(tmp_path: Path, cut: signal.Signals) -> None:
    chain = start_anvil()
    try:
        deploy(chain, tmp_path)
        node = start_node(
            tmp_path,
            "--announced-ip",
            "127.0.0.1",
            MEDIANODE_CHAIN__RPC=chain.url,
            MEDIANODE_CHAIN__POLL_S="0.2",
        )
        until(lambda: metric(node, "medianode_wallet_endpoint_up") == "1")
        assert wallet(node)["chain"]["chain_id"] == chain.chain_id
        with Call(node, "talk", seconds=12):
            chain.process.send_signal(cut)
            until(lambda: metric(node, 'medianode_wallet_alarm{alarm="chain_unavailable"}') == "1")
            with Call(node, "late", seconds=1):
                pass
            assert wallet(node)["state"] == "ready"
            assert node.request("GET", "/readyz")[0] == 200
        assert node.stop() == 0
        assert "Traceback" not in "".join(node.log)
    finally:
        chain.stop()
