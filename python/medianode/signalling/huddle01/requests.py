"""What members ask: each request to a call of the rooms, and its answer to messages. Changes no other session."""

from collections.abc import Callable
from dataclasses import replace

from google.protobuf.message import Message

from medianode.errors import CapacityError, InvalidArgument, RequestError, Unsupported, WrongState
from medianode.ids import ConsumerId, PeerName, ProducerId
from medianode.rooms.member_media import Way
from medianode.rooms.members import Arrival, Members
from medianode.rooms.moderation import with_control
from medianode.rooms.roles import Controls
from medianode.rooms.room import Membership
from medianode.rooms.talk import BOT_STREAM
from medianode.signalling.huddle01 import announce, convert
from medianode.signalling.huddle01.wire import client_pb2 as wire

BOT = "bot"
"""Label of the one data channel that clients open."""

_CONTROLS = {
    "roomLocked": "locked",
    "allowProduce": "publish",
    "allowConsume": "subscribe",
    "allowSendData": "send_data",
}


class SessionLost(Exception):
    """What the client goes on with does not exist any more; only joining anew helps."""


class Requests:
    """Answers the requests of one connection."""

    def __init__(self, members: Members, arrival: Arrival) -> None:
        self._members = members
        self._arrival = arrival

    async def answer(self, request: Message) -> list[Message]:
        """Carries out a request; returns what goes to its sender alone. What concerns the room is told as facts."""
        member = self._arrival.member
        if member is None or member.closed:
            raise WrongState("connectRoom comes first")
        found = await self._media(member, request)
        if found is None:
            found = self._own(member, request)
        if found is None:
            found = self._moderate(member, request)
        if found is None:
            raise Unsupported(f"this node does not know {type(request).__name__}")
        return found

    # Media

    async def _media(self, member: Membership, request: Message) -> list[Message] | None:  # noqa: PLR0911 - one line a request
        match request:
            case wire.CreateTransport():
                return await self._create_transport(member, request)
            case wire.ConnectTransport(transportType=way):
                transport = await self._members.media.connect_transport(
                    member, _way(way), convert.read_dtls(request.dtlsParameters)
                )
                return [wire.ConnectTransportResponse(transportType=way, transportId=str(transport))]
            case wire.RestartTransportIce():
                return await self._restart(member, request)
            case wire.Produce():
                return await self._produce(member, request)
            case wire.ProduceData():
                return await self._produce_data(member, request)
            case wire.Consume():
                return await self._consume(member, request)
            case _:
                return None

    async def _create_transport(self, member: Membership, request: wire.CreateTransport) -> list[Message]:
        transport, reply = await self._members.media.create_transport(member, _way(request.transportType))
        info = convert.write_transport(str(transport), reply)
        return [
            wire.CreateTransportOnClient(transportType=request.transportType, transportSDPInfo=info),
        ]

    async def _restart(self, member: Membership, request: wire.RestartTransportIce) -> list[Message]:
        way = _way(request.transportType)
        transport = self._members.media.transport(member, way)
        if transport is None or str(transport.id) != request.transportId:
            raise SessionLost
        reply = await self._members.media.restart_ice(member, way)
        ice = convert.write_ice(reply.ice)
        return [wire.RestartTransportIceResponse(transportType=request.transportType, iceParameters=ice)]

    async def _produce(self, member: Membership, request: wire.Produce) -> list[Message]:
        """The answer goes to everybody as a fact; a refusal to the asker alone."""
        try:
            kind = convert.read_kind(request.kind)
            rtp = convert.read_rtp(kind, request.rtpParameters)
            await self._members.media.produce(member, request.label, kind, rtp, paused=request.paused)
        except (RequestError, CapacityError) as error:
            return announce.refused_produce(member.peer.name, request.label, str(error))
        return []

    async def _consume(self, member: Membership, request: wire.Consume) -> list[Message]:
        consumption, rtp = await self._members.media.consume(
            member, PeerName(request.producerPeerId), ProducerId(_number(request.producerId))
        )
        producer = consumption.producer
        return [
            wire.ConsumeResponse(
                label=producer.name,
                consumerId=str(consumption.consumer),
                producerId=str(producer.id),
                kind=producer.kind,
                rtpParameters=convert.write_rtp(rtp),
                producerPeerId=producer.source.peer.name,
                producerPaused=producer.paused,
            )
        ]

    async def _produce_data(self, member: Membership, request: wire.ProduceData) -> list[Message]:
        if request.label != BOT:
            raise Unsupported(f"the only data channel is {BOT}")
        stream, channel = convert.read_channel(BOT, request.protocol, request.sctpStreamParameters)
        if channel.ordered:
            raise InvalidArgument("a channel that gives up repeating cannot be ordered: clients refuse it")
        leg = await self._members.talk.open_bot(member, stream, channel)
        bot = member.bot
        if bot is None:
            raise WrongState("the data channel ended while it was opened")
        return [
            wire.ProduceDataResponse(
                id=str(leg),
                dataProducerId=str(bot.data_producer),
                label=BOT,
                peerId=member.peer.name,
                protocol=channel.protocol,
                sctpStreamParameters=convert.write_channel(BOT_STREAM, channel),
            )
        ]

    # A member's own things

    def _own(self, member: Membership, request: Message) -> list[Message] | None:
        media = self._members.media
        match request:
            case wire.CloseProducer(producerId=number):
                if number.isdecimal():  # the client ends refused ones too
                    media.close_producer(member, ProducerId(int(number)))
            case wire.PauseProducer(producerId=number):
                media.pause_producer(member, ProducerId(_number(number)), paused=True)
            case wire.ResumeProducer(producerId=number):
                media.pause_producer(member, ProducerId(_number(number)), paused=False)
            case wire.ResumeConsumer(consumerId=number):
                media.resume_consumer(member, ConsumerId(_number(number)))
            case wire.CloseConsumer(consumerId=number):
                media.close_consumer(member, ConsumerId(_number(number)))
                return [wire.CloseConsumerSuccess(peerId=member.peer.name, consumerId=number)]
            case wire.SendData():
                label = request.label if request.HasField("label") else None
                self._members.talk.say(member, list(request.to), request.payload, label)
            case wire.UpdatePeerMetadata(peerId=peer, metadata=text):
                self._members.moderation.set_metadata(member, peer, text)
            case _:
                return None
        return []

    # Moderation

    def _moderate(self, member: Membership, request: Message) -> list[Message] | None:  # noqa: C901 - one line a request
        moderation = self._members.moderation
        match request:
            case wire.UpdateRoomControls():
                moderation.set_controls(member, _control(request))
            case wire.UpdateRoomMetadata(metadata=text):
                moderation.set_room_metadata(member, text)
            case wire.UpdatePeerPermission(peerId=peer):
                if not request.HasField("permissions"):
                    raise InvalidArgument("updatePeerPermission without permissions")
                moderation.set_permissions(member, peer, announce.read_permissions(request.permissions))
            case wire.UpdatePeerRole(peerId=peer, role=role):
                custom = request.options.custom if request.options.HasField("custom") else None
                permissions = announce.read_permissions(custom) if custom is not None else None
                moderation.set_role(member, peer, role, permissions)
            case wire.CloseStreamOfLabel(label=label):
                moderation.close_streams(member, label, set(request.peerIds))
            case wire.AcceptLobbyPeer(peerId=peer):
                moderation.let_in(member, peer)
            case wire.DenyLobbyPeer(peerId=peer):
                moderation.turn_away(member, peer)
            case wire.KickPeer(peerId=peer):
                moderation.kick(member, peer)
            case wire.CloseRoom():
                moderation.close_room(member)
            case _:
                return None
        return []


def _control(request: wire.UpdateRoomControls) -> Callable[[Controls], Controls]:
    """Reads a change of the room's controls."""
    if request.WhichOneof("control") == "room_control":
        control = request.room_control
        if control.type not in _CONTROLS:
            raise InvalidArgument(
                f"{control.type[:40]!r} is no room control; there are {', '.join(_CONTROLS)}"
            )
        return with_control(_CONTROLS[control.type], value=control.value)
    if request.WhichOneof("control") != "produce_sources_control":
        raise InvalidArgument("updateRoomControls without a control")
    sources = request.produce_sources_control.value

    def change(controls: Controls) -> Controls:
        return replace(controls, audio=sources.mic, video=sources.cam, screen=sources.screen)

    return change


def _way(text: str) -> Way:
    try:
        return Way(text)
    except ValueError:
        raise InvalidArgument(f"{text[:20]!r} is no way of a transport; there are send and recv") from None


def _number(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 18:  # noqa: PLR2004 - fits 64 bits
        raise InvalidArgument(f"{text[:40]!r} names nothing here")
    return int(text)
