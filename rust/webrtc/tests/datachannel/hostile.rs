//! What an authenticated peer may do wrong on purpose: packets with the right tag and checksum towards an established end.

use std::time::{Duration, Instant};

use medianode_webrtc::sctp::association::SctpAssociation;
use medianode_webrtc::sctp::guard::checksum;
use medianode_webrtc::sctp::{Event, ProtoAssociation};
use proptest::prelude::*;

use crate::link::Pair;
use crate::rtc::RtcAssociation;
use crate::{open, pattern, reliable};

/// An established pair with one channel; the left end is then only a source of forged packets.
struct Victim<A: SctpAssociation> {
    pair: Pair<ProtoAssociation, A>,
    id: u16,
}

impl<A: SctpAssociation> Victim<A> {
    fn new() -> Self {
        let mut pair = Pair::new(0, 1);
        let id = open(&mut pair, &reliable("victim"));
        pair.run(Duration::from_secs(5));
        pair.right.events.clear();
        Self { pair, id }
    }

    fn packet(&self, chunks: &[&[u8]]) -> Vec<u8> {
        let mut packet = self.pair.header_to_right.to_vec();
        packet.extend_from_slice(&[0; 4]);
        for chunk in chunks {
            packet.extend_from_slice(chunk);
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        sign(&mut packet);
        packet
    }

    /// The right end gets it, answers, and nobody listens.
    fn feed(&mut self, packet: &[u8]) {
        let now = self.pair.now;
        self.pair.right.channels.handle_packet(now, packet);
        self.flush();
    }

    fn flush(&mut self) {
        let mut out = [0; 2048];
        while let Some(len) = self
            .pair
            .right
            .channels
            .poll_transmit(self.pair.now, &mut out)
        {
            assert!(len <= 1148);
        }
        while let Some(event) = self.pair.right.channels.poll_event() {
            self.pair.right.events.push_back(event);
        }
    }

    fn data(&mut self, stream_id: u16, flags: u8, ssn: u16, ppid: u32, data: &[u8]) -> Vec<u8> {
        let chunk = data_chunk(self.pair.next_tsn, stream_id, flags, ssn, ppid, data);
        self.pair.next_tsn = self.pair.next_tsn.wrapping_add(1);
        chunk
    }

    fn has_failed(&self) -> bool {
        self.pair.right.events.contains(&Event::Failed)
    }

    /// The channel still carries a message (from a left end that knows of nothing).
    fn works(&mut self) -> bool {
        let (now, id) = (self.pair.now, self.id);
        self.pair
            .left
            .channels
            .send(now, id, true, b"alive")
            .unwrap();
        self.pair.run(Duration::from_secs(5));
        self.pair
            .right
            .take_messages()
            .iter()
            .any(|message| message.2 == b"alive")
    }
}

fn sign(packet: &mut [u8]) {
    let sum = checksum(packet).to_le_bytes();
    packet[8..12].copy_from_slice(&sum);
}

fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let mut chunk = vec![kind, flags];
    chunk.extend_from_slice(&(4 + value.len() as u16).to_be_bytes());
    chunk.extend_from_slice(value);
    chunk
}

fn data_chunk(tsn: u32, stream_id: u16, flags: u8, ssn: u16, ppid: u32, data: &[u8]) -> Vec<u8> {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend_from_slice(&stream_id.to_be_bytes());
    value.extend_from_slice(&ssn.to_be_bytes());
    value.extend_from_slice(&ppid.to_be_bytes());
    value.extend_from_slice(data);
    chunk(0, flags, &value)
}

fn forward_tsn(tsn: u32) -> Vec<u8> {
    chunk(192, 0, &tsn.to_be_bytes())
}

fn abort_with_lying_cause<A: SctpAssociation>() {
    for kind in [6, 9] {
        for len in [0u16, 1, 3, 5, 4000] {
            let mut victim = Victim::<A>::new();
            let mut cause = vec![0, 12];
            cause.extend_from_slice(&len.to_be_bytes());
            let packet = victim.packet(&[&chunk(kind, 0, &cause)]);
            assert_eq!(packet.len(), 20);
            victim.feed(&packet);
            // H17. An ABORT is an ABORT; an ERROR is nobody's business.
            assert_eq!(victim.has_failed(), kind == 6);
            assert_eq!(kind == 9 && victim.works(), kind == 9);
        }
    }
}

#[test]
fn an_abort_or_error_with_a_lying_cause_length_panics_nobody() {
    abort_with_lying_cause::<ProtoAssociation>();
    abort_with_lying_cause::<RtcAssociation>();
}

fn jumps<A: SctpAssociation>() {
    let mut victim = Victim::<A>::new();
    let next = victim.pair.next_tsn;
    let start = Instant::now();
    for jump in [65_537, 1 << 20, (1 << 31) - 2, 1 << 31, u32::MAX] {
        let packet = victim.packet(&[&forward_tsn(next.wrapping_add(jump))]);
        victim.feed(&packet);
    }
    assert!(!victim.has_failed());
    assert!(victim.works(), "a refused jump changes nothing");
    println!("refused jumps: {:?}", start.elapsed());
    let start = Instant::now();
    let packet = victim.packet(&[&forward_tsn(victim.pair.next_tsn.wrapping_add(65_000))]);
    victim.feed(&packet);
    assert!(!victim.has_failed());
    println!("allowed jump: {:?}", start.elapsed());
}

#[test]
fn a_forward_tsn_jump_beyond_the_window_is_refused() {
    jumps::<ProtoAssociation>();
    jumps::<RtcAssociation>();
}

fn oversize<A: SctpAssociation>(flags: u8) {
    let mut victim = Victim::<A>::new();
    let id = victim.id;
    let mut sent = 0;
    // H19: never ending.
    for i in 0..4000 {
        let begin = if i == 0 { 2 } else { 0 };
        let data = victim.data(id, flags | begin, 1, 53, &[7; 1100]);
        let packet = victim.packet(&[&data]);
        victim.feed(&packet);
        sent += 1100;
        if victim.has_failed() {
            break;
        }
    }
    if !victim.has_failed() {
        let wait = Duration::from_secs(11);
        victim.pair.now += wait;
        assert!(
            victim
                .pair
                .right
                .channels
                .poll_timeout()
                .is_some_and(|at| at <= victim.pair.now)
        );
        let now = victim.pair.now;
        victim.pair.right.channels.handle_timeout(now);
        victim.flush();
        println!("failed by the stall bound after {sent} bytes");
    }
    assert!(victim.has_failed());
    assert_eq!(victim.pair.right.channels.poll_timeout(), None);
}

#[test]
fn a_message_larger_than_allowed_ends_the_data_transport() {
    for flags in [0, 4] {
        oversize::<ProtoAssociation>(flags);
        oversize::<RtcAssociation>(flags);
    }
}

#[test]
fn a_message_beyond_the_maximum_is_noticed_at_the_maximum() {
    for flags in [0, 4] {
        let mut victim = Victim::<ProtoAssociation>::new();
        let id = victim.id;
        let mut sent = 0;
        while !victim.has_failed() {
            let begin = if sent == 0 { 2 } else { 0 };
            let data = victim.data(id, flags | begin, 1, 53, &[7; 1100]);
            let packet = victim.packet(&[&data]);
            victim.feed(&packet);
            sent += 1100;
        }
        assert!((262_144..262_144 + 2 * 1100).contains(&sent), "{sent}");
    }
}

#[test]
fn data_without_user_data_ends_the_data_transport() {
    let mut victim = Victim::<ProtoAssociation>::new();
    let id = victim.id;
    let data = victim.data(id, 3, 1, 53, &[]);
    let packet = victim.packet(&[&data]);
    victim.feed(&packet);
    assert!(victim.has_failed());
}

#[test]
fn chunks_that_do_not_frame_are_dropped() {
    let mut victim = Victim::<ProtoAssociation>::new();
    let (id, tsn) = (victim.id, victim.pair.next_tsn);
    let good = data_chunk(tsn, id, 3, 1, 53, b"x");
    let mut short_data = chunk(0, 3, &[0; 6]);
    short_data[3] = 10;
    let corpus: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        vec![0, 3, 0],
        vec![0, 3, 0, 0],
        vec![0, 3, 0, 3],
        vec![0, 3, 0xff, 0xff],
        short_data,
        chunk(3, 0, &[0; 4]),
        chunk(3, 0, &[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        chunk(4, 0, &[0, 1, 0, 0]),
        chunk(4, 0, &[0, 1, 0, 200]),
        chunk(7, 0, &[]),
        chunk(7, 0, &[0; 40]),
        chunk(130, 0, &[0, 13, 0, 0]),
        chunk(130, 0, &[0, 13, 0, 255, 1, 2, 3]),
        chunk(192, 0, &[]),
        chunk(192, 0, &[0, 0]),
        chunk(1, 0, &[0; 3]),
        chunk(1, 0, &[0; 16]),
        chunk(2, 0, &[0; 16]),
        chunk(10, 0, &[]),
        chunk(11, 0, &[1, 2, 3]),
        chunk(8, 0, &[]),
        chunk(14, 0, &[]),
        chunk(15, 0, &[0; 20]),
        chunk(64, 0, &[0; 20]),
        chunk(128, 0, &[0; 20]),
        chunk(193, 0, &[0; 20]),
        chunk(194, 0, &[0xff; 12]),
    ];
    for bad in &corpus {
        let packet = victim.packet(&[bad]);
        victim.feed(&packet);
        assert!(!victim.has_failed(), "{bad:?}");
    }
    // A chunk to be skipped does not hide what follows; one to stop at does.
    let packet = victim.packet(&[&chunk(0x84, 0, &[0; 7]), &chunk(9, 0, &[0, 6, 0, 4]), &good]);
    victim.feed(&packet);
    assert_eq!(
        victim.pair.right.take_messages(),
        [(id, false, b"x".to_vec())]
    );
    let next = data_chunk(tsn.wrapping_add(1), id, 3, 2, 53, b"y");
    let packet = victim.packet(&[&chunk(0x0f, 0, &[0; 4]), &next]);
    victim.feed(&packet);
    assert!(victim.pair.right.take_messages().is_empty());
    let packet = victim.packet(&[&next]);
    victim.feed(&packet);
    assert_eq!(
        victim.pair.right.take_messages(),
        [(id, false, b"y".to_vec())]
    );
}

#[test]
fn packets_with_another_tag_or_a_wrong_checksum_change_nothing() {
    let mut victim = Victim::<ProtoAssociation>::new();
    let id = victim.id;
    let good = data_chunk(victim.pair.next_tsn, id, 3, 1, 53, b"x");
    for kind in [0, 6, 7, 8, 14] {
        let bytes = if kind == 0 {
            good.clone()
        } else {
            chunk(kind, 0, &[0; 4])
        };
        let mut packet = victim.packet(&[&bytes]);
        packet[4] ^= 1;
        sign(&mut packet);
        victim.feed(&packet);
    }
    let mut packet = victim.packet(&[&good]);
    packet[9] ^= 1;
    victim.feed(&packet);
    assert!(!victim.has_failed());
    assert!(victim.pair.right.take_messages().is_empty());
    assert!(victim.works());
}

#[test]
fn an_init_does_not_restart_or_end_an_established_association() {
    let mut victim = Victim::<ProtoAssociation>::new();
    for tag in 1..200u32 {
        let mut value = tag.to_be_bytes().to_vec();
        value.extend_from_slice(&[0, 16, 0, 0, 0, 10, 0, 10, 0, 0, 0, 9]);
        let mut packet = victim.packet(&[&chunk(1, 0, &value)]);
        packet[4..8].fill(0);
        sign(&mut packet);
        victim.feed(&packet);
        let packet = victim.packet(&[&chunk(2, 0, &value)]);
        victim.feed(&packet);
    }
    assert!(!victim.has_failed());
    assert!(victim.works());
}

#[test]
fn gap_blocks_must_ascend() {
    let mut victim = Victim::<ProtoAssociation>::new();
    let mut value = vec![0; 12];
    value[..4].copy_from_slice(&1u32.to_be_bytes());
    value[8..10].copy_from_slice(&250u16.to_be_bytes());
    for _ in 0..250 {
        value.extend_from_slice(&[0, 1, 0xff, 0xff]);
    }
    let packet = victim.packet(&[&chunk(3, 0, &value)]);
    victim.feed(&packet);
    assert!(!victim.has_failed());
    assert!(victim.works());
}

/// Every odd TSN first: our SACK would be 8 kB.
#[test]
fn a_sack_of_many_gaps_still_fits_a_packet() {
    let mut victim = Victim::<ProtoAssociation>::new();
    let (id, tsn) = (victim.id, victim.pair.next_tsn);
    let make = |i: u32| {
        data_chunk(
            tsn.wrapping_add(i),
            id,
            3,
            1 + i as u16,
            53,
            &i.to_be_bytes(),
        )
    };
    for i in (1..2000).step_by(2).chain((0..2000).step_by(2)) {
        let packet = victim.packet(&[&make(i)]);
        victim.feed(&packet);
    }
    assert_eq!(victim.pair.right.take_messages().len(), 2000);
    assert!(!victim.has_failed());
}

#[test]
fn opens_on_every_stream_are_bounded() {
    let mut victim = Victim::<ProtoAssociation>::new();
    let open = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let start = Instant::now();
    let mut sent = 0;
    for id in 1..65_535u16 {
        let data = victim.data(id, 3, 0, 50, &open);
        let packet = victim.packet(&[&data]);
        victim.feed(&packet);
        sent += 1;
        if victim.has_failed() {
            break;
        }
    }
    assert!(victim.has_failed());
    assert!(victim.pair.right.opened().len() <= crate::LIMITS.channels);
    println!("failed after {sent} OPENs, {:?}", start.elapsed());
}

#[test]
fn fragments_of_one_byte_are_bounded() {
    let mut victim = Victim::<ProtoAssociation>::new();
    let id = victim.id;
    let start = Instant::now();
    let mut chunks = Vec::new();
    for i in 0..20_000u32 {
        chunks.push(victim.data(id, if i == 0 { 2 } else { 0 }, 1, 53, &[1]));
        if chunks.len() == 50 {
            let parts: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
            let packet = victim.packet(&parts);
            victim.feed(&packet);
            chunks.clear();
        }
    }
    println!("20 000 one-byte fragments: {:?}", start.elapsed());
    victim.pair.now += Duration::from_secs(11);
    let now = victim.pair.now;
    victim.pair.right.channels.handle_timeout(now);
    victim.flush();
    assert!(victim.has_failed());
}

/// Ordered messages that wait for the first: each costs a search.
#[test]
fn ordered_messages_that_wait_for_the_first_are_bounded() {
    let mut victim = Victim::<ProtoAssociation>::new();
    let id = victim.id;
    let start = Instant::now();
    for i in 0..20_000u32 {
        let data = victim.data(id, 3, 2 + i as u16, 53, &[1]);
        let packet = victim.packet(&[&data]);
        victim.feed(&packet);
    }
    println!("20 000 waiting messages: {:?}", start.elapsed());
    victim.pair.now += Duration::from_secs(11);
    let now = victim.pair.now;
    victim.pair.right.channels.handle_timeout(now);
    victim.flush();
    assert!(victim.has_failed());
}

/// Serial numbers half a circle apart compare neither way: sorting them must not panic.
#[test]
fn stream_sequence_numbers_around_the_circle_panic_nobody() {
    let mut victim = Victim::<ProtoAssociation>::new();
    let id = victim.id;
    for i in 0..400u32 {
        let ssn = (i.wrapping_mul(40_503) % 65_536) as u16;
        let data = victim.data(id, 3, ssn, 53, &[1]);
        let packet = victim.packet(&[&data]);
        victim.feed(&packet);
    }
    victim.flush();
}

#[test]
fn a_peer_that_resets_everything_again_and_again_is_bounded() {
    let mut victim = Victim::<ProtoAssociation>::new();
    let start = Instant::now();
    for i in 0..2000u32 {
        let mut value = vec![0, 13, 0, 16];
        value.extend_from_slice(&i.wrapping_mul(77).to_be_bytes());
        value.extend_from_slice(&0u32.to_be_bytes());
        value.extend_from_slice(&victim.pair.next_tsn.wrapping_add(i % 3).to_be_bytes());
        let packet = victim.packet(&[&chunk(130, 0, &value)]);
        victim.feed(&packet);
    }
    println!("2000 resets: {:?}", start.elapsed());
}

fn arbitrary_chunk() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        3 => Just(0u8),
        2 => Just(3u8),
        2 => Just(192u8),
        2 => Just(130u8),
        1 => prop::sample::select(vec![2u8, 4, 5, 7, 8, 9, 10, 11, 14, 15, 64, 128, 193, 194]),
    ];
    (
        kind,
        any::<u8>(),
        prop::collection::vec(any::<u8>(), 0..64),
        -3i16..4,
        0u32..6000,
        0u16..8,
    )
        .prop_map(|(kind, flags, value, lie, ahead, small)| {
            let mut bytes = chunk(kind, flags, &value);
            if kind == 130 && value.len() > 16 {
                // A parameter that frames.
                let len = (value.len() as u16).to_be_bytes();
                bytes[4..8].copy_from_slice(&[0, 13 + (flags % 4), len[0], len[1]]);
            }
            if let Some(tsn) = bytes.get_mut(4..8).filter(|_| matches!(kind, 0 | 3 | 192)) {
                // Relative to the next TSN; the test adds it.
                tsn.copy_from_slice(&ahead.to_be_bytes());
            }
            if let Some(stream) = bytes.get_mut(8..10).filter(|_| kind == 0) {
                stream.copy_from_slice(&small.to_be_bytes());
            }
            let len = u16::from_be_bytes([bytes[2], bytes[3]]);
            let lie = if lie.abs() == 3 { lie } else { 0 };
            bytes[2..4].copy_from_slice(&len.saturating_add_signed(lie).to_be_bytes());
            bytes
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn forged_packets_never_panic_through(
        packets in prop::collection::vec(prop::collection::vec(arbitrary_chunk(), 1..5), 1..60)
    ) {
        let mut victim = Victim::<ProtoAssociation>::new();
        let base = victim.pair.next_tsn;
        for mut chunks in packets {
            for bytes in &mut chunks {
                if bytes.len() >= 8 && matches!(bytes[0], 0 | 3 | 192) {
                    let ahead = u32::from_be_bytes(bytes[4..8].try_into().unwrap());
                    bytes[4..8].copy_from_slice(&base.wrapping_add(ahead % 300).to_be_bytes());
                }
            }
            let parts: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
            let packet = victim.packet(&parts);
            victim.feed(&packet);
            victim.pair.now += Duration::from_millis(20);
            let now = victim.pair.now;
            victim.pair.right.channels.handle_timeout(now);
            victim.flush();
        }
    }

    #[test]
    fn mutated_packets_of_a_real_transfer_never_panic_through(
        seed in 1u64..1_000_000, flips in 1usize..4
    ) {
        let mut pair = Pair::<ProtoAssociation, ProtoAssociation>::new(5, seed);
        let id = open(&mut pair, &reliable("mutated"));
        for i in 0..20 {
            pair.left.channels.send(pair.now, id, i % 2 == 0, &pattern(10 + i * 300, i)).unwrap();
        }
        pair.mutations = flips;
        pair.run(Duration::from_secs(20));
    }
}
