"""Merkle trees as OpenZeppelin's MerkleProof checks them: sorted pairs, leaves hashed twice. Pure."""

from collections.abc import Sequence

from eth_utils.crypto import keccak

from medianode.errors import InvalidArgument


def leaf_hash(encoded: bytes) -> bytes:
    """Hashes a leaf twice, so that no inner node can pass for one (second pre-image)."""
    return bytes(keccak(keccak(encoded)))


class MerkleTree:
    """A tree over leaf hashes; their order does not matter to the root's readers, but is kept."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if len(set(leaves)) != len(leaves):
            raise InvalidArgument("a leaf occurs twice")
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_parents(self._levels[-1]))

    @property
    def root(self) -> bytes:
        """Returns the root; 32 zeros for no leaves."""
        return self._levels[-1][0] if self._levels[-1] else bytes(32)

    def proof(self, index: int) -> list[bytes]:
        """Returns the hashes that lead from a leaf to the root."""
        hashes = []
        for level in self._levels[:-1]:
            if index ^ 1 < len(level):
                hashes.append(level[index ^ 1])
            index //= 2
        return hashes


def proves(root: bytes, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Says whether a proof leads from the leaf to the root."""
    for sibling in proof:
        leaf = _pair(leaf, sibling)
    return leaf == root


def _parents(level: list[bytes]) -> list[bytes]:
    """A last one without a sibling goes up as it is."""
    pairs = [_pair(*level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


def _pair(a: bytes, b: bytes) -> bytes:
    return bytes(keccak(min(a, b) + max(a, b)))
