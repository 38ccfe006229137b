from medianode.signalling.huddle01.wire import rtc_pb2 as _rtc_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Value(_message.Message):
    __slots__ = ("string_value", "int_value", "float_value")
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    FLOAT_VALUE_FIELD_NUMBER: _ClassVar[int]
    string_value: str
    int_value: int
    float_value: float
    def __init__(self, string_value: _Optional[str] = ..., int_value: _Optional[int] = ..., float_value: _Optional[float] = ...) -> None: ...

class AppData(_message.Message):
    __slots__ = ("appData",)
    class AppDataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    APPDATA_FIELD_NUMBER: _ClassVar[int]
    appData: _containers.MessageMap[str, Value]
    def __init__(self, appData: _Optional[_Mapping[str, Value]] = ...) -> None: ...

class Permissions(_message.Message):
    __slots__ = ("admin", "canConsume", "canProduce", "canProduceSources", "canSendData", "canRecvData", "canUpdateMetadata")
    class ProduceSources(_message.Message):
        __slots__ = ("cam", "mic", "screen")
        CAM_FIELD_NUMBER: _ClassVar[int]
        MIC_FIELD_NUMBER: _ClassVar[int]
        SCREEN_FIELD_NUMBER: _ClassVar[int]
        cam: bool
        mic: bool
        screen: bool
        def __init__(self, cam: _Optional[bool] = ..., mic: _Optional[bool] = ..., screen: _Optional[bool] = ...) -> None: ...
    ADMIN_FIELD_NUMBER: _ClassVar[int]
    CANCONSUME_FIELD_NUMBER: _ClassVar[int]
    CANPRODUCE_FIELD_NUMBER: _ClassVar[int]
    CANPRODUCESOURCES_FIELD_NUMBER: _ClassVar[int]
    CANSENDDATA_FIELD_NUMBER: _ClassVar[int]
    CANRECVDATA_FIELD_NUMBER: _ClassVar[int]
    CANUPDATEMETADATA_FIELD_NUMBER: _ClassVar[int]
    admin: bool
    canConsume: bool
    canProduce: bool
    canProduceSources: Permissions.ProduceSources
    canSendData: bool
    canRecvData: bool
    canUpdateMetadata: bool
    def __init__(self, admin: _Optional[bool] = ..., canConsume: _Optional[bool] = ..., canProduce: _Optional[bool] = ..., canProduceSources: _Optional[_Union[Permissions.ProduceSources, _Mapping]] = ..., canSendData: _Optional[bool] = ..., canRecvData: _Optional[bool] = ..., canUpdateMetadata: _Optional[bool] = ...) -> None: ...

class ProduceSources(_message.Message):
    __slots__ = ("mic", "cam", "screen")
    MIC_FIELD_NUMBER: _ClassVar[int]
    CAM_FIELD_NUMBER: _ClassVar[int]
    SCREEN_FIELD_NUMBER: _ClassVar[int]
    mic: bool
    cam: bool
    screen: bool
    def __init__(self, mic: _Optional[bool] = ..., cam: _Optional[bool] = ..., screen: _Optional[bool] = ...) -> None: ...

class RoomControlType(_message.Message):
    __slots__ = ("type", "value")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    type: str
    value: bool
    def __init__(self, type: _Optional[str] = ..., value: _Optional[bool] = ...) -> None: ...

class ProduceSourcesControl(_message.Message):
    __slots__ = ("type", "value")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    type: str
    value: ProduceSources
    def __init__(self, type: _Optional[str] = ..., value: _Optional[_Union[ProduceSources, _Mapping]] = ...) -> None: ...

class ConnectRoom(_message.Message):
    __slots__ = ("roomId",)
    ROOMID_FIELD_NUMBER: _ClassVar[int]
    roomId: str
    def __init__(self, roomId: _Optional[str] = ...) -> None: ...

class CreateTransport(_message.Message):
    __slots__ = ("sctpCapabilities", "transportType")
    SCTPCAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    TRANSPORTTYPE_FIELD_NUMBER: _ClassVar[int]
    sctpCapabilities: _rtc_pb2.ProtoSctpCapabilities
    transportType: str
    def __init__(self, sctpCapabilities: _Optional[_Union[_rtc_pb2.ProtoSctpCapabilities, _Mapping]] = ..., transportType: _Optional[str] = ...) -> None: ...

class ConnectTransport(_message.Message):
    __slots__ = ("transportType", "dtlsParameters")
    TRANSPORTTYPE_FIELD_NUMBER: _ClassVar[int]
    DTLSPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    transportType: str
    dtlsParameters: _rtc_pb2.ProtoDtlsParameters
    def __init__(self, transportType: _Optional[str] = ..., dtlsParameters: _Optional[_Union[_rtc_pb2.ProtoDtlsParameters, _Mapping]] = ...) -> None: ...

class RestartTransportIce(_message.Message):
    __slots__ = ("transportType", "transportId")
    TRANSPORTTYPE_FIELD_NUMBER: _ClassVar[int]
    TRANSPORTID_FIELD_NUMBER: _ClassVar[int]
    transportType: str
    transportId: str
    def __init__(self, transportType: _Optional[str] = ..., transportId: _Optional[str] = ...) -> None: ...

class Produce(_message.Message):
    __slots__ = ("label", "kind", "rtpParameters", "paused", "appData")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RTPPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    APPDATA_FIELD_NUMBER: _ClassVar[int]
    label: str
    kind: str
    rtpParameters: _rtc_pb2.ProtoRtpParameters
    paused: bool
    appData: AppData
    def __init__(self, label: _Optional[str] = ..., kind: _Optional[str] = ..., rtpParameters: _Optional[_Union[_rtc_pb2.ProtoRtpParameters, _Mapping]] = ..., paused: _Optional[bool] = ..., appData: _Optional[_Union[AppData, _Mapping]] = ...) -> None: ...

class CloseProducer(_message.Message):
    __slots__ = ("producerId",)
    PRODUCERID_FIELD_NUMBER: _ClassVar[int]
    producerId: str
    def __init__(self, producerId: _Optional[str] = ...) -> None: ...

class PauseProducer(_message.Message):
    __slots__ = ("producerId",)
    PRODUCERID_FIELD_NUMBER: _ClassVar[int]
    producerId: str
    def __init__(self, producerId: _Optional[str] = ...) -> None: ...

class ResumeProducer(_message.Message):
    __slots__ = ("producerId",)
    PRODUCERID_FIELD_NUMBER: _ClassVar[int]
    producerId: str
    def __init__(self, producerId: _Optional[str] = ...) -> None: ...

class Consume(_message.Message):
    __slots__ = ("producerPeerId", "producerId", "appData")
    PRODUCERPEERID_FIELD_NUMBER: _ClassVar[int]
    PRODUCERID_FIELD_NUMBER: _ClassVar[int]
    APPDATA_FIELD_NUMBER: _ClassVar[int]
    producerPeerId: str
    producerId: str
    appData: AppData
    def __init__(self, producerPeerId: _Optional[str] = ..., producerId: _Optional[str] = ..., appData: _Optional[_Union[AppData, _Mapping]] = ...) -> None: ...

class CloseConsumer(_message.Message):
    __slots__ = ("consumerId",)
    CONSUMERID_FIELD_NUMBER: _ClassVar[int]
    consumerId: str
    def __init__(self, consumerId: _Optional[str] = ...) -> None: ...

class ResumeConsumer(_message.Message):
    __slots__ = ("consumerId", "producerPeerId")
    CONSUMERID_FIELD_NUMBER: _ClassVar[int]
    PRODUCERPEERID_FIELD_NUMBER: _ClassVar[int]
    consumerId: str
    producerPeerId: str
    def __init__(self, consumerId: _Optional[str] = ..., producerPeerId: _Optional[str] = ...) -> None: ...

class ProduceData(_message.Message):
    __slots__ = ("transportId", "sctpStreamParameters", "label", "protocol", "appData")
    TRANSPORTID_FIELD_NUMBER: _ClassVar[int]
    SCTPSTREAMPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    APPDATA_FIELD_NUMBER: _ClassVar[int]
    transportId: str
    sctpStreamParameters: _rtc_pb2.ProtoSctpStreamParameters
    label: str
    protocol: str
    appData: AppData
    def __init__(self, transportId: _Optional[str] = ..., sctpStreamParameters: _Optional[_Union[_rtc_pb2.ProtoSctpStreamParameters, _Mapping]] = ..., label: _Optional[str] = ..., protocol: _Optional[str] = ..., appData: _Optional[_Union[AppData, _Mapping]] = ...) -> None: ...

class CreateDataConsumer(_message.Message):
    __slots__ = ("label",)
    LABEL_FIELD_NUMBER: _ClassVar[int]
    label: str
    def __init__(self, label: _Optional[str] = ...) -> None: ...

class SendData(_message.Message):
    __slots__ = ("to", "label", "payload")
    TO_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    to: _containers.RepeatedScalarFieldContainer[str]
    label: str
    payload: str
    def __init__(self, to: _Optional[_Iterable[str]] = ..., label: _Optional[str] = ..., payload: _Optional[str] = ...) -> None: ...

class ActivateSpeakerNotification(_message.Message):
    __slots__ = ("size",)
    SIZE_FIELD_NUMBER: _ClassVar[int]
    size: int
    def __init__(self, size: _Optional[int] = ...) -> None: ...

class SyncMeetingState(_message.Message):
    __slots__ = ("localProducerIds",)
    LOCALPRODUCERIDS_FIELD_NUMBER: _ClassVar[int]
    localProducerIds: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, localProducerIds: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdatePeerMetadata(_message.Message):
    __slots__ = ("peerId", "metadata")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    metadata: str
    def __init__(self, peerId: _Optional[str] = ..., metadata: _Optional[str] = ...) -> None: ...

class UpdateRoomMetadata(_message.Message):
    __slots__ = ("metadata",)
    METADATA_FIELD_NUMBER: _ClassVar[int]
    metadata: str
    def __init__(self, metadata: _Optional[str] = ...) -> None: ...

class UpdateRoomControls(_message.Message):
    __slots__ = ("room_control", "produce_sources_control")
    ROOM_CONTROL_FIELD_NUMBER: _ClassVar[int]
    PRODUCE_SOURCES_CONTROL_FIELD_NUMBER: _ClassVar[int]
    room_control: RoomControlType
    produce_sources_control: ProduceSourcesControl
    def __init__(self, room_control: _Optional[_Union[RoomControlType, _Mapping]] = ..., produce_sources_control: _Optional[_Union[ProduceSourcesControl, _Mapping]] = ...) -> None: ...

class UpdatePeerPermission(_message.Message):
    __slots__ = ("peerId", "permissions")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    permissions: Permissions
    def __init__(self, peerId: _Optional[str] = ..., permissions: _Optional[_Union[Permissions, _Mapping]] = ...) -> None: ...

class UpdatePeerRole(_message.Message):
    __slots__ = ("peerId", "role", "options")
    class Options(_message.Message):
        __slots__ = ("custom",)
        CUSTOM_FIELD_NUMBER: _ClassVar[int]
        custom: Permissions
        def __init__(self, custom: _Optional[_Union[Permissions, _Mapping]] = ...) -> None: ...
    PEERID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    role: str
    options: UpdatePeerRole.Options
    def __init__(self, peerId: _Optional[str] = ..., role: _Optional[str] = ..., options: _Optional[_Union[UpdatePeerRole.Options, _Mapping]] = ...) -> None: ...

class CloseStreamOfLabel(_message.Message):
    __slots__ = ("label", "peerIds")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PEERIDS_FIELD_NUMBER: _ClassVar[int]
    label: str
    peerIds: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, label: _Optional[str] = ..., peerIds: _Optional[_Iterable[str]] = ...) -> None: ...

class AcceptLobbyPeer(_message.Message):
    __slots__ = ("peerId",)
    PEERID_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    def __init__(self, peerId: _Optional[str] = ...) -> None: ...

class DenyLobbyPeer(_message.Message):
    __slots__ = ("peerId",)
    PEERID_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    def __init__(self, peerId: _Optional[str] = ...) -> None: ...

class KickPeer(_message.Message):
    __slots__ = ("peerId",)
    PEERID_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    def __init__(self, peerId: _Optional[str] = ...) -> None: ...

class CloseRoom(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Request(_message.Message):
    __slots__ = ("connect_room", "create_transport", "connect_transport", "produce", "produce_data", "consume", "close_producer", "close_consumer", "resume_consumer", "sync_meeting_state", "restart_transport_ice", "send_data", "update_room_controls", "update_peer_permission", "activate_speaker_notification", "update_peer_role", "update_peer_metadata", "update_room_metadata", "close_stream_of_label", "accept_lobby_peer", "deny_lobby_peer", "kick_peer", "close_room", "create_data_consumer", "pause_producer", "resume_producer")
    CONNECT_ROOM_FIELD_NUMBER: _ClassVar[int]
    CREATE_TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    CONNECT_TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    PRODUCE_FIELD_NUMBER: _ClassVar[int]
    PRODUCE_DATA_FIELD_NUMBER: _ClassVar[int]
    CONSUME_FIELD_NUMBER: _ClassVar[int]
    CLOSE_PRODUCER_FIELD_NUMBER: _ClassVar[int]
    CLOSE_CONSUMER_FIELD_NUMBER: _ClassVar[int]
    RESUME_CONSUMER_FIELD_NUMBER: _ClassVar[int]
    SYNC_MEETING_STATE_FIELD_NUMBER: _ClassVar[int]
    RESTART_TRANSPORT_ICE_FIELD_NUMBER: _ClassVar[int]
    SEND_DATA_FIELD_NUMBER: _ClassVar[int]
    UPDATE_ROOM_CONTROLS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_PEER_PERMISSION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_SPEAKER_NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_PEER_ROLE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_PEER_METADATA_FIELD_NUMBER: _ClassVar[int]
    UPDATE_ROOM_METADATA_FIELD_NUMBER: _ClassVar[int]
    CLOSE_STREAM_OF_LABEL_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_LOBBY_PEER_FIELD_NUMBER: _ClassVar[int]
    DENY_LOBBY_PEER_FIELD_NUMBER: _ClassVar[int]
    KICK_PEER_FIELD_NUMBER: _ClassVar[int]
    CLOSE_ROOM_FIELD_NUMBER: _ClassVar[int]
    CREATE_DATA_CONSUMER_FIELD_NUMBER: _ClassVar[int]
    PAUSE_PRODUCER_FIELD_NUMBER: _ClassVar[int]
    RESUME_PRODUCER_FIELD_NUMBER: _ClassVar[int]
    connect_room: ConnectRoom
    create_transport: CreateTransport
    connect_transport: ConnectTransport
    produce: Produce
    produce_data: ProduceData
    consume: Consume
    close_producer: CloseProducer
    close_consumer: CloseConsumer
    resume_consumer: ResumeConsumer
    sync_meeting_state: SyncMeetingState
    restart_transport_ice: RestartTransportIce
    send_data: SendData
    update_room_controls: UpdateRoomControls
    update_peer_permission: UpdatePeerPermission
    activate_speaker_notification: ActivateSpeakerNotification
    update_peer_role: UpdatePeerRole
    update_peer_metadata: UpdatePeerMetadata
    update_room_metadata: UpdateRoomMetadata
    close_stream_of_label: CloseStreamOfLabel
    accept_lobby_peer: AcceptLobbyPeer
    deny_lobby_peer: DenyLobbyPeer
    kick_peer: KickPeer
    close_room: CloseRoom
    create_data_consumer: CreateDataConsumer
    pause_producer: PauseProducer
    resume_producer: ResumeProducer
    def __init__(self, connect_room: _Optional[_Union[ConnectRoom, _Mapping]] = ..., create_transport: _Optional[_Union[CreateTransport, _Mapping]] = ..., connect_transport: _Optional[_Union[ConnectTransport, _Mapping]] = ..., produce: _Optional[_Union[Produce, _Mapping]] = ..., produce_data: _Optional[_Union[ProduceData, _Mapping]] = ..., consume: _Optional[_Union[Consume, _Mapping]] = ..., close_producer: _Optional[_Union[CloseProducer, _Mapping]] = ..., close_consumer: _Optional[_Union[CloseConsumer, _Mapping]] = ..., resume_consumer: _Optional[_Union[ResumeConsumer, _Mapping]] = ..., sync_meeting_state: _Optional[_Union[SyncMeetingState, _Mapping]] = ..., restart_transport_ice: _Optional[_Union[RestartTransportIce, _Mapping]] = ..., send_data: _Optional[_Union[SendData, _Mapping]] = ..., update_room_controls: _Optional[_Union[UpdateRoomControls, _Mapping]] = ..., update_peer_permission: _Optional[_Union[UpdatePeerPermission, _Mapping]] = ..., activate_speaker_notification: _Optional[_Union[ActivateSpeakerNotification, _Mapping]] = ..., update_peer_role: _Optional[_Union[UpdatePeerRole, _Mapping]] = ..., update_peer_metadata: _Optional[_Union[UpdatePeerMetadata, _Mapping]] = ..., update_room_metadata: _Optional[_Union[UpdateRoomMetadata, _Mapping]] = ..., close_stream_of_label: _Optional[_Union[CloseStreamOfLabel, _Mapping]] = ..., accept_lobby_peer: _Optional[_Union[AcceptLobbyPeer, _Mapping]] = ..., deny_lobby_peer: _Optional[_Union[DenyLobbyPeer, _Mapping]] = ..., kick_peer: _Optional[_Union[KickPeer, _Mapping]] = ..., close_room: _Optional[_Union[CloseRoom, _Mapping]] = ..., create_data_consumer: _Optional[_Union[CreateDataConsumer, _Mapping]] = ..., pause_producer: _Optional[_Union[PauseProducer, _Mapping]] = ..., resume_producer: _Optional[_Union[ResumeProducer, _Mapping]] = ...) -> None: ...

class TestEvent(_message.Message):
    __slots__ = ("name", "payload", "to")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    name: str
    payload: str
    to: str
    def __init__(self, name: _Optional[str] = ..., payload: _Optional[str] = ..., to: _Optional[str] = ..., **kwargs) -> None: ...

class Hello(_message.Message):
    __slots__ = ("peerId", "roomId", "sessionId", "acl", "role", "metadata")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    ROOMID_FIELD_NUMBER: _ClassVar[int]
    SESSIONID_FIELD_NUMBER: _ClassVar[int]
    ACL_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    roomId: str
    sessionId: str
    acl: Permissions
    role: str
    metadata: str
    def __init__(self, peerId: _Optional[str] = ..., roomId: _Optional[str] = ..., sessionId: _Optional[str] = ..., acl: _Optional[_Union[Permissions, _Mapping]] = ..., role: _Optional[str] = ..., metadata: _Optional[str] = ...) -> None: ...

class RoomControls(_message.Message):
    __slots__ = ("roomLocked", "allowProduce", "allowProduceSources", "allowConsume", "allowSendData")
    class ProduceSources(_message.Message):
        __slots__ = ("cam", "mic", "screen")
        CAM_FIELD_NUMBER: _ClassVar[int]
        MIC_FIELD_NUMBER: _ClassVar[int]
        SCREEN_FIELD_NUMBER: _ClassVar[int]
        cam: bool
        mic: bool
        screen: bool
        def __init__(self, cam: _Optional[bool] = ..., mic: _Optional[bool] = ..., screen: _Optional[bool] = ...) -> None: ...
    ROOMLOCKED_FIELD_NUMBER: _ClassVar[int]
    ALLOWPRODUCE_FIELD_NUMBER: _ClassVar[int]
    ALLOWPRODUCESOURCES_FIELD_NUMBER: _ClassVar[int]
    ALLOWCONSUME_FIELD_NUMBER: _ClassVar[int]
    ALLOWSENDDATA_FIELD_NUMBER: _ClassVar[int]
    roomLocked: bool
    allowProduce: bool
    allowProduceSources: RoomControls.ProduceSources
    allowConsume: bool
    allowSendData: bool
    def __init__(self, roomLocked: _Optional[bool] = ..., allowProduce: _Optional[bool] = ..., allowProduceSources: _Optional[_Union[RoomControls.ProduceSources, _Mapping]] = ..., allowConsume: _Optional[bool] = ..., allowSendData: _Optional[bool] = ...) -> None: ...

class PeersInfo(_message.Message):
    __slots__ = ("peerId", "metadata", "producers", "role")
    class ProducerInfo(_message.Message):
        __slots__ = ("id", "label", "paused")
        ID_FIELD_NUMBER: _ClassVar[int]
        LABEL_FIELD_NUMBER: _ClassVar[int]
        PAUSED_FIELD_NUMBER: _ClassVar[int]
        id: str
        label: str
        paused: bool
        def __init__(self, id: _Optional[str] = ..., label: _Optional[str] = ..., paused: _Optional[bool] = ...) -> None: ...
    PEERID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    PRODUCERS_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    metadata: str
    producers: _containers.RepeatedCompositeFieldContainer[PeersInfo.ProducerInfo]
    role: str
    def __init__(self, peerId: _Optional[str] = ..., metadata: _Optional[str] = ..., producers: _Optional[_Iterable[_Union[PeersInfo.ProducerInfo, _Mapping]]] = ..., role: _Optional[str] = ...) -> None: ...

class LobbyPeers(_message.Message):
    __slots__ = ("peerId", "metadata")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    metadata: str
    def __init__(self, peerId: _Optional[str] = ..., metadata: _Optional[str] = ...) -> None: ...

class RoomInfo(_message.Message):
    __slots__ = ("roomLocked", "config", "peers", "lobbyPeers", "metadata", "startTime")
    ROOMLOCKED_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    LOBBYPEERS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    STARTTIME_FIELD_NUMBER: _ClassVar[int]
    roomLocked: bool
    config: RoomControls
    peers: _containers.RepeatedCompositeFieldContainer[PeersInfo]
    lobbyPeers: _containers.RepeatedCompositeFieldContainer[LobbyPeers]
    metadata: str
    startTime: int
    def __init__(self, roomLocked: _Optional[bool] = ..., config: _Optional[_Union[RoomControls, _Mapping]] = ..., peers: _Optional[_Iterable[_Union[PeersInfo, _Mapping]]] = ..., lobbyPeers: _Optional[_Iterable[_Union[LobbyPeers, _Mapping]]] = ..., metadata: _Optional[str] = ..., startTime: _Optional[int] = ...) -> None: ...

class ConnectRoomResponse(_message.Message):
    __slots__ = ("roomId", "roomInfo", "routerRTPCapabilities", "turnServers")
    class RTCIceServer(_message.Message):
        __slots__ = ("urls", "username", "credential")
        URLS_FIELD_NUMBER: _ClassVar[int]
        USERNAME_FIELD_NUMBER: _ClassVar[int]
        CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
        urls: str
        username: str
        credential: str
        def __init__(self, urls: _Optional[str] = ..., username: _Optional[str] = ..., credential: _Optional[str] = ...) -> None: ...
    ROOMID_FIELD_NUMBER: _ClassVar[int]
    ROOMINFO_FIELD_NUMBER: _ClassVar[int]
    ROUTERRTPCAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    TURNSERVERS_FIELD_NUMBER: _ClassVar[int]
    roomId: str
    roomInfo: RoomInfo
    routerRTPCapabilities: _rtc_pb2.ProtoRtpCapabilities
    turnServers: _containers.RepeatedCompositeFieldContainer[ConnectRoomResponse.RTCIceServer]
    def __init__(self, roomId: _Optional[str] = ..., roomInfo: _Optional[_Union[RoomInfo, _Mapping]] = ..., routerRTPCapabilities: _Optional[_Union[_rtc_pb2.ProtoRtpCapabilities, _Mapping]] = ..., turnServers: _Optional[_Iterable[_Union[ConnectRoomResponse.RTCIceServer, _Mapping]]] = ...) -> None: ...

class WaitingRoom(_message.Message):
    __slots__ = ("reason", "metadata")
    REASON_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    reason: str
    metadata: str
    def __init__(self, reason: _Optional[str] = ..., metadata: _Optional[str] = ...) -> None: ...

class CreateTransportOnClient(_message.Message):
    __slots__ = ("transportType", "transportSDPInfo")
    TRANSPORTTYPE_FIELD_NUMBER: _ClassVar[int]
    TRANSPORTSDPINFO_FIELD_NUMBER: _ClassVar[int]
    transportType: str
    transportSDPInfo: _rtc_pb2.ProtoTransportSDPInfo
    def __init__(self, transportType: _Optional[str] = ..., transportSDPInfo: _Optional[_Union[_rtc_pb2.ProtoTransportSDPInfo, _Mapping]] = ...) -> None: ...

class ConnectTransportResponse(_message.Message):
    __slots__ = ("transportType", "transportId")
    TRANSPORTTYPE_FIELD_NUMBER: _ClassVar[int]
    TRANSPORTID_FIELD_NUMBER: _ClassVar[int]
    transportType: str
    transportId: str
    def __init__(self, transportType: _Optional[str] = ..., transportId: _Optional[str] = ...) -> None: ...

class RestartTransportIceResponse(_message.Message):
    __slots__ = ("transportType", "iceParameters")
    TRANSPORTTYPE_FIELD_NUMBER: _ClassVar[int]
    ICEPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    transportType: str
    iceParameters: _rtc_pb2.ProtoIceParameters
    def __init__(self, transportType: _Optional[str] = ..., iceParameters: _Optional[_Union[_rtc_pb2.ProtoIceParameters, _Mapping]] = ...) -> None: ...

class SyncMeetingStateResponse(_message.Message):
    __slots__ = ("roomInfo",)
    ROOMINFO_FIELD_NUMBER: _ClassVar[int]
    roomInfo: RoomInfo
    def __init__(self, roomInfo: _Optional[_Union[RoomInfo, _Mapping]] = ...) -> None: ...

class ProduceResponse(_message.Message):
    __slots__ = ("peerId", "producerId", "label", "appData")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    PRODUCERID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    APPDATA_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    producerId: str
    label: str
    appData: AppData
    def __init__(self, peerId: _Optional[str] = ..., producerId: _Optional[str] = ..., label: _Optional[str] = ..., appData: _Optional[_Union[AppData, _Mapping]] = ...) -> None: ...

class CloseProducerSuccess(_message.Message):
    __slots__ = ("peerId", "producerId", "label")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    PRODUCERID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    producerId: str
    label: str
    def __init__(self, peerId: _Optional[str] = ..., producerId: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...

class PauseProducerSuccess(_message.Message):
    __slots__ = ("peerId", "producerId", "label")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    PRODUCERID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    producerId: str
    label: str
    def __init__(self, peerId: _Optional[str] = ..., producerId: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...

class ResumeProducerSuccess(_message.Message):
    __slots__ = ("peerId", "producerId", "label")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    PRODUCERID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    producerId: str
    label: str
    def __init__(self, peerId: _Optional[str] = ..., producerId: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...

class ConsumeResponse(_message.Message):
    __slots__ = ("label", "consumerId", "producerId", "kind", "rtpParameters", "producerPeerId", "appData", "producerPaused")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CONSUMERID_FIELD_NUMBER: _ClassVar[int]
    PRODUCERID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RTPPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PRODUCERPEERID_FIELD_NUMBER: _ClassVar[int]
    APPDATA_FIELD_NUMBER: _ClassVar[int]
    PRODUCERPAUSED_FIELD_NUMBER: _ClassVar[int]
    label: str
    consumerId: str
    producerId: str
    kind: str
    rtpParameters: _rtc_pb2.ProtoRtpParameters
    producerPeerId: str
    appData: AppData
    producerPaused: bool
    def __init__(self, label: _Optional[str] = ..., consumerId: _Optional[str] = ..., producerId: _Optional[str] = ..., kind: _Optional[str] = ..., rtpParameters: _Optional[_Union[_rtc_pb2.ProtoRtpParameters, _Mapping]] = ..., producerPeerId: _Optional[str] = ..., appData: _Optional[_Union[AppData, _Mapping]] = ..., producerPaused: _Optional[bool] = ...) -> None: ...

class CloseConsumerSuccess(_message.Message):
    __slots__ = ("peerId", "consumerId")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    CONSUMERID_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    consumerId: str
    def __init__(self, peerId: _Optional[str] = ..., consumerId: _Optional[str] = ...) -> None: ...

class RoomClosedProducers(_message.Message):
    __slots__ = ("producers", "reason")
    class CloseProducerInfo(_message.Message):
        __slots__ = ("peerId", "producerId", "label")
        PEERID_FIELD_NUMBER: _ClassVar[int]
        PRODUCERID_FIELD_NUMBER: _ClassVar[int]
        LABEL_FIELD_NUMBER: _ClassVar[int]
        peerId: str
        producerId: str
        label: str
        def __init__(self, peerId: _Optional[str] = ..., producerId: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...
    class CloseProducerReason(_message.Message):
        __slots__ = ("code", "tag", "message")
        CODE_FIELD_NUMBER: _ClassVar[int]
        TAG_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        code: int
        tag: str
        message: str
        def __init__(self, code: _Optional[int] = ..., tag: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
    PRODUCERS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    producers: _containers.RepeatedCompositeFieldContainer[RoomClosedProducers.CloseProducerInfo]
    reason: RoomClosedProducers.CloseProducerReason
    def __init__(self, producers: _Optional[_Iterable[_Union[RoomClosedProducers.CloseProducerInfo, _Mapping]]] = ..., reason: _Optional[_Union[RoomClosedProducers.CloseProducerReason, _Mapping]] = ...) -> None: ...

class ProduceDataResponse(_message.Message):
    __slots__ = ("id", "dataProducerId", "label", "peerId", "protocol", "sctpStreamParameters", "appData")
    ID_FIELD_NUMBER: _ClassVar[int]
    DATAPRODUCERID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PEERID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SCTPSTREAMPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    APPDATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    dataProducerId: str
    label: str
    peerId: str
    protocol: str
    sctpStreamParameters: _rtc_pb2.ProtoSctpStreamParameters
    appData: AppData
    def __init__(self, id: _Optional[str] = ..., dataProducerId: _Optional[str] = ..., label: _Optional[str] = ..., peerId: _Optional[str] = ..., protocol: _Optional[str] = ..., sctpStreamParameters: _Optional[_Union[_rtc_pb2.ProtoSctpStreamParameters, _Mapping]] = ..., appData: _Optional[_Union[AppData, _Mapping]] = ...) -> None: ...

class ConsumeDataResponse(_message.Message):
    __slots__ = ("id", "dataProducerId", "label", "peerId", "protocol", "sctpStreamParameters", "appData")
    ID_FIELD_NUMBER: _ClassVar[int]
    DATAPRODUCERID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PEERID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SCTPSTREAMPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    APPDATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    dataProducerId: str
    label: str
    peerId: str
    protocol: str
    sctpStreamParameters: _rtc_pb2.ProtoSctpStreamParameters
    appData: AppData
    def __init__(self, id: _Optional[str] = ..., dataProducerId: _Optional[str] = ..., label: _Optional[str] = ..., peerId: _Optional[str] = ..., protocol: _Optional[str] = ..., sctpStreamParameters: _Optional[_Union[_rtc_pb2.ProtoSctpStreamParameters, _Mapping]] = ..., appData: _Optional[_Union[AppData, _Mapping]] = ...) -> None: ...

class ReceiveData(_message.Message):
    __slots__ = ("payload", "label")
    FROM_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    payload: str
    label: str
    def __init__(self, payload: _Optional[str] = ..., label: _Optional[str] = ..., **kwargs) -> None: ...

class NewPeerJoined(_message.Message):
    __slots__ = ("peerId", "metadata", "role")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    metadata: str
    role: str
    def __init__(self, peerId: _Optional[str] = ..., metadata: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class PeerLeft(_message.Message):
    __slots__ = ("peerId",)
    PEERID_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    def __init__(self, peerId: _Optional[str] = ...) -> None: ...

class NewLobbyPeer(_message.Message):
    __slots__ = ("peerId", "metadata")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    metadata: str
    def __init__(self, peerId: _Optional[str] = ..., metadata: _Optional[str] = ...) -> None: ...

class LobbyPeerLeft(_message.Message):
    __slots__ = ("peerId", "status", "message")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    status: str
    message: str
    def __init__(self, peerId: _Optional[str] = ..., status: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class NewPermissions(_message.Message):
    __slots__ = ("acl",)
    ACL_FIELD_NUMBER: _ClassVar[int]
    acl: Permissions
    def __init__(self, acl: _Optional[_Union[Permissions, _Mapping]] = ...) -> None: ...

class NewRoomControls(_message.Message):
    __slots__ = ("controls",)
    CONTROLS_FIELD_NUMBER: _ClassVar[int]
    controls: RoomControls
    def __init__(self, controls: _Optional[_Union[RoomControls, _Mapping]] = ...) -> None: ...

class NewPeerRole(_message.Message):
    __slots__ = ("peerId", "role")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    role: str
    def __init__(self, peerId: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class PeerMetadataUpdated(_message.Message):
    __slots__ = ("peerId", "metadata")
    PEERID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    peerId: str
    metadata: str
    def __init__(self, peerId: _Optional[str] = ..., metadata: _Optional[str] = ...) -> None: ...

class RoomMetadataUpdated(_message.Message):
    __slots__ = ("metadata",)
    METADATA_FIELD_NUMBER: _ClassVar[int]
    metadata: str
    def __init__(self, metadata: _Optional[str] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("event", "error")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    event: str
    error: str
    def __init__(self, event: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ("hello", "connectRoomResponse", "createTransportOnClient", "produceResponse", "produceDataResponse", "syncMeetingStateResponse", "consumeResponse", "closeProducerSuccess", "closeConsumerSuccess", "connectTransportResponse", "restartTransportIceResponse", "newPeerJoined", "newLobbyPeer", "newPermissions", "newRoomControls", "newPeerRole", "receiveData", "peerMetadataUpdated", "roomMetadataUpdated", "roomClosedProducers", "peerLeft", "lobbyPeerLeft", "waitingRoom", "error", "consumeDataResponse", "pauseProducerSuccess", "resumeProducerSuccess")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    CONNECTROOMRESPONSE_FIELD_NUMBER: _ClassVar[int]
    CREATETRANSPORTONCLIENT_FIELD_NUMBER: _ClassVar[int]
    PRODUCERESPONSE_FIELD_NUMBER: _ClassVar[int]
    PRODUCEDATARESPONSE_FIELD_NUMBER: _ClassVar[int]
    SYNCMEETINGSTATERESPONSE_FIELD_NUMBER: _ClassVar[int]
    CONSUMERESPONSE_FIELD_NUMBER: _ClassVar[int]
    CLOSEPRODUCERSUCCESS_FIELD_NUMBER: _ClassVar[int]
    CLOSECONSUMERSUCCESS_FIELD_NUMBER: _ClassVar[int]
    CONNECTTRANSPORTRESPONSE_FIELD_NUMBER: _ClassVar[int]
    RESTARTTRANSPORTICERESPONSE_FIELD_NUMBER: _ClassVar[int]
    NEWPEERJOINED_FIELD_NUMBER: _ClassVar[int]
    NEWLOBBYPEER_FIELD_NUMBER: _ClassVar[int]
    NEWPERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    NEWROOMCONTROLS_FIELD_NUMBER: _ClassVar[int]
    NEWPEERROLE_FIELD_NUMBER: _ClassVar[int]
    RECEIVEDATA_FIELD_NUMBER: _ClassVar[int]
    PEERMETADATAUPDATED_FIELD_NUMBER: _ClassVar[int]
    ROOMMETADATAUPDATED_FIELD_NUMBER: _ClassVar[int]
    ROOMCLOSEDPRODUCERS_FIELD_NUMBER: _ClassVar[int]
    PEERLEFT_FIELD_NUMBER: _ClassVar[int]
    LOBBYPEERLEFT_FIELD_NUMBER: _ClassVar[int]
    WAITINGROOM_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CONSUMEDATARESPONSE_FIELD_NUMBER: _ClassVar[int]
    PAUSEPRODUCERSUCCESS_FIELD_NUMBER: _ClassVar[int]
    RESUMEPRODUCERSUCCESS_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    connectRoomResponse: ConnectRoomResponse
    createTransportOnClient: CreateTransportOnClient
    produceResponse: ProduceResponse
    produceDataResponse: ProduceDataResponse
    syncMeetingStateResponse: SyncMeetingStateResponse
    consumeResponse: ConsumeResponse
    closeProducerSuccess: CloseProducerSuccess
    closeConsumerSuccess: CloseConsumerSuccess
    connectTransportResponse: ConnectTransportResponse
    restartTransportIceResponse: RestartTransportIceResponse
    newPeerJoined: NewPeerJoined
    newLobbyPeer: NewLobbyPeer
    newPermissions: NewPermissions
    newRoomControls: NewRoomControls
    newPeerRole: NewPeerRole
    receiveData: ReceiveData
    peerMetadataUpdated: PeerMetadataUpdated
    roomMetadataUpdated: RoomMetadataUpdated
    roomClosedProducers: RoomClosedProducers
    peerLeft: PeerLeft
    lobbyPeerLeft: LobbyPeerLeft
    waitingRoom: WaitingRoom
    error: Error
    consumeDataResponse: ConsumeDataResponse
    pauseProducerSuccess: PauseProducerSuccess
    resumeProducerSuccess: ResumeProducerSuccess
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., connectRoomResponse: _Optional[_Union[ConnectRoomResponse, _Mapping]] = ..., createTransportOnClient: _Optional[_Union[CreateTransportOnClient, _Mapping]] = ..., produceResponse: _Optional[_Union[ProduceResponse, _Mapping]] = ..., produceDataResponse: _Optional[_Union[ProduceDataResponse, _Mapping]] = ..., syncMeetingStateResponse: _Optional[_Union[SyncMeetingStateResponse, _Mapping]] = ..., consumeResponse: _Optional[_Union[ConsumeResponse, _Mapping]] = ..., closeProducerSuccess: _Optional[_Union[CloseProducerSuccess, _Mapping]] = ..., closeConsumerSuccess: _Optional[_Union[CloseConsumerSuccess, _Mapping]] = ..., connectTransportResponse: _Optional[_Union[ConnectTransportResponse, _Mapping]] = ..., restartTransportIceResponse: _Optional[_Union[RestartTransportIceResponse, _Mapping]] = ..., newPeerJoined: _Optional[_Union[NewPeerJoined, _Mapping]] = ..., newLobbyPeer: _Optional[_Union[NewLobbyPeer, _Mapping]] = ..., newPermissions: _Optional[_Union[NewPermissions, _Mapping]] = ..., newRoomControls: _Optional[_Union[NewRoomControls, _Mapping]] = ..., newPeerRole: _Optional[_Union[NewPeerRole, _Mapping]] = ..., receiveData: _Optional[_Union[ReceiveData, _Mapping]] = ..., peerMetadataUpdated: _Optional[_Union[PeerMetadataUpdated, _Mapping]] = ..., roomMetadataUpdated: _Optional[_Union[RoomMetadataUpdated, _Mapping]] = ..., roomClosedProducers: _Optional[_Union[RoomClosedProducers, _Mapping]] = ..., peerLeft: _Optional[_Union[PeerLeft, _Mapping]] = ..., lobbyPeerLeft: _Optional[_Union[LobbyPeerLeft, _Mapping]] = ..., waitingRoom: _Optional[_Union[WaitingRoom, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., consumeDataResponse: _Optional[_Union[ConsumeDataResponse, _Mapping]] = ..., pauseProducerSuccess: _Optional[_Union[PauseProducerSuccess, _Mapping]] = ..., resumeProducerSuccess: _Optional[_Union[ResumeProducerSuccess, _Mapping]] = ...) -> None: ...
