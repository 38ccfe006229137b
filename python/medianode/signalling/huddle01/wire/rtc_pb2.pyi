from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProtoIceParameters(_message.Message):
    __slots__ = ("usernameFragment", "password", "iceLite")
    USERNAMEFRAGMENT_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ICELITE_FIELD_NUMBER: _ClassVar[int]
    usernameFragment: str
    password: str
    iceLite: bool
    def __init__(self, usernameFragment: _Optional[str] = ..., password: _Optional[str] = ..., iceLite: _Optional[bool] = ...) -> None: ...

class ProtoIceCandidates(_message.Message):
    __slots__ = ("foundation", "priority", "ip", "port", "type", "protocol", "tcpType", "address")
    FOUNDATION_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    IP_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TCPTYPE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    foundation: str
    priority: int
    ip: str
    port: int
    type: str
    protocol: str
    tcpType: str
    address: str
    def __init__(self, foundation: _Optional[str] = ..., priority: _Optional[int] = ..., ip: _Optional[str] = ..., port: _Optional[int] = ..., type: _Optional[str] = ..., protocol: _Optional[str] = ..., tcpType: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class ProtoDtlsFingerPrints(_message.Message):
    __slots__ = ("algorithm", "value")
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    algorithm: str
    value: str
    def __init__(self, algorithm: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class ProtoDtlsParameters(_message.Message):
    __slots__ = ("role", "fingerprints")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINTS_FIELD_NUMBER: _ClassVar[int]
    role: str
    fingerprints: _containers.RepeatedCompositeFieldContainer[ProtoDtlsFingerPrints]
    def __init__(self, role: _Optional[str] = ..., fingerprints: _Optional[_Iterable[_Union[ProtoDtlsFingerPrints, _Mapping]]] = ...) -> None: ...

class ProtoSctpParameters(_message.Message):
    __slots__ = ("port", "OS", "MIS", "maxMessageSize")
    PORT_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    MIS_FIELD_NUMBER: _ClassVar[int]
    MAXMESSAGESIZE_FIELD_NUMBER: _ClassVar[int]
    port: int
    OS: int
    MIS: int
    maxMessageSize: int
    def __init__(self, port: _Optional[int] = ..., OS: _Optional[int] = ..., MIS: _Optional[int] = ..., maxMessageSize: _Optional[int] = ...) -> None: ...

class ProtoTransportSDPInfo(_message.Message):
    __slots__ = ("id", "iceCandidates", "iceParameters", "dtlsParameters", "sctpParameters")
    ID_FIELD_NUMBER: _ClassVar[int]
    ICECANDIDATES_FIELD_NUMBER: _ClassVar[int]
    ICEPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    DTLSPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    SCTPPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    id: str
    iceCandidates: _containers.RepeatedCompositeFieldContainer[ProtoIceCandidates]
    iceParameters: ProtoIceParameters
    dtlsParameters: ProtoDtlsParameters
    sctpParameters: ProtoSctpParameters
    def __init__(self, id: _Optional[str] = ..., iceCandidates: _Optional[_Iterable[_Union[ProtoIceCandidates, _Mapping]]] = ..., iceParameters: _Optional[_Union[ProtoIceParameters, _Mapping]] = ..., dtlsParameters: _Optional[_Union[ProtoDtlsParameters, _Mapping]] = ..., sctpParameters: _Optional[_Union[ProtoSctpParameters, _Mapping]] = ...) -> None: ...

class ProtoNumSctpStreams(_message.Message):
    __slots__ = ("OS", "MIS")
    OS_FIELD_NUMBER: _ClassVar[int]
    MIS_FIELD_NUMBER: _ClassVar[int]
    OS: int
    MIS: int
    def __init__(self, OS: _Optional[int] = ..., MIS: _Optional[int] = ...) -> None: ...

class ProtoSctpCapabilities(_message.Message):
    __slots__ = ("numStreams",)
    NUMSTREAMS_FIELD_NUMBER: _ClassVar[int]
    numStreams: ProtoNumSctpStreams
    def __init__(self, numStreams: _Optional[_Union[ProtoNumSctpStreams, _Mapping]] = ...) -> None: ...

class ProtoSctpStreamParameters(_message.Message):
    __slots__ = ("streamId", "ordered", "maxPacketLifeTime", "maxRetransmits")
    STREAMID_FIELD_NUMBER: _ClassVar[int]
    ORDERED_FIELD_NUMBER: _ClassVar[int]
    MAXPACKETLIFETIME_FIELD_NUMBER: _ClassVar[int]
    MAXRETRANSMITS_FIELD_NUMBER: _ClassVar[int]
    streamId: int
    ordered: bool
    maxPacketLifeTime: int
    maxRetransmits: int
    def __init__(self, streamId: _Optional[int] = ..., ordered: _Optional[bool] = ..., maxPacketLifeTime: _Optional[int] = ..., maxRetransmits: _Optional[int] = ...) -> None: ...

class ProtoRtpCodecCapability(_message.Message):
    __slots__ = ("kind", "mimeType", "preferredPayloadType", "clockRate", "channels", "parameters", "rtcpFeedback")
    class ProtoRtcpFeedback(_message.Message):
        __slots__ = ("type", "parameter")
        TYPE_FIELD_NUMBER: _ClassVar[int]
        PARAMETER_FIELD_NUMBER: _ClassVar[int]
        type: str
        parameter: str
        def __init__(self, type: _Optional[str] = ..., parameter: _Optional[str] = ...) -> None: ...
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    MIMETYPE_FIELD_NUMBER: _ClassVar[int]
    PREFERREDPAYLOADTYPE_FIELD_NUMBER: _ClassVar[int]
    CLOCKRATE_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    RTCPFEEDBACK_FIELD_NUMBER: _ClassVar[int]
    kind: str
    mimeType: str
    preferredPayloadType: int
    clockRate: int
    channels: int
    parameters: _containers.ScalarMap[str, str]
    rtcpFeedback: _containers.RepeatedCompositeFieldContainer[ProtoRtpCodecCapability.ProtoRtcpFeedback]
    def __init__(self, kind: _Optional[str] = ..., mimeType: _Optional[str] = ..., preferredPayloadType: _Optional[int] = ..., clockRate: _Optional[int] = ..., channels: _Optional[int] = ..., parameters: _Optional[_Mapping[str, str]] = ..., rtcpFeedback: _Optional[_Iterable[_Union[ProtoRtpCodecCapability.ProtoRtcpFeedback, _Mapping]]] = ...) -> None: ...

class ProtoRtpHeaderExtension(_message.Message):
    __slots__ = ("kind", "uri", "preferredId", "preferredEncrypt", "direction")
    KIND_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    PREFERREDID_FIELD_NUMBER: _ClassVar[int]
    PREFERREDENCRYPT_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    uri: str
    preferredId: int
    preferredEncrypt: bool
    direction: str
    def __init__(self, kind: _Optional[str] = ..., uri: _Optional[str] = ..., preferredId: _Optional[int] = ..., preferredEncrypt: _Optional[bool] = ..., direction: _Optional[str] = ...) -> None: ...

class ProtoRtpCapabilities(_message.Message):
    __slots__ = ("codecs", "headerExtensions")
    CODECS_FIELD_NUMBER: _ClassVar[int]
    HEADEREXTENSIONS_FIELD_NUMBER: _ClassVar[int]
    codecs: _containers.RepeatedCompositeFieldContainer[ProtoRtpCodecCapability]
    headerExtensions: _containers.RepeatedCompositeFieldContainer[ProtoRtpHeaderExtension]
    def __init__(self, codecs: _Optional[_Iterable[_Union[ProtoRtpCodecCapability, _Mapping]]] = ..., headerExtensions: _Optional[_Iterable[_Union[ProtoRtpHeaderExtension, _Mapping]]] = ...) -> None: ...

class ProtoRtcpFeedback(_message.Message):
    __slots__ = ("type", "parameter")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_FIELD_NUMBER: _ClassVar[int]
    type: str
    parameter: str
    def __init__(self, type: _Optional[str] = ..., parameter: _Optional[str] = ...) -> None: ...

class ProtoCodecParameters(_message.Message):
    __slots__ = ("mimeType", "payloadType", "clockRate", "channels", "parameters", "rtcpFeedback")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MIMETYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOADTYPE_FIELD_NUMBER: _ClassVar[int]
    CLOCKRATE_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    RTCPFEEDBACK_FIELD_NUMBER: _ClassVar[int]
    mimeType: str
    payloadType: int
    clockRate: int
    channels: int
    parameters: _containers.ScalarMap[str, str]
    rtcpFeedback: _containers.RepeatedCompositeFieldContainer[ProtoRtcpFeedback]
    def __init__(self, mimeType: _Optional[str] = ..., payloadType: _Optional[int] = ..., clockRate: _Optional[int] = ..., channels: _Optional[int] = ..., parameters: _Optional[_Mapping[str, str]] = ..., rtcpFeedback: _Optional[_Iterable[_Union[ProtoRtcpFeedback, _Mapping]]] = ...) -> None: ...

class ProtoHeaderExtensionParameters(_message.Message):
    __slots__ = ("uri", "id", "encrypt", "parameters")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    URI_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ENCRYPT_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    uri: str
    id: int
    encrypt: bool
    parameters: _containers.ScalarMap[str, str]
    def __init__(self, uri: _Optional[str] = ..., id: _Optional[int] = ..., encrypt: _Optional[bool] = ..., parameters: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ProtoEncodings(_message.Message):
    __slots__ = ("ssrc", "rid", "codecPayloadType", "rtx", "dtx", "scalabilityMode", "scaleResolutionDownBy", "maxBitrate", "active", "maxFramerate")
    class ProtoRTX(_message.Message):
        __slots__ = ("ssrc",)
        SSRC_FIELD_NUMBER: _ClassVar[int]
        ssrc: int
        def __init__(self, ssrc: _Optional[int] = ...) -> None: ...
    SSRC_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    CODECPAYLOADTYPE_FIELD_NUMBER: _ClassVar[int]
    RTX_FIELD_NUMBER: _ClassVar[int]
    DTX_FIELD_NUMBER: _ClassVar[int]
    SCALABILITYMODE_FIELD_NUMBER: _ClassVar[int]
    SCALERESOLUTIONDOWNBY_FIELD_NUMBER: _ClassVar[int]
    MAXBITRATE_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    MAXFRAMERATE_FIELD_NUMBER: _ClassVar[int]
    ssrc: int
    rid: str
    codecPayloadType: int
    rtx: ProtoEncodings.ProtoRTX
    dtx: bool
    scalabilityMode: str
    scaleResolutionDownBy: int
    maxBitrate: int
    active: bool
    maxFramerate: int
    def __init__(self, ssrc: _Optional[int] = ..., rid: _Optional[str] = ..., codecPayloadType: _Optional[int] = ..., rtx: _Optional[_Union[ProtoEncodings.ProtoRTX, _Mapping]] = ..., dtx: _Optional[bool] = ..., scalabilityMode: _Optional[str] = ..., scaleResolutionDownBy: _Optional[int] = ..., maxBitrate: _Optional[int] = ..., active: _Optional[bool] = ..., maxFramerate: _Optional[int] = ...) -> None: ...

class RtcpParameters(_message.Message):
    __slots__ = ("cname", "reducedSize", "mux")
    CNAME_FIELD_NUMBER: _ClassVar[int]
    REDUCEDSIZE_FIELD_NUMBER: _ClassVar[int]
    MUX_FIELD_NUMBER: _ClassVar[int]
    cname: str
    reducedSize: bool
    mux: bool
    def __init__(self, cname: _Optional[str] = ..., reducedSize: _Optional[bool] = ..., mux: _Optional[bool] = ...) -> None: ...

class ProtoRtpParameters(_message.Message):
    __slots__ = ("mid", "codecs", "headerExtensions", "encodings", "rtcp")
    MID_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    HEADEREXTENSIONS_FIELD_NUMBER: _ClassVar[int]
    ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    RTCP_FIELD_NUMBER: _ClassVar[int]
    mid: str
    codecs: _containers.RepeatedCompositeFieldContainer[ProtoCodecParameters]
    headerExtensions: _containers.RepeatedCompositeFieldContainer[ProtoHeaderExtensionParameters]
    encodings: _containers.RepeatedCompositeFieldContainer[ProtoEncodings]
    rtcp: RtcpParameters
    def __init__(self, mid: _Optional[str] = ..., codecs: _Optional[_Iterable[_Union[ProtoCodecParameters, _Mapping]]] = ..., headerExtensions: _Optional[_Iterable[_Union[ProtoHeaderExtensionParameters, _Mapping]]] = ..., encodings: _Optional[_Iterable[_Union[ProtoEncodings, _Mapping]]] = ..., rtcp: _Optional[_Union[RtcpParameters, _Mapping]] = ...) -> None: ...

class ProtoSrtpParameters(_message.Message):
    __slots__ = ("cryptoSuite", "keyBase64")
    CRYPTOSUITE_FIELD_NUMBER: _ClassVar[int]
    KEYBASE64_FIELD_NUMBER: _ClassVar[int]
    cryptoSuite: str
    keyBase64: str
    def __init__(self, cryptoSuite: _Optional[str] = ..., keyBase64: _Optional[str] = ...) -> None: ...

class ProtoTransportTuple(_message.Message):
    __slots__ = ("localIp", "localPort", "remoteIp", "remotePort", "protocol", "localAddress")
    LOCALIP_FIELD_NUMBER: _ClassVar[int]
    LOCALPORT_FIELD_NUMBER: _ClassVar[int]
    REMOTEIP_FIELD_NUMBER: _ClassVar[int]
    REMOTEPORT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    LOCALADDRESS_FIELD_NUMBER: _ClassVar[int]
    localIp: str
    localPort: int
    remoteIp: str
    remotePort: int
    protocol: str
    localAddress: str
    def __init__(self, localIp: _Optional[str] = ..., localPort: _Optional[int] = ..., remoteIp: _Optional[str] = ..., remotePort: _Optional[int] = ..., protocol: _Optional[str] = ..., localAddress: _Optional[str] = ...) -> None: ...
