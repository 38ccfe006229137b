"""A remote signer that speaks Ethereum's JSON-RPC, as Web3Signer does, over eth-account."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.support.http_thread import serving


@contextmanager
def running_signer(key: bytes) -> Iterator[str]:
    """Serves one key; yields the address of the server."""
    account = Account.from_key(key)

    def sign(method: str, params: list[Any]) -> object:
        if method == "eth_accounts":
            return [account.address]
        if method == "eth_signTypedData":
            return hexed(account.sign_message(encode_typed_data(full_message=params[1])).signature)
        assert method == "eth_signTransaction"
        fields = {name: value for name, value in params[0].items() if name != "from"}
        return hexed(account.sign_transaction(fields).raw_transaction)

    def answer(_: Mapping[str, str], asked: dict[str, Any]) -> tuple[int, object]:
        result = sign(asked["method"], asked["params"])
        return 200, {"jsonrpc": "2.0", "id": asked["id"], "result": result}

    with serving(answer) as url:
        yield url


def hexed(content: bytes) -> str:
    return "0x" + bytes(content).hex()
