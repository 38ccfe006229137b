//! One room's fan-out.

use std::time::Instant;

use crate::feedback::Feedback;
use crate::params::{MediaKind, RtpParameters};
use crate::stats::RouterStats;
use crate::{ConsumerId, Layer, ProducerId, Sink, TransportId, TransportKey};

/// Why a request cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0} is not known here")]
    UnknownId(&'static str),
    #[error("{0} exists already")]
    Exists(&'static str),
    #[error("unsupported: {0}")]
    Incompatible(String),
    #[error("invalid: {0}")]
    Invalid(String),
    #[error("limit reached: {0}")]
    Limit(&'static str),
}

/// Bounds of one router.
#[derive(Clone, Debug)]
pub struct RouterLimits {
    pub producers_per_transport: usize,
    pub consumers_per_transport: usize,
    pub ssrcs_per_transport: usize,
    /// Video packets kept per encoding, a power of two.
    pub ring_packets: usize,
}

/// What a router has to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum RouterEvent {
    ProducerLayers { producer: ProducerId, live: u8 },
    ProducerClosed { producer: ProducerId, by_parent: bool },
    ConsumerClosed { consumer: ConsumerId, by_parent: bool },
    ConsumerLayer { consumer: ConsumerId, layer: Option<Layer> },
    ActiveSpeaker { producer: Option<ProducerId> },
    AudioLevels { levels: Vec<(ProducerId, i8)> },
}

/// One room's fan-out.
pub struct Router {}

impl Router {
    pub fn new(_now: Instant, _limits: RouterLimits) -> Self {
        todo!()
    }
    /// A transport that may now carry producers and consumers. `key` is handed back to the sink.
    pub fn add_transport(&mut self, _now: Instant, _id: TransportId, _key: TransportKey) -> Result<(), Error> {
        todo!()
    }
    /// Closes its consumers and producers; the events say which.
    pub fn remove_transport(&mut self, _now: Instant, _id: TransportId) {
        todo!()
    }
    /// Media may be sent to this transport from now on (keys exist), or no longer.
    pub fn set_transport_ready(&mut self, _now: Instant, _id: TransportId, _ready: bool) {
        todo!()
    }
    /// Upper limit of what is sent to this transport, bit/s.
    pub fn set_transport_cap(&mut self, _now: Instant, _id: TransportId, _max_bitrate: Option<u64>) -> Result<(), Error> {
        todo!()
    }
    pub fn create_producer(
        &mut self, _now: Instant, _transport: TransportId, _id: ProducerId, _kind: MediaKind, _rtp: &RtpParameters, _paused: bool,
    ) -> Result<(), Error> {
        todo!()
    }
    pub fn close_producer(&mut self, _now: Instant, _id: ProducerId) {
        todo!()
    }
    pub fn pause_producer(&mut self, _now: Instant, _id: ProducerId, _paused: bool) -> Result<(), Error> {
        todo!()
    }
    pub fn create_consumer(
        &mut self, _now: Instant, _transport: TransportId, _id: ConsumerId, _kind: MediaKind, _rtp: &RtpParameters,
        _producer: Option<ProducerId>, _paused: bool,
    ) -> Result<(), Error> {
        todo!()
    }
    pub fn switch_consumer(&mut self, _now: Instant, _id: ConsumerId, _producer: Option<ProducerId>) -> Result<(), Error> {
        todo!()
    }
    pub fn close_consumer(&mut self, _now: Instant, _id: ConsumerId) {
        todo!()
    }
    pub fn pause_consumer(&mut self, _now: Instant, _id: ConsumerId, _paused: bool) -> Result<(), Error> {
        todo!()
    }
    pub fn set_consumer_layers(&mut self, _now: Instant, _id: ConsumerId, _layer: Option<Layer>) -> Result<(), Error> {
        todo!()
    }
    pub fn request_keyframe(&mut self, _now: Instant, _id: ConsumerId) -> Result<(), Error> {
        todo!()
    }
    /// One authenticated, decrypted RTP packet. It is kept, not yet sent: call [`Router::flush`] after the last packet of a batch.
    pub fn handle_rtp(&mut self, _now: Instant, _from: TransportId, _packet: &[u8]) {
        todo!()
    }
    /// RTCP packets of one authenticated compound.
    pub fn handle_feedback(&mut self, _now: Instant, _from: TransportId, _packets: &[Feedback]) {
        todo!()
    }
    /// Sends what the batch brought, retransmissions that were asked for and due probes, one transport after another.
    pub fn flush(&mut self, _now: Instant, _sink: &mut impl Sink) {
        todo!()
    }
    /// When [`Router::handle_timeout`] wants to be called; none while nothing moves.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
    /// Reports, NACK repeats, estimates, speakers. Call [`Router::flush`] afterwards.
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }
    /// RTCP for one transport, to be encoded as one compound.
    pub fn poll_feedback(&mut self) -> Option<(TransportKey, Vec<Feedback>)> {
        todo!()
    }
    pub fn poll_event(&mut self) -> Option<RouterEvent> {
        todo!()
    }
    pub fn stats(&self, _now: Instant) -> RouterStats {
        todo!()
    }
}
