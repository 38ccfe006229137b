"""What reporters agree on is paid, once, and nothing else is."""

from dataclasses import replace

import pytest

from medianode.devnet.deploy import TOKEN
from medianode.errors import WrongState
from medianode.wallet.actions import epoch as epochs
from medianode.wallet.actions import registry, rewards
from medianode.wallet.actions.intents import intent
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.keys.signer import sign
from medianode.wallet.tx.intent import State
from medianode.wallet.typed.document import SignedMessage
from medianode.wallet.typed.eip712 import TypedData
from medianode.wallet.typed.messages import QosReport
from tests.support.network import DETAILS, Network, open_network

NODES = 10


async def ten_nodes(net: Network) -> list[LocalSigner]:
    signers = [LocalSigner(bytes([0x60 + index]) * 32) for index in range(NODES)]
    for index, signer in enumerate(signers, 1):
        payee = "0x" + "00" * 18 + f"{index:04d}"
        approver = await net.approver()
        wanted = await registry.register(approver, net.owner.address, signer, payee, DETAILS)
        assert (await net.perform(net.owner, wanted)).state is State.FINAL
    return signers


async def payees(net: Network) -> dict[int, str]:
    return {node: (await net.record(node)).payee for node in range(1, NODES + 1)}


async def report(net: Network, signer: LocalSigner, node: int, number: int, relayed: int) -> SignedMessage:
    message = QosReport(
        node_id=node,
        epoch=number,
        seq=number,
        start=number * 60,
        end=number * 60 + 60,
        bytes_relayed=relayed,
        participant_ms=0,
        sessions=1,
        loss_ppm=0,
        rtt_p95_us=0,
        sessions_root=bytes(32),
        prev_digest=bytes(32),
    )
    data = TypedData(net.wallet.config.deployment.qos_domain, message)
    return SignedMessage(data, await sign(signer, data))


async def build(net: Network, signers, before=None, budget=1000 * TOKEN) -> epochs.Epoch:
    """Lets an epoch pass and computes it."""
    number = (await net.head()).timestamp // 60
    net.advance(61)
    reports = [await report(net, signer, node, number, 100 * node) for node, signer in enumerate(signers, 1)]
    domain = net.wallet.config.deployment.qos_domain
    return epochs.build(domain, number, budget, reports, await payees(net), before)


async def vote(net: Network, reporter: int, found: epochs.Epoch):
    key = net.reporters[reporter]
    return await net.perform(
        key, rewards.vote(net.contracts, found, "https://epochs.example.org/1", key.address)
    )


async def status(net: Network, found: epochs.Epoch) -> int:
    return (await net.view("EpochReports", "reports(uint64)", found.number))[4]


async def activate(net: Network, found: epochs.Epoch) -> None:
    net.advance(31)
    wanted = rewards.activate(net.contracts, found.number, net.node.address)
    assert (await net.perform(net.node, wanted)).state is State.FINAL


async def claim(net: Network, found: epochs.Epoch, node: int):
    height = (await net.head()).number
    return await net.perform(
        net.node, await rewards.claim(net.contracts, found, node, net.node.address, height)
    )


async def test_two_of_three_decide_and_a_claim_pays_all_that_was_earned_once(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        signers = await ten_nodes(net)
        first = await build(net, signers)
        assert (await vote(net, 0, first)).state is State.FINAL
        assert await status(net, first) == 0, "one alone decides nothing"
        other = replace(first, budget=1, rewards=first.rewards[:1])
        await vote(net, 1, other)
        assert await status(net, first) == 0
        await vote(net, 2, first)
        assert await status(net, first) == 1
        nonce = net.nonce(net.reporters[2])
        assert (await vote(net, 2, first)).state is State.FINAL
        assert net.nonce(net.reporters[2]) == nonce, "a second vote is no transaction"
        await activate(net, first)

        payee = (await net.record(5)).payee
        due = first.proof(5)[0].cumulative
        for _ in range(2):
            assert (await claim(net, first, 5)).state is State.FINAL
            assert await net.tokens(payee) == due
        nonce = net.nonce(net.node)

        last = first
        for _ in range(3):
            last = await build(net, signers, last)
        for reporter in (0, 1):
            await vote(net, reporter, last)
        await activate(net, last)
        assert (await claim(net, last, 5)).state is State.FINAL
        assert await net.tokens(payee) == last.proof(5)[0].cumulative == 4 * due
        assert net.nonce(net.node) == nonce + 2
        height = (await net.head()).number
        with pytest.raises(WrongState, match="not the one that counts"):
            await rewards.claim(net.contracts, first, 5, net.node.address, height)


async def test_proofs_of_others_wrong_amounts_and_too_much_are_refused(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        signers = await ten_nodes(net)
        found = await build(net, signers)
        for reporter in (0, 1):
            await vote(net, reporter, found)
        await activate(net, found)
        reward, proof = found.proof(5)
        function = "claim(uint256,address,uint256,bytes32[])"
        for node, payee, amount in (
            (6, reward.payee, reward.cumulative),
            (5, net.owner.address, reward.cumulative),
            (5, reward.payee, reward.cumulative + 1),
        ):
            data = net.contracts.call("EpochReports", function, node, payee, amount, proof)
            ask = {"is": "claimed", "node_id": node, "cumulative": amount}
            wanted = intent(
                net.contracts,
                "claim",
                f"{node}:{payee}:{amount}",
                net.node.address,
                ("EpochReports", data),
                ask,
            )
            refused = await net.perform(net.node, wanted)
            assert refused.state is State.FAILED_REVERT
            assert "BadProof" in (refused.note or "")
        greedy = await build(net, signers, found, budget=10**9 * TOKEN)
        refused = await vote(net, 0, greedy)
        assert refused.state is State.FAILED_REVERT
        assert "AboveEmissionCap" in (refused.note or "")


async def test_a_veto_in_the_window_stops_an_epoch(anvil, tmp_path):
    async with open_network(anvil, tmp_path) as net:
        found = await build(net, await ten_nodes(net))
        for reporter in (0, 1):
            await vote(net, reporter, found)
        veto = net.contracts.call("EpochReports", "veto(uint64)", found.number)
        anvil.send(to=net.wallet.config.deployment.reports, data="0x" + veto.hex())
        net.advance(31)
        refused = await net.perform(net.node, rewards.activate(net.contracts, found.number, net.node.address))
        assert refused.state is State.FAILED_REVERT
        assert "WrongStatus" in (refused.note or "")
        height = (await net.head()).number
        with pytest.raises(WrongState):
            await rewards.claim(net.contracts, found, 5, net.node.address, height)
