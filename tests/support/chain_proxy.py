"""Stands between a wallet and a chain and misbehaves: by chance from a seed, or as a test tells it."""

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from aiohttp import web


@dataclass
class ChainProxy:
    """Forwards JSON-RPC. ``answer`` may replace an answer; rates are chances per request."""

    upstream: str
    rng: random.Random = field(default_factory=random.Random)
    drop_before: float = 0.0
    drop_sends_after: float = 0.0
    unavailable: float = 0.0
    hang: bool = False
    limited: int | None = None
    """Answers 429 with this Retry-After."""
    answer: Callable[[str, list[Any], Any], Any] | None = None
    """Takes method, parameters and result; returns the result to give."""
    calls: list[tuple[float, str]] = field(default_factory=list)
    sends: list[str] = field(default_factory=list)
    lost_replies: int = 0
    url: str = ""
    _runner: web.AppRunner | None = None
    _session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{key:.*}", self._handle)
        self._session = aiohttp.ClientSession()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        method = body["method"]
        self.calls.append((asyncio.get_running_loop().time(), method))
        if method == "eth_sendRawTransaction":
            self.sends.append(body["params"][0])
        if self.hang:
            await asyncio.sleep(60)
        if self.limited is not None:
            return web.Response(status=429, headers={"Retry-After": str(self.limited)})
        if self.rng.random() < self.unavailable:
            return web.Response(status=503, text="<html>busy</html>")
        if self.rng.random() < self.drop_before:
            return self._cut(request)
        answer = await self._forward(body)
        if method == "eth_sendRawTransaction" and self.rng.random() < self.drop_sends_after:
            self.lost_replies += "result" in answer
            return self._cut(request)
        if self.answer is not None and "result" in answer:
            answer["result"] = self.answer(method, body["params"], answer["result"])
        return web.json_response(answer)

    async def _forward(self, body: dict[str, Any]) -> dict[str, Any]:
        assert self._session is not None
        async with self._session.post(self.upstream, json=body) as response:
            return json.loads(await response.read())

    def _cut(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
