//! Cumulative counters and their snapshot. W3C webrtc-stats names where one exists.

use serde::{Deserialize, Serialize};

use crate::{ConsumerId, Layer, ProducerId, TransportId};

/// One incoming stream (one encoding of a producer).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InboundStats {
    pub rid: Option<String>,
    pub ssrc: u32,
    pub packets_received: u64,
    pub bytes_received: u64,
    pub packets_lost: i64,
    pub retransmitted_packets_received: u64,
    pub packets_duplicated: u64,
    /// Seconds.
    pub jitter: f64,
    pub nack_count: u64,
    pub pli_count: u64,
    pub fir_count: u64,
    pub key_frames: u64,
    /// bit/s over the last second or so.
    pub bitrate: u64,
}

/// One producer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProducerStats {
    pub producer: ProducerId,
    pub transport: TransportId,
    pub mime_type: String,
    pub paused: bool,
    pub encodings: Vec<InboundStats>,
}

/// One consumer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsumerStats {
    pub consumer: ConsumerId,
    pub transport: TransportId,
    pub producer: Option<ProducerId>,
    pub mime_type: String,
    pub paused: bool,
    pub layer: Option<Layer>,
    pub ssrc: u32,
    pub packets_sent: u64,
    pub bytes_sent: u64,
    pub retransmitted_packets_sent: u64,
    pub retransmitted_bytes_sent: u64,
    pub packets_dropped: u64,
    pub nack_count: u64,
    pub pli_count: u64,
    pub fir_count: u64,
    /// As reported by the receiver.
    pub packets_lost: i64,
    pub fraction_lost: f64,
    /// Seconds.
    pub jitter: f64,
    /// Seconds.
    pub round_trip_time: Option<f64>,
    /// bit/s over the last second or so.
    pub bitrate: u64,
}

/// Egress of one transport as the router sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LegStats {
    pub transport: TransportId,
    /// bit/s; none before the first report.
    pub available_outgoing_bitrate: Option<u64>,
    /// bit/s told to the peer by REMB or known from transport-cc, for its uplink.
    pub available_incoming_bitrate: Option<u64>,
    pub probe_packets_sent: u64,
    pub round_trip_time: Option<f64>,
}

/// Everything one router counts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RouterStats {
    pub producers: Vec<ProducerStats>,
    pub consumers: Vec<ConsumerStats>,
    pub legs: Vec<LegStats>,
    /// Packets refused, by cause.
    pub packets_discarded: std::collections::BTreeMap<String, u64>,
}
