"""When something on a chain counts as done, chain by chain. Pure but for one read."""

import re
from dataclasses import dataclass

from medianode.errors import InvalidArgument

LOCAL_CHAINS = (31337, 1337)


@dataclass(frozen=True, slots=True)
class Finality:
    """A tag of the chain, or a number of blocks for chains whose tags say nothing."""

    tag: str | None = None
    """``finalized`` or ``safe``."""
    depth: int = 0
    """1: in a block; 2: another block on top of it."""

    @classmethod
    def parse(cls, text: str) -> "Finality":
        """Reads ``finalized``, ``safe`` or a depth such as ``12``."""
        if text in ("finalized", "safe"):
            return cls(tag=text)
        if re.fullmatch(r"[1-9][0-9]{0,4}", text):
            return cls(depth=int(text))
        raise InvalidArgument(f"finality is 'finalized', 'safe' or a number of blocks, not {text!r}")

    def __str__(self) -> str:
        return self.tag or str(self.depth)


def finality_of(chain_id: int) -> Finality:
    """Returns the policy where the operator sets none: what the chain itself calls final.

    Rollups finalise with the batch on their parent chain. A local chain never takes a block back unless it is told to.
    """
    return Finality(depth=1) if chain_id in LOCAL_CHAINS else Finality(tag="finalized")
