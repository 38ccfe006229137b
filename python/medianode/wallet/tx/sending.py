"""From intent to signed transaction to the network: check, estimate, price, sign, commit, and only then send."""

from medianode.clock import Clock
from medianode.errors import ChainUnavailable, Conflict, RequestError
from medianode.wallet.chain.facts import Block
from medianode.wallet.chain.faults import Fault, RpcError
from medianode.wallet.chain.fees import FeeLimits, Fees, Market, bump, suggest
from medianode.wallet.chain.reader import Reader
from medianode.wallet.keys.signer import Signer, sign
from medianode.wallet.tx.alarms import Alarms
from medianode.wallet.tx.intent import Attempt, Intent, State
from medianode.wallet.tx.meaning import Meaning, call_of
from medianode.wallet.tx.outbox import Outbox
from medianode.wallet.tx.transaction import TransactionRequest, transaction_hash

GAS_MARGIN = (5, 4)
"""What an estimate is multiplied by: state moves between estimate and block."""
CANCEL_GAS = 21_000


class Sending:
    """Signs and sends for one key."""

    def __init__(
        self,
        outbox: Outbox,
        reader: Reader,
        signer: Signer,
        meaning: Meaning,
        clock: Clock,
        alarms: Alarms,
    ) -> None:
        self._outbox = outbox
        self._reader = reader
        self._signer = signer
        self._meaning = meaning
        self._clock = clock
        self._alarms = alarms

    async def start(
        self, intent: Intent, head: Block, market: Market, limits: FeeLimits, *, alone: bool
    ) -> None:
        """Signs and sends a queued intent; or closes it, or leaves it queued with the reason noted.

        ``alone``: nothing of this sender is on the way that could make a refusal go away.
        """
        wanted = intent.wanted
        if wanted.deadline is not None and wanted.deadline < self._clock.now():
            self._outbox.finish(intent.id, State.CANCELLED, "its deadline passed before it was sent")
            return
        if wanted.precheck is not None and await self._meaning.already_so(wanted, head.number):
            self._outbox.finish(intent.id, State.FINAL, "already so")
            return
        gas = await self._gas(intent, head, alone=alone)
        if gas is None:
            return
        fees = suggest(market, limits)
        if fees is None:
            self._outbox.note(intent.id, f"waits for a base fee below {limits.max_fee} wei")
            return
        on_chain = await self._reader.nonce(wanted.sender, head.number)
        nonce = self._outbox.next_nonce(wanted.chain_id, wanted.sender, on_chain)
        await self._sign_and_send(intent, nonce, gas, fees, head)

    async def _gas(self, intent: Intent, head: Block, *, alone: bool) -> int | None:
        """Returns the gas limit; none when it cannot be sent now, with the reason noted. A limit is never guessed."""
        wanted = intent.wanted
        call = call_of(wanted)
        refusal = await self._reader.simulate(call)
        try:
            estimate = await self._reader.estimate(call) if refusal is None else 0
        except RpcError as error:
            refusal = error
        if refusal is not None:
            await self._refused(intent, refusal, head, alone=alone)
            return None
        if estimate > wanted.gas_cap:
            why = f"it would take {estimate} gas, more than the {wanted.gas_cap} allowed for {wanted.kind}"
            self._outbox.finish(intent.id, State.NEEDS_HUMAN, why)
            return None
        return min(estimate * GAS_MARGIN[0] // GAS_MARGIN[1], wanted.gas_cap)

    async def replace(
        self, intent: Intent, last: Attempt, head: Block, market: Market, limits: FeeLimits
    ) -> bool:
        """Sends the same again for higher fees, or its cancellation; says whether the cap allowed it."""
        fees = bump(Fees(last.max_fee, last.tip), market, limits)
        if fees is None:
            return False
        await self._sign_and_send(intent, last.nonce, CANCEL_GAS if intent.cancel else last.gas, fees, head)
        return True

    async def broadcast(self, attempt: Attempt) -> None:
        """Sends signed bytes, the same as before. The answer is noted, and decides only the alarm of an empty account."""
        try:
            await self._reader.provider.send_raw(attempt.raw)
            error = None
        except (RpcError, ChainUnavailable) as failure:
            error = str(failure)
            if isinstance(failure, RpcError) and failure.kind is Fault.FUNDS:
                self._alarms.ring("insufficient_funds", f"the account cannot pay for {attempt.intent_id}")
        if error is None:
            self._alarms.over("insufficient_funds")
        self._outbox.broadcast(attempt.hash, error)

    async def _sign_and_send(self, intent: Intent, nonce: int, gas: int, fees: Fees, head: Block) -> None:
        wanted = intent.wanted
        request = TransactionRequest(
            chain_id=wanted.chain_id,
            nonce=nonce,
            to=wanted.sender if intent.cancel else wanted.to,
            value=0 if intent.cancel else wanted.value,
            data=b"" if intent.cancel else wanted.data,
            gas=gas,
            max_fee_per_gas=fees.max_fee,
            max_priority_fee_per_gas=fees.tip,
        )
        try:
            raw = request.encode(await sign(self._signer, request))
        except RequestError as error:  # the policy refuses
            if intent.state is State.QUEUED:
                self._outbox.finish(intent.id, State.NEEDS_HUMAN, str(error))
            else:
                self._outbox.note(intent.id, str(error))
            return
        attempt = Attempt(
            intent_id=intent.id,
            hash=transaction_hash(raw),
            raw=raw,
            nonce=nonce,
            max_fee=fees.max_fee,
            tip=fees.tip,
            gas=gas,
            height=head.number,
            created=self._clock.now(),
            cancels=intent.cancel,
        )
        try:
            self._outbox.store(attempt)
        except Conflict:
            return  # the nonce went to another intent meanwhile; the next round takes the next one
        await self.broadcast(attempt)

    async def _refused(self, intent: Intent, error: RpcError, head: Block, *, alone: bool) -> None:
        """A refusal is for good only if nothing of ours on the way can change it and enough endpoints say so."""
        if error.kind is Fault.FUNDS:
            self._alarms.ring("insufficient_funds", f"the account cannot pay for {intent.id}")
            self._outbox.note(intent.id, "the account cannot pay for it")
            return
        if error.kind is Fault.REVERT and alone:
            confirmed = await self._reader.refusal(call_of(intent.wanted), head.number)
            if confirmed is not None and confirmed.kind is Fault.REVERT:
                why = self._meaning.explain(confirmed)
                self._outbox.finish(intent.id, State.FAILED_REVERT, f"the contract would refuse it: {why}")
                return
        self._outbox.note(intent.id, f"cannot be sent now: {self._meaning.explain(error)}")
