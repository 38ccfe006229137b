"""The signer that everybody else uses: asks the policy, remembers in the ledger, then lets the key sign."""

import asyncio

from medianode.errors import InternalError, InvalidArgument, PermissionDenied
from medianode.wallet.keys.ledger import Ledger
from medianode.wallet.keys.policy import Policy, asked
from medianode.wallet.keys.signer import Purpose, Signer
from medianode.wallet.typed.signature import recover


class PolicySigner:
    """Guards a key, wherever it is kept: the same rules for a file, an HSM, KMS and a remote signer."""

    def __init__(self, signer: Signer, policy: Policy, ledger: Ledger) -> None:
        self._signer = signer
        self._policy = policy
        self._ledger = ledger

    @property
    def address(self) -> str:
        """The account of the key."""
        return self._signer.address

    async def sign_digest(self, digest: bytes, purpose: Purpose) -> bytes:
        """Signs what the policy allows; every request is in the log before its signature exists."""
        request = asked(purpose, digest)
        try:
            if purpose.digest() != digest:
                raise PermissionDenied("the digest is not that of the purpose")  # noqa: TRY301 - logged below
            self._policy.judge(purpose, self.address)
        except PermissionDenied as error:
            await asyncio.to_thread(self._ledger.note, "refused", request, str(error))
            raise
        await asyncio.to_thread(self._ledger.permit, request, self._policy.daily_cap)
        try:
            signature = await self._signer.sign_digest(digest, purpose)
        except Exception as error:
            await asyncio.to_thread(self._ledger.note, "failed", request, type(error).__name__)
            raise
        self._check(digest, signature)
        return signature

    def _check(self, digest: bytes, signature: bytes) -> None:
        """A signature by another key, or of another form, must not leave this process."""
        try:
            signer = recover(digest, signature)
        except InvalidArgument as error:
            raise InternalError(f"the key's signature is unusable: {error}") from error
        if signer != self.address:
            raise InternalError(f"the signature is by {signer}, not by {self.address}")
