"""What a manager asks of those who know the contracts. Types only."""

from typing import Protocol

from medianode.wallet.chain.faults import RpcError
from medianode.wallet.tx.intent import NewIntent


class Meaning(Protocol):
    """Understands intents and errors."""

    async def already_so(self, wanted: NewIntent, height: int) -> bool:
        """Says whether the chain shows at this height what the intent would bring about."""

    def explain(self, error: RpcError) -> str:
        """Says in words why a contract refused."""


def call_of(wanted: NewIntent) -> dict[str, str]:
    """Writes an intent as the call object of JSON-RPC."""
    call = {"from": wanted.sender, "to": wanted.to, "data": "0x" + wanted.data.hex()}
    return {**call, "value": hex(wanted.value)} if wanted.value else call
