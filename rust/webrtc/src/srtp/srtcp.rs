//! Where SRTCP puts its index and tag (RFC 3711 section 3.4, RFC 7714 section 9.1). Owns the trailer; refuses to know ciphers.

use super::SrtpError;

/// RTCP header and sender SSRC, never encrypted.
pub const HEADER_LEN: usize = 8;
/// E bit and index.
pub const INDEX_LEN: usize = 4;
/// The index has 31 bits.
pub const MAX_INDEX: u32 = 0x7fff_ffff;

const ENCRYPTED: u32 = 1 << 31;

/// Order of the trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// RFC 7714: tag, index word.
    IndexLast { tag_len: usize },
    /// RFC 3711: index word, tag.
    TagLast { tag_len: usize },
}

/// What a protected packet says about itself, not yet authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    pub ssrc: u32,
    pub index: u32,
    /// Length of the RTCP compound without trailer.
    pub len: usize,
}

impl Trailer {
    /// Refuses what is too short, not RTP version 2, or not encrypted.
    pub fn read(packet: &[u8], layout: Layout) -> Result<Self, SrtpError> {
        let (Layout::IndexLast { tag_len } | Layout::TagLast { tag_len }) = layout;
        let len = packet
            .len()
            .checked_sub(tag_len + INDEX_LEN)
            .filter(|len| *len >= HEADER_LEN && packet[0] >> 6 == 2)
            .ok_or(SrtpError::Malformed)?;
        let word_at = match layout {
            Layout::IndexLast { .. } => len + tag_len,
            Layout::TagLast { .. } => len,
        };
        let word = u32_at(packet, word_at).ok_or(SrtpError::Malformed)?;
        let ssrc = u32_at(packet, 4).ok_or(SrtpError::Malformed)?;
        if word & ENCRYPTED == 0 {
            return Err(SrtpError::NotEncrypted);
        }
        Ok(Self {
            ssrc,
            index: word & MAX_INDEX,
            len,
        })
    }
}

/// The index word of an encrypted packet.
pub fn index_word(index: u32) -> [u8; INDEX_LEN] {
    (index | ENCRYPTED).to_be_bytes()
}

/// Sender SSRC of an RTCP compound.
pub fn ssrc(packet: &[u8]) -> Option<u32> {
    u32_at(packet, 4)
}

fn u32_at(packet: &[u8], at: usize) -> Option<u32> {
    packet
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
}
