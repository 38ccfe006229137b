"""Knows no contract: for actions that have no precheck."""

from medianode.wallet.chain.faults import RpcError
from medianode.wallet.tx.intent import NewIntent


class Opaque:
    async def already_so(self, wanted: NewIntent, height: int) -> bool:
        return False

    def explain(self, error: RpcError) -> str:
        return str(error)
