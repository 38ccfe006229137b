"""Lets web3's contract objects read through our provider: they learn what a quorum says, and send nothing."""

from collections.abc import Sequence
from typing import Any, cast

from web3 import AsyncWeb3
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from medianode.wallet.chain.faults import RpcError
from medianode.wallet.chain.provider import Provider


class QuorumProvider(AsyncJSONBaseProvider):
    """Answers every question of web3 by agreement; sends nothing."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._ours = provider

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - web3's signature
        """Asks; an error of the chain is handed to web3 in its own form."""
        try:
            result = await self._ours.agreed(method, cast("Sequence[Any]", params), _comparable)
        except RpcError as error:
            fault = {"code": error.code, "message": str(error), "data": error.data}
            return cast("RPCResponse", {"jsonrpc": "2.0", "id": 0, "error": fault})
        return cast("RPCResponse", {"jsonrpc": "2.0", "id": 0, "result": result})


def web3_over(provider: Provider) -> AsyncWeb3[QuorumProvider]:
    """Returns a web3 whose reads go through ``provider``."""
    return AsyncWeb3(QuorumProvider(provider))


def _comparable(answer: Any) -> str:  # noqa: ANN401 - JSON
    """Views answer with text; anything else is not asked for here."""
    if not isinstance(answer, str):
        raise TypeError(type(answer).__name__)
    return answer
