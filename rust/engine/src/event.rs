//! Everything the control plane may learn from the core, apart from numbers (see `snapshot`).

use medianode_sfu::{
    ConsumerId, DataConsumerId, DataProducerId, Layer, ProducerId, RouterId, TransportId,
};
use medianode_webrtc::params::{ChannelParameters, Protocol, SrtpProfile};
use serde::{Deserialize, Serialize};

use crate::command::Reply;
use crate::error::Refusal;

/// One fact. Exactly one `*_closed` per object that was created, leaf first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The answer to `submit`, by its id.
    Reply {
        id: u64,
        #[serde(default)]
        reply: Option<Reply>,
        #[serde(default)]
        refusal: Option<Refusal>,
    },
    /// A path was nominated; repeated when the peer moves. Addresses are not told.
    IceConnected {
        transport: TransportId,
        protocol: Protocol,
    },
    TransportConnected {
        transport: TransportId,
        srtp_profile: SrtpProfile,
        dtls_version: String,
    },
    TransportClosed {
        transport: TransportId,
        cause: CloseCause,
    },
    RouterClosed {
        router: RouterId,
        cause: CloseCause,
    },
    /// The first packet of a producer, and again when the number of live encodings changes.
    ProducerLayers {
        producer: ProducerId,
        live: u8,
    },
    ProducerClosed {
        producer: ProducerId,
        cause: CloseCause,
    },
    ConsumerClosed {
        consumer: ConsumerId,
        cause: CloseCause,
    },
    /// What is being sent now; none while nothing fits or nothing arrives.
    ConsumerLayer {
        consumer: ConsumerId,
        layer: Option<Layer>,
    },
    /// The loudest producer of a router changed.
    ActiveSpeaker {
        router: RouterId,
        producer: Option<ProducerId>,
    },
    /// At most one a second per router while anybody speaks; dBov, -127 (silence) to 0.
    AudioLevels {
        router: RouterId,
        levels: Vec<(ProducerId, i8)>,
    },
    DataChannelOpened {
        transport: TransportId,
        stream_id: u16,
        channel: ChannelParameters,
    },
    DataChannelClosed {
        transport: TransportId,
        stream_id: u16,
    },
    DataProducerClosed {
        data_producer: DataProducerId,
        cause: CloseCause,
    },
    DataConsumerClosed {
        data_consumer: DataConsumerId,
        cause: CloseCause,
    },
    /// A string for a data consumer of a direct transport. Binary messages are not told; they are counted (`data_binary`), as are those
    /// that came faster than they were taken (`data_unread`).
    DataMessage {
        data_consumer: DataConsumerId,
        payload: String,
    },
    /// Events were dropped because the reader was too slow: list all objects again. Closures are never dropped.
    Lost {
        count: u64,
    },
}

impl Event {
    /// Another look at the objects and the next snapshot make up for it.
    pub fn may_be_lost(&self) -> bool {
        match self {
            Event::IceConnected { .. }
            | Event::TransportConnected { .. }
            | Event::ProducerLayers { .. }
            | Event::ConsumerLayer { .. }
            | Event::ActiveSpeaker { .. }
            | Event::AudioLevels { .. }
            | Event::DataChannelOpened { .. }
            | Event::DataChannelClosed { .. }
            | Event::DataMessage { .. }
            | Event::Lost { .. } => true,
            // Replies are as many as commands, closures as many as objects: both are bounded.
            Event::Reply { .. }
            | Event::TransportClosed { .. }
            | Event::RouterClosed { .. }
            | Event::ProducerClosed { .. }
            | Event::ConsumerClosed { .. }
            | Event::DataProducerClosed { .. }
            | Event::DataConsumerClosed { .. } => false,
        }
    }
}

/// Why an object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseCause {
    /// By command.
    Closed,
    /// Its router, transport or producer ended.
    Parent,
    /// The peer said goodbye (DTLS close_notify, SCTP or channel reset).
    PeerClosed,
    ConsentLost,
    /// No check or no handshake in time.
    ConnectTimeout,
    DtlsFailed,
    FingerprintMismatch,
    Limit,
    /// Our bug: the state was dropped, the peer must reconnect.
    Panic,
    /// The worker or engine stopped.
    Worker,
}
