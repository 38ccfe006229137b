"""From settings to chain access, and the wallet as a running node keeps it: its outbox worked on, the chain's facts at hand.

Media and joins never wait for any of it: a chain that does not answer is an alarm here and nothing elsewhere.
"""

import asyncio
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import structlog

from medianode.clock import Clock
from medianode.errors import DependencyError, InvalidArgument, MedianodeError
from medianode.settings import NodeSettings
from medianode.wallet.facts import ChainFacts, Observed
from medianode.wallet.keys.choice import folder
from medianode.wallet.keys.node_key import NodeKey
from medianode.wallet.late import aside
from medianode.wallet.tx.alarms import Alarms

if TYPE_CHECKING:
    from medianode.wallet.actions.wallet import Wallet, WalletConfig
    from medianode.wallet.keys.policy import Policy

GWEI = 10**9
FACTS_S = 15.0
RETRY_S = 15.0

log = structlog.get_logger(__name__)


def wallet_config(settings: NodeSettings, poll_s: float | None = None) -> "WalletConfig":
    """Returns what the settings say of the chain. Raises ``InvalidArgument`` where no endpoint is set."""
    from medianode.wallet.actions.deployment import FILE, Deployment  # noqa: PLC0415 - late, as all of the chain
    from medianode.wallet.actions.wallet import WalletConfig  # noqa: PLC0415
    from medianode.wallet.chain.fees import FeeLimits  # noqa: PLC0415
    from medianode.wallet.chain.finality import Finality  # noqa: PLC0415

    chain = settings.chain
    if not chain.rpc:
        raise InvalidArgument("no endpoint of the chain is set: --rpc URL, or chain.rpc in the settings")
    return WalletConfig(
        folder=folder(settings.data_dir),
        deployment=Deployment.load(chain.deployment or settings.data_dir / FILE),
        urls=tuple(url.get_secret_value() for url in chain.rpc),
        quorum=chain.quorum,
        finality=Finality.parse(chain.finality) if chain.finality is not None else None,
        fees=FeeLimits(
            max_fee=int(chain.max_fee_gwei * GWEI),
            lazy_max_fee=int(chain.lazy_max_fee_gwei * GWEI),
            max_tip=int(chain.max_tip_gwei * GWEI),
        ),
        poll_s=poll_s or chain.poll_s,
    )


def node_policy(settings: NodeSettings) -> "Policy":
    """Returns what the node's key may sign: for the contracts of the manifest, or without one proofs of who it is."""
    from medianode.wallet.actions.deployment import FILE, Deployment  # noqa: PLC0415
    from medianode.wallet.actions.policy import policy_for  # noqa: PLC0415
    from medianode.wallet.keys.policy import Policy  # noqa: PLC0415

    try:
        deployment = Deployment.load(settings.chain.deployment or settings.data_dir / FILE)
    except MedianodeError:
        return Policy()
    return policy_for(deployment, "node")


class NodeChain:
    """The chain side of a running node. It begins anew after whatever goes wrong, and tells nobody but the operator."""

    def __init__(self, settings: NodeSettings, key: NodeKey | Observed, clock: Clock) -> None:
        self._settings = settings
        self._key = key
        self._clock = clock
        self._facts = ChainFacts(chain_id=0)
        self._alarms = Alarms()

    def facts(self) -> ChainFacts:
        """Returns the newest facts at once; asks nobody."""
        ringing = tuple(self._alarms.ringing)
        return replace(self._facts, alarms=ringing)

    async def run(self) -> None:
        """Works until it is cancelled."""
        await aside(partial(import_module, "medianode.wallet.actions.status"))
        while True:
            try:
                await self._work()
            except MedianodeError as error:
                self._alarms.ring("stopped", str(error))
            except Exception:
                self._alarms.ring("stopped", "internal error; the log says more")
                log.exception("the wallet's work on the chain failed")
            await asyncio.sleep(RETRY_S)

    async def _work(self) -> None:
        from medianode.wallet.actions.wallet import open_wallet  # noqa: PLC0415
        from medianode.wallet.chain.heads import Heads  # noqa: PLC0415

        async with open_wallet(wallet_config(self._settings), self._clock) as wallet:
            if isinstance(self._key, Observed):
                await self._keep_facts(wallet, self._key.address)
                return
            signer = await self._key.signer()
            await wallet.contracts.verify((await wallet.reader.head()).number)
            manager = wallet.manager(signer, self._alarms)
            self._alarms.over("stopped")
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(manager.run())
                    group.create_task(self._keep_facts(wallet, signer.address))
                    if self._settings.chain.ws is not None:
                        heads = Heads(self._settings.chain.ws.get_secret_value(), manager.wake)
                        group.create_task(heads.run())
            except* MedianodeError as group_error:
                raise group_error.exceptions[0] from None
            finally:
                manager.close()

    async def _keep_facts(self, wallet: "Wallet", address: str) -> None:
        from medianode.wallet.actions.status import chain_facts, endpoint_health  # noqa: PLC0415

        while True:
            try:
                self._facts = await chain_facts(wallet, address, self._clock)
            except DependencyError:
                # The manager rings for it; what was known stays, but for the health of endpoints.
                health = endpoint_health(wallet.reader.provider.endpoints, 0)
                self._facts = replace(self._facts, endpoints=health)
            await asyncio.sleep(FACTS_S)
