//! Where finished packets go. Owns the shape of one outgoing packet; refuses to know sockets and keys.

use crate::TransportKey;

/// Why a packet is sent: what a sink under pressure drops first, and what the counters tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketClass {
    Audio,
    Video,
    Retransmission,
    Probe,
}

/// One plaintext RTP packet for one transport: header, then prefix, then payload, concatenated by the sink.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Complete RTP header with extensions.
    pub header: &'a [u8],
    /// Rewritten start of the payload (codec descriptor, or the original sequence number of RFC 4588); may be empty.
    pub prefix: &'a [u8],
    /// Rest of the payload, RTP padding included.
    pub payload: &'a [u8],
    /// 48-bit SRTP packet index: rollover counter and sequence number (RFC 3711 section 3.3.1).
    pub index: u64,
    pub class: PacketClass,
}

/// Takes packets in the order in which they shall leave. Packets of one transport come in a row, so that a sink can form runs.
pub trait Sink {
    /// Returns the bytes handed to the network, or 0 when the packet was dropped (queue full, no keys yet).
    fn send(&mut self, to: TransportKey, packet: Outgoing<'_>) -> usize;

    /// Packets for these transports follow: a sink may ask for what it will need for them, so that it waits for memory once for all.
    fn expect(&mut self, _to: &[TransportKey]) {}
}
