"""Chains of a test's own, and a wallet on them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from medianode.clock import SystemClock
from medianode.wallet.chain.fees import GWEI, FeeLimits
from medianode.wallet.chain.finality import Finality
from medianode.wallet.chain.provider import ProviderConfig, open_provider
from medianode.wallet.chain.reader import Reader
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.tx.alarms import Alarms
from medianode.wallet.tx.database import Database
from medianode.wallet.tx.intent import Intent, NewIntent
from medianode.wallet.tx.manager import Manager, ManagerConfig
from medianode.wallet.tx.outbox import Outbox
from tests.support.chain_worker import KEY
from tests.support.chains import LocalChain, start_anvil, start_hardhat
from tests.support.opaque import Opaque


@pytest.fixture
def anvil() -> Iterator[LocalChain]:
    """A chain that mines each transaction at once."""
    chain = start_anvil("--enable-tx-gas-limit")
    yield chain
    chain.stop()


@pytest.fixture
def still_anvil() -> Iterator[LocalChain]:
    """A chain that mines when it is told to."""
    chain = start_anvil("--no-mining", "--enable-tx-gas-limit")
    yield chain
    chain.stop()


@pytest.fixture
def hardhat() -> Iterator[LocalChain]:
    """The second implementation; it mines when it is told to."""
    chain = start_hardhat()
    yield chain
    chain.stop()


@dataclass
class Desk:
    """One key's outbox and manager on a chain, worked round by round."""

    chain: LocalChain
    contract: str
    signer: LocalSigner
    outbox: Outbox
    manager: Manager

    def ask(self, number: int, kind: str = "count", **more: object) -> Intent:
        data = number.to_bytes(32, "big")
        sender = self.signer.address
        wanted = NewIntent(f"count:{number}", kind, self.chain.chain_id, sender, self.contract, data, **more)
        return self.outbox.submit(wanted)

    def intent(self, number: int) -> Intent:
        return self.outbox.intent(f"count:{number}")

    def counted(self, number: int) -> int:
        return self.chain.storage(self.contract, number)

    async def rounds(self, count: int = 1, mine: int = 0) -> None:
        for _ in range(count):
            await self.manager.round()
            self.chain.mine(mine)


@asynccontextmanager
async def open_desk(
    chain: LocalChain, folder: Path, urls: tuple[str, ...] = (), **config: object
) -> AsyncIterator[Desk]:
    """Opens a desk with its account funded and a counting contract deployed."""
    signer, clock = LocalSigner(KEY), SystemClock()
    chain.fund(signer.address)
    contract = chain.deploy()
    database = Database(folder / "wallet.sqlite")
    outbox = Outbox(database, clock)
    settings = ManagerConfig(
        **{
            "finality": Finality(depth=4),
            "fees": FeeLimits(max_fee=30 * GWEI),
            "poll_s": 0.05,
            "patience_s": 0.0,
            "patience_blocks": 2,
            "rebroadcast_s": 0.0,
            **config,
        }
    )
    provider_config = ProviderConfig(urls or (chain.url,), chain.chain_id, timeout_s=2, calls_per_s=1000)
    async with open_provider(provider_config, clock) as provider:
        manager = Manager(outbox, Reader(provider), signer, settings, Opaque(), clock, Alarms())
        try:
            yield Desk(chain, contract, signer, outbox, manager)
        finally:
            manager.close()
            database.close()


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.05)
