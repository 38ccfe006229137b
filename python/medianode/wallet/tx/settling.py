"""What became of signed intents: receipts of all attempts, blocks that were taken back, nonces that others used.

Decides from receipts and nonces alone, never from the text of an error.
"""

import structlog

from medianode.wallet.chain.facts import Block, Receipt, quantity
from medianode.wallet.chain.finality import Finality
from medianode.wallet.chain.reader import Reader
from medianode.wallet.tx.alarms import Alarms
from medianode.wallet.tx.intent import Attempt, Intent, State
from medianode.wallet.tx.meaning import Meaning, call_of
from medianode.wallet.tx.outbox import Outbox

log = structlog.get_logger(__name__)


class Settling:
    """Moves intents of one sender between signed, mined and their ends."""

    def __init__(
        self, outbox: Outbox, reader: Reader, finality: Finality, alarms: Alarms, meaning: Meaning
    ) -> None:
        self._outbox = outbox
        self._meaning = meaning
        self._reader = reader
        self._finality = finality
        self._alarms = alarms
        self._suspects: set[str] = set()
        self._heights: dict[Finality, int] = {}

    def begin(self) -> None:
        """Begins a round: what was read of final blocks in the last one is old."""
        self._heights.clear()

    async def settle(self, intent: Intent, head: Block) -> None:
        """Looks at one intent that was signed. Its state afterwards is what the chain shows now."""
        attempts = self._outbox.attempts(intent.id)
        found = await self._receipt(attempts)
        if found is None:
            if intent.state is State.MINED:
                log.warning("the block of an action was taken back", action=intent.id)
                self._outbox.taken_back(intent.id)
            await self._look_for_thief(intent, head)
            return
        attempt, receipt = found
        if (intent.state, intent.block_hash) != (State.MINED, receipt.block_hash):
            self._outbox.mined(intent.id, receipt)
        if receipt.block_number <= await self._final_height(self._finality_of(intent), head):
            await self._finish(intent, attempt, receipt)

    def _finality_of(self, intent: Intent) -> Finality:
        """A kind may need less than money does, but only where the chain's tags mean something."""
        tag = intent.wanted.final_tag
        return Finality(tag=tag) if tag is not None and self._finality.tag is not None else self._finality

    async def _final_height(self, finality: Finality, head: Block) -> int:
        if finality not in self._heights:
            self._heights[finality] = await self._reader.final_height(finality, head)
        return self._heights[finality]

    async def _receipt(self, attempts: list[Attempt]) -> tuple[Attempt, Receipt] | None:
        for attempt in attempts:
            receipt = await self._reader.receipt(attempt.hash)
            if receipt is not None:
                return attempt, receipt
        return None

    async def _finish(self, intent: Intent, attempt: Attempt, receipt: Receipt) -> None:
        block = await self._reader.block(receipt.block_number)
        if block.hash != receipt.block_hash:  # the receipt is of a block that is on no chain any more
            self._outbox.taken_back(intent.id)
        elif attempt.cancels:
            self._outbox.finish(intent.id, State.CANCELLED, "cancelled: its nonce was used for nothing")
        elif receipt.succeeded:
            self._outbox.finish(intent.id, State.FINAL)
        else:
            error = await self._reader.simulate(call_of(intent.wanted), quantity(block.number - 1))
            why = "no reason can be found" if error is None else self._meaning.explain(error)
            self._outbox.finish(intent.id, State.FAILED_REVERT, f"the contract refused it: {why}")

    async def _look_for_thief(self, intent: Intent, head: Block) -> None:
        """Gives a new nonce to an intent whose own went for good to a transaction that we did not sign.

        Two looks in a row must agree: receipts and nonce may come from endpoints at different heights.
        """
        if intent.nonce is None or intent.state is State.MINED:
            return
        sender = intent.wanted.sender
        if await self._reader.nonce(sender, head.number) <= intent.nonce:
            self._suspects.discard(intent.id)
            return
        height = await self._final_height(self._finality, head)
        if height < 0 or await self._reader.nonce(sender, height) <= intent.nonce:
            return
        if intent.id not in self._suspects:
            self._suspects.add(intent.id)
            return
        self._suspects.discard(intent.id)
        self._alarms.ring(
            "key_used_elsewhere", f"nonce {intent.nonce} of {sender} was used by somebody else's transaction"
        )
        if intent.cancel:
            self._outbox.finish(intent.id, State.CANCELLED, "its nonce was used by somebody else")
        else:
            self._outbox.nonce_lost(intent.id)
