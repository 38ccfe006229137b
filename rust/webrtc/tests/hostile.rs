//! What strangers and forgers may try against one transport.

mod lab;

use std::time::{Duration, Instant};

use lab::{Lab, context, ice, limits, record, tuple};
use medianode_webrtc::params::DtlsRole;
use medianode_webrtc::{Received, SecureEvent, TransportEvent, WebRtcTransport};

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// Plaintext records that a forger could write: warnings, fatal alerts, data, cipher change, acknowledgements.
fn forgeries() -> Vec<Vec<u8>> {
    vec![
        record(ALERT, 0, 200, &[1, 0]),
        record(ALERT, 0, 201, &[2, 40]),
        record(ALERT, 0, 202, &[2]),
        record(DATA, 0, 203, b"data"),
        record(26, 0, 205, &[0, 0]),
        vec![0x2f, 0, 1, 2, 3, 4, 5, 6, 7, 8],
        vec![HANDSHAKE, 0xfe, 0xfd, 0, 0],
    ]
}

#[test]
fn no_first_byte_and_length_panics_or_is_answered() {
    for connected in [false, true] {
        let mut lab = if connected {
            Lab::connected(1)
        } else {
            Lab::new(1)
        };
        lab.run_for(Duration::from_millis(if connected { 500 } else { 0 }));
        for first in 0..=255u8 {
            for len in 0..=64 {
                let mut datagram = vec![first; len];
                for from in [lab.path, tuple(7)] {
                    let received = lab.server.handle_datagram(lab.now, from, &mut datagram);
                    assert_eq!(received, Received::None, "{first} {len}");
                    assert_eq!(
                        lab.server.poll_transmit(lab.now, &mut [0; 2048]),
                        None,
                        "{first} {len}"
                    );
                    lab.client.handle_datagram(lab.now, &mut datagram.clone());
                    lab.agent.handle_datagram(lab.now, from.remote, &datagram);
                }
            }
        }
        assert!(lab.run_until(Duration::from_secs(20), Lab::both_connected));
        lab.assert_media_flows(1);
    }
}

#[test]
fn strangers_reach_neither_dtls_nor_srtp() {
    let mut lab = Lab::connected(1);
    let packet = lab::rtp(1);
    let mut sealed = [0; 200];
    sealed[..packet.len()].copy_from_slice(&packet);
    let len = lab
        .client
        .protect_rtp(&mut sealed, packet.len(), 1)
        .unwrap();
    let before = lab.server.counters().unvalidated_tuple;
    assert_eq!(
        lab.server
            .handle_datagram(lab.now, tuple(7), &mut { sealed }[..len]),
        Received::None
    );
    assert_eq!(
        lab.server
            .handle_datagram(lab.now, tuple(7), &mut record(HANDSHAKE, 0, 0, &[1; 40])),
        Received::None
    );
    assert_eq!(lab.server.counters().unvalidated_tuple, before + 2);
    assert_eq!(
        lab.server
            .handle_datagram(lab.now, lab.path, &mut sealed[..len]),
        Received::Rtp(&packet[..])
    );
}

#[test]
fn no_dtls_before_a_check() {
    let now = Instant::now();
    let mut transport = WebRtcTransport::new(now, ice("node"), context(), limits());
    let peer = medianode_webrtc::params::DtlsParameters {
        role: DtlsRole::Server,
        fingerprints: lab::fingerprint_of(&lab::client_context()),
    };
    transport.connect(now, &peer, None).unwrap();
    assert_eq!(transport.poll_transmit(now, &mut [0; 2048]), None);
}

#[test]
fn forged_plaintext_changes_nothing_at_any_time() {
    // Before, during and after the handshake: one forgery set ahead of every n-th datagram.
    for every in 1..6 {
        let mut lab = Lab::new(1);
        let until = lab.start + Duration::from_secs(5);
        let mut steps = 0;
        while lab.now < until && steps < 200 {
            lab.step(until);
            steps += 1;
            if steps % every == 0 {
                for forged in forgeries() {
                    lab.server
                        .handle_datagram(lab.now, lab.path, &mut forged.clone());
                    lab.client.handle_datagram(lab.now, &mut forged.clone());
                }
            }
        }
        assert!(lab.both_connected(), "every {every}");
        lab.assert_media_flows(1);
        let closed = |event: &SecureEvent| matches!(event, SecureEvent::Closed { .. });
        assert!(!lab.client_events.iter().any(closed));
        assert!(
            !lab.server_events
                .iter()
                .any(|e| matches!(e, TransportEvent::Secure(e) if closed(e)))
        );
        assert!(lab.server.counters().dtls_plaintext > 0);
    }
}

#[test]
fn junk_flood_from_the_peers_address_is_survived() {
    let mut lab = Lab::connected(1);
    lab.run_for(Duration::from_millis(500));
    let sent = lab.server_dtls.len();
    for n in 0..20_000u32 {
        let len = (lab.random() % 1200) as usize;
        let mut junk: Vec<u8> = (0..len)
            .map(|at| (n as usize * 31 + at * 7) as u8)
            .collect();
        if let Some(first) = junk.first_mut() {
            *first = [20, 21, 22, 23, 26, 40, 128, 144][n as usize % 8];
        }
        lab.server.handle_datagram(lab.now, lab.path, &mut junk);
    }
    lab.pump();
    assert_eq!(lab.server_dtls.len(), sent);
    lab.assert_media_flows(1);
}

#[test]
fn hello_junk_before_connect_is_bounded_and_harmless() {
    let mut lab = Lab::unconnected(1, DtlsRole::Client);
    lab.run_for(Duration::from_millis(100));
    for n in 0..10_000u32 {
        let mut message = vec![1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0];
        message[4..6].copy_from_slice(&(n as u16).to_be_bytes());
        message.extend([0; 256]);
        lab.server
            .handle_datagram(lab.now, lab.path, &mut record(HANDSHAKE, 0, 1, &message));
    }
    lab.connect_server(
        lab::fingerprint_of(&lab::client_context()),
        DtlsRole::Client,
    );
    assert!(lab.run_until(Duration::from_secs(10), Lab::both_connected));
    lab.assert_media_flows(1);
}

#[test]
fn replayed_and_altered_media_is_dropped() {
    let mut lab = Lab::connected(1);
    let packet = lab::rtp(1);
    let mut sealed = [0; 200];
    sealed[..packet.len()].copy_from_slice(&packet);
    let len = lab
        .client
        .protect_rtp(&mut sealed, packet.len(), 1)
        .unwrap();
    let mut altered = sealed;
    altered[len - 1] ^= 1;
    assert_eq!(
        lab.server
            .handle_datagram(lab.now, lab.path, &mut altered[..len]),
        Received::None
    );
    assert_eq!(
        lab.server
            .handle_datagram(lab.now, lab.path, &mut { sealed }[..len]),
        Received::Rtp(&packet[..])
    );
    assert_eq!(
        lab.server
            .handle_datagram(lab.now, lab.path, &mut sealed[..len]),
        Received::None
    );
    let counters = lab.server.counters();
    assert_eq!(
        (counters.srtp_unauthenticated, counters.srtp_replayed),
        (1, 1)
    );
}

#[test]
fn counters_serialize() {
    let lab = Lab::connected(1);
    let json = serde_json::to_value(lab.server.counters()).unwrap();
    assert_eq!(json["panics"], 0);
}

#[test]
fn hellos_from_strangers_do_not_disturb_a_join() {
    for seed in 0..200 {
        let mut lab = Lab::new(seed);
        let until = lab.start + Duration::from_secs(2);
        while !lab.both_connected() && lab.now < until {
            let hellos: Vec<_> = lab
                .wire
                .iter()
                .filter(|f| f.to_server && f.bytes[0] == HANDSHAKE)
                .cloned()
                .collect();
            for hello in hellos {
                lab.server
                    .handle_datagram(lab.now, tuple(7), &mut hello.bytes.clone());
            }
            lab.server
                .handle_datagram(lab.now, tuple(8), &mut record(HANDSHAKE, 0, 1, &[1; 80]));
            lab.step(until);
        }
        assert!(lab.both_connected(), "seed {seed}");
    }
}

#[test]
fn altered_copies_of_genuine_datagrams_never_panic() {
    for seed in 0..300 {
        let mut lab = Lab::new(seed);
        let until = lab.start + Duration::from_secs(1);
        while lab.now < until {
            for flight in lab.wire.clone() {
                let mut bytes = flight.bytes;
                let at = lab.random() as usize % bytes.len();
                match lab.random() % 3 {
                    0 => bytes[at] ^= 1 << (lab.random() % 8),
                    1 => bytes.truncate(at),
                    _ => bytes.extend_from_within(at..),
                }
                if flight.to_server {
                    lab.server
                        .handle_datagram(lab.now, flight.tuple, &mut bytes);
                } else {
                    lab.client.handle_datagram(lab.now, &mut bytes.clone());
                    lab.agent
                        .handle_datagram(lab.now, flight.tuple.local, &bytes);
                }
            }
            lab.step(until);
        }
        assert_eq!(
            (lab.server.counters().panics, lab.client.counters().panics),
            (0, 0),
            "seed {seed}"
        );
    }
}
