"""Every action happens exactly once, whatever happens to the process, the network and the chain."""

import os
import random
from collections.abc import Iterator

import pytest

from tests.support.chains import LocalChain, start_anvil, start_hardhat
from tests.support.chaos import Chaos, Plan

FULL = os.environ.get("MEDIANODE_CHAOS") == "full"
SEED = int(os.environ.get("MEDIANODE_SEED") or random.SystemRandom().randrange(1 << 32))
ANVIL = (
    Plan(actions=200, kills=40, pool_wipes=2, reorgs=3, foreign=2, limit_s=6000)
    if FULL
    else Plan(actions=40, kills=8, pool_wipes=1, reorgs=1, foreign=1, limit_s=600)
)
HARDHAT = (
    Plan(actions=200, kills=40, pool_wipes=2, reorgs=0, foreign=2, limit_s=6000)
    if FULL
    else Plan(actions=20, kills=4, pool_wipes=1, reorgs=0, foreign=1, limit_s=600)
)


@pytest.fixture
def anvil() -> Iterator[LocalChain]:
    chain = start_anvil("--no-mining")
    yield chain
    chain.stop()


@pytest.fixture
def hardhat() -> Iterator[LocalChain]:
    chain = start_hardhat()
    yield chain
    chain.stop()


@pytest.mark.timeout(1000)
async def test_outbox_chaos_on_anvil(anvil, tmp_path):
    await survives(anvil, tmp_path, ANVIL)


@pytest.mark.timeout(1000)
async def test_outbox_chaos_on_a_second_implementation(hardhat, tmp_path):
    await survives(hardhat, tmp_path, HARDHAT)


async def survives(chain: LocalChain, tmp_path, plan: Plan) -> None:
    print(f"replay with MEDIANODE_SEED={SEED}")
    tally = await Chaos(chain, tmp_path, plan, SEED).run()
    assert tally.exactly_once == plan.actions
    assert tally.final_nonce == plan.actions + plan.foreign
    assert (tally.pool_wipes, tally.reorgs, tally.foreign) == (plan.pool_wipes, plan.reorgs, plan.foreign)
    assert tally.kills == plan.kills
