"""An owner that is a contract approves by its own code (EIP-1271), asked at the chain, until it revokes."""

import asyncio
import json
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.typed.document import SignedMessage
from medianode.wallet.typed.eip712 import Domain, TypedData
from medianode.wallet.typed.messages import Deregister, Register
from medianode.wallet.typed.values import checksum
from tests.support.chains import LocalChain
from tests.support.command import Done, call
from tests.support.signed import OTHER, REGISTRY, sign_in_text

BUILD = Path(__file__).parents[2] / "support" / "contracts" / "OwnerContract.json"
# The key of the first account of every test chain, known to everybody.
KEY = LocalSigner(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))


@pytest.fixture
def owner(anvil: LocalChain) -> str:
    """The address of a contract for which that key signs."""
    creation = json.loads(BUILD.read_text())["bytecode"].removeprefix("0x")
    data = f"0x{creation}{KEY.address[2:].lower():0>64}"
    return checksum(anvil.send(data=data, gas=hex(2_000_000))["contractAddress"])


def registry(chain: LocalChain) -> Domain:
    return Domain("MediaNodeRegistry", chain.chain_id, REGISTRY)


def register(chain: LocalChain, owner: str) -> TypedData:
    place = {"region": bytes(8), "version": 1, "caps_hash": bytes(32), "endpoint": "https://n.example"}
    message = Register(owner=owner, signer=OTHER.address, payee=owner, **place, nonce=0, deadline=2**40)
    return TypedData(registry(chain), message)


async def signed(data: TypedData, key: LocalSigner = KEY) -> str:
    return json.dumps(SignedMessage(data, await key.sign_digest(data.digest(), data)).as_dict())


def verify(document: str, *words: str) -> Done:
    return call("wallet", "verify", "-", "--json", *words, stdin=document)


@pytest.fixture
def documents(anvil: LocalChain, owner: str) -> dict[str, str]:
    """Messages that need the owner's approval."""

    async def make() -> dict[str, str]:
        leave = TypedData(registry(anvil), Deregister(node_id=1, nonce=0, deadline=2**40))
        good = register(anvil, owner)
        return {
            "good": await signed(good),
            "by another": await signed(good, OTHER),
            "leave": await signed(leave),
        }

    return asyncio.run(make())


def test_a_contract_speaks_for_itself_until_it_revokes(
    anvil: LocalChain, owner: str, documents: dict[str, str]
) -> None:
    rpc = ("--rpc", anvil.url)
    good = verify(documents["good"], *rpc)
    assert good.returncode == 0, good
    assert json.loads(good.stdout)["signer"] == owner
    assert verify(documents["leave"], "--signer", owner, *rpc).returncode == 0
    assert verify(documents["good"]).returncode == 1, "without a chain its key is just another key"
    assert verify(documents["by another"], *rpc).returncode == 1
    anvil.send(to=owner, data="0x" + keccak(b"revoke()")[:4].hex())
    refused = verify(documents["good"], *rpc)
    assert refused.returncode == 1
    assert "does not approve" in json.loads(refused.stdout)["reason"]


def test_a_contract_signs_in(anvil: LocalChain, owner: str) -> None:
    message = sign_in_text(address=owner, chain_id=anvil.chain_id)
    signature = asyncio.run(KEY.sign_digest(message.digest(), message))
    document = json.dumps({"message": message.text(), "signature": "0x" + signature.hex()})
    words = ("wallet", "verify-sign-in", "-", "--domain", message.domain, "--nonce", message.nonce)
    assert call(*words, "--rpc", anvil.url, stdin=document).returncode == 0
    assert call(*words, stdin=document).returncode == 1


def test_a_chain_that_does_not_answer_is_no_refusal(documents: dict[str, str]) -> None:
    unknown = verify(documents["good"], "--rpc", "http://127.0.0.1:1")
    assert unknown.returncode == 3
    assert unknown.stdout == ""
