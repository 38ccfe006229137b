//! What the data channels need from an SCTP implementation (RFC 9260, RFC 3758, RFC 6525), and nothing more: one association,
//! told the time, polled for packets and events. Refuses to know DCEP.

use std::time::{Duration, Instant};

use bytes::Bytes;

/// What both ends of an association are told before it starts.
#[derive(Clone, Copy, Debug)]
pub struct AssociationSettings {
    pub local_port: u16,
    pub remote_port: u16,
    /// Bytes of one message the peer accepts.
    pub max_send_message: u32,
    /// Bytes of one message we accept.
    pub max_receive_message: u32,
}

/// Bytes of incomplete or undelivered messages that an association holds at most: the advertised window. At least twice
/// the largest message, or one lost fragment of it leaves no room for its rest.
pub const RECEIVE_BUFFER: u32 = 1 << 20;
/// Largest message accepted, in bytes, whatever is configured.
pub const MAX_MESSAGE: u32 = 256 * 1024;
/// Largest SCTP packet sent, in bytes: with a DTLS 1.2 record and UDP over IPv6 it stays under 1280.
pub const MAX_PACKET: usize = 1148;
/// First retransmission timeout. RFC 9260 section 16 says 1 s; browsers use 500 ms.
pub const RTO_INITIAL: Duration = Duration::from_millis(500);
/// Smallest retransmission timeout: above the 200 ms for which a receiver may delay its SACK.
pub const RTO_MIN: Duration = Duration::from_millis(300);
/// Largest retransmission timeout: a call whose path came back must not wait a minute.
pub const RTO_MAX: Duration = Duration::from_secs(5);

/// How the messages of one stream are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub ordered: bool,
    pub reliability: Reliability,
}

/// When a message is given up (RFC 3758).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliability {
    Reliable,
    /// After this many retransmissions of a fragment.
    Retransmits(u16),
    /// After this many milliseconds.
    Lifetime(u16),
}

/// Facts of an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssociationEvent {
    Connected,
    /// Read this stream until it is empty.
    Readable(u16),
    /// The peer reset its outgoing half; ours follows by itself.
    Reset(u16),
    /// Both halves are reset (or that failed): the id is free, or lost for ever, which [`SctpAssociation::open_stream`] tells.
    ResetDone(u16),
    /// Ended, by either side or by an error.
    Lost,
}

/// One complete message.
#[derive(Debug)]
pub struct StreamMessage {
    pub ppid: u32,
    pub data: Vec<u8>,
    /// How many DATA chunks carried it.
    pub chunks: usize,
}

/// One SCTP association. Callers never give it a packet that [`super::guard::Guard`] refused.
pub trait SctpAssociation: Sized {
    /// Sends an INIT.
    fn connect(now: Instant, settings: &AssociationSettings) -> Option<Self>;
    /// Answers an INIT.
    fn accept(now: Instant, settings: &AssociationSettings, init: &[u8]) -> Option<Self>;
    fn handle_packet(&mut self, now: Instant, packet: &[u8]);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_timeout(&self) -> Option<Instant>;
    fn poll_transmit(&mut self, now: Instant) -> Option<Bytes>;
    fn poll_event(&mut self) -> Option<AssociationEvent>;
    /// Opens the stream unless the peer did so already; false if its id cannot be used.
    fn open_stream(&mut self, stream_id: u16) -> bool;
    /// Applies to messages written from now on, except DCEP (always ordered and reliable).
    fn set_delivery(&mut self, stream_id: u16, delivery: Delivery);
    /// False if the stream cannot take it now; then nothing was queued.
    fn write(&mut self, now: Instant, stream_id: u16, ppid: u32, data: &[u8]) -> bool;
    fn read(&mut self, stream_id: u16) -> Option<StreamMessage>;
    /// Bytes written and not yet acknowledged or given up.
    fn buffered(&mut self, stream_id: u16) -> usize;
    /// Resets our outgoing half after what was written is acknowledged (RFC 6525, RFC 8831 section 6.7).
    fn reset_stream(&mut self, now: Instant, stream_id: u16);
    fn shutdown(&mut self, now: Instant);
}
