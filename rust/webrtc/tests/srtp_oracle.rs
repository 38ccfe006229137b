//! SRTP and SRTCP against an independent implementation in both directions, and against a hostile network.

use medianode_webrtc::params::SrtpProfile;
use medianode_webrtc::srtp::{Keys, MasterKey, RxSrtp, SrtpError, TxSrtp};
use proptest::prelude::*;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

const PROFILES: [SrtpProfile; 3] = [
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
    SrtpProfile::AesCm128HmacSha1_80,
];

fn key_bytes(profile: SrtpProfile) -> (Vec<u8>, Vec<u8>) {
    let key = (0..profile.key_len())
        .map(|at| 0x31 ^ (at * 7) as u8)
        .collect();
    let salt = (0..profile.salt_len())
        .map(|at| 0x5c ^ (at * 5) as u8)
        .collect();
    (key, salt)
}

fn master(profile: SrtpProfile) -> MasterKey {
    let (key, salt) = key_bytes(profile);
    MasterKey::new(profile, &key, &salt).unwrap()
}

fn tx(profile: SrtpProfile) -> TxSrtp {
    TxSrtp::new(profile, &master(profile)).unwrap()
}

fn rx(profile: SrtpProfile) -> RxSrtp {
    RxSrtp::new(profile, &master(profile), 8).unwrap()
}

fn oracle(profile: SrtpProfile) -> Context {
    let theirs = match profile {
        SrtpProfile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        SrtpProfile::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let (key, salt) = key_bytes(profile);
    let provider = rtc_crypto::default_provider().unwrap();
    Context::new(&key, &salt, theirs, None, None, provider.crypto()).unwrap()
}

/// Headers with and without CSRCs and extensions, payloads of all sorts of lengths.
fn packet(ssrc: u32, seq: u16, shape: usize) -> Vec<u8> {
    let csrcs = [0, 1, 15][shape % 3];
    let extension = shape / 3 % 2 == 1;
    let mut packet = vec![0x80 | csrcs | u8::from(extension) << 4, 0xe0];
    packet.extend(seq.to_be_bytes());
    packet.extend(0x1234_5678_u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..4 * csrcs).map(|at| at ^ 0x77));
    if extension {
        packet.extend([0xbe, 0xde, 0, 2, 0x10, 0xaa, 0x21, 1, 2, 0, 0, 0]);
    }
    let payload = [0, 1, 15, 16, 17, 160, 1100, 1200][shape / 6 % 8];
    packet.extend((0..payload).map(|at| (at * 3) as u8 ^ seq as u8));
    packet
}

fn seal(tx: &mut TxSrtp, packet: &[u8], index: u64) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + 16, 0xee);
    let len = tx
        .protect_rtp(&mut buffer, packet.len(), index)
        .expect("sealed");
    buffer.truncate(len);
    buffer
}

fn open(rx: &mut RxSrtp, sealed: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut packet = sealed.to_vec();
    let len = rx.unprotect_rtp(&mut packet)?;
    packet.truncate(len);
    Ok(packet)
}

fn seal_rtcp(tx: &mut TxSrtp, compound: &[u8]) -> Vec<u8> {
    let mut buffer = compound.to_vec();
    buffer.resize(compound.len() + 20, 0xee);
    let len = tx
        .protect_rtcp(&mut buffer, compound.len())
        .expect("sealed");
    buffer.truncate(len);
    buffer
}

fn open_rtcp(rx: &mut RxSrtp, sealed: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut packet = sealed.to_vec();
    let len = rx.unprotect_rtcp(&mut packet)?;
    packet.truncate(len);
    Ok(packet)
}

fn compound(words: u16) -> Vec<u8> {
    let mut compound = vec![0x80, 201];
    compound.extend((words - 1).to_be_bytes());
    compound.extend((4..4 * words).map(|at| at as u8));
    compound
}

#[test]
fn oracle_opens_what_we_seal() {
    for profile in PROFILES {
        let (mut tx, mut oracle) = (tx(profile), oracle(profile));
        for shape in 0..48 {
            let index = 65_520 + shape as u64;
            let plain = packet(9, index as u16, shape);
            let sealed = seal(&mut tx, &plain, index);
            assert_eq!(
                oracle.decrypt_rtp(&sealed).unwrap(),
                plain,
                "{profile:?} {shape}"
            );
        }
        for words in [2, 3, 7, 100, 350] {
            let plain = compound(words);
            assert_eq!(
                oracle.decrypt_rtcp(&seal_rtcp(&mut tx, &plain)).unwrap(),
                plain
            );
        }
    }
}

#[test]
fn we_open_what_the_oracle_seals() {
    for profile in PROFILES {
        let (mut rx, mut oracle) = (rx(profile), oracle(profile));
        for shape in 0..48 {
            let plain = packet(9, 65_520_u16.wrapping_add(shape as u16), shape);
            let sealed = oracle.encrypt_rtp(&plain).unwrap();
            assert_eq!(
                open(&mut rx, &sealed).as_ref(),
                Ok(&plain),
                "{profile:?} {shape}"
            );
        }
        assert_eq!(rx.rollover_counter(9), Some(1));
        for words in [2, 3, 7, 100, 350] {
            let plain = compound(words);
            let sealed = oracle.encrypt_rtcp(&plain).unwrap();
            assert_eq!(open_rtcp(&mut rx, &sealed), Ok(plain));
        }
    }
}

#[test]
fn both_flows_work_in_both_roles() {
    for profile in PROFILES {
        let block: Vec<u8> = (0..profile.keying_material_len())
            .map(|at| at as u8 ^ 0x3c)
            .collect();
        let client = Keys::from_dtls(profile, &block, true).unwrap();
        let server = Keys::from_dtls(profile, &block, false).unwrap();
        for (from, to) in [(&client, &server), (&server, &client)] {
            let mut tx = TxSrtp::new(profile, &from.local).unwrap();
            let mut rx = RxSrtp::new(profile, &to.remote, 4).unwrap();
            let plain = packet(1, 77, 20);
            assert_eq!(open(&mut rx, &seal(&mut tx, &plain, 77)), Ok(plain));
            let plain = compound(9);
            assert_eq!(open_rtcp(&mut rx, &seal_rtcp(&mut tx, &plain)), Ok(plain));
        }
    }
}

#[test]
fn each_packet_passes_once() {
    for profile in PROFILES {
        let (mut tx, mut rx) = (tx(profile), rx(profile));
        let start = 65_000_u64;
        let minute: Vec<_> = (start..start + 3_000)
            .map(|index| seal(&mut tx, &packet(5, index as u16, 18), index))
            .collect();
        let reports: Vec<_> = (0..100).map(|_| seal_rtcp(&mut tx, &compound(8))).collect();
        let passed = minute
            .iter()
            .filter(|sealed| open(&mut rx, sealed).is_ok())
            .count();
        assert_eq!(passed, minute.len());
        assert!(
            reports
                .iter()
                .all(|sealed| open_rtcp(&mut rx, sealed).is_ok())
        );
        for _ in 0..10 {
            assert!(minute.iter().all(|sealed| open(&mut rx, sealed).is_err()));
            for sealed in &reports {
                assert_eq!(open_rtcp(&mut rx, sealed), Err(SrtpError::Replayed));
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_refused_and_changes_nothing() {
    for profile in PROFILES {
        let (mut tx, mut rx) = (tx(profile), rx(profile));
        open(&mut rx, &seal(&mut tx, &packet(5, 65_500, 0), 65_500)).unwrap();
        let before = format!("{rx:?}");
        let sealed = seal(&mut tx, &packet(5, 3, 10), 0x1_0003);
        let report = seal_rtcp(&mut tx, &compound(8));
        for bit in 0..8 * sealed.len() {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&mut rx, &forged).is_err(), "{profile:?} bit {bit}");
        }
        for bit in 0..8 * report.len() {
            let mut forged = report.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                open_rtcp(&mut rx, &forged).is_err(),
                "{profile:?} rtcp bit {bit}"
            );
        }
        assert_eq!(format!("{rx:?}"), before);
        assert_eq!(rx.rollover_counter(5), Some(0));
        open(&mut rx, &sealed).unwrap();
        open_rtcp(&mut rx, &report).unwrap();
        assert_eq!(rx.rollover_counter(5), Some(1));
    }
}

#[test]
fn spoofed_ssrcs_create_no_state() {
    for profile in PROFILES {
        let (mut tx, mut rx) = (tx(profile), rx(profile));
        let mut sealed = seal(&mut tx, &packet(1, 10, 24), 10);
        let mut report = seal_rtcp(&mut tx, &compound(8));
        for ssrc in 100_u32..2_100 {
            sealed[8..12].copy_from_slice(&ssrc.to_be_bytes());
            report[4..8].copy_from_slice(&ssrc.to_be_bytes());
            assert_eq!(open(&mut rx, &sealed), Err(SrtpError::Authentication));
            assert_eq!(open_rtcp(&mut rx, &report), Err(SrtpError::Authentication));
        }
        assert_eq!((rx.ssrcs(), rx.rtcp_ssrcs(), rx.refused_ssrcs()), (0, 0, 0));
    }
}

#[test]
fn genuine_ssrcs_beyond_the_bound_are_refused_and_counted() {
    let profile = SrtpProfile::AeadAes128Gcm;
    let mut tx = tx(profile);
    let mut rx = RxSrtp::new(profile, &master(profile), 3).unwrap();
    for ssrc in 0..10 {
        let result = open(&mut rx, &seal(&mut tx, &packet(ssrc, 1, 12), 1));
        assert_eq!(result.is_ok(), ssrc < 3);
    }
    assert_eq!((rx.ssrcs(), rx.refused_ssrcs()), (3, 7));
    assert!(open(&mut rx, &seal(&mut tx, &packet(2, 2, 12), 2)).is_ok());
}

#[test]
fn short_and_lying_packets_are_refused() {
    for profile in PROFILES {
        let mut rx = rx(profile);
        for fill in [0x00, 0x80, 0x90, 0x8f, 0x9f, 0xff] {
            for len in 0..100 {
                let mut bytes = vec![fill; len];
                assert!(rx.unprotect_rtp(&mut bytes).is_err());
                let mut bytes = vec![fill; len];
                assert!(rx.unprotect_rtcp(&mut bytes).is_err());
            }
        }
        assert_eq!((rx.ssrcs(), rx.rtcp_ssrcs()), (0, 0));
    }
}

#[test]
fn sealing_needs_room_a_header_and_an_index() {
    for profile in PROFILES {
        let mut tx = tx(profile);
        let mut buffer = packet(1, 5, 18);
        let len = buffer.len();
        assert_eq!(tx.protect_rtp(&mut buffer, len, 5), None);
        buffer.resize(len + 16, 0);
        assert_eq!(tx.protect_rtp(&mut buffer, len, 1 << 48 | 5), None);
        assert_eq!(tx.protect_rtp(&mut buffer, 11, 5), None);
        assert_eq!(tx.protect_rtp(&mut buffer, usize::MAX, 5), None);
        assert!(tx.protect_rtp(&mut buffer, len, 5).is_some());
        assert_eq!(tx.protect_rtcp(&mut [0x80; 27], 7), None);
        assert_eq!(tx.protect_rtcp(&mut [0x80; 27], 8), None);
        tx.set_rtcp_index(0x7fff_ffff);
        assert!(tx.protect_rtcp(&mut [0x80; 28], 8).is_some());
        assert_eq!(tx.protect_rtcp(&mut [0x80; 28], 8), None);
    }
}

/// A network that loses and reorders: indices in the order in which they arrive.
fn arrivals() -> impl Strategy<Value = (u64, Vec<u64>)> {
    let start = prop_oneof![0u64..0x8000, 0xf800u64..0x1_0000];
    let fate = (0u32..10, prop_oneof![4 => 0u64..4, 1 => 0u64..60]);
    (start, prop::collection::vec(fate, 300..900)).prop_map(|(start, fates)| {
        let mut sent: Vec<_> = fates
            .into_iter()
            .enumerate()
            .filter(|(at, (loss, _))| *at == 0 || *loss >= 3)
            .map(|(at, (_, late))| {
                (
                    at as u64 * 173 / 4 + late * u64::from(at != 0) * 43,
                    start + at as u64 * 173 / 4,
                )
            })
            .collect();
        sent.sort();
        (start, sent.into_iter().map(|(_, index)| index).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The rollover counter stays right over the wrap in both directions: ours to the oracle's keys and back.
    #[test]
    fn wrap_with_loss_and_reordering_loses_nothing_more((start, order) in arrivals(), shape in 0usize..48) {
        let profile = PROFILES[shape % 3];
        let (mut tx, mut rx) = (tx(profile), rx(profile));
        let mut highest = start;
        open(&mut rx, &seal(&mut tx, &packet(3, highest as u16, shape), highest)).unwrap();
        for index in order.into_iter().skip(1) {
            let plain = packet(3, index as u16, shape);
            let result = open(&mut rx, &seal(&mut tx, &plain, index));
            if index + 1_024 > highest {
                prop_assert_eq!(result, Ok(plain), "index {} after {}", index, highest);
            }
            highest = highest.max(index);
            prop_assert_eq!(rx.rollover_counter(3), Some((highest >> 16) as u32));
        }
    }

    #[test]
    fn the_oracle_follows_our_wrap(first in 0xff00u64..0x1_0000, losses in prop::collection::vec(0u32..10, 600)) {
        for profile in PROFILES {
            let (mut tx, mut oracle) = (tx(profile), oracle(profile));
            for (at, loss) in losses.iter().enumerate() {
                let index = first + at as u64;
                let plain = packet(3, index as u16, at % 48);
                let sealed = seal(&mut tx, &plain, index);
                if at == 0 || *loss >= 3 {
                    prop_assert_eq!(oracle.decrypt_rtp(&sealed).unwrap(), plain);
                }
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_pass(bytes in prop::collection::vec(any::<u8>(), 0..200), version in any::<bool>()) {
        for profile in PROFILES {
            let mut rx = rx(profile);
            let mut bytes = bytes.clone();
            if let (true, Some(first)) = (version, bytes.first_mut()) {
                *first = *first & 0x3f | 0x80;
            }
            prop_assert!(rx.unprotect_rtp(&mut bytes.clone()).is_err());
            prop_assert!(rx.unprotect_rtcp(&mut bytes).is_err());
            prop_assert_eq!(rx.ssrcs() + rx.rtcp_ssrcs(), 0);
        }
    }
}
