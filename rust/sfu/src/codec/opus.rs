//! Opus (RFC 6716, RFC 7587). Owns the recognition of silence packets; refuses to decode.

use super::PayloadInfo;

/// Every packet is a frame of its own that decoding can start with.
pub fn describe() -> PayloadInfo {
    PayloadInfo {
        keyframe: true,
        start_of_frame: true,
        end_of_frame: true,
        ..PayloadInfo::default()
    }
}

/// A packet of discontinuous transmission: a table-of-contents byte with at most one byte of frame (RFC 6716 section 3.1).
pub fn is_dtx(payload: &[u8]) -> bool {
    matches!(payload.len(), 1 | 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiny_packets_are_silence() {
        assert!(is_dtx(&[0xF8]));
        assert!(is_dtx(&[0xF8, 0xFF]));
        assert!(!is_dtx(&[0xF8, 0xFF, 0xFE]));
        assert!(!is_dtx(&[]));
    }
}
