"""A contract, such as a Safe, owns a node: by commands, with what its people sign and send in their own wallet."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from medianode.clock import SystemClock
from medianode.devnet.chain import fund
from medianode.devnet.deploy import Deployer, Rules
from medianode.wallet.actions.deployment import FILE
from medianode.wallet.chain.provider import ProviderConfig, open_provider
from tests.integration.wallet.test_contract_owner import KEY
from tests.support.chains import LocalChain, artifact_of_test
from tests.support.command import Done, call
from tests.support.signed import OTHER

# The key of the first account of every test chain; the contract does what it wants.
PERSON = Account.from_key("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
ENDPOINT = "https://node.example.org"


@dataclass
class World:
    """A node, and a contract that is to own it."""

    chain: LocalChain
    folder: Path
    owner: str
    node: str

    def run(self, *words: str, home: str = "home") -> Done:
        return call(
            *words, "--data-dir", str(self.folder / home), "--rpc", self.chain.url, "--json", **self.settings
        )

    @property
    def settings(self) -> dict[str, str]:
        return {"MEDIANODE_CHAIN__DEPLOYMENT": str(self.folder / FILE)}

    def json(self, *words: str, home: str = "home") -> dict:
        done = self.run(*words, home=home)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def sent(self, transaction: dict) -> None:
        """The contract sends what a command printed for it."""
        from eth_abi.abi import encode

        data = encode(["address", "bytes"], [transaction["to"], bytes.fromhex(transaction["data"][2:])])
        assert (transaction["from"], transaction["value"]) == (self.owner, 0)
        self.chain.send(to=self.owner, data="0x1cff79cd" + data.hex(), gas=hex(2_000_000))

    def signed(self, request: dict, person: Account = PERSON) -> Path:
        """The contract's people sign the typed data that a command printed for them."""
        (self.folder / "request.json").write_text(json.dumps(request))
        [document] = self.json("node", "relay", str(self.folder / "request.json"), "--dry-run")["typedData"]
        signature = person.sign_message(encode_typed_data(full_message=document)).signature
        (self.folder / "signature").write_text("0x" + signature.hex().removeprefix("0x") + "\n")
        return self.folder / "signature"

    def relay(self, signature: Path) -> Done:
        return self.run(
            "node", "relay", str(self.folder / "request.json"), "--owner-signature", str(signature)
        )


@pytest.fixture
def world(anvil: LocalChain, tmp_path: Path) -> World:
    async def deploy() -> None:
        async with open_provider(
            ProviderConfig((anvil.url,), anvil.chain_id, calls_per_s=1000), SystemClock()
        ) as provider:
            deployer = Deployer(provider)
            deployment = await deployer.deploy([OTHER.address], Rules())
            deployment.save(tmp_path / FILE)
            await fund(deployer, deployment, made["address"])

    owner = artifact_of_test("OwnerContract").deploy(anvil, KEY.address)
    made = json.loads(call("wallet", "new", "--data-dir", str(tmp_path / "home"), "--json").stdout)
    asyncio.run(deploy())
    return World(anvil, tmp_path, owner, made["address"])


def test_a_contract_signs_for_the_node_that_it_owns_until_it_revokes(world: World) -> None:
    owner = ("--owner", world.owner)
    request = world.json("node", "register", *owner, "--endpoint", ENDPOINT, "--to-relay")
    assert request["approvals"][0]["signature"] == "0x"
    (world.folder / "request.json").write_text(json.dumps(request))
    unsigned = world.run("node", "relay", str(world.folder / "request.json"))
    assert unsigned.returncode == 2
    assert "Register waits for the owner's signature" in unsigned.stderr

    stranger = world.relay(world.signed(request, Account.create()))
    assert stranger.returncode == 1
    assert f"BadSignature (expected {world.owner.lower()})" in json.loads(stranger.stdout)["note"]
    assert world.relay(world.signed(request)).returncode == 0
    status = world.json("wallet", "status")
    assert (status["owner"], status["endpoint"]) == (world.owner, ENDPOINT)

    new = json.loads(call("wallet", "new", "--data-dir", str(world.folder / "new"), "--json").stdout)[
        "address"
    ]
    request = world.json("node", "rotate", *owner, "--node-id", "1", "--to-relay", home="new")
    assert world.relay(world.signed(request)).returncode == 0
    assert world.json("wallet", "status", home="new")["node_id"] == 1
    assert world.json("wallet", "status", "--observe", new)["status"] == "active"

    world.chain.send(to=world.owner, data=artifact_of_test("OwnerContract").call("revoke"))
    request = world.json("node", "leave", *owner, "--to-relay", home="new")
    refused = world.relay(world.signed(request))
    assert refused.returncode == 1
    assert f"BadSignature (expected {world.owner.lower()})" in json.loads(refused.stdout)["note"]


def test_a_contract_sends_what_commands_print_for_it(world: World) -> None:
    owner = ("--owner", world.owner)
    details = ("--endpoint", ENDPOINT, "--payee", KEY.address)
    world.sent(world.json("node", "register", *owner, *details)["transaction"])
    assert world.json("wallet", "status")["owner"] == world.owner
    assert world.json("node", "register", *owner, *details)["note"] == "already so"
    world.sent(world.json("node", "payee", *owner, OTHER.address)["transaction"])
    world.sent(world.json("node", "transfer", *owner, "--to", OTHER.address)["transaction"])
    world.sent(world.json("node", "leave", *owner)["transaction"])
    assert world.json("wallet", "status")["status"] == "not registered"


def test_what_an_absent_owner_cannot_do_is_told(world: World) -> None:
    world.sent(world.json("node", "register", "--owner", world.owner, "--endpoint", ENDPOINT)["transaction"])
    for words, reason in (
        (("unbond", "--owner", OTHER.address), f"for {world.owner} to do, not for {OTHER.address}"),
        (("stake", "--owner", world.owner, "100"), "--owner-keystore"),
        (("leave", "--owner", world.owner, "--owner-keystore", "x"), "exclude one another"),
        (("leave", "--owner", world.owner, "--observe", world.node), "observe mode"),
        (("leave", "--owner", "0x12"), "--owner must be 0x and 40 hex digits"),
        (("leave",), "--owner-keystore FILE"),
        (("cancel", "--owner", world.owner, "x"), "cancel it there"),
    ):
        done = world.run("node", *words)
        assert done.returncode == 2, done
        assert reason in done.stderr
