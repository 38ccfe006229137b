"""The events of our contracts that concern one node, as they become final."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from medianode.wallet.actions.contracts import Event
from medianode.wallet.actions.wallet import Wallet
from medianode.wallet.chain.events import LogFollower
from medianode.wallet.tx.cursors import Cursors


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Blocks after this one are gone, final as they seemed; their events come again where they still hold."""

    block: int


class Following:
    """Reads events in order, from where the stream of this name has come to."""

    def __init__(self, wallet: Wallet, stream: str) -> None:
        deployment = wallet.config.deployment
        self._contracts = wallet.contracts
        self._follower = LogFollower(
            wallet.reader,
            Cursors(wallet.outbox.database),
            f"{stream}:{deployment.chain_id}:{deployment.registry}",
            [address for name, address in deployment.addresses.items() if name != "MediaToken"],
            deployment.block,
            wallet.finality,
        )

    async def new_events(self) -> AsyncIterator[Event | RolledBack]:
        """Yields what became final since the last time; it is marked as read when the caller comes back for more."""
        while (batch := await self._follower.next()) is not None:
            if batch.rolled_back_to is not None:
                yield RolledBack(batch.rolled_back_to)
            for entry in batch.logs:
                event = self._contracts.event(entry)
                if event is not None:
                    yield event
            self._follower.save(batch)


def concerns(event: Event, node_id: int | None, addresses: frozenset[str]) -> bool:
    """Says whether an event names this node or one of these accounts."""
    if node_id is not None and event.values.get("nodeId") == node_id:
        return True
    return any(isinstance(value, str) and value.lower() in addresses for value in event.values.values())
