"""The contracts of a deployment: their views as types, their calls as bytes, their events and refusals in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from eth_abi.exceptions import DecodingError
from eth_utils.abi import (
    abi_to_signature,
    event_signature_to_log_topic,
    function_signature_to_4byte_selector,
    get_abi_input_types,
)
from web3.contract import AsyncContract

from medianode.errors import WrongState
from medianode.wallet.actions.artifacts import artifact
from medianode.wallet.actions.deployment import Deployment
from medianode.wallet.chain.bridge import web3_over
from medianode.wallet.chain.facts import Log
from medianode.wallet.chain.faults import RpcError
from medianode.wallet.chain.reader import Reader
from medianode.wallet.typed.eip712 import Domain


@dataclass(frozen=True, slots=True)
class Event:
    """What a contract said."""

    contract: str
    name: str
    values: dict[str, Any]
    log: Log


class Contracts:
    """Reads and writes what the contracts of one deployment understand. Every read names the height it is of."""

    def __init__(self, reader: Reader, deployment: Deployment) -> None:
        self.reader = reader
        self.deployment = deployment
        self._web3 = web3_over(reader.provider)
        self._contracts: dict[str, AsyncContract] = {
            name: self._web3.eth.contract(
                address=self._web3.to_checksum_address(address), abi=artifact(name).abi
            )
            for name, address in deployment.addresses.items()
        }

    async def view(self, contract: str, signature: str, *arguments: object, height: int) -> Any:  # noqa: ANN401 - by ABI
        """Calls a view, as ``nonces(address,uint192)``, at a height; enough endpoints must agree on the answer."""
        function = self._contracts[contract].get_function_by_signature(signature)
        return await function(*arguments).call(block_identifier=height)

    def call(self, contract: str, signature: str, *arguments: object) -> bytes:
        """Encodes a call."""
        encoded = self._contracts[contract].encode_abi(signature, list(arguments))
        return bytes.fromhex(encoded.removeprefix("0x"))

    async def token_domain(self, height: int) -> Domain:
        """Reads the domain of the token's permits (EIP-5267)."""
        _, name, version, chain_id, contract, _, _ = await self.view(
            "MediaToken", "eip712Domain()", height=height
        )
        return Domain(name, chain_id, contract, version)

    async def verify(self, height: int) -> None:
        """Refuses to work with contracts whose code is not the one in this package."""
        for name, address in self.deployment.addresses.items():
            if name == "MediaToken":  # the network's token is not ours
                continue
            code = await self.reader.code(address, height)
            if not artifact(name).is_code(code):
                found = "another contract" if code else "nothing"
                raise WrongState(
                    f"{found} is at {address} on chain {self.deployment.chain_id} where the manifest has {name};"
                    " nothing is signed for it"
                )

    def event(self, log: Log) -> Event | None:
        """Reads an event; none when it is of no contract of ours, or unknown."""
        by_address = {address.lower(): name for name, address in self.deployment.addresses.items()}
        contract = by_address.get(log.address)
        found = self._events.get((contract, log.topics[0])) if contract is not None and log.topics else None
        if contract is None or found is None:
            return None
        try:
            return Event(contract, found["name"], dict(_values(self._web3.codec, found, log)), log)
        except DecodingError:
            return None

    def explain(self, error: RpcError) -> str:
        """Says in words why a contract refused: the name of its error and what it carries."""
        data = (
            bytes.fromhex(error.data[2:]) if error.data is not None and error.data.startswith("0x") else b""
        )
        found = self._errors.get(data[:4])
        if found is None:
            return str(error)
        try:
            values = self._web3.codec.decode(get_abi_input_types(cast("Any", found)), data[4:])
        except DecodingError:
            return str(found["name"])
        shown = (
            f"{item['name']} {_plain(value)}" for item, value in zip(found["inputs"], values, strict=True)
        )
        return f"{found['name']} ({', '.join(shown)})" if values else str(found["name"])

    @cached_property
    def _events(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            (name, "0x" + event_signature_to_log_topic(abi_to_signature(cast("Any", item))).hex()): item
            for name, item in self._items("event")
        }

    @cached_property
    def _errors(self) -> dict[bytes, dict[str, Any]]:
        return {
            bytes(function_signature_to_4byte_selector(abi_to_signature(cast("Any", item)))): item
            for _, item in self._items("error")
        }

    def _items(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in self.deployment.addresses:
            yield from ((name, item) for item in artifact(name).abi if item["type"] == kind)


def _values(codec: Any, found: dict[str, Any], log: Log) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - web3's codec
    """Reads the fields of an event: the indexed ones from topics, the others from the data."""
    types = get_abi_input_types(cast("Any", found))
    fields = list(zip(types, found["inputs"], strict=True))
    data = iter(codec.decode([kind for kind, item in fields if not item["indexed"]], log.data))
    topics = iter(log.topics[1:])
    for kind, item in fields:
        value = codec.decode([kind], bytes.fromhex(next(topics)[2:]))[0] if item["indexed"] else next(data)
        yield item["name"], _plain(value)


def _plain(value: Any) -> Any:  # noqa: ANN401 - by ABI
    """Makes a value of the ABI readable."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
