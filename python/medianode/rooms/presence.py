"""Who is told to be in a room, and since when: joins, leaves, and the runs of a room. Pure apart from telling."""

from medianode.clock import Clock
from medianode.ids import run_id
from medianode.rooms.announce import Announcer, PeerJoined, PeerLeft, RoomEmptied, RoomOpened
from medianode.rooms.room import Peer, Room


class Presence:
    """Tells joins and leaves, each once."""

    def __init__(self, announcer: Announcer, clock: Clock) -> None:
        self._announcer = announcer
        self._clock = clock

    def came(self, room: Room, peer: Peer) -> None:
        """Tells of a peer if the others should know of it and do not yet."""
        if peer.joined or not peer.participates:
            return
        now = self._clock.now()
        if room.run_started_at is None:
            room.run_started_at = now
            self._announcer.tell(room.name, RoomOpened(room.session, now))
        peer.joined = True
        self._announcer.tell(
            room.name, PeerJoined(peer.name, room.session, peer.role, peer.metadata, peer.client, now)
        )

    def went(self, room: Room, peer: Peer) -> None:
        """Tells that a peer left if the others knew of it and it has nothing here any more."""
        if not peer.joined or peer.participates:
            return
        now = self._clock.now()
        peer.joined = False
        self._announcer.tell(room.name, PeerLeft(peer.name, room.session, now))
        if not room.participants():
            room.run_started_at = None
            self._announcer.tell(room.name, RoomEmptied(room.session, now))
            room.session = run_id()
