"""What is said in a room: messages of members, the chat of publishers' channels, and the list of who speaks.

Text between data channels and the control plane goes over a direct transport of the room. What members say to each other on
their bot channels stays in the core.
"""

import json

import structlog

from medianode.errors import InternalError, InvalidArgument, NotFound, PermissionDenied
from medianode.ids import CAMERA, DataConsumerId, DataProducerId, IdSource, PeerName, ProducerId
from medianode.rooms.announce import DataReceived
from medianode.rooms.directory import Directory
from medianode.rooms.room import BotChannel, Direct, Membership, Publisher, Room, Source, SourceChannel
from medianode.sfu.commands import (
    CloseDataConsumer,
    CloseDataProducer,
    CreateDataConsumer,
    CreateDataProducer,
    CreateDirectTransport,
    SendData,
)
from medianode.sfu.interface import Sfu
from medianode.sfu.params import ChannelParameters

CHAT = "chat"
"""Label of the channel, and of messages, that people read."""
EVERYBODY = "*"
MAX_PAYLOAD_BYTES = 1024
MAX_SPEAKERS = 20
BOT_STREAM = 0
"""Stream of the bot channel on every member's receiving transport, which carries no other."""

log = structlog.get_logger(__name__)


class Talk:
    """Carries what is said to whom may hear it."""

    def __init__(self, sfu: Sfu, directory: Directory, ids: IdSource) -> None:
        self._sfu = sfu
        self._directory = directory
        self._ids = ids
        self._ears: dict[DataConsumerId, Publisher] = {}

    # Messages

    def say(self, member: Membership, to: list[str], payload: str, label: str | None) -> None:
        """Tells members, and with ``*`` everybody, the sender included: clients show their own words when they come back."""
        room, sender = member.room, member.peer
        if not room.allowed(sender).send_data:
            raise PermissionDenied(f"{sender.name} may not send data")
        if len(payload.encode()) > MAX_PAYLOAD_BYTES:
            raise InvalidArgument(f"a message has at most {MAX_PAYLOAD_BYTES} bytes")
        everybody = EVERYBODY in to
        self._deliver(room, set(to) if not everybody else None, DataReceived(sender.name, payload, label))
        source = sender.sources.get(CAMERA)
        if everybody and label in (None, CHAT) and source is not None:
            channel = source.channels.get(CHAT)
            if channel is not None and channel.stream_id is None:
                self._directory.switching.post(SendData(channel.data_producer, payload))

    def heard(self, ear: DataConsumerId, text: str) -> None:
        """Takes what a publisher said on its chat channel to the members."""
        publisher = self._ears.get(ear)
        if publisher is None or publisher.closed or not publisher.room.allowed(publisher.peer).send_data:
            return
        words = _words(text)
        if len(words.encode()) <= MAX_PAYLOAD_BYTES:
            self._deliver(publisher.room, None, DataReceived(publisher.peer.name, words, CHAT))

    def ear_closed(self, ear: DataConsumerId) -> None:
        """Forgets what is not listened to any more."""
        publisher = self._ears.pop(ear, None)
        if publisher is not None and publisher.room.direct is not None:
            ears = publisher.room.direct.ears
            for producer in [producer for producer, known in ears.items() if known == ear]:
                del ears[producer]

    def _deliver(self, room: Room, to: set[str] | None, fact: DataReceived) -> None:
        for member in room.members():
            if to is not None and member.peer.name not in to:
                continue
            if member.listener is not None and room.allowed(member.peer).receive_data:
                member.listener.offer(fact)

    # The room's own ears and voice

    def joined(self, member: Membership) -> None:
        """Gives a new member its voice towards players, and the members ears for publishers."""
        room = member.room
        if room.direct is None:
            room.direct = Direct(self._ids.transport(), self._ids.data_producer())
            post = self._directory.switching.post
            post(CreateDirectTransport(room.router, room.direct.transport))
            post(CreateDataProducer(room.direct.transport, room.direct.bot))
        self._give_voice(member)
        self.listen(room)

    def listen(self, room: Room) -> None:
        """Listens to every chat channel of publishers, if there are members to hear it."""
        direct = room.direct
        if direct is None or not room.members():
            return
        for source in room.sources():
            channel = source.channels.get(CHAT)
            publisher = source.session
            if (
                channel is None
                or not isinstance(publisher, Publisher)
                or channel.data_producer in direct.ears
            ):
                continue
            ear = self._ids.data_consumer()
            direct.ears[channel.data_producer] = ear
            self._ears[ear] = publisher
            self._directory.switching.post(CreateDataConsumer(direct.transport, ear, channel.data_producer))

    def _give_voice(self, member: Membership) -> None:
        """A member that may speak has a camera source with a chat channel, though it may send no media: players follow that."""
        room, peer, direct = member.room, member.peer, member.room.direct
        source = peer.sources.get(CAMERA)
        own = source is None or source.session is member
        speaks = source is not None and CHAT in source.channels
        if not own or direct is None or speaks == room.allowed(peer).send_data:
            return
        if source is not None and speaks:
            self._directory.switching.post(CloseDataProducer(source.channels.pop(CHAT).data_producer))
            self._directory.sources.changed(room, source)
            return
        if source is None:
            source = Source(peer, member, CAMERA)
            peer.sources[CAMERA] = source
        voice = self._ids.data_producer()
        self._directory.switching.post(CreateDataProducer(direct.transport, voice))
        source.channels[CHAT] = SourceChannel(voice, ChannelParameters(CHAT), None)
        self._directory.sources.open(room, source)

    # Bot channels

    async def open_bot(
        self, member: Membership, stream_id: int, channel: ChannelParameters
    ) -> DataConsumerId:
        """Opens a member's bot channel both ways; returns the leg on which the node speaks."""
        room, direct = member.room, member.room.direct
        if member.send is None or member.receive is None or direct is None:
            raise NotFound(f"{member.peer.name} needs both transports before a data channel")
        self.bot_ended(member)
        bot = BotChannel(self._ids.data_producer(), channel)
        member.bot = bot
        await self._sfu.submit(
            CreateDataProducer(member.send.id, bot.data_producer, stream_id, negotiated=channel)
        )
        if member.bot is not bot:
            raise NotFound(f"the data channel of {member.peer.name} ended while it was opened")
        self.relink(room)
        leg = bot.legs.get(direct.bot)
        if leg is None:
            raise InternalError(f"the bot channel of {member.peer.name} has no source")
        return leg

    def bot_ended(self, member: Membership) -> None:
        """Ends a member's bot channel."""
        bot, member.bot = member.bot, None
        if bot is None:
            return
        for leg in bot.legs.values():
            self._directory.switching.post(CloseDataConsumer(leg))
        self._directory.switching.post(CloseDataProducer(bot.data_producer))
        self.relink(member.room)

    def permissions_changed(self, room: Room) -> None:
        """Gives and takes voices and ears by what is allowed now."""
        for member in room.members():
            self._give_voice(member)
        self.relink(room)

    def relink(self, room: Room) -> None:
        """Feeds each bot channel from the node and from every other member that may speak to it."""
        direct = room.direct
        channels = [(member, member.bot) for member in room.members() if member.bot is not None]
        speaking = {
            bot.data_producer: member for member, bot in channels if room.allowed(member.peer).send_data
        }
        for member, bot in channels:
            wanted: set[DataProducerId] = {direct.bot} if direct is not None else set()
            if room.allowed(member.peer).receive_data:
                wanted |= {producer for producer, speaker in speaking.items() if speaker is not member}
            self._link(member, bot, wanted)

    def _link(self, member: Membership, bot: BotChannel, wanted: set[DataProducerId]) -> None:
        post = self._directory.switching.post
        for producer in set(bot.legs) - wanted:
            post(CloseDataConsumer(bot.legs.pop(producer)))
        if member.receive is None:
            return
        for producer in sorted(wanted - set(bot.legs)):
            leg = bot.legs[producer] = self._ids.data_consumer()
            post(CreateDataConsumer(member.receive.id, leg, producer, BOT_STREAM, bot.channel))

    def tell_speakers(self, room: Room, levels: tuple[tuple[ProducerId, int], ...]) -> None:
        """Tells all bot channels who speaks, loudest first."""
        if room.direct is None or not any(member.bot for member in room.members()):
            return
        speakers: dict[PeerName, None] = {}
        for number, _ in sorted(levels, key=lambda entry: -entry[1]):
            producer = self._directory.sources.producer(number)
            if producer is not None:
                speakers[producer.source.peer.name] = None
        message = {"label": "lastN", "payload": {"activeSpeakers": list(speakers)[:MAX_SPEAKERS]}}
        text = json.dumps(message, separators=(",", ":"))
        self._directory.switching.post(SendData(room.direct.bot, text))


def _words(text: str) -> str:
    """Reads what the page says, ``{"text": ...}``, or the plain text of another client."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return text
    words = parsed.get("text") if isinstance(parsed, dict) else None
    return words if isinstance(words, str) else text
