"""Kills a wallet's process again and again while its chain and its network misbehave, all from one seed."""

import asyncio
import contextlib
import json
import random
import sqlite3
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.keys.signer import sign
from medianode.wallet.tx.transaction import TransactionRequest
from tests.support.chain_proxy import ChainProxy
from tests.support.chain_worker import KEY
from tests.support.chains import LocalChain, Refused

REORG_DEPTH = 3
FINAL_DEPTH = 5
GWEI = 10**9


@dataclass(frozen=True)
class Plan:
    """How much misfortune there is."""

    actions: int
    kills: int
    pool_wipes: int
    reorgs: int
    foreign: int
    limit_s: float


@dataclass
class Tally:
    """What happened."""

    seed: int
    kills: int = 0
    lost_replies: int = 0
    pool_wipes: int = 0
    reorgs: int = 0
    foreign: int = 0
    attempts: int = 0
    exactly_once: int = 0
    final_nonce: int = 0
    seconds: float = 0
    foreign_nonces: list[int] = field(default_factory=list)


class Chaos:
    """One run over one chain that mines when it is told to."""

    def __init__(self, chain: LocalChain, data_dir: Path, plan: Plan, seed: int) -> None:
        self.chain = chain
        self.data_dir = data_dir
        self.plan = plan
        self.rng = random.Random(seed)
        self.tally = Tally(seed)
        self.signer = LocalSigner(KEY)
        self.contract = ""
        self._process: asyncio.subprocess.Process | None = None
        self._stolen_at = -1 << 30

    async def run(self) -> Tally:
        started = time.monotonic()
        self.chain.fund(self.signer.address)
        self.contract = self.chain.deploy()
        proxy = ChainProxy(
            self.chain.url,
            random.Random(self.rng.random()),
            drop_before=0.08,
            drop_sends_after=0.3,
            unavailable=0.03,
        )
        async with asyncio.timeout(self.plan.limit_s), proxy:
            mining = asyncio.create_task(self._mine())
            try:
                await self._lives(proxy.url)
            finally:
                mining.cancel()
                await asyncio.gather(mining, return_exceptions=True)
                if self._process is not None and self._process.returncode is None:
                    self._process.kill()
                    await self._process.wait()
        self.tally.lost_replies = proxy.lost_replies
        self.tally.seconds = round(time.monotonic() - started, 1)
        self._count()
        print(json.dumps(asdict(self.tally)))
        return self.tally

    async def _lives(self, url: str) -> None:
        """Each life of the worker has a few actions more to do; the last one may finish."""
        mishaps = (
            [self._wipe] * self.plan.pool_wipes
            + [self._reorg] * self.plan.reorgs
            + [self._steal] * self.plan.foreign
        )
        self.rng.shuffle(mishaps)
        for life in range(self.plan.kills):
            await self._start(url, self.plan.actions * (life + 1) // self.plan.kills)
            due = len(mishaps) * (self.plan.kills - life) / self.plan.kills
            await asyncio.sleep(self.rng.uniform(0.1, 0.9))
            while mishaps and len(mishaps) >= due and mishaps[-1]():
                mishaps.pop()
            await asyncio.sleep(self.rng.uniform(0.0, 0.4))
            assert self._process is not None
            if self._process.returncode is None:
                self._process.kill()
                self.tally.kills += 1
            await self._process.wait()
        await self._start(url, self.plan.actions)
        assert self._process is not None
        while mishaps:
            await asyncio.sleep(0.2)
            if mishaps[-1]():
                mishaps.pop()
            assert self._process.returncode is None, f"ended before {mishaps}"
        assert await self._process.wait() == 0

    async def _start(self, url: str, actions: int) -> None:
        config = {
            "data_dir": str(self.data_dir),
            "urls": [url],
            "chain_id": self.chain.chain_id,
            "contract": self.contract,
            "actions": actions,
            "depth": FINAL_DEPTH,
            "most_unmined": 8,
        }
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.chain_worker",
            json.dumps(config),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line == b"started\n", line

    async def _mine(self) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(0.05, 0.5))
            with contextlib.suppress(Refused):
                self.chain.mine()

    def _wipe(self) -> bool:
        self.chain.drop_all()
        self.tally.pool_wipes += 1
        return True

    def _reorg(self) -> bool:
        """Takes back the newest blocks; their transactions are gone from the pool too.

        Not a block with a stolen nonce: its transaction would be gone for good, and nothing stolen.
        """
        if self.chain.height - self._stolen_at <= REORG_DEPTH:
            return False
        self.chain.rpc("anvil_reorg", REORG_DEPTH, [])
        self.tally.reorgs += 1
        return True

    def _steal(self) -> bool:
        """Spends a nonce that was signed and is not mined yet, as another holder of the key would."""
        on_chain = self.chain.nonce(self.signer.address)
        if on_chain not in self._signed_nonces():
            return False
        self.chain.drop_all()
        raw = foreign_transaction(self.chain.chain_id, on_chain, self.signer)
        try:
            self.chain.rpc("eth_sendRawTransaction", "0x" + raw.hex())
        except Refused:
            return False
        self.chain.mine(1)
        self.tally.foreign += 1
        self.tally.foreign_nonces.append(on_chain)
        self._stolen_at = self.chain.height
        return True

    def _signed_nonces(self) -> set[int]:
        return {row[0] for row in self._query("select nonce from intent where state = 'signed'")}

    def _query(self, sql: str) -> list[Any]:
        connection = sqlite3.connect(self.data_dir / "wallet.sqlite", timeout=10)
        with contextlib.closing(connection):
            return connection.execute(sql).fetchall()

    def _count(self) -> None:
        counts = [self.chain.storage(self.contract, number) for number in range(self.plan.actions)]
        self.tally.exactly_once = sum(count == 1 for count in counts)
        self.tally.attempts = self._query("select count(*) from attempt")[0][0]
        self.tally.final_nonce = self.chain.nonce(self.signer.address)
        assert not any(count > 1 for count in counts), [i for i, count in enumerate(counts) if count > 1]


def foreign_transaction(chain_id: int, nonce: int, signer: LocalSigner) -> bytes:
    """Makes what another holder of the key would send."""
    request = TransactionRequest(chain_id, nonce, "0x" + "ee" * 20, 1, b"", 21_000, 90 * GWEI, 50 * GWEI)
    return request.encode(_driven(sign(signer, request)))


def _driven(coroutine: Any) -> bytes:
    """Drives a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return bytes(done.value)
    raise AssertionError("it waits")
