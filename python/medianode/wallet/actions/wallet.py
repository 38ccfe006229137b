"""A wallet that is open: the chain through its endpoints, the contracts, the outbox. Carries actions out, one key at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from medianode.clock import Clock
from medianode.errors import Conflict
from medianode.wallet.actions.approvals import Approver
from medianode.wallet.actions.contracts import Contracts
from medianode.wallet.actions.deployment import Deployment
from medianode.wallet.actions.intents import LAZY, submit
from medianode.wallet.actions.prechecks import Prechecks
from medianode.wallet.chain.facts import Block
from medianode.wallet.chain.fees import FeeLimits
from medianode.wallet.chain.finality import Finality, finality_of
from medianode.wallet.chain.provider import ProviderConfig, open_provider
from medianode.wallet.chain.reader import Reader
from medianode.wallet.keys.signer import Signer
from medianode.wallet.tx.alarms import Alarms
from medianode.wallet.tx.database import FILE, Database
from medianode.wallet.tx.intent import Intent, NewIntent
from medianode.wallet.tx.manager import ENDS, Manager, ManagerConfig
from medianode.wallet.tx.outbox import Outbox

WATCH_S = 0.1

Progress = Callable[[Intent], None]


@dataclass(frozen=True, slots=True)
class WalletConfig:
    """Where the wallet keeps things, and how it speaks to the chain."""

    folder: Path
    deployment: Deployment
    urls: tuple[str, ...] = field(repr=False)
    quorum: int | None = None
    finality: Finality | None = None
    fees: FeeLimits = field(default_factory=FeeLimits)
    poll_s: float = 4.0


class Wallet:
    """Everything that actions need."""

    def __init__(self, config: WalletConfig, reader: Reader, outbox: Outbox, clock: Clock) -> None:
        self.config = config
        self.reader = reader
        self.outbox = outbox
        self.contracts = Contracts(reader, config.deployment)
        self.prechecks = Prechecks(self.contracts)
        self.finality = config.finality or finality_of(config.deployment.chain_id)
        self._clock = clock

    async def approver(self, head: Block) -> Approver:
        """Makes approvals as of this block, once the contracts are known to be ours."""
        await self.contracts.verify(head.number)
        return Approver(self.contracts, head.number, max(head.timestamp, int(self._clock.now())))

    def manager(self, signer: Signer, alarms: Alarms | None = None) -> Manager:
        """Makes the one that sends for this key. Raises ``Conflict`` while another process does."""
        config = ManagerConfig(self.finality, self.config.fees, LAZY, self.config.poll_s)
        return Manager(
            self.outbox, self.reader, signer, config, self.prechecks, self._clock, alarms or Alarms()
        )

    async def perform(self, signer: Signer, wanted: NewIntent, progress: Progress) -> Intent:
        """Has an action done and waits until it is final, or cannot go on. Safe to be cut off and called again."""
        return await self.see_through(signer, submit(self.outbox, wanted).id, progress)

    async def see_through(self, signer: Signer, intent_id: str, progress: Progress) -> Intent:
        """Works on an action until it has come to its end. Where a running node sends for this key, the node does it."""
        try:
            manager = self.manager(signer)
        except Conflict:
            return await self._watch(intent_id, progress)
        try:
            running = asyncio.create_task(manager.run())
            watching = asyncio.create_task(self._watch(intent_id, progress))
            await asyncio.wait([running, watching], return_when=asyncio.FIRST_COMPLETED)
            running.cancel()
            outcome = (await asyncio.gather(running, return_exceptions=True))[0]
            if not watching.done() and isinstance(outcome, Exception):
                watching.cancel()
                raise outcome
            return await watching
        finally:
            manager.close()

    async def _watch(self, intent_id: str, progress: Progress) -> Intent:
        seen = None
        while True:
            intent = self.outbox.intent(intent_id)
            if (intent.state, intent.note) != seen:
                seen = (intent.state, intent.note)
                progress(intent)
            if intent.state in ENDS:
                return intent
            await asyncio.sleep(WATCH_S)


@asynccontextmanager
async def open_wallet(config: WalletConfig, clock: Clock) -> AsyncIterator[Wallet]:
    """Opens a wallet; the chain is not asked yet."""
    database = Database(config.folder / FILE)
    chain_id = config.deployment.chain_id
    provider_config = ProviderConfig(config.urls, chain_id, config.quorum)
    try:
        genesis = database.recall(f"genesis:{chain_id}")
        async with open_provider(provider_config, clock, genesis) as provider:
            yield Wallet(config, Reader(provider), Outbox(database, clock), clock)
    finally:
        database.close()
