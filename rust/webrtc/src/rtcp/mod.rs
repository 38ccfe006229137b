//! RTCP on the wire: reads compounds into [`Feedback`] and writes them back. Refuses to know what a report leads to.
//!
//! NACK, transport-wide feedback, REMB, BYE and the reading of reports and SDES have paths of our own; the rest goes through [`RtcpCodec`].

mod cold;
mod read;
mod write;

use medianode_sfu::feedback::Feedback;

pub use read::read;
pub use write::write;

/// Packet types (RFC 3550 section 12.1, RFC 4585 section 6.1).
mod packet_type {
    pub const SENDER_REPORT: u8 = 200;
    pub const RECEIVER_REPORT: u8 = 201;
    pub const SDES: u8 = 202;
    pub const BYE: u8 = 203;
    pub const TRANSPORT_FEEDBACK: u8 = 205;
    pub const PAYLOAD_FEEDBACK: u8 = 206;
}

/// Feedback message types: [`TRANSPORT_FEEDBACK`](packet_type::TRANSPORT_FEEDBACK) has the first two,
/// [`PAYLOAD_FEEDBACK`](packet_type::PAYLOAD_FEEDBACK) the others.
mod format {
    pub const NACK: u8 = 1;
    pub const TRANSPORT_CC: u8 = 15;
    pub const PLI: u8 = 1;
    pub const FIR: u8 = 4;
    /// Application layer feedback; REMB says so in its body.
    pub const APPLICATION: u8 = 15;
}

/// Common header (RFC 3550 section 6.4.1).
const HEADER_LEN: usize = 4;
/// Common header, sender SSRC and media SSRC (RFC 4585 section 6.1).
const FEEDBACK_HEADER_LEN: usize = 12;
/// Reports, chunks and sources in one packet: a 5-bit count.
const MAX_COUNT: usize = 31;

/// What ended the walk through a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RtcpFault {
    #[error("malformed packet")]
    Malformed,
    /// A compound that would grow out of proportion when expanded.
    #[error("more than is read from one datagram")]
    TooMuch,
}

/// A compound that could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rtcp: {fault}")]
pub struct RtcpError {
    /// What stood before the fault; as genuine as the datagram.
    pub read: Vec<Feedback>,
    pub fault: RtcpFault,
}

/// Encodes and decodes the cold packet types: PLI and FIR; reports and SDES are encoded only.
trait RtcpCodec {
    /// Appends what `packet` says: one whole RTCP packet without padding, its length field already checked.
    fn decode(&self, packet: &[u8], into: &mut Vec<Feedback>) -> Result<(), RtcpFault>;
    /// Writes one packet and returns its length. `None`: no room, or it cannot be said on the wire.
    fn encode(&self, packet: &Feedback, out: &mut [u8]) -> Option<usize>;
}
