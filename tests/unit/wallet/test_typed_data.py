"""Messages are strict: one form for every value, nothing missing, nothing more, nothing coerced."""

import json
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from medianode.errors import InvalidArgument
from medianode.wallet.typed.document import SignedMessage
from medianode.wallet.typed.eip712 import Domain, TypedData
from medianode.wallet.typed.messages import QosReport, Update
from medianode.wallet.typed.values import checksum
from tests.support import signed
from tests.support.signed import REGISTRY, SIGNER, STAKING

GOOD = signed.report().message
LOWER = "0xe7f8d5eada35094657100d1b925de553b08de94c"


async def document() -> dict[str, Any]:
    data = signed.report()
    return SignedMessage(data, await SIGNER.sign_digest(data.digest(), data)).as_dict()


def read(found: object) -> SignedMessage:
    return SignedMessage.from_json(json.dumps(found))


async def test_a_signed_message_survives_the_trip() -> None:
    for data in signed.messages():
        sent = SignedMessage(data, await SIGNER.sign_digest(data.digest(), data))
        back = read(sent.as_dict())
        assert back == sent
        assert back.signer == SIGNER.address


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epoch", "7"),
        ("epoch", True),
        ("epoch", 7.0),
        ("epoch", -1),
        ("epoch", 2**64),
        ("epoch", None),
        ("sessions", 2**32),
        ("sessions_root", bytes(31)),
        ("sessions_root", bytes(33)),
        ("sessions_root", bytearray(32)),
        ("sessions_root", "00" * 32),
        ("node_id", 2**256),
    ],
)
def test_a_value_of_another_type_is_no_message(field: str, value: object) -> None:
    values = {item.name: getattr(GOOD, item.name) for item in fields(QosReport)}
    with pytest.raises(InvalidArgument, match=r"QosReport\."):
        QosReport(**{**values, field: value})


@pytest.mark.parametrize("endpoint", [b"x", 5, None, "\ud800"])
def test_text_is_text(endpoint: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"Update\.endpoint must be text"):
        Update(
            node_id=1, region=bytes(8), version=1, caps_hash=bytes(32), endpoint=endpoint, nonce=0, deadline=0
        )


def test_a_missing_field_is_no_zero() -> None:
    with pytest.raises(TypeError):
        QosReport(node_id=1)


def test_messages_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        GOOD.epoch = 8


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("message", "epoch"), None, "lacks epoch"),
        (("message", "more"), 1, "unknown fields: more"),
        (("message", "epoch"), 7, "decimal number in quotes"),
        (("message", "epoch"), "0x7", "decimal number in quotes"),
        (("message", "epoch"), "07", "decimal number in quotes"),
        (("message", "epoch"), "-7", "decimal number in quotes"),
        (("message", "epoch"), "٧", "decimal number in quotes"),
        (("message", "epoch"), str(2**64), "whole number from 0"),
        (("message", "nodeId"), "9" * 5000, "decimal number in quotes"),
        (("message", "sessions"), "1", "whole number from 0"),
        (("message", "sessions"), "false", "whole number from 0"),
        (("message", "sessions"), False, "whole number from 0"),
        (("message", "sessions"), 1.0, "whole number from 0"),
        (("message", "sessionsRoot"), "0x" + "00" * 31, "must be 32 bytes"),
        (("message", "sessionsRoot"), "0x" + "AB" * 32, "lower-case hex"),
        (("message", "sessionsRoot"), "00" * 32, "lower-case hex"),
        (("message",), [], "must be an object"),
        (("domain", "chainId"), "31337", "Domain.chainId"),
        (("domain", "chainId"), None, "lacks chainId"),
        (("domain", "salt"), "0x00", "unknown fields: salt"),
        (("domain", "version"), 1, "Domain.version"),
        (("domain", "name"), "MediaAuth", "belongs to the domain MediaQos"),
        (("domain", "verifyingContract"), LOWER, "EIP-55"),
        (("primaryType",), "EIP712Domain", "primaryType must be one of"),
        (("primaryType",), ["QosReport"], "primaryType must be one of"),
        (("signature",), 5, "signature must be hex"),
        (("signature",), "0xzz", "signature must be hex"),
        (("extra",), 5, "unknown fields: extra"),
    ],
)
async def test_documents_of_another_form_are_refused(
    path: tuple[str, ...], value: object, reason: str
) -> None:
    found = await document()
    place = found
    for name in path[:-1]:
        place = place[name]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(InvalidArgument, match=reason):
        read(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "nonsense",
        "[" * 100_000,
        '{"domain":{},"domain":{}}',
        '{"a":NaN}',
        "5",
        "null",
        "x" * 70_000,
    ],
)
def test_what_is_no_document(text: str) -> None:
    with pytest.raises(InvalidArgument):
        SignedMessage.from_json(text)


async def test_a_field_that_stands_twice_is_refused() -> None:
    text = json.dumps(await document()).replace('"epoch"', '"epoch": "8", "epoch"')
    with pytest.raises(InvalidArgument, match="twice"):
        SignedMessage.from_json(text)


async def test_one_changed_value_is_another_signer() -> None:
    found = await document()
    found["message"]["epoch"] = "8"
    assert read(found).signer != SIGNER.address


def test_the_domain_is_signed() -> None:
    digests = {
        TypedData(Domain("MediaQos", chain, contract), GOOD).digest()
        for chain in (1, 31337)
        for contract in (STAKING, REGISTRY)
    }
    assert len(digests) == 4


def test_addresses_that_people_write() -> None:
    right = checksum(LOWER)
    assert checksum(right) == right
    for wrong in (right.swapcase().replace("0X", "0x"), LOWER[:-1], "0x" + "g" * 40, LOWER.upper()):
        with pytest.raises(InvalidArgument):
            checksum(wrong)
