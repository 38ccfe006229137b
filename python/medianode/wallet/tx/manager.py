"""Carries out the intents of one key, round by round; each begins with what the disk and the chain say."""

import asyncio
from dataclasses import dataclass, field

from medianode.clock import Clock
from medianode.errors import Conflict, DependencyError
from medianode.wallet.chain.facts import Block
from medianode.wallet.chain.fees import FeeLimits, Market
from medianode.wallet.chain.finality import Finality
from medianode.wallet.chain.reader import Reader
from medianode.wallet.keys.signer import Signer
from medianode.wallet.tx.alarms import Alarms
from medianode.wallet.tx.intent import Intent, State
from medianode.wallet.tx.lease import RENEW_S, Lease
from medianode.wallet.tx.meaning import Meaning
from medianode.wallet.tx.outbox import Outbox
from medianode.wallet.tx.sending import Sending
from medianode.wallet.tx.settling import Settling

DELEGATED = bytes.fromhex("ef0100")
"""How the code of an account begins that delegates to a contract (EIP-7702); pools take one transaction of it at a time."""
TYPICAL_GAS = 100_000
LOW_ACTIONS = 20
ENDS = frozenset({State.FINAL, State.FAILED_REVERT, State.CANCELLED, State.NEEDS_HUMAN})


@dataclass(frozen=True, slots=True)
class ManagerConfig:
    """How a manager behaves."""

    finality: Finality
    fees: FeeLimits = field(default_factory=FeeLimits)
    lazy: frozenset[str] = frozenset()
    """Kinds that wait until gas is cheap."""
    poll_s: float = 4.0
    most_unmined: int = 8
    """Transactions of one sender that no block has yet."""
    patience_s: float = 30.0
    patience_blocks: int = 3
    """A transaction is replaced once both have passed."""
    rebroadcast_s: float = 15.0
    low_actions: int = LOW_ACTIONS
    """The low-balance alarm rings when the balance pays for fewer typical actions than this."""


@dataclass(slots=True)
class Balance:
    """What the sender has, and how far it goes."""

    wei: int
    actions_left: int


class Manager:
    """The only one that signs and sends for its key. Closed, it leaves everything on disk for the next."""

    def __init__(
        self,
        outbox: Outbox,
        reader: Reader,
        signer: Signer,
        config: ManagerConfig,
        meaning: Meaning,
        clock: Clock,
        alarms: Alarms,
    ) -> None:
        self.outbox = outbox
        self.reader = reader
        self.sender = signer.address
        self.chain_id = reader.provider.chain_id
        self.alarms = alarms
        self.balance: Balance | None = None
        self.head: Block | None = None
        self._config = config
        self._clock = clock
        self._sending = Sending(outbox, reader, signer, meaning, clock, self.alarms)
        self._settling = Settling(outbox, reader, config.finality, self.alarms, meaning)
        self._lease = Lease(outbox.database, self.sender, clock)
        self._renewed = clock.monotonic()
        self._sent: dict[str, float] = {}
        """When this process last sent the newest attempt at an intent; the chain's pools may have lost what others sent."""
        self._wake = asyncio.Event()

    def close(self) -> None:
        """Lets another process send for this key."""
        self._lease.close()

    def wake(self) -> None:
        """Begins the next round at once: something was submitted, or a block came."""
        self._wake.set()

    async def run(self) -> None:
        """Works until it is cancelled. Raises ``Conflict`` when another process has taken over the key."""
        while True:
            try:
                await self.round()
                self.alarms.over("chain_unavailable")
            except DependencyError as error:
                self.alarms.ring("chain_unavailable", str(error))
            try:
                async with asyncio.timeout(self._config.poll_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def round(self) -> None:
        """Looks at every open intent once, and moves what can be moved."""
        if self._clock.monotonic() - self._renewed >= RENEW_S:
            self._lease.renew()
            self._renewed = self._clock.monotonic()
        head = self.head = await self.reader.head()
        genesis = self.reader.provider.genesis
        if genesis is not None:
            self._same_chain(genesis)
        market = await self.reader.market(head)
        await self._look_at_balance(head, market)
        intents = self.outbox.open_intents(self.chain_id, self.sender)
        if not intents:
            return
        self._settling.begin()
        signed = [intent for intent in intents if intent.state is not State.QUEUED]
        outcomes = await asyncio.gather(
            *(self._advance(i, head, market, self._limits(i, intents)) for i in signed),
            return_exceptions=True,
        )
        for intent, outcome in zip(signed, outcomes, strict=True):
            if isinstance(outcome, DependencyError):
                self.outbox.note(intent.id, str(outcome))
            elif isinstance(outcome, BaseException):
                raise outcome
        await self._start_queued(head, market)

    def _limits(self, intent: Intent, intents: list[Intent]) -> FeeLimits:
        """Returns what an intent may cost. Nonces go in order: what stands before something urgent is as urgent."""
        lazy = self._config.lazy
        waits = [other for other in intents if intent.nonce is not None and _after(other, intent.nonce)]
        if intent.cancel or any(other.wanted.kind not in lazy for other in (intent, *waits)):
            return self._config.fees
        return self._config.fees.lazy()

    async def _advance(self, intent: Intent, head: Block, market: Market, limits: FeeLimits) -> None:
        await self._settling.settle(intent, head)
        intent = self.outbox.intent(intent.id)
        if intent.state is not State.SIGNED:
            self._sent.pop(intent.id, None)
            return
        attempts = [attempt for attempt in self.outbox.attempts(intent.id) if attempt.nonce == intent.nonce]
        newest = attempts[0]
        waited = self._clock.now() - newest.created
        blocks = head.number - newest.height
        stuck = waited >= self._config.patience_s and blocks >= self._config.patience_blocks
        undo = intent.cancel and not any(attempt.cancels for attempt in attempts)
        if stuck or undo:
            if await self._sending.replace(intent, newest, head, market, limits):
                self._sent[intent.id] = self._clock.monotonic()
                return
            if limits == self._config.fees:
                text = f"{intent.id} is not mined, and its fees may not rise any more"
                self.alarms.ring("stuck_at_cap", text)
        last = self._sent.get(intent.id)
        if last is None or self._clock.monotonic() - last >= self._config.rebroadcast_s:
            self._sent[intent.id] = self._clock.monotonic()
            await self._sending.broadcast(newest)

    async def _start_queued(self, head: Block, market: Market) -> None:
        intents = self.outbox.open_intents(self.chain_id, self.sender)
        unmined = sum(intent.state is State.SIGNED for intent in intents)
        if not any(intent.state is State.SIGNED for intent in intents):
            self.alarms.over("stuck_at_cap")
        queued = [intent for intent in intents if intent.state is State.QUEUED]
        if not queued:
            return
        most = self._config.most_unmined
        if (await self.reader.code(self.sender, head.number)).startswith(DELEGATED):
            most = 1
        for intent in queued:
            if unmined >= most:
                return
            limits = self._limits(intent, [])
            await self._sending.start(intent, head, market, limits, alone=unmined == 0)
            if self.outbox.intent(intent.id).state is State.SIGNED:
                self._sent[intent.id] = self._clock.monotonic()
                unmined += 1

    async def _look_at_balance(self, head: Block, market: Market) -> None:
        wei = await self.reader.balance(self.sender, head.number)
        price = market.base_fee + (market.tip or self._config.fees.min_tip)
        self.balance = Balance(wei, wei // (TYPICAL_GAS * price))
        if self.balance.actions_left < self._config.low_actions:
            self.alarms.ring(
                "low_balance", f"{self.sender} can pay for {self.balance.actions_left} more actions"
            )
        else:
            self.alarms.over("low_balance")

    def _same_chain(self, genesis: str) -> None:
        """Refuses to go on where the chain of this id is another than the one the outbox was written for."""
        known = self.outbox.database.remember(f"genesis:{self.chain_id}", genesis)
        if known != genesis:
            path = self.outbox.database.path
            raise Conflict(
                f"chain {self.chain_id} begins with another block than when {path.name} was written; if it was made anew,"
                f" move {path} away"
            )


def _after(other: Intent, nonce: int) -> bool:
    """Says whether an intent can be mined only after this nonce was used."""
    return other.state is State.QUEUED or (other.nonce is not None and other.nonce > nonce)


async def watch(
    outbox: Outbox, ids: list[str], until: frozenset[State], poll_s: float = 0.25
) -> list[Intent]:
    """Waits until each of these intents is in one of the states, whoever works on them."""
    while True:
        intents = [outbox.intent(intent_id) for intent_id in ids]
        if all(intent.state in until for intent in intents):
            return intents
        await asyncio.sleep(poll_s)
