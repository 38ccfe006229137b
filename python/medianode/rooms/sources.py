"""What is published in rooms: opens and ends producers and tells who must know. Owns no session and no permission."""

from collections.abc import Iterable

from medianode.ids import ProducerId
from medianode.rooms.announce import (
    Announcer,
    PeerPublished,
    PeerUnpublished,
    ProducerClosed,
    ProducerOpened,
    ProducerPaused,
    ProducersClosed,
)
from medianode.rooms.room import Producer, Room, Source
from medianode.rooms.switching import Switching
from medianode.sfu.commands import (
    CloseConsumer,
    CloseDataProducer,
    CloseProducer,
    PauseProducer,
    ResumeProducer,
)

STALE = 256
"""Ended producers that a member's client may have missed; what it missed beyond them it learns late."""


class Sources:
    """Knows every producer of every room."""

    def __init__(self, announcer: Announcer, switching: Switching) -> None:
        self._announcer = announcer
        self._switching = switching
        self._producers: dict[ProducerId, Producer] = {}

    def producer(self, number: ProducerId) -> Producer | None:
        """Finds a producer by its number."""
        return self._producers.get(number)

    def claim(self, source: Source, producer: Producer) -> None:
        """Takes a producer in before it exists in the core, so that nobody else gets its place."""
        source.producers[producer.kind] = producer
        self._producers[producer.id] = producer

    def unclaim(self, producer: Producer) -> None:
        """Takes back a producer that did not come to be, with a source that was made for it."""
        source, peer = producer.source, producer.source.peer
        self._producers.pop(producer.id, None)
        if source.producers.get(producer.kind) is producer:
            del source.producers[producer.kind]
        unused = not (source.producers or source.channels or source.live or source.whole)
        if unused and peer.sources.get(source.label) is source:
            del peer.sources[source.label]

    def open(self, room: Room, source: Source, producers: Iterable[Producer] = ()) -> None:
        """Tells of a source that can be played now, and of its producers."""
        peer = source.peer
        source.live = True
        for producer in producers:
            self._announcer.tell(
                room.name,
                ProducerOpened(
                    peer.name,
                    producer.id,
                    producer.name,
                    producer.kind,
                    producer.paused,
                    producer.receivable,
                    source.session.id,
                ),
            )
        self._announcer.tell(room.name, PeerPublished(peer.name, source.label, tuple(source.kinds)))
        self._switching.follow(room)

    def pause(self, room: Room, producer: Producer, *, paused: bool) -> None:
        """Stops forwarding of a producer, or goes on."""
        producer.paused = paused
        self._switching.post(PauseProducer(producer.id) if paused else ResumeProducer(producer.id))
        peer = producer.source.peer.name
        self._announcer.tell(room.name, ProducerPaused(peer, producer.id, producer.name, paused))

    def close(self, room: Room, producers: Iterable[Producer], *, moderated: bool = False) -> None:
        """Ends producers; ``moderated`` says that it was not their peer's own wish. A source without anything ends too."""
        closed, touched = [], dict[Source, None]()
        for producer in producers:
            if self._producers.pop(producer.id, None) is None:
                continue
            touched[producer.source] = None
            self._switching.post(CloseProducer(producer.id))
            closed.append(self._forget(room, producer))
        if closed and moderated:
            self._announcer.tell(room.name, ProducersClosed(tuple(closed)))
        elif not moderated:
            for fact in closed:
                self._announcer.tell(room.name, fact)
        for source in touched:
            self.changed(room, source)

    def end(self, room: Room, source: Source) -> None:
        """Ends a source with all it has."""
        peer = source.peer
        if peer.sources.get(source.label) is source:
            del peer.sources[source.label]
        for channel in source.channels.values():
            if channel.stream_id is None:  # the others end with their transport
                self._switching.post(CloseDataProducer(channel.data_producer))
        for producer in list(source.producers.values()):
            if self._producers.pop(producer.id, None) is None:
                continue
            self._switching.post(CloseProducer(producer.id))
            fact = self._forget(room, producer)
            if source.live:
                self._announcer.tell(room.name, fact)
        if room.speaker is source:
            room.speaker = None
        if source.live:
            source.live = False
            self._announcer.tell(room.name, PeerUnpublished(peer.name, source.label))
            self._switching.follow(room)

    def _forget(self, room: Room, producer: Producer) -> ProducerClosed:
        """Ends what members receive of a producer."""
        peer = producer.source.peer
        if producer.source.producers.get(producer.kind) is producer:
            del producer.source.producers[producer.kind]
        for member in room.members():
            consumption = member.consumptions.pop(producer.id, None)
            if consumption is not None:
                self._switching.post(CloseConsumer(consumption.consumer))
                member.stale[peer.name, producer.name] = producer.id
                if len(member.stale) > STALE:
                    member.stale.popitem(last=False)
        return ProducerClosed(peer.name, producer.id, producer.name)

    def changed(self, room: Room, source: Source) -> None:
        """Tells what is left of a source."""
        if not source.producers and not source.channels and not source.whole:
            self.end(room, source)
        elif source.live:
            self._announcer.tell(
                room.name, PeerPublished(source.peer.name, source.label, tuple(source.kinds))
            )
            self._switching.follow(room)
