//! RTCP: bytes of the standards, round trips of everything we say, and hostile compounds.

use medianode_sfu::feedback::{Arrival, Feedback, ReportBlock, TransportCc};
use medianode_webrtc::rtcp::{self, RtcpFault};
use proptest::prelude::*;

fn written(packets: &[Feedback]) -> Vec<u8> {
    let mut out = [0xff; 65_536];
    let len = rtcp::write(packets, &mut out).expect("writable");
    out[..len].to_vec()
}

fn transport_cc(base_seq: u16, arrivals: Vec<Arrival>) -> Feedback {
    Feedback::TransportCc(TransportCc {
        sender_ssrc: 1,
        media_ssrc: 2,
        base_seq,
        reference_time: -3,
        feedback_count: 4,
        arrivals,
    })
}

fn block() -> ReportBlock {
    ReportBlock {
        ssrc: 0x902f_9e2e,
        fraction_lost: 64,
        cumulative_lost: -2,
        highest_seq: 0x0001_fffe,
        jitter: 273,
        last_sender_report: 0x9f36_00ab,
        delay_since_last: 0x0002_4000,
    }
}

#[test]
fn sender_report_has_the_layout_of_rfc_3550() {
    let report = Feedback::SenderReport {
        ssrc: 0x0102_0304,
        ntp: 0x1112_1314_1516_1718,
        rtp: 0x2122_2324,
        packets: 0x3132_3334,
        octets: 0x4142_4344,
        reports: vec![block()],
    };
    let bytes = [
        0x81, 200, 0, 12, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x21, 0x22,
        0x23, 0x24, 0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0x90, 0x2f, 0x9e, 0x2e, 64,
        0xff, 0xff, 0xfe, 0, 1, 0xff, 0xfe, 0, 0, 1, 0x11, 0x9f, 0x36, 0, 0xab, 0, 2, 0x40, 0,
    ];
    assert_eq!(written(std::slice::from_ref(&report)), bytes);
    assert_eq!(rtcp::read(&bytes), Ok(vec![report]));
}

#[test]
fn receiver_report_has_the_layout_of_rfc_3550() {
    let report = Feedback::ReceiverReport {
        sender_ssrc: 7,
        reports: Vec::new(),
    };
    assert_eq!(
        written(std::slice::from_ref(&report)),
        [0x80, 201, 0, 1, 0, 0, 0, 7]
    );
    assert_eq!(rtcp::read(&[0x80, 201, 0, 1, 0, 0, 0, 7]), Ok(vec![report]));
}

#[test]
fn nack_packs_a_packet_and_the_sixteen_behind_it() {
    let seqs = vec![65_534, 65_535, 0, 14, 15];
    let nack = Feedback::Nack {
        sender_ssrc: 1,
        media_ssrc: 2,
        seqs,
    };
    let bytes = [
        0x81, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe, 0x80, 0x03, 0, 15, 0, 0,
    ];
    assert_eq!(written(std::slice::from_ref(&nack)), bytes);
    assert_eq!(rtcp::read(&bytes), Ok(vec![nack]));
}

#[test]
fn pli_and_fir_have_the_layout_of_rfc_4585_and_5104() {
    let pli = Feedback::Pli {
        sender_ssrc: 1,
        media_ssrc: 2,
    };
    let fir = Feedback::Fir {
        sender_ssrc: 1,
        media_ssrc: 2,
        seq: 9,
    };
    let bytes = [
        0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
        2, 9, 0, 0, 0,
    ];
    assert_eq!(written(&[pli.clone(), fir.clone()]), bytes);
    assert_eq!(rtcp::read(&bytes), Ok(vec![pli, fir]));
}

#[test]
fn remb_keeps_eighteen_bits_and_any_exponent() {
    let remb = |bitrate| Feedback::Remb {
        sender_ssrc: 1,
        bitrate,
        ssrcs: vec![0x4865_4c50],
    };
    let bytes = [
        0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0x1a, 0x20, 0xdf, 0x48,
        0x65, 0x4c, 0x50,
    ];
    // 0x220df * 2^6
    assert_eq!(rtcp::read(&bytes), Ok(vec![remb(8_927_168)]));
    assert_eq!(written(&[remb(8_927_168)]), bytes);
    for (bitrate, read) in [
        (0, 0),
        (1, 1),
        (0x3_ffff, 0x3_ffff),
        (0x4_0001, 0x4_0000),
        (u64::MAX, 0xffff_c000_0000_0000),
    ] {
        assert_eq!(rtcp::read(&written(&[remb(bitrate)])), Ok(vec![remb(read)]));
    }
    let mut beyond = bytes;
    beyond[17] = 0xff;
    assert_eq!(rtcp::read(&beyond), Ok(vec![remb(u64::MAX)]));
}

#[test]
fn remb_that_claims_more_ssrcs_than_it_has_is_malformed() {
    let mut bytes = written(&[Feedback::Remb {
        sender_ssrc: 1,
        bitrate: 5,
        ssrcs: vec![1, 2],
    }]);
    bytes[16] = 3;
    assert_eq!(rtcp::read(&bytes).unwrap_err().fault, RtcpFault::Malformed);
}

#[test]
fn cname_is_found_among_items_of_later_standards() {
    // MID (15) before the CNAME, then a chunk without one.
    let bytes = [
        0x82, 202, 0, 6, 0, 0, 0, 1, 15, 1, b'0', 1, 3, b'a', b'b', b'c', 0, 0, 0, 0, 0, 0, 0, 2,
        0, 0, 0, 0,
    ];
    assert_eq!(
        rtcp::read(&bytes),
        Ok(vec![Feedback::Sdes {
            ssrc: 1,
            cname: "abc".into()
        }])
    );
}

#[test]
fn transport_cc_has_the_layout_of_the_draft() {
    use Arrival::{Delta, Lost};
    // A vector of two-bit symbols, then a run to the end; deltas of one and two bytes.
    let mut arrivals = vec![
        Delta(1),
        Lost,
        Delta(-2),
        Delta(255),
        Delta(256),
        Lost,
        Lost,
    ];
    arrivals.extend([Delta(0); 20]);
    let report = transport_cc(65_530, arrivals);
    let mut bytes = vec![0xaf, 205, 0, 12, 0, 0, 0, 1, 0, 0, 0, 2];
    bytes.extend([0xff, 0xfa, 0, 27, 0xff, 0xff, 0xfd, 4]);
    bytes.extend([0b1101_0010, 0b0110_0000, 0b0010_0000, 20]);
    bytes.extend([1, 0xff, 0xfe, 255, 1, 0]);
    bytes.extend([0; 20]);
    bytes.extend([0, 2]);
    bytes[3] = (bytes.len() / 4 - 1) as u8;
    assert_eq!(written(std::slice::from_ref(&report)), bytes);
    assert_eq!(rtcp::read(&bytes), Ok(vec![report]));
}

#[test]
fn transport_cc_reads_vectors_of_single_bits() {
    use Arrival::{Delta, Lost};
    let mut arrivals = vec![Lost; 14];
    arrivals[0] = Delta(3);
    arrivals[13] = Delta(4);
    let report = transport_cc(0, arrivals);
    let bytes = written(std::slice::from_ref(&report));
    assert_eq!(bytes[20..24], [0b1010_0000, 1, 3, 4]);
    assert_eq!(rtcp::read(&bytes), Ok(vec![report]));
}

#[test]
fn transport_cc_cannot_claim_more_than_the_bound() {
    // Nine two-byte chunks claim 65535 lost packets.
    let mut bytes = vec![
        0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 0,
    ];
    bytes.extend([0x1f, 0xff].repeat(10));
    bytes[3] = (bytes.len() / 4 - 1) as u8;
    assert_eq!(rtcp::read(&bytes).unwrap_err().fault, RtcpFault::TooMuch);
}

#[test]
fn transport_cc_without_its_chunks_or_deltas_is_malformed() {
    let whole = written(&[transport_cc(0, vec![Arrival::Delta(5); 40])]);
    for words in 3..whole.len() / 4 {
        let mut cut = whole[..4 * words].to_vec();
        cut[0] &= !0x20;
        cut[3] = (words - 1) as u8;
        assert!(rtcp::read(&cut).is_err(), "{words} words");
    }
}

#[test]
fn unknown_types_are_skipped() {
    let mut bytes = vec![0x80, 204, 0, 2, 0, 0, 0, 1, b'n', b'a', b'm', b'e'];
    bytes.extend([
        0x80, 207, 0, 1, 0, 0, 0, 1, 0x8b, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2,
    ]);
    let pli = Feedback::Pli {
        sender_ssrc: 1,
        media_ssrc: 2,
    };
    bytes.extend(written(std::slice::from_ref(&pli)));
    assert_eq!(rtcp::read(&bytes), Ok(vec![pli]));
}

#[test]
fn what_stood_before_a_fault_is_told() {
    let pli = Feedback::Pli {
        sender_ssrc: 1,
        media_ssrc: 2,
    };
    let mut bytes = written(&[pli.clone(), pli.clone()]);
    bytes.truncate(20);
    let error = rtcp::read(&bytes).unwrap_err();
    assert_eq!((error.read, error.fault), (vec![pli], RtcpFault::Malformed));
}

#[test]
fn padding_is_cut_off() {
    let fir = Feedback::Fir {
        sender_ssrc: 1,
        media_ssrc: 2,
        seq: 3,
    };
    let mut bytes = written(std::slice::from_ref(&fir));
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 8]);
    bytes[0] |= 0x20;
    bytes[3] += 2;
    assert_eq!(rtcp::read(&bytes), Ok(vec![fir]));
    for lie in [0, 21, 25, 29, 255] {
        *bytes.last_mut().unwrap() = lie;
        assert!(rtcp::read(&bytes).is_err(), "{lie} bytes of padding");
    }
}

#[test]
fn nack_expansion_is_bounded() {
    let mut bytes = vec![0x81, 205, 1, 0x46, 0, 0, 0, 1, 0, 0, 0, 2];
    bytes.extend([0, 1, 0xff, 0xff].repeat(0x144));
    let read = rtcp::read(&bytes.repeat(8)).unwrap();
    let asked: usize = read
        .iter()
        .map(|packet| match packet {
            Feedback::Nack { seqs, .. } => seqs.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(asked, 17 * 64);
}

#[test]
fn what_the_wire_cannot_say_is_refused() {
    let mut out = [0; 2048];
    for packet in [
        Feedback::ReceiverReport {
            sender_ssrc: 1,
            reports: vec![block(); 32],
        },
        Feedback::Bye { ssrcs: vec![1; 32] },
        Feedback::Sdes {
            ssrc: 1,
            cname: "x".repeat(256),
        },
        Feedback::Nack {
            sender_ssrc: 1,
            media_ssrc: 2,
            seqs: Vec::new(),
        },
        Feedback::Remb {
            sender_ssrc: 1,
            bitrate: 1,
            ssrcs: vec![1; 256],
        },
        transport_cc(0, Vec::new()),
        transport_cc(0, vec![Arrival::Lost; 65_536]),
    ] {
        assert_eq!(rtcp::write(&[packet], &mut out), None);
    }
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let one = prop_oneof![
        3 => Just(Arrival::Lost),
        6 => (0i16..256).prop_map(Arrival::Delta),
        2 => any::<i16>().prop_map(Arrival::Delta),
        1 => Just(Arrival::Untimed),
    ];
    prop::collection::vec(
        (one, prop_oneof![8 => 1usize..4, 1 => 1usize..9_000]),
        1..60,
    )
    .prop_map(|runs| {
        let mut all: Vec<_> = runs
            .into_iter()
            .flat_map(|(arrival, run)| std::iter::repeat_n(arrival, run))
            .collect();
        all.truncate(10_000);
        all
    })
}

fn seqs() -> impl Strategy<Value = Vec<u16>> {
    (any::<u16>(), prop::collection::vec(1u16..40, 0..300)).prop_map(|(first, steps)| {
        let mut seqs = vec![first];
        let mut seq = first;
        for step in steps {
            seq = seq.wrapping_add(step);
            seqs.push(seq);
        }
        seqs
    })
}

fn report_block() -> impl Strategy<Value = ReportBlock> {
    (any::<[u32; 5]>(), any::<u8>(), -0x80_0000..0x80_0000).prop_map(
        |(words, fraction_lost, cumulative_lost)| ReportBlock {
            ssrc: words[0],
            fraction_lost,
            cumulative_lost,
            highest_seq: words[1],
            jitter: words[2],
            last_sender_report: words[3],
            delay_since_last: words[4],
        },
    )
}

fn feedback() -> impl Strategy<Value = Feedback> {
    let blocks = || prop::collection::vec(report_block(), 0..=31);
    prop_oneof![
        (any::<(u32, u64, u32, u32, u32)>(), blocks()).prop_map(
            |((ssrc, ntp, rtp, packets, octets), reports)| Feedback::SenderReport {
                ssrc,
                ntp,
                rtp,
                packets,
                octets,
                reports
            }
        ),
        (any::<u32>(), blocks()).prop_map(|(sender_ssrc, reports)| Feedback::ReceiverReport {
            sender_ssrc,
            reports
        }),
        (any::<u32>(), "[ -~]{0,255}").prop_map(|(ssrc, cname)| Feedback::Sdes { ssrc, cname }),
        prop::collection::vec(any::<u32>(), 0..=31).prop_map(|ssrcs| Feedback::Bye { ssrcs }),
        (any::<(u32, u32)>(), seqs()).prop_map(|((sender_ssrc, media_ssrc), seqs)| {
            Feedback::Nack {
                sender_ssrc,
                media_ssrc,
                seqs,
            }
        }),
        any::<(u32, u32)>().prop_map(|(sender_ssrc, media_ssrc)| Feedback::Pli {
            sender_ssrc,
            media_ssrc
        }),
        any::<(u32, u32, u8)>().prop_map(|(sender_ssrc, media_ssrc, seq)| Feedback::Fir {
            sender_ssrc,
            media_ssrc,
            seq
        }),
        (
            any::<u32>(),
            0u64..1 << 18,
            0u32..46,
            prop::collection::vec(any::<u32>(), 0..20)
        )
            .prop_map(|(sender_ssrc, mantissa, exponent, ssrcs)| Feedback::Remb {
                sender_ssrc,
                bitrate: mantissa << exponent,
                ssrcs
            }),
        (
            any::<(u32, u32, u16, u8)>(),
            -0x80_0000..0x80_0000,
            arrivals()
        )
            .prop_map(
                |(
                    (sender_ssrc, media_ssrc, base_seq, feedback_count),
                    reference_time,
                    arrivals,
                )| {
                    Feedback::TransportCc(TransportCc {
                        sender_ssrc,
                        media_ssrc,
                        base_seq,
                        reference_time,
                        feedback_count,
                        arrivals,
                    })
                }
            ),
    ]
}

proptest! {
    #[test]
    fn everything_we_write_reads_back(packet in feedback(), more in feedback()) {
        prop_assert_eq!(rtcp::read(&written(std::slice::from_ref(&packet))), Ok(vec![packet.clone()]));
        let mut out = vec![0; 1500];
        if let Some(len) = rtcp::write(&[packet, more], &mut out) {
            prop_assert!(len <= out.len() && len % 4 == 0);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = rtcp::read(&bytes);
    }

    #[test]
    fn arbitrary_bodies_never_panic(
        kind in 200u8..208, first in 0x80u8..0xc0, body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let words = (body.len() / 4) as u8;
        let mut bytes = vec![first, kind, 0, words];
        bytes.extend(&body[..4 * usize::from(words)]);
        let _ = rtcp::read(&bytes);
    }

    #[test]
    fn damaged_compounds_never_panic(
        packets in prop::collection::vec(feedback(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = written(&packets);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = rtcp::read(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = rtcp::read(&bytes);
    }
}
