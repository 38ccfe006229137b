"""A contract, such as a Safe, owns a node: by commands, with what its people sign and send in their own wallet."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.integration.wallet.test_contract_owner import KEY
from tests.support.chains import LocalChain, artifact_of_test
from tests.support.command import Done
from tests.support.operator import Operator, operator_on
from tests.support.signed import OTHER

# The key of the first account of every test chain; the contract does what it wants.
PERSON = Account.from_key("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
ENDPOINT = "https://node.example.org"


@dataclass
class Contract:
    """The contract that is to own a node, and the people behind it."""

    operator: Operator
    address: str

    @property
    def request(self) -> Path:
        return self.operator.folder / "request.json"

    def sends(self, transaction: dict) -> None:
        """Sends what a command printed for it."""
        data = encode(["address", "bytes"], [transaction["to"], bytes.fromhex(transaction["data"][2:])])
        assert (transaction["from"], transaction["value"]) == (self.address, 0)
        execute = "0x1cff79cd"  # execute(address,bytes)
        self.operator.chain.send(to=self.address, data=execute + data.hex(), gas=hex(2_000_000))

    def signs(self, request: dict, person: Account = PERSON) -> Done:
        """Its people sign the typed data that a command prints for them; the node brings it to the chain."""
        self.request.write_text(json.dumps(request))
        words = ("node", "relay", str(self.request))
        [document] = self.operator.json(*words, "--dry-run")["typedData"]
        signature = self.operator.folder / "signature"
        signature.write_text(
            person.sign_message(encode_typed_data(full_message=document)).signature.hex() + "\n"
        )
        return self.operator.run(*words, "--owner-signature", str(signature))


@pytest.fixture
def operator(anvil: LocalChain, tmp_path: Path) -> Operator:
    operator = operator_on(anvil, tmp_path)
    operator.make_key("home")
    return operator


@pytest.fixture
def contract(operator: Operator) -> Contract:
    return Contract(operator, artifact_of_test("OwnerContract").deploy(operator.chain, KEY.address))


def refused_by(contract: Contract, done: Done) -> bool:
    why = f"BadSignature (expected {contract.address.lower()})"
    return done.returncode == 1 and why in json.loads(done.stdout)["note"]


def test_a_contract_signs_for_the_node_that_it_owns_until_it_revokes(
    operator: Operator, contract: Contract
) -> None:
    owner = ("--owner", contract.address)
    request = operator.json("node", "register", *owner, "--endpoint", ENDPOINT, "--to-relay")
    contract.request.write_text(json.dumps(request))
    assert "Register waits for the owner's signature" in operator.refused(
        "node", "relay", str(contract.request)
    )
    assert refused_by(contract, contract.signs(request, Account.create()))
    assert contract.signs(request).returncode == 0
    status = operator.json("wallet", "status")
    assert (status["owner"], status["endpoint"]) == (contract.address, ENDPOINT)

    operator.make_key("new")
    request = operator.json("node", "rotate", *owner, "--node-id", "1", "--to-relay", home="new")
    assert contract.signs(request).returncode == 0
    assert operator.json("wallet", "status", home="new")["node_id"] == 1

    operator.chain.send(to=contract.address, data=artifact_of_test("OwnerContract").call("revoke"))
    request = operator.json("node", "leave", *owner, "--to-relay", home="new")
    assert refused_by(contract, contract.signs(request))


def test_a_contract_sends_what_commands_print_for_it(operator: Operator, contract: Contract) -> None:
    owner = ("--owner", contract.address)
    details = ("--endpoint", ENDPOINT, "--payee", KEY.address)
    contract.sends(operator.json("node", "register", *owner, *details)["transaction"])
    assert operator.json("wallet", "status")["owner"] == contract.address
    assert operator.json("node", "register", *owner, *details)["note"] == "already so"
    for words in (("payee", OTHER.address), ("transfer", "--to", OTHER.address), ("leave",)):
        contract.sends(operator.json("node", *words, *owner)["transaction"])
    assert operator.json("wallet", "status")["status"] == "gone"


def test_what_an_absent_owner_cannot_do_is_told(operator: Operator, contract: Contract) -> None:
    owner = ("--owner", contract.address)
    contract.sends(operator.json("node", "register", *owner, "--endpoint", ENDPOINT)["transaction"])
    for words, reason in (
        (("unbond", "--owner", OTHER.address), f"for {contract.address} to do, not for {OTHER.address}"),
        (("stake", *owner, "100"), "--owner-keystore"),
        (("leave", *owner, "--owner-keystore", "x"), "exclude one another"),
        (("leave", *owner, "--node-id", "1", "--observe", OTHER.address), "observe mode"),
        (("leave", "--owner", "0x12"), "--owner must be 0x and 40 hex digits"),
        (("leave",), "--owner-keystore FILE"),
        (("cancel", *owner, "x"), "cancel it there"),
    ):
        assert reason in operator.refused("node", *words)
