"""One JSON-RPC endpoint over HTTP: a call is sent once. Owns its limits and health; refuses to retry and to know methods."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from medianode.clock import Clock
from medianode.errors import InvalidArgument
from medianode.wallet.chain.faults import EndpointDown, Fault, RpcError
from medianode.wallet.chain.limits import Breaker, TokenBucket

MAX_ANSWER_BYTES = 32 << 20
MAX_RETRY_AFTER_S = 600.0
LIMITED_REST_S = 1.0
LATENCY_WEIGHT = 0.2
FAILURE_PENALTY_S = 10.0


@dataclass(slots=True)
class EndpointState:
    """What is known of an endpoint."""

    latency_s: float = 0.0
    height: int = 0
    lagging: bool = False
    verified: bool = False
    """Its chain id and first block were compared since the last failure."""
    excluded: str | None = None
    """Why it is never asked again."""
    last_error: str | None = None


@dataclass(slots=True)
class Endpoint:
    """A node that we may ask. Its URL carries keys and is never shown; ``name`` is."""

    url: str
    name: str
    session: aiohttp.ClientSession
    clock: Clock
    timeout_s: float
    bucket: TokenBucket
    state: EndpointState = field(default_factory=EndpointState)
    breaker: Breaker = field(default_factory=Breaker)
    _ids: int = 0

    @property
    def resting(self) -> float:
        """Seconds for which it must not be asked."""
        return self.breaker.resting(self.clock.monotonic())

    @property
    def score(self) -> float:
        """Orders endpoints for reads: the lower, the better."""
        return self.state.latency_s + FAILURE_PENALTY_S * self.breaker.failures + 60.0 * self.state.lagging

    async def call(self, method: str, params: Sequence[Any]) -> Any:  # noqa: ANN401 - JSON
        """Asks once. Raises ``RpcError`` for what the node refuses, ``EndpointDown`` when it does not answer as a node does."""
        if self.resting:
            raise EndpointDown(f"{self.name} rests for {self.resting:.0f} s: {self.state.last_error}")
        wait = self.bucket.delay(self.clock.monotonic())
        if wait:
            await asyncio.sleep(wait)
        self._ids = call_id = self._ids + 1
        body = {"jsonrpc": "2.0", "id": call_id, "method": method, "params": list(params)}
        started = self.clock.monotonic()
        try:
            async with asyncio.timeout(self.timeout_s):
                answer = await self._post(body)
        except TimeoutError:
            raise self._down(f"no answer to {method} in {self.timeout_s:g} s", at_once=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._down(f"{method}: {type(error).__name__}") from None
        taken = self.clock.monotonic() - started
        self.state.latency_s += LATENCY_WEIGHT * (taken - self.state.latency_s)
        self.breaker.succeeded()
        return self._result(answer, call_id, method)

    async def _post(self, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        async with self.session.post(self.url, json=body, allow_redirects=False) as response:
            if response.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
                self._rest(response.headers.get("Retry-After"))
            if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise self._down("HTTP 429", counted=False)
            raw = await response.content.read(MAX_ANSWER_BYTES + 1)
            while len(raw) <= MAX_ANSWER_BYTES and (more := await response.content.read(MAX_ANSWER_BYTES)):
                raw += more
            try:
                if len(raw) > MAX_ANSWER_BYTES:
                    raise ValueError("too long")  # noqa: TRY301 - one place says what was wrong
                return json.loads(raw)
            except ValueError:
                raise self._down(f"HTTP {response.status} without JSON") from None

    def _result(self, answer: Any, call_id: int, method: str) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise self._down(f"{method}: no JSON-RPC answer")
        error = answer.get("error")
        if error is None:
            if answer.get("id") != call_id:
                raise self._down(f"{method}: an answer to another call")
            return answer["result"]
        fault = _fault(error)
        if fault.kind is Fault.LIMITED:
            self.breaker.rest(self.clock.monotonic(), LIMITED_REST_S)
            raise self._down(f"{method}: rate limit", counted=False)
        raise fault

    def _rest(self, retry_after: str | None) -> None:
        """Obeys Retry-After (RFC 9110 section 10.2.3), in seconds or as a date."""
        seconds = LIMITED_REST_S
        if retry_after is not None:
            try:
                seconds = float(retry_after)
            except ValueError:
                try:
                    seconds = parsedate_to_datetime(retry_after).timestamp() - self.clock.now()
                except ValueError:
                    seconds = LIMITED_REST_S
        self.breaker.rest(self.clock.monotonic(), min(max(seconds, 0.0), MAX_RETRY_AFTER_S))

    def _down(self, what: str, *, at_once: bool = False, counted: bool = True) -> EndpointDown:
        self.state.verified = False
        self.state.last_error = what
        if counted:
            self.breaker.failed(self.clock.monotonic(), at_once=at_once)
        return EndpointDown(f"{self.name}: {what}")


def _fault(error: Any) -> RpcError:  # noqa: ANN401 - JSON
    if not isinstance(error, dict):
        return RpcError(0, str(error)[:200])
    data = error.get("data")
    if isinstance(data, dict):  # Hardhat wraps the data of a revert
        data = data.get("data")
    code = error.get("code")
    return RpcError(
        code if isinstance(code, int) else 0,
        str(error.get("message", ""))[:500],
        data if isinstance(data, str) else None,
    )


def endpoint_name(index: int, url: str) -> str:
    """Names an endpoint for people: number and host. User, path and query of a URL may be keys."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidArgument(f"RPC endpoint {index} is no http:// or https:// URL")
    port = f":{parts.port}" if parts.port else ""
    return f"#{index} {parts.hostname}{port}"
