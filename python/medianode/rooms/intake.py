"""Takes in the events of the node and has the rooms follow them. Decides nobody's rights."""

import structlog

from medianode.ids import ProducerId, RouterId, TransportId
from medianode.rooms.announce import SpeakerChanged
from medianode.rooms.directory import Directory
from medianode.rooms.members import Members
from medianode.rooms.room import Membership, Player, Publisher, TransportSession
from medianode.sfu.events import (
    ActiveSpeaker,
    AudioLevels,
    CloseCause,
    DataChannelClosed,
    DataChannelOpened,
    DataConsumerClosed,
    DataMessage,
    Event,
    Lost,
    RouterClosed,
    TransportClosed,
    TransportConnected,
)
from medianode.sfu.interface import Sfu

log = structlog.get_logger(__name__)


class Intake:
    """The one reader of a node's events."""

    def __init__(self, sfu: Sfu, directory: Directory, members: Members) -> None:
        self._sfu = sfu
        self._directory = directory
        self._members = members

    async def run(self) -> None:
        """Takes in the node's events until it closes."""
        async for event in self._sfu.events():
            try:
                self._take(event)
            except Exception:  # one event must not end the reading of all others
                log.exception("an event could not be handled", type=type(event).__name__)

    def _take(self, event: Event) -> None:
        match event:
            case TransportConnected():
                self._connected(event)
            case TransportClosed(transport=transport, cause=cause):
                self._transport_closed(transport, cause)
            case ActiveSpeaker(router=router, producer=producer):
                self._speaks(router, producer)
            case AudioLevels(router=router, levels=levels):
                self._members.levels(router, levels)
            case DataChannelOpened() | DataChannelClosed():
                self._channel(event)
            case DataMessage(data_consumer=data_consumer, payload=payload):
                self._members.talk.heard(data_consumer, payload)
            case DataConsumerClosed(data_consumer=data_consumer):
                self._members.talk.ear_closed(data_consumer)
            case RouterClosed(router=router, cause=cause):
                self._router_closed(router, cause.value)
            case Lost(count=count):
                self._lost(count)
            case _:
                pass  # layers are read from the snapshot; closures of legs follow their transport's

    def _lost(self, count: int) -> None:
        """Takes every session for connected: a lost event must not cost a publisher its name. Closures are never lost."""
        log.warning("events were lost", count=count)
        for session in self._directory.sessions():
            if isinstance(session, TransportSession):
                session.connected = True

    def _connected(self, event: TransportConnected) -> None:
        session = self._directory.session_of(event.transport)
        if session is None:
            return
        if isinstance(session, Membership):
            self._members.connected(session, event.transport)
        elif isinstance(session, TransportSession):
            session.connected = True
        if isinstance(session, Player):
            self._directory.switching.connected(session)
        log.info(
            "session connected",
            session=session.id,
            room=session.room.name,
            peer=session.peer.name,
            srtp=event.srtp_profile.value,
            dtls=event.dtls_version,
        )

    def _transport_closed(self, transport: TransportId, cause: CloseCause) -> None:
        session = self._directory.session_of(transport)
        if isinstance(session, Membership):
            self._members.transport_closed(session, transport, cause)
        elif session is not None:
            self._directory.end_session(session, cause.value)
            if cause == CloseCause.PEER_CLOSED:
                self._directory.remember_departed(session)

    def _channel(self, event: DataChannelOpened | DataChannelClosed) -> None:
        session = self._directory.session_of(event.transport)
        if not isinstance(session, Publisher | Player):
            return
        if isinstance(event, DataChannelOpened):
            self._directory.switching.channel_opened(session, event)
        else:
            self._directory.switching.channel_closed(session, event)
        if isinstance(session, Publisher):
            self._members.talk.listen(session.room)

    def _speaks(self, router: RouterId, producer: ProducerId | None) -> None:
        room = self._directory.room_of(router)
        if room is None or room.closed:
            return
        found = self._directory.sources.producer(producer) if producer is not None else None
        source = found.source if found is not None else None
        if source is room.speaker:
            return
        room.speaker = source
        who = (
            SpeakerChanged(source.peer.name, source.label)
            if source is not None
            else SpeakerChanged(None, None)
        )
        self._directory.announcer.tell(room.name, who)
        self._directory.switching.follow(room)
        if source is not None:
            self._members.media.attention.spoke(room, source.peer.name)

    def _router_closed(self, router: RouterId, cause: str) -> None:
        room = self._directory.forget_router(router)
        if room is None or room.closed or room.router != router:
            return
        log.error("the room lost its router and gets a new one", room=room.name, cause=cause)
        self._directory.replace_router(room)
