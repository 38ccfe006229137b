"""What a chain says, as types: blocks, receipts, logs. Values that two endpoints give alike compare equal."""

from dataclasses import dataclass
from typing import Any

from medianode.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Block:
    """The head of a block."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    """Seconds since 1970."""
    base_fee: int
    """Wei per gas (EIP-1559)."""

    @classmethod
    def read(cls, answer: Any) -> "Block | None":  # noqa: ANN401 - JSON
        """Reads a block from JSON; none where there is none."""
        if answer is None:
            return None
        return cls(
            number=number(answer["number"]),
            hash=hash32(answer["hash"]),
            parent_hash=hash32(answer["parentHash"]),
            timestamp=number(answer["timestamp"]),
            base_fee=number(answer.get("baseFeePerGas") or "0x0"),
        )


@dataclass(frozen=True, slots=True)
class Log:
    """One event of a contract."""

    address: str
    topics: tuple[str, ...]
    data: bytes
    block_number: int
    block_hash: str
    transaction_hash: str
    index: int
    """Its place in the block."""

    @classmethod
    def read(cls, answer: Any) -> "Log":  # noqa: ANN401 - JSON
        """Reads a log from JSON."""
        return cls(
            address=answer["address"].lower(),
            topics=tuple(hash32(topic) for topic in answer["topics"]),
            data=octets(answer["data"]),
            block_number=number(answer["blockNumber"]),
            block_hash=hash32(answer["blockHash"]),
            transaction_hash=hash32(answer["transactionHash"]),
            index=number(answer["logIndex"]),
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction."""

    transaction_hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    gas_used: int
    fee_per_gas: int
    logs: tuple[Log, ...]

    @classmethod
    def read(cls, answer: Any) -> "Receipt | None":  # noqa: ANN401 - JSON
        """Reads a receipt from JSON; none for a transaction in no block."""
        if answer is None or answer.get("blockHash") is None:
            return None
        return cls(
            transaction_hash=hash32(answer["transactionHash"]),
            block_number=number(answer["blockNumber"]),
            block_hash=hash32(answer["blockHash"]),
            succeeded=number(answer["status"]) == 1,
            gas_used=number(answer["gasUsed"]),
            fee_per_gas=number(answer.get("effectiveGasPrice") or "0x0"),
            logs=tuple(Log.read(item) for item in answer["logs"]),
        )


def number(text: Any) -> int:  # noqa: ANN401 - JSON
    """Reads a JSON-RPC quantity."""
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError(f"{text!r} is no quantity")
    return int(text, 16)


def octets(text: Any) -> bytes:  # noqa: ANN401 - JSON
    """Reads JSON-RPC data."""
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError(f"{text!r} is no data")
    return bytes.fromhex(text[2:])


def hash32(text: Any) -> str:  # noqa: ANN401 - JSON
    """Reads a hash; the result is in lower case."""
    if len(octets(text)) != 32:  # noqa: PLR2004 - bytes
        raise ValueError(f"{text!r} is no hash")
    return str(text).lower()


def quantity(value: int) -> str:
    """Writes a JSON-RPC quantity."""
    if value < 0:
        raise InvalidArgument(f"{value} is no quantity")
    return hex(value)
