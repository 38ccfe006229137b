"""What is now the case in all rooms, told as the facts that would lead there. Pure."""

from collections.abc import Iterable, Iterator

from medianode.history.journal import Running
from medianode.ids import RoomName
from medianode.rooms.announce import Fact, PeerJoined, ProducerOpened, RoomOpened
from medianode.rooms.room import Room

Told = tuple[RoomName, Fact]


def picture(rooms: Iterable[Room]) -> Iterator[Told]:
    """Tells who is where and sends what."""
    for room in rooms:
        if room.run_started_at is None:
            continue
        yield room.name, RoomOpened(room.session, room.run_started_at)
        for peer in room.participants():
            yield (
                room.name,
                PeerJoined(peer.name, room.session, peer.role, peer.metadata, peer.client, peer.joined_at),
            )
            for producer in peer.producers():
                yield (
                    room.name,
                    ProducerOpened(peer.name, producer.id, producer.name, producer.kind, producer.paused),
                )


def running_in(told: Iterable[Told]) -> Running:
    """Sorts a picture by sessions, peers and tracks."""
    running: dict[str, dict[str, set[str]]] = {}
    rooms: dict[RoomName, dict[str, set[str]]] = {}
    for room, fact in told:
        if isinstance(fact, RoomOpened):
            rooms[room] = running[fact.session] = {}
        elif isinstance(fact, PeerJoined):
            rooms[room][fact.peer] = set()
        elif isinstance(fact, ProducerOpened):
            rooms[room][fact.peer].add(fact.name)
    return running
