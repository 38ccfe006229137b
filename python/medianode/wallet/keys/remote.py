"""A key behind a remote signer that speaks Ethereum's JSON-RPC (Web3Signer, Clef and the like).

The signer is sent what is signed in structured form, never a bare digest, so that its own rules can judge it too.
"""

import itertools
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

import aiohttp
import rlp

from medianode.errors import InvalidArgument, NodeUnavailable, PeerProtocolError, PermissionDenied
from medianode.wallet.keys.choice import ANSWER_TIMEOUT_S
from medianode.wallet.keys.signer import Purpose
from medianode.wallet.tx.transaction import TransactionRequest
from medianode.wallet.typed.eip712 import TypedData
from medianode.wallet.typed.signature import join, read_hex, recover
from medianode.wallet.typed.values import checksum

MAX_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RemoteSigner:
    """Signs with the key of one account that the remote signer holds. Use ``connect``."""

    url: str = field(repr=False)
    """May carry a credential, so it is never shown."""
    address: str
    timeout_s: float = ANSWER_TIMEOUT_S
    _ids: Any = field(default_factory=lambda: itertools.count(1), repr=False)

    @classmethod
    async def connect(cls, url: str, address: str, timeout_s: float = ANSWER_TIMEOUT_S) -> Self:
        """Asks whether the signer is there and holds the key; raises ``InvalidArgument`` where it does not."""
        signer = cls(url, checksum(address), timeout_s)
        accounts = await signer._ask("eth_accounts", [])
        if not isinstance(accounts, list) or signer.address.lower() not in [
            str(item).lower() for item in accounts
        ]:
            raise InvalidArgument(f"the remote signer has no key of {signer.address}")
        return signer

    async def sign_digest(self, digest: bytes, purpose: Purpose) -> bytes:
        """Has it signed there, and checks here that the right key signed the right thing."""
        if isinstance(purpose, TransactionRequest):
            signature = await self._sign_transaction(digest, purpose)
        elif isinstance(purpose, TypedData):
            signature = await self._sign("eth_signTypedData", purpose.document())
        else:
            signature = await self._sign("eth_sign", "0x" + purpose.text().encode().hex())
        try:
            signer = recover(digest, signature)
        except InvalidArgument as error:
            raise PeerProtocolError(f"the remote signer gave no usable signature: {error}") from error
        if signer != self.address:
            raise PeerProtocolError(
                f"the remote signer signed with {signer}, or something else, not with {self.address}"
            )
        return signature

    async def _sign(self, method: str, what: object) -> bytes:
        return _bytes(await self._ask(method, [self.address, what]))

    async def _sign_transaction(self, digest: bytes, request: TransactionRequest) -> bytes:
        answer = await self._ask("eth_signTransaction", [_transaction(self.address, request)])
        raw = _bytes(answer["raw"] if isinstance(answer, dict) and "raw" in answer else answer)
        try:
            r, s = (int.from_bytes(number, "big") for number in rlp.decode(raw[1:])[-2:])
            return join(r, s, digest, self.address)
        except (rlp.DecodingError, InvalidArgument, TypeError, ValueError, OverflowError):
            raise PeerProtocolError(
                "the remote signer answered with another transaction, or with another key"
            ) from None

    async def _ask(self, method: str, params: list[object]) -> Any:  # noqa: ANN401 - JSON
        request = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        limit = aiohttp.ClientTimeout(total=self.timeout_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as http,
                http.post(self.url, json=request) as response,
            ):
                status, answer = response.status, _json(await response.content.read(MAX_ANSWER_BYTES))
        except TimeoutError:
            raise NodeUnavailable(
                f"the remote signer did not answer {method} within {self.timeout_s:g} s"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise NodeUnavailable(
                f"the remote signer cannot be reached for {method}: {type(error).__name__}"
            ) from None
        refused = isinstance(answer, dict) and answer.get("error") is not None
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not refused:
            raise NodeUnavailable(f"the remote signer answered {method} with status {status}")
        if not isinstance(answer, dict) or answer.get("id") != request["id"]:
            raise PeerProtocolError(f"the remote signer's answer to {method} is no JSON-RPC answer")
        if (refusal := answer.get("error")) is not None:
            text = refusal.get("message") if isinstance(refusal, dict) else refusal
            raise PermissionDenied(f"the remote signer refused {method}: {str(text)[:200]}")
        return answer.get("result")


def _transaction(sender: str, request: TransactionRequest) -> dict[str, object]:
    return {
        "type": "0x2",
        "chainId": hex(request.chain_id),
        "from": sender,
        **({"to": request.to} if request.to is not None else {}),
        "nonce": hex(request.nonce),
        "gas": hex(request.gas),
        "maxFeePerGas": hex(request.max_fee_per_gas),
        "maxPriorityFeePerGas": hex(request.max_priority_fee_per_gas),
        "value": hex(request.value),
        "data": "0x" + request.data.hex(),
        "accessList": [],
    }


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _bytes(answer: object) -> bytes:
    if not isinstance(answer, str):
        raise PeerProtocolError("the remote signer answered without hex")
    try:
        return read_hex(answer)
    except InvalidArgument as error:
        raise PeerProtocolError(f"the remote signer answered without hex: {error}") from None
