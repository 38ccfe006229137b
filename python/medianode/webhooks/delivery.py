"""Sends the events that wait: for each endpoint in order, signed anew at each try, until taken, refused or too old."""

import asyncio
import random
from http import HTTPStatus

import structlog

from medianode.clock import Clock
from medianode.errors import MedianodeError
from medianode.history.database import Database
from medianode.outbound import Outbound
from medianode.webhooks.outbox import Endpoint, Letter, Outbox, count_try, first, remove
from medianode.webhooks.signature import HEADER, sign

TRIES = 8
"""Refusals of one event by a server that answers, before it makes room for the next."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
STORE_PAUSE_S = 5.0

# What a server or a proxy says that is not there, or not ready: the event is good, the moment is not.
_LATER = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)

log = structlog.get_logger(__name__)


class Delivery:
    """One sender for each endpoint."""

    def __init__(
        self, database: Database, outbox: Outbox, outbound: Outbound, clock: Clock, keep_s: float
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._outbound = outbound
        self._clock = clock
        self._keep_s = keep_s
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins to send, with what an earlier run left."""
        await self._database.run(self._outbox.purge)
        self._tasks = [
            asyncio.create_task(self._serve(endpoint), name="webhooks") for endpoint in self._outbox.endpoints
        ]

    async def finish(self, seconds: float = 1.0) -> None:
        """Gives the last events a moment, then ends; what is not sent waits on disk for the next start."""
        if self._tasks:
            idle = [asyncio.create_task(self._emptied(endpoint)) for endpoint in self._outbox.endpoints]
            await asyncio.wait(idle, timeout=seconds)
            for task in [*idle, *self._tasks]:
                task.cancel()
            await asyncio.gather(*idle, *self._tasks, return_exceptions=True)
        await self._outbound.close()

    async def _serve(self, endpoint: Endpoint) -> None:
        failures = 0
        while True:
            try:
                taken = await self._next(endpoint)
            except Exception:  # the store, or a bug of ours; other events must not wait for ever
                log.exception("webhooks cannot be sent", endpoint=endpoint.id)
                await asyncio.sleep(STORE_PAUSE_S)
                continue
            if taken:
                failures = 0
                continue
            await asyncio.sleep(_pause(failures))
            failures += 1

    async def _next(self, endpoint: Endpoint) -> bool:
        """Deals with the event that is first in the row; says whether the next may follow at once."""
        endpoint.news.clear()
        letter = await self._database.run(lambda db: first(db, endpoint))
        if letter is None:
            await endpoint.news.wait()
            return True
        outcome = await self._outcome(endpoint, letter)
        endpoint.counts[outcome] += 1
        if outcome == "failed":
            return False
        if outcome == "refused":
            if letter.tries + 1 < TRIES:
                await self._database.run(lambda db: count_try(db, letter))
                return False
            endpoint.counts["given_up"] += 1
        await self._database.run(lambda db: remove(db, letter))
        return True

    async def _outcome(self, endpoint: Endpoint, letter: Letter) -> str:
        if self._clock.now() - letter.created_at > self._keep_s:
            return "expired"
        headers = {
            "Content-Type": "text/plain",
            HEADER: sign(endpoint.secret, letter.id, letter.body, self._clock.now()),
        }
        try:
            status = await self._outbound.post(endpoint.url, letter.body.encode(), headers)
        except MedianodeError as error:
            log.warning("a webhook could not be sent", endpoint=endpoint.id, reason=str(error))
            return "failed"
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return "delivered"
        log.warning("a webhook was not taken", endpoint=endpoint.id, status=status, tries=letter.tries + 1)
        return "failed" if status in _LATER else "refused"

    async def _emptied(self, endpoint: Endpoint) -> None:
        while await self._database.run(lambda db: first(db, endpoint)) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _pause(failures: int) -> float:
    """Doubles, up to a bound, with jitter so that endpoints of one server do not come back at once."""
    longest = min(FIRST_PAUSE_S * 2.0 ** min(failures, 16), LONGEST_PAUSE_S)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
