"""What a running node shows of its wallet to everybody, while commands use the same data folder."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.chains import LocalChain
from tests.support.command import call
from tests.support.operator import operator_on
from tests.support.running_node import RunningNode, start_node

ENDPOINT = "https://node.example.org"
TOKEN = 10**18


def shown(node: RunningNode) -> dict:
    return json.loads(node.request("GET", "/api/v1/wallet")[2])


def until(node: RunningNode, condition: Callable[[dict], object], seconds: float = 60) -> dict:
    end = time.monotonic() + seconds
    while not condition(facts := shown(node)):
        assert time.monotonic() < end, facts
        time.sleep(0.2)
    return facts


@pytest.mark.timeout(240)
def test_a_node_shows_its_registration_its_stake_and_its_last_report(
    anvil: LocalChain, tmp_path: Path
) -> None:
    operator = operator_on(anvil, tmp_path)
    address = operator.make_key("home")
    owner_address = operator.make_key("owner")
    owner = operator.keystore("owner")
    operator.json("node", "register", *owner, "--endpoint", ENDPOINT, "--region", "eu-west")
    operator.json("node", "stake", *owner, "250")
    node = start_node(
        tmp_path / "home",
        MEDIANODE_CHAIN__RPC=anvil.url,
        MEDIANODE_CHAIN__DEPLOYMENT=str(tmp_path / "deployment.json"),
    )
    try:
        facts = until(node, lambda facts: facts["chain"]["stake"])
        assert (facts["state"], facts["address"], facts["last_report"]) == ("ready", address, None)
        entry = facts["chain"]["registration"]
        assert (entry["node_id"], entry["status"], entry["owner"]) == ("1", "active", owner_address)
        assert (entry["endpoint"], entry["region"]) == (ENDPOINT, "eu-west")
        assert facts["chain"]["stake"] == {"bonded": str(250 * TOKEN), "unbonding": "0"}

        signed = operator.json("epoch", "sign", operator.report(7))
        report = until(node, lambda facts: facts["last_report"])["last_report"]
        assert report["epoch"] == 7
        verified = call("wallet", "verify", "-", "--json", stdin=json.dumps(signed))
        assert json.loads(verified.stdout)["digest"] == report["digest"]
        assert operator.json("node", "update", "--region", "us")["state"] == "final", "the node sends it"
        until(node, lambda facts: facts["chain"]["registration"]["region"] == "us")
    finally:
        assert node.stop() == 0
    assert "Traceback" not in "".join(node.log)
