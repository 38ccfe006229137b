//! H.264 payloads (RFC 6184). Owns the recognition of frames that decoding can start with; refuses to parse slices.

use super::PayloadInfo;

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const SEI: u8 = 6;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_B: u8 = 29;

pub(super) fn describe(payload: &[u8]) -> Option<PayloadInfo> {
    let (&head, rest) = payload.split_first()?;
    let mut info = PayloadInfo::default();
    match head & 0x1F {
        1..=23 => unit(&mut info, head, rest),
        STAP_A => aggregate(&mut info, rest),
        FU_A => fragment(&mut info, head, rest, 1),
        // A decoding order number follows the FU header (RFC 6184 section 5.8).
        FU_B => fragment(&mut info, head, rest, 3),
        _ => return None,
    }
    Some(info)
}

fn unit(info: &mut PayloadInfo, head: u8, body: &[u8]) {
    match head & 0x1F {
        kind @ (IDR | SPS) => {
            info.keyframe = true;
            info.start_of_frame = true;
            info.opens_sequence |= kind == SPS;
        }
        PPS | SEI | DELIMITER => info.start_of_frame = true,
        // first_mb_in_slice is 0 when the Exp-Golomb code begins with a one bit.
        1 => info.start_of_frame |= body.first().is_some_and(|byte| byte & 0x80 != 0),
        _ => {}
    }
    // nal_ref_idc 0 on a slice: nothing refers to it.
    info.discardable = head & 0x60 == 0 && head & 0x1F == 1;
}

/// RFC 6184 section 5.7.1: 16-bit sizes before each unit.
fn aggregate(info: &mut PayloadInfo, mut rest: &[u8]) {
    while let Some(([high, low], after)) = rest.split_first_chunk::<2>() {
        let size = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((nal, after)) = after.split_at_checked(size) else {
            return;
        };
        rest = after;
        if let Some((&head, body)) = nal.split_first() {
            unit(info, head, body);
        }
    }
}

/// RFC 6184 section 5.8: only the first fragment tells.
fn fragment(info: &mut PayloadInfo, indicator: u8, rest: &[u8], header_len: usize) {
    let Some(header) = rest.first() else { return };
    if header & 0x80 != 0 {
        let body = rest.get(header_len..).unwrap_or_default();
        unit(info, (indicator & 0xE0) | (header & 0x1F), body);
    }
    info.discardable = indicator & 0x60 == 0 && header & 0x1F == 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(payload: &[u8]) -> bool {
        describe(payload).unwrap().keyframe
    }

    #[test]
    fn single_units_and_aggregates_tell_key_frames() {
        assert!(key(&[0x65, 0x88]));
        assert!(key(&[0x67, 0x42]));
        assert!(!key(&[0x41, 0x9A]));
        assert!(key(&[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68]));
        assert!(!key(&[0x78, 0, 2, 0x41, 0x42]));
        assert!(!key(&[0x78, 0, 9, 0x67, 0x42]));
    }

    #[test]
    fn only_the_first_fragment_of_an_idr_is_a_key_frame() {
        assert!(key(&[0x7C, 0x85, 0x88]));
        assert!(!key(&[0x7C, 0x05, 0x88]));
        assert!(!key(&[0x7C, 0x81, 0x9A]));
        assert!(!key(&[0x7C]));
    }

    #[test]
    fn slices_without_reference_are_discardable() {
        assert!(describe(&[0x01, 0x9A]).unwrap().discardable);
        assert!(!describe(&[0x41, 0x9A]).unwrap().discardable);
    }
}
