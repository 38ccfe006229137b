"""A node's life on chain: registered, changed, bonded, unbonded, handed over, gone. Each action happens once."""

from dataclasses import replace

import pytest

from medianode.devnet.deploy import TOKEN
from medianode.errors import PermissionDenied, WrongState
from medianode.wallet.actions import registry, staking
from medianode.wallet.actions.following import Following
from medianode.wallet.actions.policy import policy_for
from medianode.wallet.actions.records import Status
from medianode.wallet.actions.status import chain_facts
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.tx.intent import State
from medianode.wallet.tx.transaction import TransactionRequest
from tests.support.network import DETAILS, Network, open_network


async def registered(net: Network) -> None:
    wanted = await registry.register(
        await net.approver(), net.owner.address, net.node, net.owner.address, DETAILS
    )
    assert (await net.perform(net.owner, wanted)).state is State.FINAL


async def test_a_node_registers_once(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        record = await net.record()
        assert (record.owner, record.signer, record.payee) == (
            net.owner.address,
            net.node.address,
            net.owner.address,
        )
        assert (record.status, record.details) == (Status.ACTIVE, DETAILS)
        await registered(net)
        assert net.nonce(net.owner) == 1
        events = [event async for event in Following(net.wallet, "test").new_events()]
        assert {"Registered", "Updated"} <= {
            event.name for event in events if event.contract == "NodeRegistry"
        }
        assert [event async for event in Following(net.wallet, "test").new_events()] == []


async def test_an_update_that_changes_nothing_costs_nothing(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        other = replace(DETAILS, endpoint="https://other.example.org", caps_hash=b"\x22" * 32)
        for details, nonce in ((other, 1), (other, 1), (DETAILS, 2), (other, 3)):
            intent = await net.perform(net.node, registry.update(net.contracts, await net.record(), details))
            assert intent.state is State.FINAL
            assert net.nonce(net.node) == nonce
            assert (await net.record()).details == details


async def test_a_wish_that_was_undone_meanwhile_is_carried_out_again(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        for times, key in enumerate([LocalSigner(b"\x77" * 32), net.node] * 2, 1):
            for _ in range(2):
                wanted = await registry.rotate(await net.approver(), await net.record(), key)
                assert (await net.perform(net.owner, wanted)).state is State.FINAL
                assert (await net.record()).signer == key.address
            assert net.nonce(net.owner) == 1 + times


async def test_a_refused_action_says_why_and_may_be_asked_for_again(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        bad = replace(DETAILS, endpoint="ftp://x")
        for _ in range(2):
            intent = await net.perform(net.node, registry.update(net.contracts, await net.record(), bad))
            assert intent.state is State.FAILED_REVERT
            assert "BadEndpoint (endpoint ftp://x)" in (intent.note or "")
        assert net.nonce(net.node) == 0


async def test_a_bond_goes_up_down_and_back(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        before = await net.tokens(net.owner.address)

        async def bond(amount):
            approver = await net.approver()
            return await staking.bond(approver, net.owner, await net.record(), await net.stake(), amount)

        for _ in range(2):
            await net.perform(net.owner, await bond(250 * TOKEN))
        assert (await net.stake()).bonded == 250 * TOKEN
        assert before - await net.tokens(net.owner.address) == 250 * TOKEN
        nonce = net.nonce(net.owner)
        for _ in range(2):
            wanted = staking.unbond(net.contracts, await net.record(), await net.stake(), 100 * TOKEN)
            await net.perform(net.owner, wanted)
        assert net.nonce(net.owner) == nonce + 1
        stake = await net.stake()
        assert (stake.bonded, stake.unbonding) == (100 * TOKEN, 150 * TOKEN)
        now = (await net.head()).timestamp
        with pytest.raises(WrongState, match="can be withdrawn"):
            staking.withdraw(net.contracts, await net.record(), stake, net.node.address, now)
        net.advance(7 * 86_400)
        now = (await net.head()).timestamp
        wanted = staking.withdraw(net.contracts, await net.record(), stake, net.node.address, now)
        assert (await net.perform(net.node, wanted)).state is State.FINAL
        assert before - await net.tokens(net.owner.address) == 100 * TOKEN


async def test_a_slash_reaches_what_is_on_its_way_out(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        approver = await net.approver()
        await net.perform(
            net.owner,
            await staking.bond(approver, net.owner, await net.record(), await net.stake(), 200 * TOKEN),
        )
        await net.perform(net.owner, staking.unbond(net.contracts, await net.record(), await net.stake(), 0))
        staking_at = net.wallet.config.deployment.staking

        def admin(signature, *arguments):
            anvil.send(to=staking_at, data="0x" + net.contracts.call("Staking", signature, *arguments).hex())

        admin("proposeSlash(uint256,uint256,bytes32)", 1, 10 * TOKEN, b"\x01" * 32)
        net.advance(61)
        admin("executeSlash(uint256)", 1)
        assert (await net.stake()).unbonding == 190 * TOKEN
        net.advance(8 * 86_400)
        stake, now = await net.stake(), (await net.head()).timestamp
        wanted = staking.withdraw(net.contracts, await net.record(), stake, net.node.address, now)
        before = await net.tokens(net.owner.address)
        assert (await net.perform(net.node, wanted)).state is State.FINAL
        assert await net.tokens(net.owner.address) - before == 190 * TOKEN


async def test_a_new_key_takes_over_while_the_old_ones_queue_is_drained(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        new = LocalSigner(b"\x44" * 32)
        anvil.fund(new.address)
        other = replace(DETAILS, region="us")
        stale = net.wallet.outbox.submit(registry.update(net.contracts, await net.record(), other))
        wanted = await registry.rotate(await net.approver(), await net.record(), new)
        assert (await net.perform(net.owner, wanted)).state is State.FINAL
        assert (await net.record()).signer == new.address
        retired = await chain_facts(net.wallet, net.node.address, net.wallet._clock)
        assert retired.registration is None
        drained = await net.perform(net.node, stale.wanted)
        assert drained.state is State.FAILED_REVERT
        assert "NotNode" in (drained.note or "")
        assert (
            await net.perform(new, registry.update(net.contracts, await net.record(), other))
        ).state is State.FINAL
        assert (await net.record()).details == other


async def test_ownership_is_handed_over_in_two_steps(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        heir = net.reporters[0]
        await net.perform(net.owner, registry.offer_owner(net.contracts, await net.record(), heir.address))
        assert (await net.record()).owner == net.owner.address
        net.advance(61)
        wanted = registry.accept_owner(net.contracts, await net.record(), heir.address)
        assert (await net.perform(heir, wanted)).state is State.FINAL
        assert (await net.record()).owner == heir.address


async def test_a_node_leaves_once(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        for _ in range(2):
            intent = await net.perform(net.owner, registry.deregister(net.contracts, await net.record()))
            assert intent.state is State.FINAL
        assert (await net.record()).status is Status.GONE
        assert net.nonce(net.owner) == 2
        facts = await chain_facts(net.wallet, net.node.address, net.wallet._clock)
        assert facts.registration is not None
        assert (facts.registration.node_id, facts.registration.status) == (1, "gone")


async def test_a_contract_of_other_code_is_not_signed_for(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        code = anvil.rpc("eth_getCode", net.wallet.config.deployment.staking, "latest")
        anvil.rpc("anvil_setCode", net.wallet.config.deployment.staking, code[:-2] + "ff")
        with pytest.raises(WrongState, match=r"another contract is at .*Staking"):
            await net.approver()


async def test_each_key_may_do_only_what_is_its_own(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        deployment = net.wallet.config.deployment
        node, owner = policy_for(deployment, "node"), policy_for(deployment, "owner")
        unbond = staking.unbond(net.contracts, await net.record(), await net.stake(), 0)
        update = registry.update(net.contracts, await net.record(), DETAILS)

        def transaction(wanted, **more):
            fields = {
                "value": 0,
                "chain_id": wanted.chain_id,
                "max_fee_per_gas": 10**9,
                "gas": 100_000,
                **more,
            }
            return TransactionRequest(
                nonce=0, to=wanted.to, data=wanted.data, max_priority_fee_per_gas=1, **fields
            )

        owner.judge(transaction(unbond), net.owner.address)
        node.judge(transaction(update), net.node.address)
        for policy, wanted, more in (
            (node, unbond, {}),
            (owner, update, {}),
            (node, update, {"chain_id": 1}),
            (node, update, {"value": 1}),
            (node, update, {"max_fee_per_gas": 10**15}),
        ):
            with pytest.raises(PermissionDenied):
                policy.judge(transaction(wanted, **more), net.node.address)


async def test_the_status_shows_what_the_chain_shows(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        facts = await chain_facts(net.wallet, net.node.address, net.wallet._clock)
        assert facts.registration is not None
        assert (facts.registration.node_id, facts.registration.endpoint) == (1, DETAILS.endpoint)
        assert facts.balance_wei == anvil.balance(net.node.address)
        assert facts.pending == 0
        assert [(endpoint.up, endpoint.behind_blocks) for endpoint in facts.endpoints] == [(True, 0)]


async def test_a_queued_action_is_cancelled_and_not_made_anew(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        await registered(net)
        wanted = registry.update(net.contracts, await net.record(), replace(DETAILS, region="us"))
        outbox = net.wallet.outbox
        outbox.submit(wanted)
        outbox.cancel(wanted.id)
        assert (await net.wallet.see_through(net.node, wanted.id, lambda _: None)).state is State.CANCELLED
        assert net.nonce(net.node) == 0
        assert (await net.perform(net.node, wanted)).state is State.FINAL
