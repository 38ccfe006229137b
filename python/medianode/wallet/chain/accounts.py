"""What signature checks ask of the chain: whether an account is a contract, and what it answers (EIP-1271)."""

from medianode.wallet.chain.facts import octets, quantity
from medianode.wallet.chain.faults import RpcError
from medianode.wallet.chain.reader import Reader


class Accounts:
    """The accounts of a chain, as enough endpoints agree on them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def code(self, address: str, height: int) -> bytes:
        """Returns the code of an account; empty for a plain key."""
        return await self._reader.code(address, height)

    async def call(self, to: str, data: bytes, height: int, gas: int) -> bytes | None:
        """Returns what a call answers with at most this gas; none when it fails there, whatever a node calls that."""
        call = {"to": to, "data": "0x" + data.hex(), "gas": quantity(gas)}
        try:
            return await self._reader.provider.agreed("eth_call", [call, quantity(height)], octets)
        except RpcError:
            return None
