"""Endpoints that die, hang, lag, lie, limit and serve another chain."""

import asyncio
import contextlib
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from medianode.clock import SystemClock
from medianode.errors import ChainUnavailable
from medianode.wallet.chain.facts import quantity
from medianode.wallet.chain.faults import NoQuorum, RpcError
from medianode.wallet.chain.provider import Provider, ProviderConfig, open_provider
from medianode.wallet.chain.reader import Reader
from medianode.wallet.keys.local import LocalSigner
from tests.integration.wallet.conftest import open_desk, until
from tests.support.chain_proxy import ChainProxy
from tests.support.chain_worker import KEY
from tests.support.chains import start_anvil
from tests.support.chaos import foreign_transaction

SENDER = LocalSigner(KEY)


@dataclass
class Endpoints:
    proxies: list[ChainProxy]
    provider: Provider
    reader: Reader


@asynccontextmanager
async def endpoints(chain, count=3, timeout_s=1.0, **config):
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(ChainProxy(chain.url)) for _ in range(count)]
        urls = tuple(f"{proxy.url}/secret-{index}" for index, proxy in enumerate(proxies))
        provider_config = ProviderConfig(urls, chain.chain_id, timeout_s=timeout_s, **config)
        provider = await stack.enter_async_context(open_provider(provider_config, SystemClock()))
        yield Endpoints(proxies, provider, Reader(provider))


def lies(method, params, result):
    return hex(int(result, 16) + 10**18) if method == "eth_getBalance" else result


def lags(method, params, result):
    """Knows only the first blocks."""
    if method == "eth_blockNumber":
        return "0x1"
    if params and params[-1] == "0x7":
        return None
    return result


async def test_one_dead_one_hanging_and_one_lagging_do_not_stop_two(anvil):
    anvil.fund(SENDER.address)
    anvil.mine(6)
    async with endpoints(anvil, 5) as found:
        balance = anvil.balance(SENDER.address)
        found.proxies[0].drop_before = 1.0
        found.proxies[1].hang = True
        found.proxies[2].answer = lags
        head = await found.reader.head()
        assert head.number == anvil.height
        assert await found.reader.balance(SENDER.address, head.number) == balance
        assert found.provider.endpoints[2].state.lagging
        begin = time.monotonic()
        for _ in range(5):
            await found.reader.balance(SENDER.address, head.number)
        assert len(found.proxies[1].calls) <= 3, "the circuit of the one that hangs is open"
        assert time.monotonic() - begin < 5


async def test_a_liar_never_wins(anvil):
    anvil.fund(SENDER.address)
    balance = anvil.balance(SENDER.address)
    async with endpoints(anvil, 3) as found:
        found.proxies[1].answer = lies
        head = await found.reader.head()
        for _ in range(10):
            assert await found.reader.balance(SENDER.address, head.number) == balance


async def test_one_lying_one_lagging_and_one_right_stop_with_no_quorum(anvil):
    anvil.fund(SENDER.address)
    async with endpoints(anvil, 3) as found:
        head = await found.reader.head()
        found.proxies[0].answer = lies
        found.proxies[1].answer = lambda method, params, result: (
            "0x0" if method == "eth_getBalance" else result
        )
        with pytest.raises(NoQuorum, match="eth_getBalance"):
            await found.reader.balance(SENDER.address, head.number)


async def test_all_dead_is_said_without_naming_keys(anvil):
    async with endpoints(anvil, 2) as found:
        for proxy in found.proxies:
            proxy.drop_before = 1.0
        with pytest.raises(ChainUnavailable) as error:
            await found.reader.head()
        assert "secret" not in str(error.value)
        assert "127.0.0.1" in str(error.value)
        assert "secret" not in repr([endpoint.state for endpoint in found.provider.endpoints])


async def test_an_endpoint_of_another_chain_is_never_asked_again(anvil):
    other = start_anvil(chain_id=1)
    try:
        async with ChainProxy(other.url) as stranger, endpoints(anvil, 2) as found:
            urls = (stranger.url, *(proxy.url for proxy in found.proxies))
            async with open_provider(ProviderConfig(urls, anvil.chain_id), SystemClock()) as provider:
                await Reader(provider).head()
                assert "chain 1" in (provider.endpoints[0].state.excluded or "")
                calls = len(stranger.calls)
                await Reader(provider).head()
                assert len(stranger.calls) == calls
    finally:
        other.stop()


async def test_a_chain_with_the_same_id_and_another_beginning_is_excluded(anvil):
    other = start_anvil("--timestamp", "1000000000")
    try:
        async with endpoints(anvil, 2) as found:
            await found.reader.head()
            urls = (other.url, *(proxy.url for proxy in found.proxies))
            config = ProviderConfig(urls, anvil.chain_id)
            async with open_provider(config, SystemClock(), found.provider.genesis) as provider:
                await Reader(provider).head()
                assert "first block" in (provider.endpoints[0].state.excluded or "")
    finally:
        other.stop()


async def test_retry_after_is_obeyed(anvil):
    async with endpoints(anvil, 1) as found:
        await found.reader.head()
        found.proxies[0].limited = 2
        with pytest.raises(ChainUnavailable):
            await found.reader.head()
        found.proxies[0].limited = None
        asked = found.proxies[0].calls[-1][0]
        with pytest.raises(ChainUnavailable) as error:
            await found.reader.head()
        assert 0 < error.value.retry_after <= 2
        while len(found.proxies[0].calls) == 0 or found.proxies[0].calls[-1][0] == asked:
            with contextlib.suppress(ChainUnavailable):
                await found.reader.head()
            await asyncio.sleep(0.05)
        assert found.proxies[0].calls[-1][0] - asked >= 2


@pytest.mark.parametrize("misfortune", ["lost", "limited", "unavailable"])
async def test_each_decision_sends_once_to_each_endpoint(anvil, misfortune):
    anvil.fund(SENDER.address)
    raw = foreign_transaction(anvil.chain_id, 0, SENDER)
    async with endpoints(anvil, 2) as found:
        await found.reader.head()
        for proxy in found.proxies:
            proxy.drop_sends_after = float(misfortune == "lost")
            proxy.limited = 1 if misfortune == "limited" else None
            proxy.unavailable = float(misfortune == "unavailable")
        with pytest.raises(ChainUnavailable):
            await found.provider.send_raw(raw)
        assert [len(proxy.sends) for proxy in found.proxies] == [1, 1]
        if misfortune == "lost":
            await until(lambda: anvil.nonce(SENDER.address) == 1)
        assert (anvil.nonce(SENDER.address) == 1) == (misfortune == "lost")


async def test_a_send_returns_at_the_first_that_takes_it(anvil):
    anvil.fund(SENDER.address)
    async with endpoints(anvil, 2, timeout_s=5) as found:
        await found.reader.head()
        found.proxies[0].hang = True
        async with asyncio.timeout(4):
            await found.provider.send_raw(foreign_transaction(anvil.chain_id, 0, SENDER))
        await found.provider.send_raw(foreign_transaction(anvil.chain_id, 1, SENDER))


async def test_a_revert_carries_its_data(anvil):
    contract = anvil.deploy(bytes.fromhex("63deadbeef6000526004601cfd"))
    async with endpoints(anvil, 2) as found:
        with pytest.raises(RpcError) as error:
            await found.provider.agreed("eth_call", [{"to": contract}, quantity(anvil.height)], str)
        assert error.value.kind == "revert"
        assert error.value.data == "0xdeadbeef"


async def test_the_manager_works_through_a_dead_and_a_hanging_endpoint(anvil, tmp_path):
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(ChainProxy(anvil.url)) for _ in range(4)]
        desk = await stack.enter_async_context(
            open_desk(anvil, tmp_path, tuple(proxy.url for proxy in proxies))
        )
        proxies[0].drop_before = 1.0
        proxies[1].hang = True
        desk.ask(1)
        for _ in range(6):
            await desk.rounds(mine=1)
        assert desk.intent(1).state == "final"
        assert desk.counted(1) == 1
