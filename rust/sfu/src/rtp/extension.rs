//! Values of the header extensions that the core understands. Owns their bytes; refuses to know ids and policy.

/// RFC 6464 section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// -127 (silence) to 0 dBov.
    pub level_dbov: i8,
    /// The sender's voice activity flag.
    pub voice: bool,
}

impl AudioLevel {
    pub fn read(value: &[u8]) -> Option<Self> {
        let &byte = value.first()?;
        Some(Self {
            level_dbov: -((byte & 0x7F) as i8),
            voice: byte & 0x80 != 0,
        })
    }

    /// Levels above 0 are written as 0.
    pub fn write(self) -> [u8; 1] {
        let level = self.level_dbov.min(0).unsigned_abs().min(127);
        [u8::from(self.voice) << 7 | level]
    }
}

/// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2).
pub fn read_transport_cc(value: &[u8]) -> Option<u16> {
    value.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// Inverse of [`read_transport_cc`].
pub fn write_transport_cc(number: u16) -> [u8; 2] {
    number.to_be_bytes()
}

/// Absolute send time in 2^-18 s, wrapping after 64 s.
pub fn read_abs_send_time(value: &[u8]) -> Option<u32> {
    let [a, b, c] = *value.first_chunk()?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

/// Absolute send time of `now_us` microseconds on any clock.
pub fn write_abs_send_time(now_us: u64) -> [u8; 3] {
    let ticks = ((now_us % 64_000_000) << 18) / 1_000_000;
    let [.., a, b, c] = ticks.to_be_bytes();
    [a, b, c]
}

/// MID, RID and repaired RID (RFC 8843, RFC 8852): visible ASCII. None when empty or anything else.
pub fn read_text(value: &[u8]) -> Option<&str> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_level_survives_a_round_trip() {
        for byte in 0..=255 {
            assert_eq!(AudioLevel::read(&[byte]).unwrap().write(), [byte]);
        }
        assert_eq!(
            AudioLevel {
                level_dbov: i8::MIN,
                voice: false
            }
            .write(),
            [127]
        );
        assert_eq!(AudioLevel::read(&[]), None);
    }

    #[test]
    fn absolute_send_time_wraps_after_64_seconds() {
        assert_eq!(
            read_abs_send_time(&write_abs_send_time(1_000_000)),
            Some(1 << 18)
        );
        assert_eq!(
            write_abs_send_time(64_500_000),
            write_abs_send_time(500_000)
        );
        assert_eq!(
            read_abs_send_time(&write_abs_send_time(u64::MAX)).map(|t| t >> 24),
            Some(0)
        );
    }

    #[test]
    fn text_is_visible_ascii() {
        assert_eq!(read_text(b"hi"), Some("hi"));
        assert_eq!(read_text(b""), None);
        assert_eq!(read_text(b"h\0"), None);
        assert_eq!(read_text(&[0xC3, 0xA4]), None);
    }

    #[test]
    fn transport_cc_number_needs_two_bytes() {
        assert_eq!(read_transport_cc(&write_transport_cc(0xABCD)), Some(0xABCD));
        assert_eq!(read_transport_cc(&[1]), None);
    }
}
