//! VP9 payload descriptor (RFC 9628 section 4.2). Owns the fields that layer choice needs; refuses to know frames.

use super::PayloadInfo;

const PICTURE_ID: u8 = 0x80;
const INTER_PREDICTED: u8 = 0x40;
const LAYERS: u8 = 0x20;
const START: u8 = 0x08;
const END: u8 = 0x04;

pub(super) fn describe(payload: &[u8]) -> Option<PayloadInfo> {
    let mut rest = payload.iter();
    let flags = *rest.next()?;
    if flags & PICTURE_ID != 0 && rest.next()? & 0x80 != 0 {
        rest.next()?;
    }
    let mut info = PayloadInfo {
        start_of_frame: flags & START != 0,
        end_of_frame: flags & END != 0,
        intra: flags & INTER_PREDICTED == 0,
        ..PayloadInfo::default()
    };
    if flags & LAYERS != 0 {
        let layers = rest.next()?;
        // TID, U (switching up point), SID, D (inter-layer dependency).
        info.temporal = Some(layers >> 5);
        info.opens_upper = layers & 0x10 != 0;
        info.spatial = Some((layers >> 1) & 0x07);
    }
    // A key frame is not predicted in time; the lowest spatial layer carries it (RFC 9628 section 4.2, P and SID).
    info.keyframe =
        info.start_of_frame && flags & INTER_PREDICTED == 0 && info.spatial.unwrap_or(0) == 0;
    Some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frame_starts_on_the_lowest_spatial_layer() {
        let info = describe(&[PICTURE_ID | LAYERS | START, 0x81, 0x02, 0x00, 0x07]).unwrap();
        assert!(info.keyframe && info.start_of_frame && !info.end_of_frame);
        assert_eq!((info.spatial, info.temporal), (Some(0), Some(0)));
        let upper = describe(&[PICTURE_ID | LAYERS | START, 0x01, 0x03, 0x07]).unwrap();
        assert_eq!((upper.keyframe, upper.spatial), (false, Some(1)));
    }

    #[test]
    fn switching_up_point_is_told() {
        let info = describe(&[INTER_PREDICTED | LAYERS | START | END, 0x50, 0x07]).unwrap();
        assert!(info.opens_upper && !info.layer_sync && info.end_of_frame && !info.keyframe);
        assert_eq!(info.temporal, Some(2));
    }

    #[test]
    fn truncated_descriptors_are_unknown() {
        assert_eq!(describe(&[PICTURE_ID | LAYERS, 0x81]), None);
        assert_eq!(describe(&[PICTURE_ID | LAYERS, 0x01]), None);
    }
}
