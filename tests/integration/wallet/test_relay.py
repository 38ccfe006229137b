"""Actions that somebody else brings to the chain and pays for."""

import json
from dataclasses import replace

import pytest

from medianode.errors import InvalidArgument
from medianode.wallet.actions import registry
from medianode.wallet.actions.approvals import RelayRequest
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.tx.intent import State
from tests.support.chains import artifact_of_test
from tests.support.network import DETAILS, Network, open_network


class ContractOwner:
    """An owner that is a contract (ERC-1271); a key signs for it."""

    def __init__(self, address: str, key: LocalSigner) -> None:
        self.address = address
        self._key = key

    async def sign_digest(self, digest, purpose):
        return await self._key.sign_digest(digest, purpose)


async def request(net: Network, owner=None, node=None) -> RelayRequest:
    owner, node = owner or net.owner, node or net.node
    return await registry.register_request(await net.approver(), owner, node, owner.address, DETAILS)


async def relayed(net: Network, found: RelayRequest):
    relayer = net.reporters[0]
    return await net.perform(relayer, registry.relayed(net.contracts, found, relayer.address))


async def test_a_node_without_ether_is_registered_and_changed_by_a_relayer(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        for signer in (net.owner, net.node):
            anvil.rpc("anvil_setBalance", signer.address, "0x0")
        paid = anvil.balance(net.reporters[0].address)
        found = RelayRequest.from_json(json.dumps((await request(net)).as_dict()))
        assert (await relayed(net, found)).state is State.FINAL
        record = await net.record()
        assert (record.owner, record.signer, record.details) == (net.owner.address, net.node.address, DETAILS)
        assert anvil.balance(net.reporters[0].address) < paid
        assert (anvil.nonce(net.owner.address), anvil.nonce(net.node.address)) == (0, 0)

        other = replace(DETAILS, region="us")
        update = await registry.update_request(await net.approver(), net.node, record, other)
        assert (await relayed(net, update)).state is State.FINAL
        assert (await net.record()).details == other

        new = LocalSigner(b"\x55" * 32)
        rotate = await registry.rotate_request(await net.approver(), net.owner, await net.record(), new)
        assert (await relayed(net, rotate)).state is State.FINAL
        assert (await net.record()).signer == new.address

        leave = await registry.deregister_request(await net.approver(), net.owner, await net.record())
        assert (await relayed(net, leave)).state is State.FINAL


async def test_a_replay_a_changed_byte_a_late_one_and_another_chain_are_refused_with_their_reasons(
    anvil, tmp_path
):
    async with open_network(anvil, tmp_path) as net:
        await relayed(net, await request(net))
        stale = await registry.update_request(
            await net.approver(), net.node, await net.record(), replace(DETAILS, region="us")
        )
        assert (await relayed(net, stale)).state is State.FINAL
        back = registry.update(net.contracts, await net.record(), DETAILS)
        assert (await net.perform(net.node, back)).state is State.FINAL
        for relayer in net.reporters[:2]:
            again = registry.relayed(net.contracts, stale, relayer.address)
            replayed = await net.perform(relayer, again)
            assert replayed.state is State.FAILED_REVERT
            assert "InvalidAccountNonce" in (replayed.note or "")

        fresh = await registry.update_request(
            await net.approver(), net.node, await net.record(), replace(DETAILS, region="asia")
        )
        document = json.dumps(fresh.as_dict())
        changed = await relayed(net, RelayRequest.from_json(document.replace("node.example", "n0de.example")))
        assert changed.state is State.FAILED_REVERT
        assert "BadSignature" in (changed.note or "")

        net.advance(3601)
        late = await relayed(net, fresh)
        assert late.state is State.FAILED_REVERT
        assert "Expired" in (late.note or "")

        for other in (
            document.replace('"chainId": 31337', '"chainId": 1'),
            document.replace("updateFor", "payFor"),
        ):
            with pytest.raises(InvalidArgument, match=r"chain 1|payFor"):
                registry.relayed(net.contracts, RelayRequest.from_json(other), net.owner.address)


async def test_a_contract_may_own_a_node_until_it_revokes(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        key = net.reporters[2]
        owner = ContractOwner(artifact_of_test("OwnerContract").deploy(anvil, key.address), key)
        assert (await relayed(net, await request(net, owner))).state is State.FINAL
        assert (await net.record()).owner == owner.address
        new = LocalSigner(b"\x66" * 32)
        rotate = await registry.rotate_request(await net.approver(), owner, await net.record(), new)
        assert (await relayed(net, rotate)).state is State.FINAL
        assert (await net.record()).signer == new.address

        anvil.fund(key.address)
        revoke = artifact_of_test("OwnerContract").call("revoke")
        anvil.rpc("anvil_impersonateAccount", key.address)
        anvil.rpc("eth_sendTransaction", {"from": key.address, "to": owner.address, "data": revoke})
        leave = await registry.deregister_request(await net.approver(), owner, await net.record())
        refused = await relayed(net, leave)
        assert refused.state is State.FAILED_REVERT
        assert "BadSignature" in (refused.note or "")


async def test_a_consent_of_another_key_is_refused_before_it_costs(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        approval, consent = (await request(net)).approvals
        forged = RelayRequest("registerFor", (approval, replace(consent, signature=approval.signature)))
        with pytest.raises(InvalidArgument, match="SignerConsent names"):
            registry.relayed(net.contracts, forged, net.owner.address)
