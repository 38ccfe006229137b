"""One key's transactions on a chain that misbehaves, round by round."""

import itertools

import pytest

from medianode.errors import Conflict
from medianode.wallet.chain.fees import GWEI, FeeLimits
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.tx.intent import State
from tests.integration.wallet.conftest import open_desk
from tests.support.chaos import foreign_transaction

REVERTING = bytes.fromhex("60006000fd")


@pytest.mark.parametrize("kind", ["still_anvil", "hardhat"])
async def test_an_action_is_final_only_when_its_block_is(kind, request, tmp_path):
    chain = request.getfixturevalue(kind)
    async with open_desk(chain, tmp_path) as desk:
        desk.ask(1)
        states = []
        for _ in range(7):
            await desk.rounds(mine=1)
            states.append(str(desk.intent(1).state))
        assert states == ["signed", "mined", "mined", "mined", "final", "final", "final"]
        assert desk.counted(1) == 1


@pytest.mark.parametrize("kind", ["still_anvil", "hardhat"])
async def test_a_stuck_transaction_is_replaced_within_the_cap_and_then_rings(kind, request, tmp_path):
    chain = request.getfixturevalue(kind)
    async with open_desk(chain, tmp_path, fees=FeeLimits(max_fee=10 * GWEI)) as desk:
        desk.ask(1)
        await desk.rounds()
        for _ in range(6):
            raise_base_fee(chain, 11 * GWEI)
            chain.mine()
            await desk.rounds()
        attempts = list(reversed(desk.outbox.attempts("count:1")))
        assert len(attempts) > 1
        for old, new in itertools.pairwise(attempts):
            assert 8 * new.max_fee >= 9 * old.max_fee
            assert 8 * new.tip >= 9 * old.tip
        assert max(attempt.max_fee for attempt in attempts) <= 10 * GWEI
        assert {attempt.nonce for attempt in attempts} == {0}
        assert desk.intent(1).state is State.SIGNED
        assert "stuck_at_cap" in desk.manager.alarms.ringing
        raise_base_fee(chain, GWEI)
        await desk.rounds(8, mine=1)
        assert desk.intent(1).state is State.FINAL
        assert desk.counted(1) == 1


async def test_what_is_lazy_waits_for_cheap_gas_but_stands_in_nobodys_way(still_anvil, tmp_path):
    fees = FeeLimits(max_fee=50 * GWEI, lazy_max_fee=5 * GWEI)
    async with open_desk(still_anvil, tmp_path, fees=fees, lazy=frozenset({"lazy"})) as desk:
        set_base_fee(still_anvil, 10 * GWEI)
        desk.ask(1, "lazy")
        desk.ask(2)
        await desk.rounds(2, mine=1)
        assert desk.intent(1).state is State.QUEUED
        assert f"below {5 * GWEI} wei" in (desk.intent(1).note or "")
        assert desk.counted(2) == 1, "what is urgent does not wait for what is lazy"

        set_base_fee(still_anvil, GWEI)
        await desk.rounds()
        assert desk.intent(1).state is State.SIGNED
        for _ in range(6):
            set_base_fee(still_anvil, 10 * GWEI)
            await desk.rounds()
        assert max(attempt.max_fee for attempt in desk.outbox.attempts("count:1")) <= 5 * GWEI
        assert "stuck_at_cap" not in desk.manager.alarms.ringing, "it waits as it was meant to"

        desk.ask(3)
        for _ in range(6):
            set_base_fee(still_anvil, 10 * GWEI)
            await desk.rounds()
        assert [desk.counted(number) for number in (1, 2, 3)] == [1, 1, 1]
        assert desk.intent(1).nonce == 1
        assert max(attempt.max_fee for attempt in desk.outbox.attempts("count:1")) <= 50 * GWEI


async def test_a_block_that_is_taken_back_is_not_the_end(still_anvil, tmp_path):
    async with open_desk(still_anvil, tmp_path) as desk:
        desk.ask(1)
        await desk.rounds(3, mine=1)
        assert desk.intent(1).state is State.MINED
        still_anvil.rpc("anvil_reorg", 3, [])
        assert desk.counted(1) == 0
        await desk.rounds()
        assert desk.intent(1).state is State.SIGNED
        await desk.rounds(8, mine=1)
        assert desk.intent(1).state is State.FINAL
        assert desk.counted(1) == 1


async def test_a_nonce_that_somebody_else_used_is_replaced_by_the_next(still_anvil, tmp_path):
    async with open_desk(still_anvil, tmp_path) as desk:
        desk.ask(1)
        desk.ask(2)
        await desk.rounds()
        assert (desk.intent(1).nonce, desk.intent(2).nonce) == (0, 1)
        still_anvil.drop_all()
        raw = foreign_transaction(still_anvil.chain_id, 0, LocalSigner(b"\x07" * 32))
        still_anvil.rpc("eth_sendRawTransaction", "0x" + raw.hex())
        still_anvil.mine()
        for _ in range(16):
            await desk.rounds(mine=1)
        assert [desk.intent(number).state for number in (1, 2)] == [State.FINAL, State.FINAL]
        assert [desk.counted(number) for number in (1, 2)] == [1, 1]
        assert "key_used_elsewhere" in desk.manager.alarms.ringing
        assert still_anvil.nonce(desk.signer.address) == 3


async def test_a_revert_is_found_before_it_costs(still_anvil, tmp_path):
    async with open_desk(still_anvil, tmp_path) as desk:
        desk.contract = still_anvil.deploy(REVERTING)
        desk.ask(1)
        await desk.rounds()
        assert desk.intent(1).state is State.FAILED_REVERT
        assert desk.outbox.attempts("count:1") == []


async def test_what_would_take_too_much_gas_is_not_sent(still_anvil, tmp_path):
    async with open_desk(still_anvil, tmp_path) as desk:
        desk.ask(1, gas_cap=30_000)
        await desk.rounds()
        assert desk.intent(1).state is State.NEEDS_HUMAN
        assert "30000" in (desk.intent(1).note or "")


async def test_a_deadline_that_passed_ends_it(still_anvil, tmp_path):
    async with open_desk(still_anvil, tmp_path) as desk:
        desk.ask(1, deadline=1.0)
        await desk.rounds()
        assert desk.intent(1).state is State.CANCELLED


async def test_what_was_sent_is_cancelled_by_taking_its_nonce(still_anvil, tmp_path):
    async with open_desk(still_anvil, tmp_path) as desk:
        desk.ask(1)
        await desk.rounds()
        desk.outbox.cancel("count:1")
        await desk.rounds(9, mine=1)
        assert desk.intent(1).state is State.CANCELLED
        assert desk.counted(1) == 0
        assert still_anvil.nonce(desk.signer.address) == 1


async def test_only_so_many_are_under_way_at_once(still_anvil, tmp_path):
    async with open_desk(still_anvil, tmp_path, most_unmined=3) as desk:
        for number in range(5):
            desk.ask(number)
        await desk.rounds()
        states = [desk.intent(number).state for number in range(5)]
        assert states == [State.SIGNED] * 3 + [State.QUEUED] * 2


async def test_an_account_that_cannot_pay_rings_and_goes_on_once_it_can(still_anvil, tmp_path):
    async with open_desk(still_anvil, tmp_path) as desk:
        still_anvil.rpc("anvil_setBalance", desk.signer.address, "0x0")
        desk.ask(1)
        await desk.rounds()
        assert {"low_balance"} <= set(desk.manager.alarms.ringing)
        assert desk.intent(1).state in (State.QUEUED, State.SIGNED)
        still_anvil.rpc("anvil_setBalance", desk.signer.address, hex(10**18))
        await desk.rounds(8, mine=1)
        assert desk.intent(1).state is State.FINAL
        assert not desk.manager.alarms.ringing


async def test_a_chain_that_was_made_anew_is_refused(still_anvil, tmp_path):
    async with open_desk(still_anvil, tmp_path) as desk:
        await desk.rounds()
        desk.outbox.database.execute("update meta set value = ?", "0x" + "00" * 32)
        with pytest.raises(Conflict, match=r"wallet\.sqlite"):
            await desk.rounds()


def set_base_fee(chain, wei: int) -> None:
    """Makes a block that costs this, and sees to it that the next one costs about the same."""
    raise_base_fee(chain, wei)
    chain.mine()


def raise_base_fee(chain, wei: int) -> None:
    method = (
        "anvil_setNextBlockBaseFeePerGas" if chain.kind == "anvil" else "hardhat_setNextBlockBaseFeePerGas"
    )
    chain.rpc(method, hex(wei))
