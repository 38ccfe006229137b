//! What the transport needs from a DTLS library: one association, told the time, polled for its output. Refuses to know who the peer is.

use std::time::Instant;

use zeroize::Zeroizing;

use crate::params::SrtpProfile;

/// The association is over; nothing of it may be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsFault {
    /// The handshake failed or timed out, or the peer broke the protocol.
    Protocol,
    /// A caught panic of the library.
    Panic,
}

/// What an association has to say. Certificate, connection and keys come in this order.
pub enum DtlsOutput<'a> {
    Packet(&'a [u8]),
    /// The peer's certificate (DER). Nothing proves yet that it is the right one.
    PeerCertificate(&'a [u8]),
    Connected,
    Keys {
        profile: SrtpProfile,
        material: Zeroizing<Vec<u8>>,
    },
    Data(&'a [u8]),
    PeerClosed,
    /// Poll again with at least so many bytes.
    BufferTooSmall(usize),
    /// Nothing more; call [`DtlsSession::handle_timeout`] then.
    Idle(Instant),
}

/// One association. After every call, poll until [`DtlsOutput::Idle`].
pub trait DtlsSession: Send {
    /// Records that passed the guard.
    fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Result<(), DtlsFault>;
    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsFault>;
    fn poll<'a>(&mut self, buffer: &'a mut [u8]) -> Result<DtlsOutput<'a>, DtlsFault>;
    /// Application data, at most one record.
    fn send(&mut self, data: &[u8]) -> Result<(), DtlsFault>;
    /// Queues close_notify.
    fn close(&mut self) -> Result<(), DtlsFault>;
    /// `1.2` or `1.3`, once decided.
    fn version(&self) -> Option<&'static str>;
    /// Records that may be sent under one key, if the cipher's nonces are random.
    fn record_limit(&self) -> Option<u64>;
}
