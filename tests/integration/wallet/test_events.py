"""Events and heads: nothing is missed, whatever the connection does."""

import asyncio
import contextlib
import signal

import pytest

from medianode.clock import SystemClock
from medianode.errors import ChainUnavailable
from medianode.wallet.chain.events import LogFollower
from medianode.wallet.chain.finality import Finality
from medianode.wallet.chain.heads import Heads
from medianode.wallet.chain.provider import ProviderConfig, open_provider
from medianode.wallet.chain.reader import Reader
from medianode.wallet.tx.cursors import Cursors
from medianode.wallet.tx.database import Database
from tests.integration.wallet.conftest import until

SPEAKER = bytes.fromhex("60003560005260206000a000")
"""PUSH1 0 CALLDATALOAD PUSH1 0 MSTORE PUSH1 32 PUSH1 0 LOG0 STOP: says what it is told."""


def say(chain, contract, number):
    chain.send(to=contract, data="0x" + number.to_bytes(32, "big").hex())


async def test_events_come_once_they_are_final_and_again_after_a_restart_from_where_it_was(anvil, tmp_path):
    contract = anvil.deploy(SPEAKER)
    database = Database(tmp_path / "wallet.sqlite")
    async with open_provider(ProviderConfig((anvil.url,), anvil.chain_id), SystemClock()) as provider:

        def follower():
            places = Cursors(database)
            return LogFollower(Reader(provider), places, "s", [contract], 0, Finality(depth=3))

        following = follower()
        say(anvil, contract, 1)
        assert [int.from_bytes(log.data) for log in await read_all(following)] == []
        anvil.mine(2)
        say(anvil, contract, 2)
        assert [int.from_bytes(log.data) for log in await read_all(following)] == [1]
        anvil.mine(2)
        batch = await following.next()
        assert batch is not None
        assert [int.from_bytes(log.data) for log in batch.logs] == [2]
        again = await follower().next()  # it was not saved: a crash comes here
        assert again is not None
        assert again.logs == batch.logs
        following.save(batch)
        assert await follower().next() is None
    database.close()


async def test_a_reorganisation_below_what_was_final_is_told(anvil, tmp_path):
    contract = anvil.deploy(SPEAKER)
    database = Database(tmp_path / "wallet.sqlite")
    async with open_provider(ProviderConfig((anvil.url,), anvil.chain_id), SystemClock()) as provider:
        following = LogFollower(Reader(provider), Cursors(database), "s", [contract], 0, Finality(depth=1))
        read = []
        for number in (1, 2, 3):
            say(anvil, contract, number)
            await read_all(following)
            read.append(anvil.height)
        left = anvil.height - 2
        anvil.rpc("anvil_reorg", 2, [])
        say(anvil, contract, 9)
        batch = await following.next()
        assert batch is not None
        assert batch.rolled_back_to == max(height for height in read if height <= left)
        assert int.from_bytes(batch.logs[-1].data) == 9
        assert 3 not in [int.from_bytes(log.data) for log in batch.logs]
    database.close()


async def read_all(following):
    logs = []
    while (batch := await following.next()) is not None:
        logs += batch.logs
        following.save(batch)
    return logs


async def test_every_head_wakes_and_a_frozen_node_is_noticed(anvil):
    wakes = []
    heads = Heads(anvil.ws_url, lambda: wakes.append(anvil.process.poll()), ping_s=1.0)
    running = asyncio.create_task(heads.run())
    try:
        await until(lambda: heads.connected)
        known = len(wakes)
        anvil.mine(3)
        await until(lambda: len(wakes) >= known + 3)
        anvil.process.send_signal(signal.SIGSTOP)
        await until(lambda: not heads.connected)
        anvil.process.send_signal(signal.SIGCONT)
        await until(lambda: heads.connections >= 2)
        known = len(wakes)
        anvil.mine()
        await until(lambda: len(wakes) > known)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_no_event_is_lost_while_the_node_is_frozen(anvil, tmp_path):
    contract = anvil.deploy(SPEAKER)
    database = Database(tmp_path / "wallet.sqlite")
    config = ProviderConfig((anvil.url,), anvil.chain_id, timeout_s=0.5)
    async with open_provider(config, SystemClock()) as provider:
        following = LogFollower(Reader(provider), Cursors(database), "s", [contract], 0, Finality(depth=1))
        say(anvil, contract, 1)
        read = await read_all(following)
        say(anvil, contract, 2)
        anvil.process.send_signal(signal.SIGSTOP)
        with pytest.raises(ChainUnavailable):
            await read_all(following)
        anvil.process.send_signal(signal.SIGCONT)
        say(anvil, contract, 3)
        async with asyncio.timeout(30):
            while len(read) < 3:
                with contextlib.suppress(ChainUnavailable):  # it rests for a moment from what was frozen
                    read += await read_all(following)
                await asyncio.sleep(0.1)
    database.close()
    logs = anvil.rpc("eth_getLogs", {"address": contract, "fromBlock": "0x0", "toBlock": "latest"})
    assert [int(log["data"], 16) for log in logs] == [1, 2, 3]
    assert [int.from_bytes(log.data) for log in read] == [1, 2, 3]


async def test_a_stream_without_heads_is_opened_anew(anvil):
    heads = Heads(anvil.ws_url, lambda: None, quiet_s=0.5)
    running = asyncio.create_task(heads.run())
    try:
        await until(lambda: heads.connections >= 2)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
