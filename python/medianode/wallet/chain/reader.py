"""Reads the chain through a provider, as facts. Decides per question whether one endpoint is enough; keeps nothing."""

from collections.abc import Sequence
from typing import Any

from medianode.wallet.chain.facts import Block, Log, Receipt, number, octets, quantity
from medianode.wallet.chain.faults import NoQuorum, RpcError
from medianode.wallet.chain.fees import HISTORY_BLOCKS, PERCENTILE, Market
from medianode.wallet.chain.finality import Finality
from medianode.wallet.chain.provider import Provider


class Reader:
    """Facts of one chain. Whatever a lie could make costly is asked of a quorum, at a fixed block."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def head(self) -> Block:
        """Returns the newest block that enough endpoints have."""
        return await self.block(await self.provider.height())

    async def block(self, height: int) -> Block:
        """Returns the block of this height on the chain of now."""
        found = await self.provider.agreed("eth_getBlockByNumber", [quantity(height), False], Block.read)
        if found is None:
            raise NoQuorum(f"block {height} is not known to enough endpoints")
        return found

    async def final_height(self, finality: Finality, head: Block) -> int:
        """Returns the height up to which nothing changes any more; -1 while there is none."""
        if finality.tag is None:
            return head.number - finality.depth + 1

        def read(answer: Any) -> int:  # noqa: ANN401 - JSON
            return number(answer["number"])

        heights = await self.provider.at_least("eth_getBlockByNumber", [finality.tag, False], read)
        return min(head.number, self.provider.believed(heights, f"{finality.tag} block"))

    async def receipt(self, transaction_hash: str) -> Receipt | None:
        """Returns the receipt; none when no endpoint has one."""
        return await self.provider.agreed("eth_getTransactionReceipt", [transaction_hash], Receipt.read)

    async def nonce(self, address: str, height: int) -> int:
        """Returns how many transactions of this account the chain holds up to this height."""
        return await self.provider.agreed("eth_getTransactionCount", [address, quantity(height)], number)

    async def balance(self, address: str, height: int) -> int:
        """Returns wei."""
        return await self.provider.agreed("eth_getBalance", [address, quantity(height)], number)

    async def code(self, address: str, height: int) -> bytes:
        """Returns the code of an account; empty for a plain one."""
        return await self.provider.agreed("eth_getCode", [address, quantity(height)], octets)

    async def view(self, to: str, data: bytes, height: int) -> bytes:
        """Calls a function that changes nothing, at this height. Raises ``RpcError`` when it reverts."""
        call = {"to": to, "data": "0x" + data.hex()}
        return await self.provider.agreed("eth_call", [call, quantity(height)], octets)

    async def simulate(self, call: dict[str, str], block: str = "pending") -> RpcError | None:
        """Tries a transaction without sending it; returns the error with which it would fail."""
        try:
            await self.provider.any("eth_call", [call, block])
        except RpcError as error:
            return error
        return None

    async def refusal(self, call: dict[str, str], height: int) -> RpcError | None:
        """Returns the error that enough endpoints give for a call at this height."""
        try:
            await self.provider.agreed("eth_call", [call, quantity(height)], octets)
        except RpcError as error:
            return error
        return None

    async def estimate(self, call: dict[str, str]) -> int:
        """Returns the gas that a transaction would take now."""
        return number(await self.provider.any("eth_estimateGas", [call]))

    async def market(self, head: Block) -> Market:
        """Returns what blocks cost; from the head alone where a node keeps no history of fees."""
        params = [quantity(HISTORY_BLOCKS), "latest", [PERCENTILE]]
        try:
            found = Market.read(await self.provider.any("eth_feeHistory", params))
        except (RpcError, KeyError, IndexError, TypeError, ValueError):
            return Market(head.base_fee, None)
        # The base fee moves by at most an eighth per block: what one endpoint says is kept within sight of the head.
        return Market(min(found.base_fee, 2 * head.base_fee + 1), found.tip)

    async def logs(self, addresses: Sequence[str], first: int, last: int) -> tuple[Log, ...]:
        """Returns the events of these contracts in a range of blocks, both ends included."""
        query = {"address": list(addresses), "fromBlock": quantity(first), "toBlock": quantity(last)}

        def read(answer: Any) -> tuple[Log, ...]:  # noqa: ANN401 - JSON
            return tuple(Log.read(item) for item in answer)

        return await self.provider.agreed("eth_getLogs", [query], read)
