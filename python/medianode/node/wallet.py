"""The wallet's part of a running node: its key, and the chain where endpoints are named. Owns their tasks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from medianode.clock import Clock
from medianode.node.chain import NodeChain, node_policy
from medianode.node.key import key_choice
from medianode.settings import NodeSettings
from medianode.wallet.facts import Observed, WalletView
from medianode.wallet.keys.choice import ledger_folder
from medianode.wallet.keys.node_key import NodeKey
from medianode.wallet.late import keep_recursion_limit


@asynccontextmanager
async def running_wallet(settings: NodeSettings, clock: Clock) -> AsyncIterator[WalletView]:
    """Opens the key and follows the chain in the background; neither holds up media."""
    keep_recursion_limit()
    key = _key(settings, clock)
    chain = NodeChain(settings, key, clock) if settings.chain.rpc else None
    tasks = [asyncio.create_task(key.run(), name="wallet key")] if isinstance(key, NodeKey) else []
    if chain is not None:
        tasks.append(asyncio.create_task(chain.run(), name="wallet chain"))
    try:
        yield WalletView(key, chain)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _key(settings: NodeSettings, clock: Clock) -> NodeKey | Observed:
    """Returns the node's key, or what stands for it in a node that only looks at another."""
    if settings.chain.observe is not None:
        return Observed(settings.chain.observe)
    choice = key_choice(settings)
    return NodeKey(
        choice, ledger_folder(choice, settings.data_dir), clock, policy=lambda: node_policy(settings)
    )
