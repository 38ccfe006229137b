//! What a payload tells about its place in a stream: key frames, layers, frame limits. Owns the payload formats' headers;
//! refuses to know who is sent what. A payload that cannot be read (end-to-end encrypted, unknown codec) is just unknown.

pub mod av1;
pub mod dependency_descriptor;
pub mod h264;
pub mod h265;
pub mod opus;
pub mod vp8;
pub mod vp9;

pub use dependency_descriptor::{DependencyDescriptor, DependencyState};
pub use vp8::Vp8Descriptor;

/// Codecs whose payloads are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    Opus,
    Vp8,
    Vp9,
    H264,
    H265,
    Av1,
    /// Forwarded blindly.
    Other,
}

impl Codec {
    /// By MIME type, `video/VP8` for instance, compared without case.
    pub fn from_mime(mime: &str) -> Self {
        const KNOWN: [(&str, Codec); 6] = [
            ("audio/opus", Codec::Opus),
            ("video/vp8", Codec::Vp8),
            ("video/vp9", Codec::Vp9),
            ("video/h264", Codec::H264),
            ("video/h265", Codec::H265),
            ("video/av1", Codec::Av1),
        ];
        let known = KNOWN
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(mime));
        known.map_or(Codec::Other, |(_, codec)| *codec)
    }
}

/// What one packet says of itself. The default says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadInfo {
    /// Decoding can start at this packet: the first one of a key frame.
    pub keyframe: bool,
    /// First packet of a frame (of one spatial layer's frame with SVC).
    pub start_of_frame: bool,
    /// Last packet of a frame, as far as the payload knows; else the RTP marker tells.
    pub end_of_frame: bool,
    pub spatial: Option<u8>,
    pub temporal: Option<u8>,
    /// A receiver of the temporal layers below may begin to take this one here.
    pub layer_sync: bool,
    /// Pictures of higher temporal layers that come after this one refer to none of theirs before it (RFC 9628 section 4.2, U).
    pub opens_upper: bool,
    /// The frame refers to no frame of another picture; false where the payload does not tell.
    pub intra: bool,
    /// The packet opens with a key frame's first parameter sets, so nothing that a decoder needs comes before it.
    pub opens_sequence: bool,
    /// No other frame depends on this one; false where the payload does not tell.
    pub discardable: bool,
}

/// Reads what `payload` (without padding) tells, and the dependency descriptor before it where there is one.
pub fn describe(
    codec: Codec,
    payload: &[u8],
    descriptor: Option<&DependencyDescriptor>,
) -> PayloadInfo {
    // Padding-only packets belong to no frame.
    if payload.is_empty() {
        return PayloadInfo::default();
    }
    if let Some(descriptor) = descriptor {
        return descriptor.info();
    }
    let info = match codec {
        Codec::Opus => Some(opus::describe()),
        Codec::Vp8 => vp8::describe(payload),
        Codec::Vp9 => vp9::describe(payload),
        Codec::H264 => h264::describe(payload),
        Codec::H265 => h265::describe(payload),
        Codec::Av1 => av1::describe(payload),
        Codec::Other => None,
    };
    info.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Codec; 7] = [
        Codec::Opus,
        Codec::Vp8,
        Codec::Vp9,
        Codec::H264,
        Codec::H265,
        Codec::Av1,
        Codec::Other,
    ];

    #[test]
    fn mime_types_are_compared_without_case() {
        assert_eq!(Codec::from_mime("VIDEO/Vp8"), Codec::Vp8);
        assert_eq!(Codec::from_mime("video/rtx"), Codec::Other);
    }

    #[test]
    fn empty_payloads_say_nothing() {
        for codec in ALL {
            assert_eq!(describe(codec, &[], None), PayloadInfo::default());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_payloads_never_panic(codec in prop::sample::select(ALL.to_vec()),
                                          payload in proptest::collection::vec(any::<u8>(), 0..64)) {
            describe(codec, &payload, None);
        }
    }
}
