"""One EIP-1559 transaction: its fields, the digest that is signed, and its bytes. Refuses to know keys and networks."""

from dataclasses import dataclass

import rlp
from eth_utils.address import is_address, to_canonical_address
from eth_utils.crypto import keccak

from medianode.errors import InvalidArgument

TYPE = b"\x02"
SIGNATURE_BYTES = 65
V_BASE = 27
_BITS = {
    "chain_id": 64,
    "nonce": 64,
    "value": 256,
    "gas": 64,
    "max_fee_per_gas": 256,
    "max_priority_fee_per_gas": 256,
}


@dataclass(frozen=True, slots=True)
class TransactionRequest:
    """A type-2 transaction before it is signed (EIP-1559). Amounts are in wei; the access list is always empty."""

    chain_id: int
    nonce: int
    to: str | None
    """None creates a contract."""
    value: int
    data: bytes
    gas: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int

    def __post_init__(self) -> None:
        """Refuses what the chain would misread: every number is an ``int`` of its range, the tip within the fee."""
        for name, bits in _BITS.items():
            number = getattr(self, name)
            if type(number) is not int or not 0 <= number < 1 << bits:
                raise InvalidArgument(f"transaction: {name} is no integer of {bits} bits")
        if self.max_priority_fee_per_gas > self.max_fee_per_gas:
            raise InvalidArgument("transaction: the tip is above the fee")
        if type(self.data) is not bytes:
            raise InvalidArgument("transaction: data are bytes")
        if self.to is not None and not is_address(self.to):
            raise InvalidArgument("transaction: the receiver is no address")

    def digest(self) -> bytes:
        """Returns the 32 bytes that are signed."""
        return bytes(keccak(TYPE + rlp.encode(self._fields())))

    def encode(self, signature: bytes) -> bytes:
        """Returns the raw transaction; the signature has 65 bytes, r, s and v, with v 27 or 28."""
        if len(signature) != SIGNATURE_BYTES or signature[64] not in (V_BASE, V_BASE + 1):
            raise InvalidArgument("a transaction is signed by 65 bytes with v 27 or 28")
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64])
        return TYPE + bytes(rlp.encode([*self._fields(), signature[64] - V_BASE, r, s]))

    @property
    def fee_cap(self) -> int:
        """Says what its gas can cost at most."""
        return self.gas * self.max_fee_per_gas

    @property
    def selector(self) -> bytes:
        """Names the function that it calls."""
        return self.data[:4]

    def _fields(self) -> list[object]:
        return [
            self.chain_id,
            self.nonce,
            self.max_priority_fee_per_gas,
            self.max_fee_per_gas,
            self.gas,
            b"" if self.to is None else to_canonical_address(self.to),
            self.value,
            self.data,
            [],
        ]


def transaction_hash(raw: bytes) -> str:
    """Names a raw transaction as nodes do."""
    return "0x" + bytes(keccak(raw)).hex()
