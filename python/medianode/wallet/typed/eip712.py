"""EIP-712: messages as frozen dataclasses, their schema derived from the fields. Owns domains and digests; holds no key."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, cast, get_args, get_type_hints

from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from medianode.errors import InvalidArgument
from medianode.wallet.typed.values import ZERO_ADDRESS, Address, Solidity, Uint256

DOMAIN_FIELDS = ("name", "version", "chainId", "verifyingContract")


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature is good (EIP-712 ``domainSeparator``). All four fields are always signed.

    A network without a chain has chain id 0 and the zero address as its contract.
    """

    name: str
    chain_id: Uint256 = 0
    verifying_contract: Address = ZERO_ADDRESS
    version: str = "1"

    def __post_init__(self) -> None:
        _check_fields(self)

    def as_dict(self) -> dict[str, object]:
        """Returns the domain as wallets show it; the chain id is a JSON number."""
        return {
            "name": self.name,
            "version": self.version,
            "chainId": self.chain_id,
            "verifyingContract": self.verifying_contract,
        }

    @classmethod
    def from_dict(cls, document: object) -> Self:
        """Reads a domain; a missing or unknown field is refused."""
        found = exact(document, DOMAIN_FIELDS, "domain")
        return cls(found["name"], found["chainId"], found["verifyingContract"], found["version"])


class Message:
    """A message that is signed as EIP-712 typed data. Subclasses are frozen dataclasses whose fields have Solidity types.

    A field ``node_id: Uint256`` is ``uint256 nodeId`` in the schema. Values of another type are refused, not converted.
    """

    __slots__ = ()
    DOMAIN: ClassVar[str | None]
    """Name of the domain in which alone this message is good; none where the contract's own name decides."""
    SIGNED_BY: ClassVar[str | None] = None
    """The field that names the account which must have signed; none where the chain alone knows it."""

    def __post_init__(self) -> None:
        _check_fields(self)

    @classmethod
    def type_string(cls) -> str:
        """Returns the type as EIP-712's ``encodeType`` writes it."""
        return f"{cls.__name__}({','.join(f'{kind.name} {name}' for _, name, kind in _schema(cls))})"

    def as_dict(self) -> dict[str, object]:
        """Returns the message for JSON: integers wider than 32 bits as decimal text, bytes as hex."""
        return {name: kind.to_json(getattr(self, field)) for field, name, kind in _schema(type(self))}

    @classmethod
    def from_dict(cls, document: object) -> Self:
        """Reads a message; a missing, unknown or ill-typed field is refused."""
        schema = _schema(cls)
        found = exact(document, [name for _, name, _ in schema], cls.__name__)
        values = {
            field: kind.from_json(found[name], f"{cls.__name__}.{name}") for field, name, kind in schema
        }
        return cast("Self", cast("Any", cls)(**values))


@dataclass(frozen=True, slots=True)
class TypedData:
    """A message in its domain: what is signed."""

    domain: Domain
    message: Message

    def __post_init__(self) -> None:
        if self.message.DOMAIN not in (self.domain.name, None):
            name = type(self.message).__name__
            raise InvalidArgument(
                f"{name} belongs to the domain {self.message.DOMAIN}, not {self.domain.name!r}"
            )

    def digest(self) -> bytes:
        """Returns the 32 bytes that are signed: ``keccak256(0x1901 || domainSeparator || hashStruct)``."""
        values = {name: getattr(self.message, field) for field, name, _ in _schema(type(self.message))}
        encoded = encode_typed_data(full_message=self._document(values))
        return keccak(b"\x19" + encoded.version + encoded.header + encoded.body)

    def document(self) -> dict[str, object]:
        """Returns what ``eth_signTypedData_v4`` takes: types, domain and message."""
        return self._document(self.message.as_dict())

    def _document(self, message: Mapping[str, object]) -> dict[str, object]:
        kind = type(self.message)
        domain = [
            ("name", "string"),
            ("version", "string"),
            ("chainId", "uint256"),
            ("verifyingContract", "address"),
        ]
        return {
            "types": {
                "EIP712Domain": [{"name": name, "type": solidity} for name, solidity in domain],
                kind.__name__: [{"name": name, "type": solidity.name} for _, name, solidity in _schema(kind)],
            },
            "primaryType": kind.__name__,
            "domain": self.domain.as_dict(),
            "message": dict(message),
        }


def _schema(kind: type[Message] | type[Domain]) -> tuple[tuple[str, str, Solidity], ...]:
    """Lists the fields: name in Python, name in the schema, type."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        (field.name, _camel(field.name), _solidity(hints[field.name])) for field in fields(cast("Any", kind))
    )


def _solidity(hint: object) -> Solidity:
    for note in get_args(hint):
        if isinstance(note, Solidity):
            return note
    return Solidity("string")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _check_fields(record: Message | Domain) -> None:
    kind = type(record)
    for field, name, solidity in _schema(kind):
        solidity.check(getattr(record, field), f"{kind.__name__}.{name}")


def exact(document: object, names: Collection[str], what: str) -> dict[str, Any]:
    """Takes a JSON object that has these fields and no other."""
    if not isinstance(document, dict):
        raise InvalidArgument(f"{what} must be an object with the fields {', '.join(names)}")
    if missing := [name for name in names if name not in document]:
        raise InvalidArgument(f"{what} lacks {', '.join(missing)}")
    if unknown := [str(name) for name in document if name not in names]:
        raise InvalidArgument(f"{what} has unknown fields: {', '.join(unknown)[:200]}")
    return document
