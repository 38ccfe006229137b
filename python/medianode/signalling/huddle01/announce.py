"""What clients are told of rooms: facts and pictures to messages. Pure; decides nothing but who is told what of a fact."""

from collections.abc import Iterable

from google.protobuf.message import Message

from medianode.ids import PeerName
from medianode.rooms.announce import (
    ControlsChanged,
    DataReceived,
    Fact,
    PeerJoined,
    PeerLeft,
    PeerMetadataChanged,
    PeerWaits,
    PeerWaitsNoMore,
    PermissionsChanged,
    ProducerClosed,
    ProducerOpened,
    ProducerPaused,
    ProducersClosed,
    RoleChanged,
    RoomMetadataChanged,
)
from medianode.rooms.roles import Controls, Permissions
from medianode.rooms.room import Membership, Peer, Room
from medianode.signalling.huddle01.codes import REFUSED_PRODUCE
from medianode.signalling.huddle01.wire import client_pb2 as wire

NO_METADATA = "{}"
"""Clients parse every metadata that they are told."""


def write_permissions(permissions: Permissions) -> wire.Permissions:
    """Describes what a peer may do: all seven fields, or the client drops the message."""
    return wire.Permissions(
        admin=permissions.moderate,
        canConsume=permissions.subscribe,
        canProduce=permissions.publish,
        canProduceSources=wire.Permissions.ProduceSources(
            cam=permissions.video, mic=permissions.audio, screen=permissions.screen
        ),
        canSendData=permissions.send_data,
        canRecvData=permissions.receive_data,
        canUpdateMetadata=permissions.update_metadata,
    )


def read_permissions(permissions: wire.Permissions) -> Permissions:
    """Reads what a peer is to be allowed."""
    sources = permissions.canProduceSources
    return Permissions(
        moderate=permissions.admin,
        publish=permissions.canProduce,
        audio=sources.mic,
        video=sources.cam,
        screen=sources.screen,
        subscribe=permissions.canConsume,
        send_data=permissions.canSendData,
        receive_data=permissions.canRecvData,
        update_metadata=permissions.canUpdateMetadata,
    )


def write_controls(controls: Controls) -> wire.RoomControls:
    """Describes what a room allows."""
    return wire.RoomControls(
        roomLocked=controls.locked,
        allowProduce=controls.publish,
        allowProduceSources=wire.RoomControls.ProduceSources(
            cam=controls.video, mic=controls.audio, screen=controls.screen
        ),
        allowConsume=controls.subscribe,
        allowSendData=controls.send_data,
    )


def write_room(room: Room, reader: Peer) -> wire.RoomInfo:
    """Describes a room to one of its peers; who waits is for moderators."""
    waiting = room.lobby.values() if reader.permissions.moderate else ()
    return wire.RoomInfo(
        roomLocked=room.locked,
        config=write_controls(room.controls),
        peers=[_write_peer(peer) for peer in room.participants() if peer is not reader],
        lobbyPeers=[wire.LobbyPeers(peerId=w.name, metadata=w.metadata or NO_METADATA) for w in waiting],
        metadata=room.metadata,
        startTime=round((room.run_started_at or room.created_at) * 1000),
    )


def _write_peer(peer: Peer) -> wire.PeersInfo:
    return wire.PeersInfo(
        peerId=peer.name,
        metadata=peer.metadata,
        role=peer.role,
        producers=[
            wire.PeersInfo.ProducerInfo(id=str(producer.id), label=producer.name, paused=producer.paused)
            for producer in peer.producers()
            if producer.receivable
        ],
    )


def closed_producers(closed: Iterable[ProducerClosed], text: str) -> wire.RoomClosedProducers:
    """Tells of producers that did not end by their peer's wish; the peer's own client ends them on its side too."""
    return wire.RoomClosedProducers(
        producers=[
            wire.RoomClosedProducers.CloseProducerInfo(
                peerId=one.peer, producerId=str(one.producer), label=one.name
            )
            for one in closed
        ],
        reason=wire.RoomClosedProducers.CloseProducerReason(
            code=REFUSED_PRODUCE, tag="CLOSED_BY_ADMIN", message=text
        ),
    )


def refused_produce(peer: PeerName, name: str, reason: str) -> list[Message]:
    """Refuses a produce: no other answer lets the client's next one through."""
    refused = f"refused-{name}"
    opened = wire.ProduceResponse(peerId=peer, producerId=refused, label=name)
    closed = wire.RoomClosedProducers.CloseProducerInfo(peerId=peer, producerId=refused, label=name)
    told = closed_producers((), reason)
    told.producers.append(closed)
    return [opened, told]


def stale_closures(member: Membership) -> list[Message]:
    """Tells a client that came back of producers that ended: it would keep them for those that have their names now."""
    return [
        wire.CloseProducerSuccess(peerId=peer, producerId=str(producer), label=name)
        for (peer, name), producer in member.stale.items()
    ]


def messages_of(fact: Fact, reader: PeerName) -> list[Message]:  # noqa: C901, PLR0911, PLR0912 - one line a fact
    """Writes what one client is told of a fact."""
    match fact:
        case PeerJoined(peer=peer, metadata=metadata, role=role):
            return [wire.NewPeerJoined(peerId=peer, metadata=metadata, role=role)] if peer != reader else []
        case PeerLeft(peer=peer):
            return [wire.PeerLeft(peerId=peer)] if peer != reader else []
        case ProducerOpened():
            return _opened(fact)
        case ProducerClosed(peer=peer, producer=producer, name=name):
            return [wire.CloseProducerSuccess(peerId=peer, producerId=str(producer), label=name)]
        case ProducersClosed(producers=producers):
            return [closed_producers(producers, "closed by a moderator or by what is allowed now")]
        case ProducerPaused():
            return [_paused(fact)]
        case PeerMetadataChanged(peer=peer, metadata=text):
            return [wire.PeerMetadataUpdated(peerId=peer, metadata=text)]
        case RoomMetadataChanged(metadata=metadata):
            return [wire.RoomMetadataUpdated(metadata=metadata or NO_METADATA)]
        case RoleChanged(peer=peer, role=role):
            return [wire.NewPeerRole(peerId=peer, role=role)]
        case PermissionsChanged(permissions=permissions):
            return [wire.NewPermissions(acl=write_permissions(permissions))]
        case ControlsChanged(controls=controls):
            return [wire.NewRoomControls(controls=write_controls(controls))]
        case DataReceived(sender=sender, payload=payload, label=label):
            return [wire.ReceiveData(**{"from": sender}, payload=payload, label=label)]
        case PeerWaits(peer=peer, metadata=metadata):
            return [wire.NewLobbyPeer(peerId=peer, metadata=metadata or NO_METADATA)]
        case PeerWaitsNoMore(peer=peer, denied=denied):
            return [wire.LobbyPeerLeft(peerId=peer, status="denied" if denied else "left")]
        case _:
            return []


def _opened(fact: ProducerOpened) -> list[Message]:
    if not fact.receivable:
        return []
    opened = wire.ProduceResponse(peerId=fact.peer, producerId=str(fact.producer), label=fact.name)
    if not fact.paused:
        return [opened]
    return [opened, _paused(ProducerPaused(fact.peer, fact.producer, fact.name, paused=True))]


def _paused(fact: ProducerPaused) -> Message:
    write = wire.PauseProducerSuccess if fact.paused else wire.ResumeProducerSuccess
    return write(peerId=fact.peer, producerId=str(fact.producer), label=fact.name)
