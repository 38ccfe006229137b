//! H.265 payloads (RFC 7798). Owns the recognition of random access points and temporal ids; refuses to parse slices.

use super::PayloadInfo;

const AGGREGATION: u8 = 48;
const FRAGMENTATION: u8 = 49;
/// VPS to PPS: parameter sets.
const PARAMETER_SETS: std::ops::RangeInclusive<u8> = 32..=34;
/// BLA_W_LP to RSV_IRAP_VCL23 (H.265 table 7-1).
const IRAP: std::ops::RangeInclusive<u8> = 16..=23;
/// TSA_N to STSA_R: temporal sub-layer switching.
const SUB_LAYER_SWITCH: std::ops::RangeInclusive<u8> = 2..=5;

pub(super) fn describe(payload: &[u8]) -> Option<PayloadInfo> {
    let ([first, second], rest) = payload.split_first_chunk::<2>()?;
    // TID is transmitted plus one; 0 is forbidden.
    let temporal = (second & 0x07).checked_sub(1)?;
    let mut info = PayloadInfo {
        temporal: Some(temporal),
        ..PayloadInfo::default()
    };
    match (first >> 1) & 0x3F {
        AGGREGATION => aggregate(&mut info, rest),
        FRAGMENTATION => {
            let header = *rest.first()?;
            unit(&mut info, header & 0x3F, header & 0x80 != 0, rest.get(1..)?);
        }
        kind @ 0..=47 => unit(&mut info, kind, true, rest),
        _ => return None,
    }
    Some(info)
}

fn unit(info: &mut PayloadInfo, kind: u8, start: bool, body: &[u8]) {
    // first_slice_segment_in_pic_flag is the first bit of a slice.
    let first_slice = kind < 32 && body.first().is_some_and(|byte| byte & 0x80 != 0);
    let parameters = PARAMETER_SETS.contains(&kind);
    info.start_of_frame |= start && (first_slice || parameters);
    info.keyframe |= start && (parameters || (IRAP.contains(&kind) && first_slice));
    info.opens_sequence |= start && kind == *PARAMETER_SETS.start();
    info.layer_sync |= SUB_LAYER_SWITCH.contains(&kind);
}

/// RFC 7798 section 4.4.2.
fn aggregate(info: &mut PayloadInfo, mut rest: &[u8]) {
    while let Some(([high, low], after)) = rest.split_first_chunk::<2>() {
        let size = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((nal, after)) = after.split_at_checked(size) else {
            return;
        };
        rest = after;
        if let Some(([first, _], body)) = nal.split_first_chunk::<2>() {
            unit(info, (first >> 1) & 0x3F, true, body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_access_points_are_key_frames() {
        assert!(describe(&[19 << 1, 1, 0x80]).unwrap().keyframe);
        assert!(describe(&[32 << 1, 1, 0x0C]).unwrap().keyframe);
        assert!(!describe(&[1 << 1, 1, 0x80]).unwrap().keyframe);
        assert!(describe(&[49 << 1, 1, 0x80 | 19, 0x80]).unwrap().keyframe);
        assert!(!describe(&[49 << 1, 1, 19, 0x80]).unwrap().keyframe);
        assert!(
            describe(&[48 << 1, 1, 0, 3, 33 << 1, 1, 0])
                .unwrap()
                .keyframe
        );
    }

    #[test]
    fn temporal_id_is_told_and_zero_is_unknown() {
        assert_eq!(describe(&[2, 3, 0x80]).unwrap().temporal, Some(2));
        assert_eq!(describe(&[2, 0, 0x80]), None);
    }
}
