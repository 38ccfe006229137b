"""Keeps every player on what it follows: media legs and data channels. Owns the commands for it; decides nobody's rights."""

import asyncio

import structlog

from medianode.errors import MedianodeError
from medianode.ids import IdSource
from medianode.rooms.room import Player, Publisher, Room, Source, SourceChannel
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
            self._point(player, room.source_for(player))

    def drop(self, player: Player) -> None:
        """Forgets what a player followed."""
        player.following = None
        player.fed.clear()
        player.legs.clear()

    def connected(self, player: Player) -> None:
        """Gives a player a moment to open its channels, then opens those that it lacks."""
        if player.data:
            asyncio.get_running_loop().call_later(SETTLE_S, self._settle, player)

    def _settle(self, player: Player) -> None:
        player.settled = True
        if not player.closed:
            self._channels(player)

    def channel_opened(self, session: Publisher | Player, event: DataChannelOpened) -> None:
        """Takes a publisher's new channel to its players, or a player's new channel into use."""
        label = event.channel.label
        if not session.data:
            log.info("a channel without permission stays unused", session=session.id)
        elif isinstance(session, Publisher):
            self._publish_channel(session, label, event)
        elif label not in session.own_channels:
            session.own_channels[label] = event.stream_id
            # The player's own channel takes the place of one that we had to open before it came.
            self._unlink(session, label)
            self._channels(session)

    def channel_closed(self, session: Publisher | Player, event: DataChannelClosed) -> None:
        """Ends what depended on a channel."""
        if isinstance(session, Publisher):
            channels = session.source.channels
            for label, channel in list(channels.items()):
                if channel.stream_id == event.stream_id:
                    del channels[label]
                    self.post(CloseDataProducer(channel.data_producer))
            self.follow(session.room)
            return
        for label, stream_id in list(session.own_channels.items()):
            if stream_id == event.stream_id:
                del session.own_channels[label]
                self._unlink(session, label)

    def _point(self, player: Player, source: Source | None) -> None:
        player.following = source
        producers = source.producers if source is not None else {}
        for kind, consumer in player.consumers.items():
            wanted = producers[kind].id if kind in producers else None
            if player.fed.get(kind) != wanted:
                player.fed[kind] = wanted
                self.post(SwitchConsumer(consumer, wanted))
        self._channels(player)

    def _channels(self, player: Player) -> None:
        """Feeds a player's channels from those of the source that it follows."""
        if not player.data:
            return
        channels = player.following.channels if player.following is not None else {}
        for label, (data_producer, _) in list(player.legs.items()):
            if label not in channels or channels[label].data_producer != data_producer:
                self._unlink(player, label)
        for label, channel in channels.items():
            if label not in player.legs:
                self._link(player, label, channel)

    def _publish_channel(self, publisher: Publisher, label: str, event: DataChannelOpened) -> None:
        channels = publisher.source.channels
        if label in channels:
            log.info("a second channel of one label stays unused", session=publisher.id)
            return
        channel = SourceChannel(self._ids.data_producer(), event.channel, event.stream_id)
        channels[label] = channel
        self.post(CreateDataProducer(publisher.transport, channel.data_producer, event.stream_id))
        self.follow(publisher.room)

    def _link(self, player: Player, label: str, channel: SourceChannel) -> None:
        """Feeds the channel that the player opened under this label, or opens one like the publisher's."""
        stream_id = player.own_channels.get(label)
        if stream_id is None and not player.settled:
            return
        leg = self._ids.data_consumer()
        player.legs[label] = (channel.data_producer, leg)
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
        found = player.legs.pop(label, None)
        if found is not None:
            self.post(CloseDataConsumer(found[1]))

    def _posted_done(self, command: Command, answer: asyncio.Future[Reply]) -> None:
        self._posted.discard(answer)
        if answer.cancelled():
            return
        error = answer.exception()
        if error is not None:
            log.info("a command was refused", command=type(command).__name__, reason=str(error))
