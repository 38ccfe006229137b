//! What runs above an ICE path: DTLS, then SRTP and SCTP. Shared by the node's transports and the load generator's clients.

use std::sync::Arc;
use std::time::Instant;

use medianode_sfu::feedback::Feedback;

use crate::Error;
use crate::params::{ChannelParameters, DtlsFingerprint, DtlsRole, SctpParameters, SrtpProfile};

/// A self-signed ECDSA P-256 certificate, made at start.
pub struct Certificate {}

impl Certificate {
    pub fn generate() -> Result<Self, Error> {
        todo!()
    }
    /// SHA-256 (RFC 8122).
    pub fn fingerprint(&self) -> DtlsFingerprint {
        todo!()
    }
}

/// The few DTLS configurations of a process, built once (building one tests the crypto provider, about 0.6 ms).
pub struct DtlsContext {}

impl DtlsContext {
    pub fn new(_certificate: Certificate) -> Result<Arc<Self>, Error> {
        todo!()
    }
    pub fn fingerprint(&self) -> DtlsFingerprint {
        todo!()
    }
}

/// What a datagram turned out to be, after authentication.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Nothing for the caller (handshake, data channel, or dropped and counted).
    None,
    /// A decrypted RTP packet, in place.
    Rtp(&'a [u8]),
    /// A decrypted RTCP compound, in place; parse with [`crate::rtcp::read`].
    Rtcp(&'a [u8]),
}

/// Facts above the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecureEvent {
    Connected { profile: SrtpProfile, dtls_version: &'static str },
    ChannelOpened { stream_id: u16, channel: ChannelParameters },
    ChannelClosed { stream_id: u16 },
    /// `text` tells strings from binary (RFC 8831 section 8).
    Message { stream_id: u16, text: bool, data: Vec<u8> },
    Closed { cause: SecureClose },
}

/// Why the association ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureClose {
    PeerClosed,
    DtlsFailed,
    FingerprintMismatch,
    /// A caught panic of a protocol library: our bug, counted.
    Panic,
}

/// DTLS, SRTP and SCTP of one peer over whatever path the caller chooses.
pub struct SecureTransport {}

impl SecureTransport {
    /// `role` is ours: `Server` waits for a ClientHello, `Client` sends one once [`SecureTransport::connect`] was called and a path exists.
    pub fn new(_now: Instant, _dtls: Arc<DtlsContext>, _role: DtlsRole) -> Self {
        todo!()
    }
    /// The peer's fingerprints; until then no DTLS is answered.
    pub fn connect(&mut self, _now: Instant, _fingerprints: Vec<DtlsFingerprint>, _sctp: Option<SctpParameters>) -> Result<(), Error> {
        todo!()
    }
    /// A datagram from a validated path that is not STUN (RFC 7983 ranges 20-63 and 128-191).
    pub fn handle_datagram<'a>(&mut self, _now: Instant, _datagram: &'a mut [u8]) -> Received<'a> {
        todo!()
    }
    pub fn handle_timeout(&mut self, _now: Instant) {
        todo!()
    }
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
    /// Next DTLS datagram to send; its length in `out` (at least 2048 bytes).
    pub fn poll_transmit(&mut self, _now: Instant, _out: &mut [u8]) -> Option<usize> {
        todo!()
    }
    pub fn poll_event(&mut self) -> Option<SecureEvent> {
        todo!()
    }
    /// SRTP keys exist.
    pub fn is_connected(&self) -> bool {
        todo!()
    }
    /// Seals the RTP packet in `buffer[..len]` in place; `buffer` has at least 16 bytes of room behind it. Returns the sealed length.
    pub fn protect_rtp(&mut self, _buffer: &mut [u8], _len: usize, _index: u64) -> Option<usize> {
        todo!()
    }
    /// Encodes and seals one RTCP compound; the datagram's length in `out` (at least 1500 bytes).
    pub fn protect_rtcp(&mut self, _packets: &[Feedback], _out: &mut [u8]) -> Option<usize> {
        todo!()
    }
    /// Opens a channel with DCEP (RFC 8832), or a pre-negotiated one when `negotiated` names its stream.
    pub fn open_channel(&mut self, _now: Instant, _channel: &ChannelParameters, _negotiated: Option<u16>) -> Result<u16, Error> {
        todo!()
    }
    pub fn close_channel(&mut self, _now: Instant, _stream_id: u16) {
        todo!()
    }
    /// Refused with [`Error::Limit`] when the peer does not drain what is queued already.
    pub fn send_message(&mut self, _now: Instant, _stream_id: u16, _text: bool, _data: &[u8]) -> Result<(), Error> {
        todo!()
    }
    /// Bytes queued in data channels and not yet acknowledged.
    pub fn data_bytes_queued(&self) -> usize {
        todo!()
    }
    /// Says goodbye (SCTP shutdown, DTLS close_notify); poll what is left to send, then drop.
    pub fn close(&mut self, _now: Instant) {
        todo!()
    }
}
