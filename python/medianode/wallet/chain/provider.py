"""Several endpoints as one: sends go to all, reads that matter need a quorum. Refuses to send anything twice by itself."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import structlog

from medianode.clock import Clock
from medianode.errors import ChainUnavailable, InvalidArgument
from medianode.wallet.chain.ballot import Ballot
from medianode.wallet.chain.endpoint import Endpoint, endpoint_name
from medianode.wallet.chain.faults import EndpointDown, Fault, NoQuorum, RpcError
from medianode.wallet.chain.limits import TokenBucket

STRAGGLER_S = 1.5
"""How long the rest may take once enough endpoints have said "nothing there"."""
MAX_LAG = 3

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """Which chain, through whom, and how many must agree."""

    urls: tuple[str, ...]
    chain_id: int
    quorum: int | None = None
    """None: one endpoint alone is believed; of several, two must agree."""
    timeout_s: float = 5.0
    calls_per_s: float = 50.0


class Provider:
    """Asks the chain. Every answer comes from endpoints whose chain id and first block were compared with the others'."""

    def __init__(
        self, config: ProviderConfig, endpoints: Sequence[Endpoint], genesis: str | None = None
    ) -> None:
        if not endpoints:
            raise InvalidArgument("no RPC endpoint is set (--rpc URL)")
        self.chain_id = config.chain_id
        self.endpoints = tuple(endpoints)
        self.quorum = config.quorum or min(2, len(endpoints))
        self.genesis = genesis
        self._sending: set[asyncio.Task[Any]] = set()

    async def any(self, method: str, params: Sequence[Any]) -> Any:  # noqa: ANN401 - JSON
        """Asks the best endpoint, and once more the next one if it is down. For what a lie cannot make costly."""
        last: ChainUnavailable | None = None
        for endpoint in sorted(await self._usable(), key=lambda e: e.score)[:2]:
            try:
                return await endpoint.call(method, params)
            except EndpointDown as error:
                last = error
        raise last or ChainUnavailable("no endpoint can be asked")

    async def agreed(self, method: str, params: Sequence[Any], read: Callable[[Any], T]) -> T:
        """Returns what enough endpoints say alike, after ``read`` (which must give values that compare).

        Raises ``NoQuorum``; or the ``RpcError`` that enough of them gave.
        """
        ballot = Ballot(method, self.quorum, read)
        await self._ask_all(method, params, ballot.add)
        for endpoint in self.endpoints:
            if endpoint.name in ballot.nonsense:
                endpoint.state.last_error = f"{method}: a malformed answer"
            if endpoint.name in ballot.losers():
                log.warning("an endpoint contradicts the others", endpoint=endpoint.name, method=method)
        return ballot.result()

    async def at_least(
        self, method: str, params: Sequence[Any], read: Callable[[Any], int]
    ) -> dict[str, int]:
        """Asks all for a number that only rises, such as a height; returns it by endpoint name."""
        found: dict[str, int] = {}

        def add(name: str, answer: Any) -> bool:  # noqa: ANN401 - JSON
            if not isinstance(answer, RpcError):
                with contextlib.suppress(TypeError, ValueError, KeyError):
                    found[name] = read(answer)
            return False

        await self._ask_all(method, params, add)
        return found

    def believed(self, numbers: dict[str, int], what: str) -> int:
        """Returns the highest number that enough endpoints have reached."""
        if len(numbers) < self.quorum:
            raise NoQuorum(f"{what}: {len(numbers)} endpoints answered, {self.quorum} must")
        return sorted(numbers.values(), reverse=True)[self.quorum - 1]

    async def height(self) -> int:
        """Returns the height that enough endpoints have reached, and sets those aside that lag behind it."""
        numbers = await self.at_least("eth_blockNumber", [], lambda answer: int(answer, 16))
        best = self.believed(numbers, "eth_blockNumber")
        for endpoint in self.endpoints:
            if endpoint.name in numbers:
                endpoint.state.height = numbers[endpoint.name]
                endpoint.state.lagging = numbers[endpoint.name] < best - MAX_LAG
        return best

    async def send_raw(self, raw: bytes) -> None:
        """Gives a signed transaction to every endpoint, once; returns at the first that takes or knows it.

        Raises the most telling ``RpcError`` when all refuse, ``ChainUnavailable`` when none answers. Either way it may
        have been accepted: only a receipt tells.
        """
        endpoints = await self._usable(lagging=True)
        tasks = {asyncio.create_task(_send(endpoint, raw)) for endpoint in endpoints}
        self._sending |= tasks
        for task in tasks:
            task.add_done_callback(self._sending.discard)
        refusal: RpcError | None = None
        for future in asyncio.as_completed(tasks):
            outcome = await future
            if outcome is None:
                return
            if isinstance(outcome, RpcError) and (refusal is None or outcome.kind is Fault.FUNDS):
                refusal = outcome
        raise refusal or ChainUnavailable("no endpoint took the transaction")

    async def close(self) -> None:
        """Waits for nothing: sends under way are dropped; the outbox has them."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def verify(self) -> None:
        """Compares chain id and first block of every endpoint that was not compared since it last failed.

        An endpoint of another chain is never asked again.
        """
        fresh = [
            e for e in self.endpoints if not e.state.verified and e.state.excluded is None and not e.resting
        ]
        answers = await asyncio.gather(*(_identity(endpoint) for endpoint in fresh))
        found = [
            (endpoint, answer) for endpoint, answer in zip(fresh, answers, strict=True) if answer is not None
        ]
        ours = [(e, first) for e, (chain_id, first) in found if chain_id == self.chain_id]
        if self.genesis is None:
            self.genesis = _most_common([first for _, first in ours])
        for endpoint, (chain_id, first) in found:
            if chain_id != self.chain_id:
                self._exclude(endpoint, f"it serves chain {chain_id}, not {self.chain_id}")
            elif first is not None and self.genesis is not None and first != self.genesis:
                self._exclude(
                    endpoint, f"its first block differs from that of chain {self.chain_id} as known here"
                )
            else:
                endpoint.state.verified = True

    async def _usable(self, *, lagging: bool = False) -> list[Endpoint]:
        await self.verify()
        alive = [e for e in self.endpoints if e.state.verified and not e.resting]
        usable = [e for e in alive if lagging or not e.state.lagging]
        if not usable:
            raise ChainUnavailable(
                f"no RPC endpoint of chain {self.chain_id} answers: {self._why()}", self._rest()
            )
        return usable

    async def _ask_all(self, method: str, params: Sequence[Any], add: Callable[[str, Any], bool]) -> None:
        """Hands over answers as they come, until ``add`` has enough. Once a quorum answered, the others have little time."""
        usable = await self._usable(lagging=method == "eth_blockNumber")
        tasks = {asyncio.create_task(_outcome(endpoint, method, params)) for endpoint in usable}
        answered, enough = 0, False
        try:
            while tasks and not enough:
                limit = STRAGGLER_S if answered >= self.quorum else None
                done, tasks = await asyncio.wait(tasks, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    return
                for name, outcome in (task.result() for task in done):
                    if not isinstance(outcome, EndpointDown):
                        answered += 1
                        enough = add(name, outcome) or enough
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _exclude(self, endpoint: Endpoint, why: str) -> None:
        endpoint.state.excluded = why
        log.error("an RPC endpoint is not used", endpoint=endpoint.name, reason=why)

    def _why(self) -> str:
        return "; ".join(
            f"{e.name}: {e.state.excluded or e.state.last_error or ('lags' if e.state.lagging else 'not asked yet')}"
            for e in self.endpoints
        )

    def _rest(self) -> float:
        rests = [e.resting for e in self.endpoints if e.state.excluded is None]
        return max(1.0, min(rests, default=60.0))


async def _outcome(endpoint: Endpoint, method: str, params: Sequence[Any]) -> tuple[str, Any]:
    """Asks once; an error is an outcome too."""
    try:
        return endpoint.name, await endpoint.call(method, params)
    except (RpcError, EndpointDown) as error:
        return endpoint.name, error


async def _send(endpoint: Endpoint, raw: bytes) -> RpcError | EndpointDown | None:
    """Sends once; none means that the endpoint has the transaction."""
    try:
        await endpoint.call("eth_sendRawTransaction", ["0x" + raw.hex()])
    except RpcError as error:
        return None if error.kind is Fault.KNOWN else error
    except EndpointDown as error:
        return error
    return None


async def _identity(endpoint: Endpoint) -> tuple[int, str | None] | None:
    """Reads chain id and first block; none when it does not answer. A node may have pruned its first block."""
    try:
        chain_id = int(await endpoint.call("eth_chainId", []), 16)
        block = await endpoint.call("eth_getBlockByNumber", ["0x0", False])
    except EndpointDown:
        return None
    except RpcError as error:
        endpoint.state.last_error = f"eth_chainId: {error}"
        return None
    except (TypeError, ValueError):
        endpoint.state.last_error = "eth_chainId: a malformed answer"
        return None
    return chain_id, block.get("hash") if isinstance(block, dict) else None


def _most_common(values: Sequence[str | None]) -> str | None:
    known = Counter(value for value in values if value is not None)
    return known.most_common(1)[0][0] if known else None


@asynccontextmanager
async def open_provider(
    config: ProviderConfig, clock: Clock, genesis: str | None = None
) -> AsyncIterator[Provider]:
    """Opens a provider; nothing is asked yet. ``genesis`` is the first block's hash if it is known from before."""
    async with aiohttp.ClientSession(auto_decompress=True) as session:
        endpoints = [
            Endpoint(
                url,
                endpoint_name(index, url),
                session,
                clock,
                config.timeout_s,
                TokenBucket(config.calls_per_s, 2 * config.calls_per_s),
            )
            for index, url in enumerate(config.urls, 1)
        ]
        provider = Provider(config, endpoints, genesis)
        try:
            yield provider
        finally:
            await provider.close()
