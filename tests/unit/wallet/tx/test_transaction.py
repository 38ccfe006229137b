"""A transaction is exactly what was asked for, and hashed as everybody else does."""

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from medianode.errors import InvalidArgument
from medianode.wallet.tx.transaction import TransactionRequest, transaction_hash

KEY = b"\x01" * 32
FIELDS = {
    "chain_id": 31337,
    "nonce": 0,
    "to": "0x" + "22" * 20,
    "value": 0,
    "data": b"",
    "gas": 21_000,
    "max_fee_per_gas": 2,
    "max_priority_fee_per_gas": 1,
}


@given(
    nonce=st.integers(0, 2**64 - 2),
    value=st.integers(0, 2**256 - 1),
    data=st.binary(max_size=80),
    fee=st.integers(1, 2**128),
    create=st.booleans(),
)
def test_it_is_encoded_as_another_library_does(nonce, value, data, fee, create):
    request = TransactionRequest(
        **{**FIELDS, "nonce": nonce, "value": value, "data": data, "max_fee_per_gas": fee}
        | ({"to": None} if create else {})
    )
    account = Account.from_key(KEY)
    raw = request.encode(account.unsafe_sign_hash(request.digest()).signature)
    theirs = account.sign_transaction(
        {
            "type": 2,
            "chainId": 31337,
            "nonce": nonce,
            "value": value,
            "data": data,
            "gas": 21_000,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": 1,
            **({} if create else {"to": FIELDS["to"]}),
        }
    )
    assert raw == bytes(theirs.raw_transaction)
    assert transaction_hash(raw) == "0x" + bytes(theirs.hash).hex()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nonce", -1),
        ("nonce", 1 << 64),
        ("nonce", True),
        ("value", 1.0),
        ("gas", "21000"),
        ("max_priority_fee_per_gas", 3),
        ("data", "0x"),
        ("to", "0x12"),
    ],
)
def test_a_field_that_is_not_exactly_right_is_refused(field, value):
    with pytest.raises(InvalidArgument):
        TransactionRequest(**{**FIELDS, field: value})


def test_a_signature_of_another_form_is_refused():
    request = TransactionRequest(**FIELDS)
    for signature in (bytes(64), bytes(64) + b"\x00", bytes(64) + b"\x1d"):
        with pytest.raises(InvalidArgument):
            request.encode(signature)
