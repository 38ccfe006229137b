"""Whether an account approves of a digest: a plain key by its signature, a contract by asking it (EIP-1271).

The answer of a contract holds for one block only, so the caller pins one, and must not keep the answer as lasting evidence.
"""

from typing import Protocol

from eth_abi.abi import encode

from medianode.errors import PermissionDenied
from medianode.wallet.typed.signature import recover

IS_VALID_SIGNATURE = bytes.fromhex("1626ba7e")
"""Selector of ``isValidSignature(bytes32,bytes)`` and the value that means yes."""
CALL_GAS = 500_000
MAX_CONTRACT_SIGNATURE_BYTES = 8192


class ContractAccounts(Protocol):
    """The chain as a signature check sees it. Implemented over the chain's endpoints, or by a fake."""

    async def code(self, address: str, height: int) -> bytes:
        """Returns the code of an account at a block; empty for a plain key."""

    async def call(self, to: str, data: bytes, height: int, gas: int) -> bytes | None:
        """Returns what a call answers at a block; none when it reverts or runs out of gas."""


async def check_owner(
    owner: str, digest: bytes, signature: bytes, chain: ContractAccounts | None, height: int = 0
) -> None:
    """Raises ``PermissionDenied`` unless the owner approves. Without a chain only plain keys can be checked.

    An account that has code at this height is asked, as OpenZeppelin's ``SignatureChecker`` does on chain; nothing else
    counts for it.
    """
    if chain is not None and await chain.code(owner, height):
        if len(signature) > MAX_CONTRACT_SIGNATURE_BYTES:
            raise PermissionDenied(
                f"a signature for the contract {owner} may have {MAX_CONTRACT_SIGNATURE_BYTES} bytes"
            )
        data = IS_VALID_SIGNATURE + encode(["bytes32", "bytes"], [digest, signature])
        answer = await chain.call(owner, data, height, CALL_GAS)
        if answer != IS_VALID_SIGNATURE + bytes(28):
            raise PermissionDenied(f"the contract {owner} does not approve of this signature (EIP-1271)")
        return
    signer = recover(digest, signature)
    if signer != owner:
        raise PermissionDenied(f"signed by {signer}, not by {owner}")
