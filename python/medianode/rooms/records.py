"""What is remembered of a room while nobody is in it. Owned by whoever keeps such records; asked when a room opens."""

from dataclasses import dataclass
from typing import Protocol

from medianode.ids import RoomName


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """What a room is like before anybody comes."""

    metadata: str | None
    """JSON text."""
    locked: bool


class RoomRecords(Protocol):
    """Whoever remembers rooms."""

    async def find(self, name: RoomName) -> RoomRecord | None:
        """Finds a room that was made before; none when there is nothing to know about that name."""
