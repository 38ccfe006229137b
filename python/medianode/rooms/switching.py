"""Keeps every player on what it follows: media legs and data channels. Owns the commands for it; decides nobody's rights."""

import asyncio

import structlog

from medianode.errors import MedianodeError
from medianode.ids import IdSource
from medianode.rooms.room import Player, Room, Source, SourceChannel
from medianode.sfu.commands import (
    CloseDataConsumer,
    CloseDataProducer,
    Command,
    CreateDataConsumer,
    CreateDataProducer,
    Reply,
    SwitchConsumer,
)
from medianode.sfu.events import DataChannelClosed, DataChannelOpened
from medianode.sfu.interface import Sfu

SETTLE_S = 1.0
"""A player's own channels open within a round trip or two of its connection."""

log = structlog.get_logger(__name__)


class Switching:
    """Points players at sources whenever either comes, goes or speaks."""

    def __init__(self, sfu: Sfu, ids: IdSource) -> None:
        self._sfu = sfu
        self._ids = ids
        self._posted: set[asyncio.Future[Reply]] = set()

    def post(self, command: Command) -> None:
        """Sends a command whose answer nobody waits for; a refusal is logged, for its object is gone or going."""
        try:
            answer = asyncio.ensure_future(self._sfu.submit(command))
        except MedianodeError as error:
            log.info("a command was not taken", command=type(command).__name__, reason=str(error))
            return
        self._posted.add(answer)
        answer.add_done_callback(lambda done: self._posted_done(command, done))

    def follow(self, room: Room) -> None:
        """Looks at every player of a room again."""
        for player in room.players():
            source = room.source_for(player)
            if source is not player.following:
                self._point(player, source)

    def drop(self, player: Player) -> None:
        """Forgets what a player followed."""
        player.following = None
        player.legs.clear()

    def connected(self, player: Player) -> None:
        """Gives a player a moment to open its channels, then opens those that it lacks."""
        if player.data:
            asyncio.get_running_loop().call_later(SETTLE_S, self._settle, player)

    def _settle(self, player: Player) -> None:
        player.settled = True
        source = player.following
        if source is None or player.closed:
            return
        for label, channel in source.channels.items():
            if label not in player.legs:
                self._link(player, label, channel)

    def channel_opened(self, session: Source | Player, event: DataChannelOpened) -> None:
        """Takes a publisher's new channel to its players, or a player's new channel into use."""
        label = event.channel.label
        if not session.data:
            log.info("a channel without permission stays unused", session=session.id)
        elif isinstance(session, Source):
            self._publish_channel(session, label, event)
        elif label not in session.own_channels:
            session.own_channels[label] = event.stream_id
            source = session.following
            if source is not None and label in source.channels:
                # The player's own channel takes the place of one that we had to open before it came.
                self._unlink(session, label)
                self._link(session, label, source.channels[label])

    def channel_closed(self, session: Source | Player, event: DataChannelClosed) -> None:
        """Ends what depended on a channel."""
        if isinstance(session, Source):
            for label, channel in list(session.channels.items()):
                if channel.stream_id == event.stream_id:
                    del session.channels[label]
                    self.post(CloseDataProducer(channel.data_producer))
                    for player in _followers(session):
                        self._unlink(player, label)
            return
        for label, stream_id in list(session.own_channels.items()):
            if stream_id == event.stream_id:
                del session.own_channels[label]
                self._unlink(session, label)

    def _point(self, player: Player, source: Source | None) -> None:
        player.following = source
        for kind, consumer in player.consumers.items():
            self.post(SwitchConsumer(consumer, source.producers.get(kind) if source is not None else None))
        for label in list(player.legs):
            self._unlink(player, label)
        if source is not None and player.data:
            for label, channel in source.channels.items():
                self._link(player, label, channel)

    def _publish_channel(self, source: Source, label: str, event: DataChannelOpened) -> None:
        if label in source.channels:
            log.info("a second channel of one label stays unused", session=source.id)
            return
        channel = SourceChannel(self._ids.data_producer(), event.channel, event.stream_id)
        source.channels[label] = channel
        self.post(CreateDataProducer(source.transport, channel.data_producer, event.stream_id))
        for player in _followers(source):
            if player.data:
                self._link(player, label, channel)

    def _link(self, player: Player, label: str, channel: SourceChannel) -> None:
        """Feeds the channel that the player opened under this label, or opens one like the publisher's."""
        stream_id = player.own_channels.get(label)
        if stream_id is None and not player.settled:
            return
        leg = self._ids.data_consumer()
        player.legs[label] = leg
        self.post(
            CreateDataConsumer(
                player.transport,
                leg,
                channel.data_producer,
                stream_id=stream_id,
                channel=channel.parameters if stream_id is None else None,
            )
        )

    def _unlink(self, player: Player, label: str) -> None:
        leg = player.legs.pop(label, None)
        if leg is not None:
            self.post(CloseDataConsumer(leg))

    def _posted_done(self, command: Command, answer: asyncio.Future[Reply]) -> None:
        self._posted.discard(answer)
        if answer.cancelled():
            return
        error = answer.exception()
        if error is not None:
            log.info("a command was refused", command=type(command).__name__, reason=str(error))


def _followers(source: Source) -> list[Player]:
    return [player for player in source.room.players() if player.following is source]
