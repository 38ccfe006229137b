//! VP8 payload descriptor (RFC 7741 section 4.2). Owns its fields; refuses to know the frame behind it but for the key bit.

use super::PayloadInfo;

/// Picture id as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureId {
    pub value: u16,
    /// 15 bits instead of 7.
    pub long: bool,
}

/// The descriptor in front of every VP8 payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// N: no other frame depends on this one.
    pub non_reference: bool,
    /// S: a partition begins here.
    pub partition_start: bool,
    /// PID, 0-7.
    pub partition: u8,
    pub picture_id: Option<PictureId>,
    pub tl0_picture_index: Option<u8>,
    /// TID, 0-3.
    pub temporal: Option<u8>,
    /// Y; only true together with `temporal`.
    pub layer_sync: bool,
    /// KEYIDX, 0-31.
    pub key_index: Option<u8>,
    /// Bytes of the descriptor.
    pub len: usize,
}

impl Vp8Descriptor {
    /// None when the payload ends within its descriptor.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut rest = payload.iter().copied();
        let first = rest.next()?;
        let flags = if first & 0x80 != 0 { rest.next()? } else { 0 };
        let mut picture_id = None;
        if flags & 0x80 != 0 {
            let high = rest.next()?;
            picture_id = Some(if high & 0x80 != 0 {
                PictureId {
                    value: u16::from_be_bytes([high & 0x7F, rest.next()?]),
                    long: true,
                }
            } else {
                PictureId {
                    value: u16::from(high),
                    long: false,
                }
            });
        }
        let tl0_picture_index = if flags & 0x40 != 0 {
            Some(rest.next()?)
        } else {
            None
        };
        let (has_tid, has_key) = (flags & 0x20 != 0, flags & 0x10 != 0);
        let last = if has_tid || has_key { rest.next()? } else { 0 };
        Some(Self {
            non_reference: first & 0x20 != 0,
            partition_start: first & 0x10 != 0,
            partition: first & 0x07,
            picture_id,
            tl0_picture_index,
            temporal: has_tid.then_some(last >> 6),
            layer_sync: has_tid && last & 0x20 != 0,
            key_index: has_key.then_some(last & 0x1F),
            len: payload.len() - rest.len(),
        })
    }

    /// A frame begins here.
    pub fn start_of_frame(&self) -> bool {
        self.partition_start && self.partition == 0
    }
}

pub(super) fn describe(payload: &[u8]) -> Option<PayloadInfo> {
    let descriptor = Vp8Descriptor::parse(payload)?;
    let start_of_frame = descriptor.start_of_frame();
    // P bit of the frame tag, inverse key frame flag (RFC 7741 section 4.3).
    let key = payload
        .get(descriptor.len)
        .is_some_and(|tag| tag & 0x01 == 0);
    Some(PayloadInfo {
        keyframe: start_of_frame && key,
        start_of_frame,
        temporal: descriptor.temporal,
        layer_sync: descriptor.layer_sync,
        discardable: descriptor.non_reference,
        ..PayloadInfo::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortest_descriptor_has_one_byte() {
        let descriptor = Vp8Descriptor::parse(&[0x10, 0x00]).unwrap();
        assert_eq!((descriptor.len, descriptor.picture_id), (1, None));
        assert!(describe(&[0x10, 0x00]).unwrap().keyframe);
        assert!(!describe(&[0x10, 0x01]).unwrap().keyframe);
        assert!(!describe(&[0x11, 0x00]).unwrap().keyframe);
        assert!(!describe(&[0x10]).unwrap().keyframe);
    }

    #[test]
    fn full_descriptor_is_read() {
        let bytes = [0xB0, 0xF0, 0x92, 0x34, 0x56, 0x60 | 0x1F, 0x01];
        let descriptor = Vp8Descriptor::parse(&bytes).unwrap();
        assert_eq!(
            descriptor.picture_id,
            Some(PictureId {
                value: 0x1234,
                long: true
            })
        );
        assert_eq!(descriptor.tl0_picture_index, Some(0x56));
        assert_eq!(
            (descriptor.temporal, descriptor.key_index),
            (Some(1), Some(31))
        );
        assert!(descriptor.layer_sync && descriptor.non_reference);
        assert_eq!(descriptor.len, 6);
    }

    #[test]
    fn truncated_descriptors_are_refused() {
        let bytes = [0x90, 0xF0, 0x92, 0x34, 0x56, 0x00];
        for len in 0..bytes.len() {
            assert_eq!(Vp8Descriptor::parse(&bytes[..len]), None);
        }
    }
}
