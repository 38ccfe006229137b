"""What signs: one protocol for a key in a file, in an HSM, in KMS and behind a remote signer. Shows an address, never a key."""

from typing import Protocol

from medianode.wallet.tx.transaction import TransactionRequest
from medianode.wallet.typed.eip712 import TypedData
from medianode.wallet.typed.siwe import SignInMessage

Purpose = TypedData | TransactionRequest | SignInMessage
"""What is signed, in structured form: the policy judges this and compares its ``digest()``."""


class Signer(Protocol):
    """Signs with one key."""

    @property
    def address(self) -> str:
        """The account of the key, EIP-55 checksummed."""

    async def sign_digest(self, digest: bytes, purpose: Purpose) -> bytes:
        """Returns 65 bytes: r, s (low, EIP-2) and v in {27, 28}. ``digest`` is ``purpose.digest()``.

        Raises ``PermissionDenied`` when the policy refuses, ``DependencyError`` when the key cannot be reached.
        """


async def sign(signer: Signer, purpose: Purpose) -> bytes:
    """Signs what is described by ``purpose``."""
    return await signer.sign_digest(purpose.digest(), purpose)
