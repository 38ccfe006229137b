//! RTCP, SRTP, STUN, DTLS records, TCP frames, DCEP and SDP.

use medianode_sfu::feedback::Feedback;
use medianode_webrtc::classify::{StunShape, classify, request_ufrag};
use medianode_webrtc::counters::TransportCounters;
use medianode_webrtc::dtls::guard::{Stage, filter, records};
use medianode_webrtc::dtls::hello::HelloBuffer;
use medianode_webrtc::ice::tcp::{Deframer, MAX_FRAME, frame_prefix};
use medianode_webrtc::params::SrtpProfile;
use medianode_webrtc::sctp::channel::Dcep;
use medianode_webrtc::sdp::{
    PlayIds, play_answer, publish_answer, read, read_fragment, write, write_fragment,
};
use medianode_webrtc::srtp::{MasterKey, RxSrtp, SrtpError, TxSrtp};
use medianode_webrtc::stun::{RtcStun, StunCodec};

/// What is read can be written, and then reads and writes without change.
pub fn rtcp(data: &[u8]) {
    use medianode_webrtc::rtcp::{read, write};
    let packets = match read(data) {
        Ok(packets) => packets,
        Err(error) => error.read,
    };
    let mut out = vec![0; 1 << 16];
    for packet in packets {
        let Some(len) = write(std::slice::from_ref(&packet), &mut out) else {
            continue;
        };
        assert_eq!(len % 4, 0);
        let again = read(&out[..len]).expect("what was written reads");
        let exact = !matches!(packet, Feedback::Nack { .. } | Feedback::Remb { .. });
        if exact {
            assert_eq!(again, [packet]);
        }
        let first = out[..len].to_vec();
        let len = write(&again, &mut out).expect("what was read writes");
        assert_eq!(out[..len], first);
    }
}

/// Nothing but what we sealed opens, and a sealed packet opens to what it was. The first byte chooses profile and kind.
pub fn srtp(data: &[u8]) {
    const PROFILES: [SrtpProfile; 3] = [
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::AesCm128HmacSha1_80,
    ];
    let Some((first, data)) = data.split_first() else {
        return;
    };
    let profile = PROFILES[usize::from(first & 3) % 3];
    let key = MasterKey::new(
        profile,
        &vec![5; profile.key_len()],
        &vec![6; profile.salt_len()],
    );
    let key = key.expect("the lengths are the profile's");
    let mut tx = TxSrtp::new(profile, &key).expect("the key is the profile's");
    let mut rx = RxSrtp::new(profile, &key, 4).expect("the key is the profile's");
    assert!(rx.unprotect_rtp(&mut data.to_vec()).is_err());
    assert!(rx.unprotect_rtcp(&mut data.to_vec()).is_err());
    assert_eq!((rx.ssrcs(), rx.rtcp_ssrcs()), (0, 0));
    let mut buffer = data.to_vec();
    buffer.resize(data.len() + 20, 0);
    if first & 4 == 0 {
        let seq = data
            .get(2..4)
            .map_or(0, |seq| u64::from(seq[0]) << 8 | u64::from(seq[1]));
        let Some(len) = tx.protect_rtp(&mut buffer, data.len(), seq) else {
            return;
        };
        let sealed = buffer[..len].to_vec();
        assert_eq!(rx.unprotect_rtp(&mut buffer[..len]), Ok(data.len()));
        assert_eq!(buffer[..data.len()], *data);
        assert_eq!(
            rx.unprotect_rtp(&mut sealed.clone()),
            Err(SrtpError::Replayed)
        );
    } else {
        let Some(len) = tx.protect_rtcp(&mut buffer, data.len()) else {
            return;
        };
        let Ok(opened) = rx.unprotect_rtcp(&mut buffer[..len]) else {
            assert_ne!(data[0] >> 6, 2, "only other versions are refused");
            return;
        };
        assert_eq!(buffer[..opened], *data);
    }
}

/// The first look at a datagram, and what the STUN library makes of what passed it.
pub fn stun(data: &[u8]) {
    let _ = classify(data);
    let shape = StunShape::read(data);
    if let Some(ufrag) = request_ufrag(data) {
        assert!(shape.is_some() && !ufrag.is_empty());
    }
    let codec = RtcStun::new().expect("a provider is compiled in");
    if codec.read(data, "password").is_ok() {
        assert!(shape.is_some_and(|shape| shape.integrity && shape.fingerprint));
    }
}

/// Datagrams through the record filter and the buffer of the first hello. The first byte is the stage.
pub fn dtls(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let stage = Stage {
        completed: first & 1 == 1,
        dtls13: first & 2 == 2,
    };
    let mut counters = TransportCounters::default();
    let mut buffer = HelloBuffer::default();
    for datagram in crate::pieces(rest) {
        let framed: usize = records(datagram).map(|record| record.body.len() + 13).sum();
        assert!(framed <= datagram.len());
        let mut filtered = datagram.to_vec();
        let kept = filter(&mut filtered, stage, &mut counters);
        assert!(kept <= datagram.len());
        filtered.truncate(kept);
        let again = filter(&mut filtered, stage, &mut counters);
        assert_eq!(again, kept, "what passed once passes again");
        if buffer.push(datagram) {
            let _ = buffer.hello();
        }
    }
    assert!(buffer.take().len() <= 4);
}

/// A byte stream in pieces; what is framed comes out as it went in.
pub fn ice_tcp(data: &[u8]) {
    let mut deframer = Deframer::default();
    for piece in crate::pieces(data) {
        if deframer.push(piece).is_err() {
            break;
        }
        while let Ok(Some(frame)) = deframer.next_frame() {
            assert!(frame.len() <= MAX_FRAME);
        }
    }
    let mut deframer = Deframer::default();
    for frame in crate::pieces(data) {
        let prefix = frame_prefix(frame.len()).expect("a piece is shorter than a frame may be");
        deframer.push(&prefix).expect("frames are taken out");
        deframer.push(frame).expect("frames are taken out");
        assert_eq!(
            deframer.next_frame(),
            Ok(Some(frame.to_vec().as_mut_slice()))
        );
    }
    assert_eq!(deframer.next_frame(), Ok(None));
}

/// A DCEP message that reads is written and reads the same.
pub fn dcep(data: &[u8]) {
    if let Some(message) = Dcep::parse(data) {
        assert_eq!(Dcep::parse(&message.to_bytes()), Some(message));
    }
}

/// A description that reads can be answered or refused; what is written reads.
pub fn sdp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(fragment) = read_fragment(text) {
        read_fragment(&write_fragment(&fragment)).expect("a written fragment reads");
    }
    let Ok(description) = read(text) else { return };
    read(&write(&description)).expect("a written description reads");
    let _ = publish_answer(&description);
    let ids: Vec<_> = (0..description.media.len() as u32)
        .map(|at| PlayIds {
            ssrc: 2 * at + 1,
            rtx_ssrc: 2 * at + 2,
            cname: "cname".to_owned(),
            stream: "stream".to_owned(),
            track: at.to_string(),
        })
        .collect();
    let _ = play_answer(&description, &ids);
}
