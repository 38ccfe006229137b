//! RTP headers, codec descriptors and the dependency descriptor.

use medianode_sfu::codec::dependency_descriptor::{DependencyState, offset_frame_number};
use medianode_sfu::codec::vp8::Vp8Descriptor;
use medianode_sfu::codec::{Codec, describe, opus};
use medianode_sfu::rewrite::Vp8Rewriter;
use medianode_sfu::rtp::extension::{AudioLevel, read_abs_send_time, read_text, read_transport_cc};
use medianode_sfu::rtp::{Header, HeaderWriter, RtpView};

/// A header that is read, written again and read again says the same.
pub fn rtp(data: &[u8]) {
    let Some(view) = RtpView::parse(data) else {
        return;
    };
    assert!(view.header_len() + view.payload().len() + view.padding_len() <= data.len());
    for (_, value) in view.extensions() {
        let _ = AudioLevel::read(value);
        let _ = read_abs_send_time(value);
        let _ = read_text(value);
        let _ = read_transport_cc(value);
    }
    let header = Header {
        padding: view.has_padding(),
        marker: view.marker(),
        payload_type: view.payload_type(),
        sequence_number: view.sequence_number(),
        timestamp: view.timestamp(),
        ssrc: view.ssrc(),
    };
    let mut buffer = vec![0; 2 * data.len() + 64];
    let mut writer = HeaderWriter::new(&mut buffer, &header);
    for (id, value) in view.extensions() {
        writer = writer.extension(id, value);
    }
    let len = writer
        .finish()
        .expect("the buffer holds any header of this size");
    assert_eq!(len % 4, 0);
    buffer.truncate(len);
    buffer.extend_from_slice(view.payload());
    buffer.extend_from_slice(&data[data.len() - view.padding_len()..]);
    let again = RtpView::parse(&buffer).expect("what was written reads");
    assert_eq!(again.header_len(), len);
    assert_eq!(again.payload(), view.payload());
    assert_eq!(again.padding_len(), view.padding_len());
    assert_eq!(again.marker(), view.marker());
    assert_eq!(again.payload_type(), view.payload_type());
    assert_eq!(again.sequence_number(), view.sequence_number());
    assert_eq!(again.timestamp(), view.timestamp());
    assert_eq!(again.ssrc(), view.ssrc());
    assert!(again.extensions().eq(view.extensions()));
}

/// The first byte chooses the codec, the rest are payloads.
pub fn payload(data: &[u8]) {
    const CODECS: [Codec; 7] = [
        Codec::Opus,
        Codec::Vp8,
        Codec::Vp9,
        Codec::H264,
        Codec::H265,
        Codec::Av1,
        Codec::Other,
    ];
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let codec = CODECS[usize::from(*first) % CODECS.len()];
    let mut rewriter = Vp8Rewriter::default();
    for (at, payload) in crate::pieces(rest).enumerate() {
        let _ = describe(codec, payload, None);
        let _ = opus::is_dtx(payload);
        let Some(descriptor) = Vp8Descriptor::parse(payload) else {
            continue;
        };
        assert!(descriptor.len <= payload.len());
        match first >> 3 {
            0 if at % 5 == 4 => rewriter.switch(),
            1 if at % 3 == 2 => rewriter.drop(&descriptor),
            _ => {}
        }
        let Some(prefix) = rewriter.rewrite(&descriptor) else {
            continue;
        };
        assert_eq!(prefix.replaces, descriptor.len);
        let mut rewritten = prefix.bytes().to_vec();
        rewritten.extend_from_slice(&payload[descriptor.len..]);
        let again = Vp8Descriptor::parse(&rewritten).expect("what was rewritten reads");
        assert_eq!(again.len, prefix.bytes().len());
        assert_eq!(again.temporal, descriptor.temporal);
        assert_eq!(again.start_of_frame(), descriptor.start_of_frame());
    }
}

/// Descriptors of one encoding, one after the other.
pub fn dependency_descriptor(data: &[u8]) {
    let mut state = DependencyState::default();
    for value in crate::pieces(data) {
        let mut offset = value.to_vec();
        assert_eq!(offset_frame_number(&mut offset, 7), value.len() >= 3);
        let Some(descriptor) = state.parse(value) else {
            continue;
        };
        assert!(descriptor.targets() <= 32);
        for target in 0..=descriptor.targets() {
            let _ = descriptor.indication(target);
            if let Some(layer) = state.target_layer(target) {
                let active = descriptor.active_targets >> target & 1 == 1;
                assert!(!active || state.target_within(layer).is_some());
            }
            let _ = state
                .chain_of(target)
                .and_then(|chain| descriptor.chain_diff(chain));
        }
        let _ = describe(Codec::Av1, value, Some(&descriptor));
        let moved = state
            .clone()
            .parse(&offset)
            .expect("another frame number reads as well");
        assert_eq!(moved.frame_number, descriptor.frame_number.wrapping_add(7));
    }
}
