"""A node whose key is in an HSM, in KMS or behind a remote signer lives on chain as one with a keystore does."""

import json
from collections.abc import Iterator

import pytest

from medianode.wallet.keys.choice import InToken
from tests.support.chains import LocalChain
from tests.support.command import call
from tests.support.hsm import PIN
from tests.support.kms import ALIAS, running_kms
from tests.support.operator import Operator, operator_on
from tests.support.remote_signer import running_signer
from tests.support.signed import KEY, SIGNER

ENDPOINT = "https://node.example.org"


@pytest.fixture
def token_settings(token: InToken) -> dict[str, str]:
    return {
        "MEDIANODE_WALLET__TOKEN__MODULE": str(token.module),
        "MEDIANODE_WALLET__TOKEN__TOKEN": token.token,
        "MEDIANODE_WALLET__TOKEN__LABEL": "life",
        "MEDIANODE_WALLET_PASSWORD": PIN,
    }


@pytest.fixture
def kms_settings() -> Iterator[dict[str, str]]:
    with running_kms(KEY):
        yield {"MEDIANODE_WALLET__KMS__KEY": ALIAS}


@pytest.fixture
def remote_settings() -> Iterator[dict[str, str]]:
    with running_signer(KEY) as url:
        yield {"MEDIANODE_WALLET__REMOTE__URL": url, "MEDIANODE_WALLET__REMOTE__ADDRESS": SIGNER.address}


@pytest.fixture(params=["token", "kms", "remote"])
def operator(request: pytest.FixtureRequest, anvil: LocalChain, tmp_path) -> Operator:
    operator = operator_on(anvil, tmp_path)
    operator.settings = request.getfixturevalue(f"{request.param}_settings")
    if request.param == "token":
        made = operator.json("wallet", "new")["address"]
        assert made == operator.json("wallet", "show")["address"]
    return operator


@pytest.mark.timeout(240)
def test_a_key_that_is_elsewhere_carries_a_node_from_its_entry_to_its_replacement(operator: Operator) -> None:
    node = operator.json("wallet", "show")["address"]
    operator.fund(node)
    operator.make_key("owner")
    owner = operator.keystore("owner")

    assert operator.json("node", "register", *owner, "--endpoint", ENDPOINT)["state"] == "final"
    assert operator.json("node", "update", "--region", "eu-west")["state"] == "final"
    status = operator.json("wallet", "status")
    assert (status["address"], status["node_id"], status["region"]) == (node, 1, "eu-west")

    signed = operator.json("epoch", "sign", operator.report(7))
    (operator.folder / "report.json").write_text(json.dumps(signed))
    verified = call("wallet", "verify", str(operator.folder / "report.json"), "--signer", node)
    assert verified.returncode == 0, verified
    assert "signed already" in operator.refused("epoch", "sign", operator.report(7, bytesRelayed="2"))
    assert operator.json("wallet", "show")["audit_log_lines"] == 4, "consent, call, report, refusal"

    operator.make_key("new")
    assert operator.json("node", "rotate", *owner, "--node-id", "1", home="new")["state"] == "final"
    assert "is registered as no node" in operator.refused("node", "update", "--region", "us")
    assert "low balance" not in operator.run("wallet", "status").stdout
    operator.chain.rpc("anvil_setBalance", node, "0x0")
    status = operator.json("wallet", "status")
    assert (status["actions_left"], status["oldest_pending_seconds"]) == (0, 0)
    assert "low balance" in status["alarm"]
