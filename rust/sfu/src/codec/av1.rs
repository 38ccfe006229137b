//! AV1 payloads without dependency descriptor (AV1 RTP specification section 4). Owns the aggregation header and OBU
//! headers; refuses to parse frames.

use super::PayloadInfo;

const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

pub(super) fn describe(payload: &[u8]) -> Option<PayloadInfo> {
    let (&aggregation, rest) = payload.split_first()?;
    // Z: the first element continues one of the packet before.
    if aggregation & 0x80 != 0 {
        return Some(PayloadInfo::default());
    }
    // W: number of elements, of which the last has no length; 0 when all have one.
    let first = if aggregation & 0x30 == 0x10 {
        rest
    } else {
        leb128(rest)?.1
    };
    let (&header, after) = first.split_first()?;
    let mut info = PayloadInfo::default();
    if header & 0x04 != 0 {
        let extension = *after.first()?;
        info.temporal = Some(extension >> 5);
        info.spatial = Some((extension >> 3) & 0x03);
    }
    let kind = (header >> 3) & 0x0F;
    info.start_of_frame = matches!(kind, SEQUENCE_HEADER | FRAME_HEADER | FRAME);
    // N: first packet of a coded video sequence.
    info.keyframe = aggregation & 0x08 != 0 && kind == SEQUENCE_HEADER;
    Some(info)
}

/// Little-endian base-128 number of at most eight bytes, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_sequence_with_its_header_is_a_key_frame() {
        assert!(describe(&[0x18, 0x08, 0x00]).unwrap().keyframe);
        assert!(describe(&[0x28, 0x02, 0x08, 0x00, 0x30]).unwrap().keyframe);
        assert!(!describe(&[0x10, 0x08, 0x00]).unwrap().keyframe);
        assert!(!describe(&[0x18, 0x30, 0x00]).unwrap().keyframe);
        assert!(!describe(&[0x98, 0x08, 0x00]).unwrap().keyframe);
    }

    #[test]
    fn layer_ids_come_from_the_obu_extension() {
        let info = describe(&[0x10, 0x34, 0x48]).unwrap();
        assert_eq!((info.temporal, info.spatial), (Some(2), Some(1)));
        assert!(info.start_of_frame);
    }

    #[test]
    fn truncated_payloads_are_unknown() {
        assert_eq!(describe(&[0x08]), None);
        assert_eq!(describe(&[0x08, 0x80, 0x80]), None);
        assert_eq!(describe(&[0x18, 0x34]), None);
    }
}
