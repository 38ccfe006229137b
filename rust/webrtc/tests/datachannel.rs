//! Data channels end to end in virtual time: every story over `sctp-proto` at both ends, and between it and `rtc-sctp`.

#[path = "datachannel/figures.rs"]
mod figures;
#[path = "datachannel/hostile.rs"]
mod hostile;
#[path = "datachannel/link.rs"]
mod link;
#[path = "datachannel/rtc.rs"]
mod rtc;

use std::time::Duration;

use link::{LIMITS, Pair};
use medianode_webrtc::Error;
use medianode_webrtc::params::ChannelParameters;
use medianode_webrtc::sctp::association::SctpAssociation;
use medianode_webrtc::sctp::{Event, ProtoAssociation};
use rtc::RtcAssociation;

type Proto = ProtoAssociation;

fn reliable(label: &str) -> ChannelParameters {
    ChannelParameters {
        label: label.to_owned(),
        ordered: true,
        ..ChannelParameters::default()
    }
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i * 31 + seed * 7 + i / 251) as u8)
        .collect()
}

/// Opens on the left, and waits until both know it.
fn open<L: SctpAssociation, R: SctpAssociation>(
    pair: &mut Pair<L, R>,
    channel: &ChannelParameters,
) -> u16 {
    let id = pair.left.channels.open(pair.now, channel, None).unwrap();
    pair.run_until(|pair| pair.left.opened().contains(&id) && pair.right.opened().contains(&id));
    id
}

fn transfers_reliably<L: SctpAssociation, R: SctpAssociation>(
    loss: u64,
    ordered: bool,
) -> Duration {
    let mut pair = Pair::<L, R>::new(loss, 7 + loss);
    let channel = ChannelParameters {
        ordered,
        ..reliable("bulk")
    };
    let id = open(&mut pair, &channel);
    let messages: Vec<_> = (0..60).map(|i| pattern(1 + i * 997, i)).collect();
    for message in &messages {
        pair.left
            .channels
            .send(pair.now, id, false, message)
            .unwrap();
    }
    let mut received = Vec::new();
    let took = pair.run_until(|pair| {
        received.extend(
            pair.right
                .take_messages()
                .into_iter()
                .map(|(_, _, data)| data),
        );
        received.len() == messages.len()
    });
    if !ordered {
        received.sort_by_key(Vec::len);
    }
    assert!(received == messages);
    pair.run(Duration::from_secs(30));
    assert_eq!(pair.left.channels.queued_bytes(), 0);
    assert!(pair.right.take_messages().is_empty());
    took
}

#[test]
fn reliable_messages_arrive_once_and_in_order_at_any_loss() {
    for loss in [0, 2, 10, 30] {
        let took = transfers_reliably::<Proto, Proto>(loss, true);
        println!("proto ordered {loss} %: {took:?}");
        let took = transfers_reliably::<Proto, Proto>(loss, false);
        println!("proto unordered {loss} %: {took:?}");
    }
}

#[test]
fn reliable_messages_arrive_from_and_at_the_other_implementation() {
    for loss in [0, 2, 10] {
        println!(
            "proto>rtc {loss} %: {:?}",
            transfers_reliably::<Proto, RtcAssociation>(loss, true)
        );
        println!(
            "rtc>proto {loss} %: {:?}",
            transfers_reliably::<RtcAssociation, Proto>(loss, true)
        );
        println!(
            "proto>rtc unordered {loss} %: {:?}",
            transfers_reliably::<Proto, RtcAssociation>(loss, false)
        );
        println!(
            "rtc>proto unordered {loss} %: {:?}",
            transfers_reliably::<RtcAssociation, Proto>(loss, false)
        );
    }
}

#[test]
fn a_hundred_channels_open_both_ways_beside_a_negotiated_one() {
    let mut pair = Pair::<Proto, Proto>::new(2, 3);
    let negotiated = ChannelParameters {
        ordered: false,
        ..reliable("known")
    };
    assert_eq!(
        pair.left.channels.open(pair.now, &negotiated, Some(1000)),
        Ok(1000)
    );
    assert_eq!(
        pair.right.channels.open(pair.now, &negotiated, Some(1000)),
        Ok(1000)
    );
    let mut ids = Vec::new();
    for i in 0..50 {
        let id = pair
            .left
            .channels
            .open(pair.now, &reliable(&format!("l{i}")), None)
            .unwrap();
        assert_eq!(id % 2, 0, "the DTLS client's ids are even");
        ids.push(id);
        let id = pair
            .right
            .channels
            .open(pair.now, &reliable(&format!("r{i}")), None)
            .unwrap();
        assert_eq!(id % 2, 1, "the DTLS server's ids are odd");
        ids.push(id);
    }
    pair.run_until(|pair| pair.left.opened().len() == 101 && pair.right.opened().len() == 101);
    ids.push(1000);
    for &id in &ids {
        pair.left
            .channels
            .send(pair.now, id, true, id.to_string().as_bytes())
            .unwrap();
        pair.right.channels.send(pair.now, id, false, &[]).unwrap();
    }
    pair.run(Duration::from_secs(20));
    let mut left = pair.left.take_messages();
    let mut right = pair.right.take_messages();
    left.sort();
    right.sort();
    ids.sort_unstable();
    let empty: Vec<_> = ids.iter().map(|&id| (id, false, Vec::new())).collect();
    let texts: Vec<_> = ids
        .iter()
        .map(|&id| (id, true, id.to_string().into_bytes()))
        .collect();
    assert_eq!(left, empty);
    assert_eq!(right, texts);
}

#[test]
fn both_sides_may_begin_at_once() {
    for loss in [0, 10, 30] {
        for seed in 0..8 {
            let mut pair = Pair::<Proto, Proto>::new(loss, seed);
            let left = pair
                .left
                .channels
                .open(pair.now, &reliable("l"), None)
                .unwrap();
            let right = pair
                .right
                .channels
                .open(pair.now, &reliable("r"), None)
                .unwrap();
            assert_eq!((left, right), (0, 1));
            pair.run_until(|pair| pair.left.opened().len() == 2 && pair.right.opened().len() == 2);
        }
    }
}

#[test]
fn what_the_opener_sends_before_the_acknowledgement_arrives_after_the_open() {
    for (loss, seed) in [(0, 1), (30, 2), (30, 3), (30, 4)] {
        let mut pair = Pair::<Proto, Proto>::new(loss, seed);
        let channel = ChannelParameters {
            ordered: false,
            ..reliable("eager")
        };
        let id = pair.left.channels.open(pair.now, &channel, None).unwrap();
        for i in 0..10 {
            pair.left.channels.send(pair.now, id, true, &[i]).unwrap();
        }
        pair.run_until(|pair| pair.right.events.len() >= 12);
        assert!(matches!(pair.right.events[0], Event::Connected));
        assert_eq!(
            pair.right.events[1],
            Event::Opened {
                stream_id: id,
                channel
            }
        );
        assert_eq!(pair.right.take_messages().len(), 10);
    }
}

#[test]
fn parameters_of_a_channel_survive_the_wire() {
    let mut pair = Pair::<Proto, RtcAssociation>::new(0, 1);
    for (max_retransmits, max_packet_life_time) in
        [(None, None), (Some(3), None), (None, Some(250))]
    {
        let channel = ChannelParameters {
            label: "Größe".to_owned(),
            protocol: "json".to_owned(),
            ordered: false,
            max_retransmits,
            max_packet_life_time,
        };
        let id = open(&mut pair, &channel);
        assert!(pair.right.events.contains(&Event::Opened {
            stream_id: id,
            channel
        }));
    }
    let both = ChannelParameters {
        max_retransmits: Some(1),
        max_packet_life_time: Some(1),
        ..reliable("x")
    };
    assert!(matches!(
        pair.left.channels.open(pair.now, &both, None),
        Err(Error::Parameters(_))
    ));
}

/// How many of a thousand messages arrive; none may arrive twice.
fn partial<L: SctpAssociation, R: SctpAssociation>(
    channel: &ChannelParameters,
    loss: u64,
) -> usize {
    let mut pair = Pair::<L, R>::new(0, 11);
    let id = open(&mut pair, channel);
    pair.loss_percent = loss;
    let mut received = Vec::new();
    for i in 0..1000u16 {
        pair.left
            .channels
            .send(pair.now, id, false, &i.to_be_bytes())
            .unwrap();
        pair.run(Duration::from_millis(5));
        received.extend(pair.right.take_messages());
    }
    pair.loss_percent = 0;
    pair.left
        .channels
        .send(pair.now, id, false, b"end")
        .unwrap();
    pair.run(Duration::from_secs(60));
    received.extend(pair.right.take_messages());
    assert_eq!(pair.left.channels.queued_bytes(), 0);
    let mut numbers: Vec<_> = received.iter().map(|(_, _, data)| data.clone()).collect();
    if channel.ordered {
        assert_eq!(numbers.last().map(Vec::as_slice), Some(&b"end"[..]));
        assert!(numbers[..numbers.len() - 1].is_sorted());
    }
    numbers.sort();
    let count = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "nothing twice");
    count
}

#[test]
fn partial_reliability_gives_up_and_goes_on() {
    for ordered in [true, false] {
        let never = ChannelParameters {
            ordered,
            max_retransmits: Some(0),
            ..reliable("never")
        };
        let brief = ChannelParameters {
            ordered,
            max_packet_life_time: Some(40),
            ..reliable("brief")
        };
        for channel in [&never, &brief] {
            let count = partial::<Proto, Proto>(channel, 20);
            assert!((600..950).contains(&count), "{count}");
            println!("{} ordered {ordered}: {count} of 1001", channel.label);
            println!("  to rtc {}", partial::<Proto, RtcAssociation>(channel, 20));
        }
        let often = ChannelParameters {
            ordered,
            max_retransmits: Some(20),
            ..reliable("often")
        };
        assert!(partial::<Proto, Proto>(&often, 20) >= 1000);
    }
}

#[test]
fn the_largest_message_passes_and_a_larger_one_is_refused() {
    for loss in [0, 10] {
        let mut pair = Pair::<Proto, Proto>::new(loss, 5);
        let id = open(&mut pair, &reliable("large"));
        let large = pattern(262_144, 1);
        pair.left
            .channels
            .send(pair.now, id, false, &large)
            .unwrap();
        let too_large = vec![0; 262_145];
        assert!(matches!(
            pair.left.channels.send(pair.now, id, false, &too_large),
            Err(Error::Parameters(_))
        ));
        pair.run_until(|pair| {
            pair.right
                .events
                .iter()
                .any(|e| matches!(e, Event::Message { .. }))
        });
        assert!(pair.right.take_messages() == [(id, false, large)]);
    }
}

#[test]
fn sending_is_refused_at_the_bound_and_resumes() {
    let mut pair = Pair::<Proto, Proto>::new(0, 5);
    let id = open(&mut pair, &reliable("pressure"));
    pair.run(Duration::from_secs(1));
    let message = pattern(100_000, 2);
    let mut sent = 0;
    while pair
        .left
        .channels
        .send(pair.now, id, false, &message)
        .is_ok()
    {
        sent += 1;
    }
    assert_eq!(sent, LIMITS.queued_bytes / message.len());
    assert_eq!(pair.left.channels.queued_bytes(), sent * message.len());
    assert_eq!(
        pair.left.channels.send(pair.now, id, false, &message),
        Err(Error::Limit("data queued"))
    );
    pair.run_until(|pair| pair.left.channels.queued_bytes() < LIMITS.queued_bytes / 2);
    pair.left
        .channels
        .send(pair.now, id, false, &message)
        .unwrap();
    pair.run_until(|pair| pair.left.channels.queued_bytes() == 0);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.right.take_messages().len(), sent + 1);
}

fn closes_and_reuses<L: SctpAssociation, R: SctpAssociation>(loss: u64, by_left: bool) {
    let mut pair = Pair::<L, R>::new(loss, 9);
    let id = open(&mut pair, &reliable("first"));
    for round in 0..5u8 {
        pair.left
            .channels
            .send(pair.now, id, false, &[round])
            .unwrap();
        if by_left {
            pair.left.channels.close(pair.now, id);
        } else {
            pair.run(Duration::from_secs(5));
            pair.right.channels.close(pair.now, id);
        }
        pair.run(Duration::from_secs(30));
        assert_eq!(pair.right.take_messages(), [(id, false, vec![round])]);
        for end in [&mut pair.left.events, &mut pair.right.events] {
            assert!(end.contains(&Event::Closed { stream_id: id }), "{end:?}");
            end.clear();
        }
        assert!(matches!(
            pair.left.channels.send(pair.now, id, false, &[]),
            Err(Error::State(_))
        ));
        assert_eq!(
            open(&mut pair, &reliable("again")),
            id,
            "the id is free again"
        );
    }
}

#[test]
fn closed_channels_deliver_what_was_sent_and_free_their_ids() {
    for loss in [0, 10, 30] {
        closes_and_reuses::<Proto, Proto>(loss, true);
        closes_and_reuses::<Proto, Proto>(loss, false);
    }
}

#[test]
fn both_sides_may_close_at_once() {
    for loss in [0, 10, 30] {
        let mut pair = Pair::<Proto, Proto>::new(loss, 13);
        let id = open(&mut pair, &reliable("both"));
        pair.left.channels.close(pair.now, id);
        pair.right.channels.close(pair.now, id);
        pair.run(Duration::from_secs(30));
        assert!(pair.left.events.contains(&Event::Closed { stream_id: id }));
        assert!(pair.right.events.contains(&Event::Closed { stream_id: id }));
        assert_eq!(open(&mut pair, &reliable("again")), id);
    }
}

#[test]
fn shutdown_ends_the_other_side_too() {
    let mut pair = Pair::<Proto, Proto>::new(0, 1);
    let id = open(&mut pair, &reliable("bye"));
    pair.left.channels.shutdown(pair.now);
    pair.run(Duration::from_secs(10));
    assert!(!pair.left.events.contains(&Event::Failed));
    assert!(pair.right.events.contains(&Event::Failed));
    assert!(matches!(
        pair.right.channels.send(pair.now, id, false, &[]),
        Err(Error::State(_))
    ));
    assert_eq!(pair.right.channels.poll_timeout(), None);
}

#[test]
fn a_peer_that_opens_more_than_the_limit_keeps_what_it_has() {
    let mut pair = Pair::<Proto, Proto>::new(0, 1);
    pair.right.channels = medianode_webrtc::sctp::DataChannels::new(
        pair.now,
        false,
        link::PARAMETERS,
        Some(link::PARAMETERS),
        medianode_webrtc::sctp::DataLimits {
            channels: 4,
            ..LIMITS
        },
    );
    for _ in 0..10 {
        pair.left
            .channels
            .open(pair.now, &reliable("many"), None)
            .unwrap();
    }
    pair.run(Duration::from_secs(10));
    assert_eq!(pair.right.opened().len(), 4);
    assert_eq!(pair.left.opened().len(), 4);
    let closed = pair
        .left
        .events
        .iter()
        .filter(|e| matches!(e, Event::Closed { .. }))
        .count();
    assert_eq!(closed, 6);
    pair.left
        .channels
        .send(pair.now, 0, true, b"still here")
        .unwrap();
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.right.take_messages().len(), 1);
}

#[test]
fn nothing_is_allocated_or_timed_before_data_channels_are_used() {
    let pair = Pair::<Proto, Proto>::new(0, 1);
    assert_eq!(pair.left.channels.poll_timeout(), None);
    println!("idle: {} bytes", size_of_val(&pair.left.channels));
    assert!(size_of_val(&pair.left.channels) <= 160);
}
