//! Everything the control plane may ask of the core. Owns the shapes; the workers own the effects.

use medianode_sfu::params::{MediaKind, RtpParameters};
use medianode_sfu::{
    ConsumerId, DataConsumerId, DataProducerId, Layer, ProducerId, RouterId, TransportId,
};
use medianode_webrtc::params::{
    ChannelParameters, DtlsParameters, IceCandidate, IceParameters, SctpParameters,
};
use serde::{Deserialize, Serialize};

/// One request. Ids are chosen by the caller; closing an unknown id succeeds; everything else about an unknown id is refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    CreateRouter {
        router: RouterId,
    },
    CloseRouter {
        router: RouterId,
    },
    /// Answered with [`Reply::Transport`].
    CreateWebRtcTransport {
        router: RouterId,
        transport: TransportId,
        /// Offer SCTP on this transport.
        #[serde(default)]
        sctp: bool,
        /// Free text for the session's log line; never an address or a token.
        #[serde(default)]
        name: String,
    },
    /// A transport without a network: what the control plane says into it and hears from it is data alone. Its data producers are fed by
    /// [`Command::SendData`], its data consumers tell [`crate::Event::DataMessage`].
    CreateDirectTransport {
        router: RouterId,
        transport: TransportId,
    },
    /// Tells the peer's DTLS role and fingerprints; media flows as soon as ICE and DTLS are done.
    ConnectTransport {
        transport: TransportId,
        dtls: DtlsParameters,
        #[serde(default)]
        sctp: Option<SctpParameters>,
    },
    /// New local ICE credentials, the old ones stay valid until a check with the new ones arrives. Answered with [`Reply::Ice`].
    RestartIce {
        transport: TransportId,
    },
    CloseTransport {
        transport: TransportId,
    },
    /// Upper limit of what is sent to this peer, bit/s.
    SetTransportCap {
        transport: TransportId,
        max_bitrate: Option<u64>,
    },

    CreateProducer {
        transport: TransportId,
        producer: ProducerId,
        kind: MediaKind,
        rtp: RtpParameters,
        #[serde(default)]
        paused: bool,
    },
    CloseProducer {
        producer: ProducerId,
    },
    PauseProducer {
        producer: ProducerId,
    },
    ResumeProducer {
        producer: ProducerId,
    },

    /// `rtp` says what this peer accepts: every codec it may be sent, with its payload type, and one encoding with SSRC and RTX SSRC.
    /// Without a producer the leg waits for [`Command::SwitchConsumer`].
    CreateConsumer {
        transport: TransportId,
        consumer: ConsumerId,
        kind: MediaKind,
        rtp: RtpParameters,
        #[serde(default)]
        producer: Option<ProducerId>,
        #[serde(default)]
        paused: bool,
    },
    /// Feeds this leg from another producer of the same router, or from none; numbers and timestamps go on.
    SwitchConsumer {
        consumer: ConsumerId,
        producer: Option<ProducerId>,
    },
    CloseConsumer {
        consumer: ConsumerId,
    },
    PauseConsumer {
        consumer: ConsumerId,
    },
    ResumeConsumer {
        consumer: ConsumerId,
    },
    /// Upper bound of the layer choice; none lets the estimate decide alone.
    SetConsumerLayers {
        consumer: ConsumerId,
        layer: Option<Layer>,
    },
    RequestKeyframe {
        consumer: ConsumerId,
    },

    /// Makes a channel of this transport a source. `stream_id` is a channel that the peer opened (told by an event) or a pre-negotiated one,
    /// which opens once the transport connects; a direct transport has none.
    CreateDataProducer {
        transport: TransportId,
        data_producer: DataProducerId,
        #[serde(default)]
        stream_id: Option<u16>,
        #[serde(default)]
        negotiated: Option<ChannelParameters>,
    },
    CloseDataProducer {
        data_producer: DataProducerId,
    },
    /// Sends what `data_producer` receives into a channel of this transport: one that the peer opened (`stream_id`), a pre-negotiated one
    /// (`stream_id` and `channel`), or a new one that we open (`channel` alone). Several may send into one channel, which ends with the
    /// last of them if it is ours. A direct transport has no channels and takes neither.
    CreateDataConsumer {
        transport: TransportId,
        data_consumer: DataConsumerId,
        data_producer: DataProducerId,
        #[serde(default)]
        stream_id: Option<u16>,
        #[serde(default)]
        channel: Option<ChannelParameters>,
    },
    CloseDataConsumer {
        data_consumer: DataConsumerId,
    },
    /// One string (PPID 51) from a data producer of a direct transport to all its data consumers; at most as long as a message of ours
    /// may be. A consumer that does not take it costs nobody else anything.
    SendData {
        data_producer: DataProducerId,
        payload: String,
    },
}

impl Command {
    /// Bytes that it holds while it waits, beyond its own size.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Command::SendData { payload, .. } => payload.len(),
            _ => 0,
        }
    }
}

/// What a command gave back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    Done,
    Transport {
        ice: IceParameters,
        candidates: Vec<IceCandidate>,
        dtls: DtlsParameters,
        sctp: Option<SctpParameters>,
    },
    Ice {
        ice: IceParameters,
        candidates: Vec<IceCandidate>,
    },
}
