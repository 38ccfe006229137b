//! DCEP (RFC 8832) on the wire and the life of one channel. Owns no association.

use super::association::{Delivery, Reliability};
use crate::params::ChannelParameters;

/// Payload protocol identifiers (RFC 8831 section 8).
pub mod ppid {
    pub const DCEP: u32 = 50;
    pub const STRING: u32 = 51;
    pub const BINARY: u32 = 53;
    pub const STRING_EMPTY: u32 = 56;
    pub const BINARY_EMPTY: u32 = 57;
}

const MESSAGE_ACK: u8 = 0x02;
const MESSAGE_OPEN: u8 = 0x03;
const OPEN_HEADER: usize = 12;
const UNORDERED: u8 = 0x80;
const RELIABLE: u8 = 0x00;
const LIMITED_RETRANSMITS: u8 = 0x01;
const LIMITED_LIFETIME: u8 = 0x02;
/// RFC 8831 section 6.4: "normal".
const PRIORITY: u16 = 256;

/// A DCEP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dcep {
    Open(ChannelParameters),
    Ack,
}

impl Dcep {
    /// `None` for what RFC 8832 section 5 does not allow, and for labels or protocols that are not UTF-8.
    pub fn parse(message: &[u8]) -> Option<Self> {
        match *message.first()? {
            MESSAGE_ACK => Some(Dcep::Ack),
            MESSAGE_OPEN => Some(Dcep::Open(parse_open(message)?)),
            _ => None,
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Dcep::Ack => vec![MESSAGE_ACK],
            Dcep::Open(channel) => open_bytes(channel),
        }
    }
}

fn parse_open(message: &[u8]) -> Option<ChannelParameters> {
    let (header, rest) = message.split_at_checked(OPEN_HEADER)?;
    let value = u32::from_be_bytes(header[4..8].try_into().ok()?);
    let label_len = u16::from_be_bytes(header[8..10].try_into().ok()?) as usize;
    let protocol_len = u16::from_be_bytes(header[10..12].try_into().ok()?) as usize;
    let (label, rest) = rest.split_at_checked(label_len)?;
    let protocol = rest.get(..protocol_len)?;
    // Our parameters hold what a browser can express, 16 bits; more than a minute is no promise to a peer anyway.
    let value = u16::try_from(value).unwrap_or(u16::MAX);
    let (max_retransmits, max_packet_life_time) = match header[1] & !UNORDERED {
        RELIABLE => (None, None),
        LIMITED_RETRANSMITS => (Some(value), None),
        LIMITED_LIFETIME => (None, Some(value)),
        _ => return None,
    };
    Some(ChannelParameters {
        label: std::str::from_utf8(label).ok()?.to_owned(),
        protocol: std::str::from_utf8(protocol).ok()?.to_owned(),
        ordered: header[1] & UNORDERED == 0,
        max_retransmits,
        max_packet_life_time,
    })
}

/// Callers checked [`is_valid`].
fn open_bytes(channel: &ChannelParameters) -> Vec<u8> {
    let (kind, value) = match (channel.max_retransmits, channel.max_packet_life_time) {
        (Some(count), _) => (LIMITED_RETRANSMITS, count),
        (None, Some(ms)) => (LIMITED_LIFETIME, ms),
        (None, None) => (RELIABLE, 0),
    };
    let mut bytes = Vec::with_capacity(OPEN_HEADER + channel.label.len() + channel.protocol.len());
    bytes.push(MESSAGE_OPEN);
    bytes.push(if channel.ordered {
        kind
    } else {
        kind | UNORDERED
    });
    bytes.extend_from_slice(&PRIORITY.to_be_bytes());
    bytes.extend_from_slice(&u32::from(value).to_be_bytes());
    bytes.extend_from_slice(&(channel.label.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&(channel.protocol.len() as u16).to_be_bytes());
    bytes.extend_from_slice(channel.label.as_bytes());
    bytes.extend_from_slice(channel.protocol.as_bytes());
    bytes
}

/// Lengths fit a DCEP OPEN and not both reliability limits are set (W3C: a TypeError).
pub fn is_valid(channel: &ChannelParameters) -> bool {
    channel.label.len() <= usize::from(u16::MAX)
        && channel.protocol.len() <= usize::from(u16::MAX)
        && !(channel.max_retransmits.is_some() && channel.max_packet_life_time.is_some())
}

/// One channel, from our open or the peer's until both halves of its stream are reset.
#[derive(Debug)]
pub struct Channel {
    pub parameters: ChannelParameters,
    pub state: ChannelState,
    /// Bytes that the association held for it when last asked.
    pub buffered: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelState {
    /// Ours; the peer has not acknowledged it.
    Opening,
    Open,
    /// We reset our half and wait for the peer's.
    Closing,
    /// The peer reset its half; ours is not done.
    Closed,
}

impl Channel {
    pub fn new(parameters: ChannelParameters, state: ChannelState) -> Self {
        Self {
            parameters,
            state,
            buffered: 0,
        }
    }

    /// Ordered until the peer knows the channel (RFC 8832 section 6), so that no message overtakes the OPEN.
    pub fn delivery(&self) -> Delivery {
        let reliability = match (
            self.parameters.max_retransmits,
            self.parameters.max_packet_life_time,
        ) {
            (Some(count), _) => Reliability::Retransmits(count),
            (None, Some(ms)) => Reliability::Lifetime(ms),
            (None, None) => Reliability::Reliable,
        };
        Delivery {
            ordered: self.parameters.ordered || self.state == ChannelState::Opening,
            reliability,
        }
    }
}
