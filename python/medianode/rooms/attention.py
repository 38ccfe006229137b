"""Whose cameras a member is sent in full in a crowd: those who spoke last. In smaller rooms its bandwidth alone decides."""

from medianode.ids import CAMERA, PeerName
from medianode.rooms.room import Consumption, Membership, Room
from medianode.rooms.switching import Switching
from medianode.sfu.commands import SetConsumerLayers
from medianode.sfu.params import Layer, MediaKind

CROWD = 9
"""So many cameras are shown at a size that deserves every layer."""
SPOTLIGHT = 4
"""Speakers that keep every layer in a larger room."""
LOWEST = Layer(spatial=0, temporal=7)
"""The smallest encoding with all of its temporal layers."""


class Attention:
    """Bounds the layers of consumers by who speaks."""

    def __init__(self, switching: Switching) -> None:
        self._switching = switching

    def spoke(self, room: Room, peer: PeerName) -> None:
        """Remembers who spoke last, and looks at every member again."""
        room.spotlight = [peer, *(name for name in room.spotlight if name != peer)][:SPOTLIGHT]
        for member in room.members():
            self.look(member)

    def look(self, member: Membership) -> None:
        """Bounds what a member receives, or lets it free."""
        cameras = [c for c in member.consumptions.values() if _is_camera(c)]
        for consumption in cameras:
            bound = (
                len(cameras) > CROWD and consumption.producer.source.peer.name not in member.room.spotlight
            )
            if bound != consumption.bound:
                consumption.bound = bound
                layer = LOWEST if bound else None
                self._switching.post(SetConsumerLayers(consumption.consumer, layer))


def _is_camera(consumption: Consumption) -> bool:
    producer = consumption.producer
    return producer.kind == MediaKind.VIDEO and producer.source.label == CAMERA
