"""The contracts as they were built: interface and code, from the package's data."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from eth_utils.abi import abi_to_signature, function_signature_to_4byte_selector


@dataclass(frozen=True, slots=True)
class Artifact:
    """One contract."""

    name: str
    abi: tuple[dict[str, Any], ...]
    bytecode: str
    """Hexadecimal with 0x: what creates it, without the constructor's arguments."""
    runtime: bytes
    """Its code on a chain, with zeros where immutable values stand."""
    immutables: tuple[tuple[int, int], ...]
    """Start and length of those places."""

    def selector(self, function: str) -> bytes:
        """Names a function as transactions do. Functions that share a name are not asked for here."""
        found: Any = next(
            item for item in self.abi if item["type"] == "function" and item["name"] == function
        )
        return bytes(function_signature_to_4byte_selector(abi_to_signature(found)))

    def is_code(self, code: bytes) -> bool:
        """Says whether code on a chain is this contract's, whatever values it was made with."""
        if len(code) != len(self.runtime):
            return False
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(length)
        return bytes(masked) == self.runtime


@cache
def artifact(name: str) -> Artifact:
    """Reads the build output of a contract."""
    document = json.loads((files("medianode.wallet") / "artifacts" / f"{name}.json").read_text())
    return Artifact(
        name=name,
        abi=tuple(document["abi"]),
        bytecode="0x" + document["bytecode"].removeprefix("0x"),
        runtime=bytes.fromhex(document["deployedBytecode"].removeprefix("0x")),
        immutables=tuple((place["start"], place["length"]) for place in document["immutableReferences"]),
    )
