//! The comparison of the two implementations: `cargo test --test datachannel -- --ignored --nocapture figures`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use medianode_webrtc::sctp::ProtoAssociation;
use medianode_webrtc::sctp::association::{AssociationEvent, AssociationSettings, SctpAssociation};
use medianode_webrtc::sctp::guard::checksum;

use crate::link::Pair;
use crate::rtc::RtcAssociation;
use crate::{open, partial, pattern, reliable};

const SETTINGS: AssociationSettings = AssociationSettings {
    local_port: 5000,
    remote_port: 5000,
    max_send_message: 262_144,
    max_receive_message: 262_144,
};

/// An association without a guard, and what a forged packet to it begins with.
fn bare<A: SctpAssociation>() -> (A, Vec<u8>, u32) {
    let now = Instant::now();
    let mut left = ProtoAssociation::connect(now, &SETTINGS).unwrap();
    let init = left.poll_transmit(now).unwrap();
    let tsn = u32::from_be_bytes(init[28..32].try_into().unwrap());
    let mut right = A::accept(now, &SETTINGS, &init).unwrap();
    let mut header = Vec::new();
    for _ in 0..4 {
        while let Some(packet) = right.poll_transmit(now) {
            left.handle_packet(now, &packet);
        }
        while let Some(packet) = left.poll_transmit(now) {
            header = packet[..8].to_vec();
            right.handle_packet(now, &packet);
        }
    }
    assert_eq!(right.poll_event(), Some(AssociationEvent::Connected));
    (right, header, tsn)
}

fn forged(header: &[u8], chunk: &[u8]) -> Vec<u8> {
    let mut packet = header.to_vec();
    packet.extend_from_slice(&[0; 4]);
    packet.extend_from_slice(chunk);
    let sum = checksum(&packet).to_le_bytes();
    packet[8..12].copy_from_slice(&sum);
    packet
}

fn unguarded<A: SctpAssociation>(name: &str) {
    let now = Instant::now();
    for (kind, len) in [(6, 0u8), (6, 3), (6, 200), (9, 0), (9, 3), (9, 200)] {
        let (mut association, header, _) = bare::<A>();
        let packet = forged(&header, &[kind, 0, 0, 8, 0, 12, 0, len]);
        let panics =
            catch_unwind(AssertUnwindSafe(|| association.handle_packet(now, &packet))).is_err();
        println!("{name} H17 chunk {kind} cause length {len}: panics {panics}");
    }
    let (mut association, header, tsn) = bare::<A>();
    let mut chunk = vec![192, 0, 0, 8];
    chunk.extend_from_slice(&tsn.wrapping_add((1 << 31) - 10).to_be_bytes());
    let start = Instant::now();
    association.handle_packet(now, &forged(&header, &chunk));
    println!("{name} H18: {:?}", start.elapsed());

    let (mut association, header, tsn) = bare::<A>();
    let mut lost = false;
    let mut sent = 0;
    for i in 0..4000u32 {
        let mut chunk = vec![0, if i == 0 { 2 } else { 0 }, 4, 0x5c];
        chunk.extend_from_slice(&tsn.wrapping_add(i).to_be_bytes());
        chunk.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 53]);
        chunk.resize(0x45c, 7);
        association.handle_packet(now, &forged(&header, &chunk));
        while association.poll_transmit(now).is_some() {}
        while let Some(event) = association.poll_event() {
            lost |= event == AssociationEvent::Lost;
        }
        sent += 1100;
        if lost {
            break;
        }
    }
    println!(
        "{name} H19: {} after {sent} bytes",
        if lost { "ended" } else { "stalls" }
    );
}

/// Megabits per second of virtual time, at 100 Mb/s and 50 ms.
fn goodput<L: SctpAssociation, R: SctpAssociation>(loss: u64, total: usize) -> f64 {
    let mut pair = Pair::<L, R>::new(loss, 21);
    let id = open(&mut pair, &reliable("bulk"));
    let message = pattern(16_384, 1);
    let (mut sent, mut received) = (0, 0);
    let took = pair.run_until(|pair| {
        while sent < total
            && pair
                .left
                .channels
                .send(pair.now, id, false, &message)
                .is_ok()
        {
            sent += message.len();
        }
        received += pair
            .right
            .take_messages()
            .iter()
            .map(|m| m.2.len())
            .sum::<usize>();
        received >= total
    });
    total as f64 * 8e-6 / took.as_secs_f64()
}

/// Real time of both ends for 64 MiB without a limit of the link.
fn throughput<A: SctpAssociation>(name: &str) {
    let mut pair = Pair::<A, A>::new(0, 1);
    pair.delay = Duration::from_micros(50);
    pair.bandwidth = 100_000_000_000;
    let id = open(&mut pair, &reliable("bulk"));
    for size in [1_000, 16_384] {
        let message = pattern(size, 1);
        let total = 64 << 20;
        let (mut sent, mut received) = (0, 0);
        let start = Instant::now();
        pair.run_until(|pair| {
            while sent < total
                && pair.left.channels.queued_bytes() < 1 << 18
                && pair
                    .left
                    .channels
                    .send(pair.now, id, false, &message)
                    .is_ok()
            {
                sent += message.len();
            }
            received += pair
                .right
                .take_messages()
                .iter()
                .map(|m| m.2.len())
                .sum::<usize>();
            received >= total
        });
        let rate = received as f64 * 8e-6 / start.elapsed().as_secs_f64();
        println!("{name} {size}-byte messages, both ends on one core: {rate:.0} Mb/s");
    }
}

#[test]
#[ignore = "figures, not a check"]
fn figures() {
    unguarded::<ProtoAssociation>("proto");
    unguarded::<RtcAssociation>("rtc");
    for (loss, total) in [(0, 32 << 20), (2, 4 << 20), (10, 1 << 20), (30, 1 << 17)] {
        let proto = goodput::<ProtoAssociation, ProtoAssociation>(loss, total);
        let rtc = goodput::<RtcAssociation, RtcAssociation>(loss, total);
        println!("goodput at {loss} % loss: proto {proto:.3} Mb/s, rtc {rtc:.3} Mb/s");
    }
    for ordered in [true, false] {
        let mut channel = reliable("partial");
        channel.ordered = ordered;
        channel.max_retransmits = Some(0);
        println!(
            "no retransmits, ordered {ordered}: proto {}, rtc {}",
            partial::<ProtoAssociation, ProtoAssociation>(&channel, 20),
            partial::<RtcAssociation, RtcAssociation>(&channel, 20)
        );
    }
    throughput::<ProtoAssociation>("proto");
    throughput::<RtcAssociation>("rtc");
}

#[test]
#[ignore = "figures, not a check"]
fn figures_of_closing_with_the_other_implementation() {
    for loss in [0, 10, 30] {
        let result =
            catch_unwind(|| crate::closes_and_reuses::<RtcAssociation, RtcAssociation>(loss, true));
        println!(
            "rtc closes at {loss} %: {}",
            if result.is_ok() { "passes" } else { "FAILS" }
        );
    }
}

/// Resident memory of one end with an open channel.
#[test]
#[ignore = "figures, not a check"]
fn figures_of_memory() {
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let before = resident();
    let mut pairs = Vec::new();
    for seed in 0..1000 {
        let mut pair = Pair::<ProtoAssociation, ProtoAssociation>::new(0, seed);
        open(&mut pair, &reliable("memory"));
        pair.run(Duration::from_secs(1));
        pairs.push(pair);
    }
    let ends = 2 * pairs.len();
    println!(
        "memory of an open end: {} bytes",
        (resident() - before) / ends
    );
}
