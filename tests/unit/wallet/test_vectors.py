"""Every type that is signed gets the digest and the signature that an independent implementation gives it."""

from pathlib import Path
from typing import Any

import pytest

from medianode.wallet.tx.transaction import transaction_hash
from medianode.wallet.typed.messages import MESSAGES
from medianode.wallet.typed.siwe import SignInMessage
from tests.support import signed
from tests.support.encoder import viem
from tests.support.signed import KEY, SIGNER

HEX_KEY = "0x" + KEY.hex()


async def test_typed_data() -> None:
    samples = signed.messages()
    assert {type(sample.message).__name__ for sample in samples} == set(MESSAGES), "a type has no sample"
    answers = viem([{"kind": "typed", "document": sample.document(), "key": HEX_KEY} for sample in samples])
    for sample, answer in zip(samples, answers, strict=True):
        name = type(sample.message).__name__
        assert answer["digest"] == "0x" + sample.digest().hex(), name
        assert answer["signature"] == "0x" + (await SIGNER.sign_digest(sample.digest(), sample)).hex(), name


@pytest.mark.parametrize(
    "changes", [{}, {"to": None}, {"data": b"", "value": 2**255}, {"nonce": 0, "max_priority_fee_per_gas": 0}]
)
async def test_transactions(changes: dict[str, object]) -> None:
    request = signed.transaction(**changes)
    fields = {
        "chainId": request.chain_id,
        "nonce": request.nonce,
        "to": request.to,
        "value": str(request.value),
        "data": "0x" + request.data.hex(),
        "gas": str(request.gas),
        "maxFeePerGas": str(request.max_fee_per_gas),
        "maxPriorityFeePerGas": str(request.max_priority_fee_per_gas),
    }
    (answer,) = viem([{"kind": "transaction", "request": fields, "key": HEX_KEY}])
    raw = request.encode(await SIGNER.sign_digest(request.digest(), request))
    assert answer["digest"] == "0x" + request.digest().hex()
    assert answer["raw"] == "0x" + raw.hex()
    assert answer["hash"] == transaction_hash(raw)


SIGN_INS: list[dict[str, Any]] = [
    {},
    {"statement": "I accept the terms: https://node.example/terms"},
    {
        "scheme": "https",
        "expiration_time": "2026-01-02T04:04:05.000Z",
        "not_before": "2026-01-02T03:04:05.000Z",
    },
    {"request_id": "some-id", "resources": ("https://node.example/a", "ipfs://bafy/")},
]


@pytest.mark.parametrize("changes", SIGN_INS)
async def test_sign_in_texts(changes: dict[str, Any]) -> None:
    message = signed.sign_in_text(**changes)
    fields = {
        _camel(name): getattr(message, name)
        for name in message.__slots__
        if getattr(message, name) is not None
    }
    (answer,) = viem([{"kind": "signIn", "fields": {**fields, "version": "1"}, "key": HEX_KEY}])
    assert answer["message"] == message.text()
    assert answer["digest"] == "0x" + message.digest().hex()
    assert answer["signature"] == "0x" + (await SIGNER.sign_digest(message.digest(), message)).hex()
    assert SignInMessage.parse(answer["message"]) == message


@pytest.mark.parametrize("kind", MESSAGES.values(), ids=MESSAGES.keys())
def test_the_contracts_hash_the_same_types(kind: Any) -> None:
    described = (Path(__file__).parents[3] / "contracts" / "README.md").read_text()
    assert kind.type_string() in described.splitlines()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
