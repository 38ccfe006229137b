"""Follows the events of contracts by ranges of blocks, only as far as blocks are final, and goes back where they were not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from medianode.errors import ChainUnavailable
from medianode.wallet.chain.facts import Log
from medianode.wallet.chain.faults import RpcError
from medianode.wallet.chain.finality import Finality
from medianode.wallet.chain.reader import Reader

FIRST_RANGE = 2000
MOST_RANGE = 10_000

log = structlog.get_logger(__name__)


class Places(Protocol):
    """Where a stream has come to, kept across restarts."""

    def places(self, stream: str) -> list[tuple[int, str]]:
        """Lists block numbers and hashes, the newest first."""

    def save(self, stream: str, block_number: int, block_hash: str) -> None:
        """Keeps a place, and forgets what lies after it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The events of one range. ``block`` and ``block_hash`` are to be saved once they are dealt with."""

    logs: tuple[Log, ...]
    block: int
    block_hash: str
    rolled_back_to: int | None
    """Events after this block, given earlier, are of blocks that are gone; they come again where they still hold."""


class LogFollower:
    """Reads the events of some contracts in order, each at least once; all since ``first`` or the last place saved."""

    def __init__(
        self,
        reader: Reader,
        places: Places,
        stream: str,
        contracts: Sequence[str],
        first: int,
        finality: Finality,
    ) -> None:
        self._reader = reader
        self._places = places
        self._stream = stream
        self._contracts = tuple(contracts)
        self._first = first
        self._finality = finality
        self._range = FIRST_RANGE

    async def next(self) -> Batch | None:
        """Returns the next range; none while nothing new is final. The same again until it was saved."""
        head = await self._reader.head()
        final = await self._reader.final_height(self._finality, head)
        start, rolled_back_to = await self._start()
        if final < start:
            return None
        while True:
            last = min(final, start + self._range - 1)
            block = await self._reader.block(last)
            try:
                logs = await self._reader.logs(self._contracts, start, last)
            except RpcError:
                if self._range == 1:
                    raise
                self._range = max(1, self._range // 4)  # nodes bound ranges and results, each differently
                continue
            self._range = min(MOST_RANGE, self._range * 2)
            return Batch(logs, last, block.hash, rolled_back_to)

    def save(self, batch: Batch) -> None:
        """Notes that a batch was dealt with."""
        self._places.save(self._stream, batch.block, batch.block_hash)

    async def _start(self) -> tuple[int, int | None]:
        """Finds the newest saved place that is still on the chain; the second value is set where others are not."""
        places = self._places.places(self._stream)
        for index, (number, block_hash) in enumerate(places):
            try:
                found = await self._reader.block(number)
            except ChainUnavailable:  # enough endpoints must know it; a chain that became shorter does not
                if index == len(places) - 1:
                    raise
                continue
            if found.hash == block_hash:
                return number + 1, number if index else None
        if places:
            log.warning("no block that was read before is on the chain; reading from the beginning")
        return self._first, self._first - 1 if places else None
