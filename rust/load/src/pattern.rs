//! The numbered, checksummed payload that every synthetic packet carries. Owns its layout; refuses to know RTP.
//!
//! Layout behind the codec's own header, big endian: magic (4), stream (4), number (8), sent at, monotonic ns (8), filler, CRC-32 (4)
//! over everything before it.

/// Smallest payload that holds a pattern.
pub const MIN_LEN: usize = 28;
const MAGIC: u32 = 0x4d4e_4c44;
/// VP8 payload descriptor with 15-bit picture id, TL0PICIDX and TID (RFC 7741 section 4.2).
const VP8_DESCRIPTOR: usize = 6;
/// VP8 frame header with start code and dimensions (RFC 6386 section 9.1), repeated in every packet so that offsets are constant.
const VP8_FRAME: usize = 10;
const OPUS_TOC: usize = 1;

/// Which codec header precedes the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Opus,
    Vp8,
}

impl Shape {
    /// Bytes before the pattern.
    pub fn header_len(self) -> usize {
        match self {
            Shape::Opus => OPUS_TOC,
            Shape::Vp8 => VP8_DESCRIPTOR + VP8_FRAME,
        }
    }
}

/// One video frame's facts that its packets repeat.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub keyframe: bool,
    pub picture_id: u16,
    pub width: u16,
    pub height: u16,
}

/// Writes the VP8 header of one packet of a frame.
pub fn write_vp8(out: &mut [u8], frame: Frame, first: bool) {
    out[0] = 0x80 | if first { 0x10 } else { 0 };
    out[1] = 0xe0;
    out[2..4].copy_from_slice(&(0x8000 | (frame.picture_id & 0x7fff)).to_be_bytes());
    out[4] = frame.picture_id as u8;
    out[5] = 0;
    out[6..9].copy_from_slice(&[u8::from(!frame.keyframe) | 0x10, 0, 0]);
    out[9..12].copy_from_slice(&[0x9d, 0x01, 0x2a]);
    out[12..14].copy_from_slice(&frame.width.to_le_bytes());
    out[14..16].copy_from_slice(&frame.height.to_le_bytes());
}

/// What a pattern says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub stream: u32,
    pub number: u64,
    /// Monotonic ns.
    pub sent_at: u64,
}

impl Pattern {
    /// Fills `out` (at least [`MIN_LEN`] bytes).
    pub fn write(&self, out: &mut [u8]) {
        out[..4].copy_from_slice(&MAGIC.to_be_bytes());
        out[4..8].copy_from_slice(&self.stream.to_be_bytes());
        out[8..16].copy_from_slice(&self.number.to_be_bytes());
        out[16..24].copy_from_slice(&self.sent_at.to_be_bytes());
        let end = out.len() - 4;
        out[24..end].fill(self.number as u8);
        let sum = crc32fast::hash(&out[..end]);
        out[end..].copy_from_slice(&sum.to_be_bytes());
    }

    /// Reads a pattern back; none if a single bit is wrong.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (body, sum) = payload.split_last_chunk::<4>()?;
        if body.len() < MIN_LEN - 4 || crc32fast::hash(body) != u32::from_be_bytes(*sum) {
            return None;
        }
        let word =
            |at: usize| u64::from_be_bytes(body[at..at + 8].try_into().expect("eight bytes"));
        let head = word(0);
        (head >> 32 == u64::from(MAGIC)).then(|| Self {
            stream: head as u32,
            number: word(8),
            sent_at: word(16),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote_and_refuses_any_flipped_bit() {
        let pattern = Pattern {
            stream: 7,
            number: 99,
            sent_at: 123_456,
        };
        let mut bytes = vec![0; 60];
        pattern.write(&mut bytes);
        assert_eq!(Pattern::read(&bytes), Some(pattern));
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Pattern::read(&bytes), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(Pattern::read(&bytes[..20]), None);
    }
}
