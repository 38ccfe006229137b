//! The node's side of one peer: ICE-lite under a [`SecureTransport`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::params::{DtlsParameters, IceParameters, SctpParameters, TransportTuple};
use crate::secure::{DtlsContext, Received, SecureEvent, SecureTransport};
use crate::Error;

/// Bounds of one transport.
#[derive(Clone, Debug)]
pub struct TransportLimits {
    pub tuples: usize,
    pub ssrcs: usize,
    pub data_channels: usize,
    pub data_bytes: usize,
    pub consent_timeout: Duration,
    pub connect_timeout: Duration,
}

/// Facts of one transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportEvent {
    /// A check with this tuple verified: datagrams from it belong to this transport from now on.
    TupleAdded(TransportTuple),
    /// Replaced or expired.
    TupleRemoved(TransportTuple),
    /// Nominated by the peer; media goes here.
    TupleSelected(TransportTuple),
    Secure(SecureEvent),
    ConsentLost,
    ConnectTimeout,
}

/// ICE-lite, DTLS, SRTP and SCTP of one peer.
pub struct WebRtcTransport {}

impl WebRtcTransport {
    /// `ice` are our credentials; the engine chooses the username fragment, which carries worker and slot.
    pub fn new(_now: Instant, _ice: IceParameters, _dtls: Arc<DtlsContext>, _limits: TransportLimits) -> Self {
        todo!()
    }
    /// The peer's role and fingerprints: `Auto` or `Client` makes us the server, `Server` makes us the client.
    pub fn connect(&mut self, _now: Instant, _dtls: &DtlsParameters, _sctp: Option<SctpParameters>) -> Result<(), Error> {
        todo!()
    }
    /// New credentials of ours; the old ones stay valid until a check with the new ones verifies.
    pub fn restart_ice(&mut self, _now: Instant, _ice: IceParameters) {
        todo!()
    }
    /// Username fragments that belong to this transport now (current, and previous during a restart).
    pub fn username_fragments(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
    /// Any datagram that the demultiplexer assigned to this transport. Non-STUN from an unknown tuple is dropped.
    pub fn handle_datagram<'a>(&mut self, _now: Instant, _tuple: TransportTuple, _datagram: &'a mut [u8]) -> Received<'a> {
        todo!()
    }
    /// A TCP connection ended.
    pub fn handle_tuple_closed(&mut self, _now: Instant, _tuple: TransportTuple) {
        todo!()
    }
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
    /// Next STUN or DTLS datagram and where it goes; its length in `out` (at least 2048 bytes).
    pub fn poll_transmit(&mut self, _now: Instant, _out: &mut [u8]) -> Option<(TransportTuple, usize)> {
        todo!()
    }
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        todo!()
    }
    /// Where media goes.
    pub fn selected_tuple(&self) -> Option<TransportTuple> {
        todo!()
    }
    /// Sealing and data channels.
    pub fn secure(&mut self) -> &mut SecureTransport {
        todo!()
    }
    /// Says goodbye; poll what is left to send, then drop.
    pub fn close(&mut self, _now: Instant) {
        todo!()
    }
}
