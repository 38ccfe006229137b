"""A process that asks for actions and carries them out, to be killed at any moment.

Called as ``python -m tests.support.chain_worker CONFIG`` with a JSON document; it prints ``started`` once it works.
"""

import asyncio
import json
import sys
from pathlib import Path

from medianode.clock import SystemClock
from medianode.wallet.chain.finality import Finality
from medianode.wallet.chain.provider import ProviderConfig, open_provider
from medianode.wallet.chain.reader import Reader
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.tx.alarms import Alarms
from medianode.wallet.tx.database import Database
from medianode.wallet.tx.intent import NewIntent
from medianode.wallet.tx.manager import ENDS, Manager, ManagerConfig, watch
from medianode.wallet.tx.outbox import Outbox
from tests.support.opaque import Opaque

KEY = bytes.fromhex("07" * 32)


def action(number: int, chain_id: int, sender: str, contract: str) -> NewIntent:
    data = number.to_bytes(32, "big")
    return NewIntent(f"count:{number}", "count", chain_id, sender, contract, data, gas_cap=200_000)


async def work(config: dict) -> None:
    clock = SystemClock()
    database = Database(Path(config["data_dir"]) / "wallet.sqlite")
    outbox = Outbox(database, clock)
    signer = LocalSigner(KEY)
    chain_id = config["chain_id"]
    provider_config = ProviderConfig(tuple(config["urls"]), chain_id, timeout_s=2, calls_per_s=2000)
    async with open_provider(provider_config, clock, database.recall(f"genesis:{chain_id}")) as provider:
        manager = Manager(
            outbox,
            Reader(provider),
            signer,
            ManagerConfig(
                Finality(depth=config["depth"]),
                poll_s=0.05,
                most_unmined=config["most_unmined"],
                patience_s=1.5,
                rebroadcast_s=0.5,
            ),
            Opaque(),
            clock,
            Alarms(),
        )
        wanted = [action(i, chain_id, signer.address, config["contract"]) for i in range(config["actions"])]
        for new in [*wanted, *wanted]:
            outbox.submit(new)
        print("started", flush=True)
        running = asyncio.create_task(manager.run())
        waiting = asyncio.create_task(watch(outbox, [new.id for new in wanted], ENDS))
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await waiting
        manager.close()


if __name__ == "__main__":
    asyncio.run(work(json.loads(sys.argv[1])))
