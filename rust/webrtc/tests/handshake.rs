//! Handshakes between the node's transport and a client of ours, in virtual time.

mod lab;

use std::time::Duration;

use lab::{Flight, Lab, client_context, context, fingerprint_of};
use medianode_webrtc::params::{ChannelParameters, DtlsRole, SrtpProfile};
use medianode_webrtc::secure::SecureClose;
use medianode_webrtc::{SecureEvent, TransportEvent};

const RUNS: u64 = 600;

/// Seconds to both sides connected, of the completed, sorted.
fn handshakes(loss_percent: u64) -> Vec<f64> {
    let mut times: Vec<f64> = (0..RUNS)
        .filter_map(|seed| {
            let mut lab = Lab::new(seed);
            lab.loss_percent = loss_percent;
            lab.run_until(Duration::from_secs(10), Lab::both_connected)
                .then(|| lab.elapsed().as_secs_f64())
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times.get(times.len() * percent / 100).copied();
    println!(
        "{loss_percent} %: {} of {RUNS}, p50 {:?} s, p95 {:?} s",
        times.len(),
        at(50),
        at(95)
    );
    times
}

#[test]
fn all_complete_without_loss_in_two_round_trips_after_ice() {
    let times = handshakes(0);
    assert_eq!(times.len(), RUNS as usize);
    assert!(times.iter().all(|&time| time < 0.2));
}

#[test]
fn nearly_all_complete_in_three_seconds_at_ten_percent_loss() {
    let times = handshakes(10);
    assert_eq!(times.len(), RUNS as usize);
    assert!(times[times.len() * 95 / 100] < 3.0);
}

#[test]
fn nearly_all_complete_in_ten_seconds_at_thirty_percent_loss() {
    assert!(handshakes(30).len() * 100 >= RUNS as usize * 99);
}

#[test]
fn survives_the_loss_of_any_single_datagram() {
    let mut reference = Lab::connected(1);
    reference.run_for(Duration::from_millis(500));
    for nth in 1..=reference.sent {
        let mut lab = Lab::new(1);
        lab.drop_nth = Some(nth);
        assert!(
            lab.run_until(Duration::from_secs(5), Lab::both_connected),
            "datagram {nth}"
        );
        lab.run_for(Duration::from_secs(1));
        lab.assert_media_flows(1);
    }
}

#[test]
fn keys_agree_and_the_node_picks_the_fast_profile() {
    let mut lab = Lab::connected(1);
    for seq in 1..10 {
        lab.assert_media_flows(seq);
    }
    let connected = SecureEvent::Connected {
        profile: SrtpProfile::AeadAes256Gcm,
        dtls_version: "1.2",
    };
    assert!(lab.client_events.contains(&connected));
    assert!(
        lab.server_events
            .contains(&TransportEvent::Secure(connected))
    );
}

#[test]
fn node_is_the_client_of_a_passive_peer() {
    let mut lab = Lab::with_roles(1, DtlsRole::Server);
    assert!(lab.run_until(Duration::from_secs(5), Lab::both_connected));
    lab.assert_media_flows(1);
}

#[test]
fn early_hello_is_kept_until_the_answer_is_known() {
    let mut lab = Lab::unconnected(1, DtlsRole::Client);
    lab.run_for(Duration::from_secs(1));
    assert!(lab.server_dtls.is_empty());
    lab.connect_server(fingerprint_of(&client_context()), DtlsRole::Client);
    lab.pump();
    assert!(
        !lab.server_dtls.is_empty(),
        "answers the kept hello at once"
    );
    assert!(lab.run_until(Duration::from_secs(5), Lab::both_connected));
    lab.assert_media_flows(1);
}

/// Cuts the one handshake message in a record into two records.
fn split(hello: &[u8]) -> [Vec<u8>; 2] {
    let (header, body) = (&hello[13..25], &hello[25..]);
    let mut offset = 0;
    let cut = body.len() / 2;
    [&body[..cut], &body[cut..]].map(|part| {
        let mut message = header[..6].to_vec();
        message.extend([
            0,
            (offset >> 8) as u8,
            offset as u8,
            0,
            (part.len() >> 8) as u8,
            part.len() as u8,
        ]);
        message.extend(part);
        let record = lab::record(22, 0, 100 + offset as u8, &message);
        offset += part.len();
        record
    })
}

#[test]
fn hello_may_come_in_two_datagrams_in_either_order() {
    for reversed in [false, true] {
        let mut lab = Lab::new(1);
        let is_hello =
            |flight: &Flight| flight.to_server && flight.bytes[0] == 22 && flight.bytes[13] == 1;
        let until = lab.start + Duration::from_secs(5);
        while !lab.wire.iter().any(is_hello) {
            lab.step(until);
        }
        let at = lab.wire.iter().position(is_hello).unwrap();
        let hello = lab.wire.remove(at);
        let mut parts = split(&hello.bytes);
        if reversed {
            parts.reverse();
        }
        for bytes in parts {
            assert!(lab.server_dtls.is_empty());
            lab.deliver(Flight {
                bytes,
                ..hello.clone()
            });
            lab.pump();
        }
        assert!(!lab.server_dtls.is_empty(), "reversed {reversed}");
        assert!(lab.run_until(Duration::from_secs(5), Lab::both_connected));
        lab.assert_media_flows(1);
    }
}

#[test]
fn wrong_fingerprint_ends_it_before_keys_and_silently() {
    let mut lab = Lab::unconnected(1, DtlsRole::Client);
    lab.connect_server(fingerprint_of(&context()), DtlsRole::Client);
    let closed = TransportEvent::Secure(SecureEvent::Closed {
        cause: SecureClose::FingerprintMismatch,
    });
    assert!(lab.run_until(Duration::from_secs(5), |lab| {
        lab.server_events.contains(&closed)
    }));
    let sent = lab.server_dtls.len();
    lab.run_for(Duration::from_secs(20));
    assert_eq!(lab.server_dtls.len(), sent);
    assert!(!lab.server_connected() && !lab.client.is_connected());
    assert!(
        lab.server
            .secure()
            .protect_rtp(&mut [0x80; 100], 50, 1)
            .is_none()
    );
}

#[test]
fn client_refuses_a_wrong_node() {
    let mut lab = Lab::new(1);
    let now = lab.now;
    lab.client = medianode_webrtc::SecureTransport::new(now, client_context(), DtlsRole::Client);
    lab.client
        .connect(now, fingerprint_of(&client_context()), None)
        .unwrap();
    lab.run_for(Duration::from_secs(5));
    let closed = SecureEvent::Closed {
        cause: SecureClose::FingerprintMismatch,
    };
    assert!(lab.client_events.contains(&closed));
    assert!(!lab.server_connected());
}

#[test]
fn close_tells_the_peer() {
    let mut lab = Lab::connected(1);
    lab.run_for(Duration::from_secs(1));
    lab.server.close(lab.now);
    lab.run_for(Duration::from_secs(1));
    assert!(lab.client_events.contains(&SecureEvent::Closed {
        cause: SecureClose::PeerClosed
    }));
    assert!(!lab.client.is_connected());
}

#[test]
fn data_channels_run_over_the_association() {
    let mut lab = Lab::connected(1);
    let channel = ChannelParameters {
        label: "chat".into(),
        ordered: true,
        ..Default::default()
    };
    let stream_id = lab.client.open_channel(lab.now, &channel, None).unwrap();
    lab.client
        .send_message(lab.now, stream_id, true, b"hello")
        .unwrap();
    lab.run_for(Duration::from_secs(2));
    let message = SecureEvent::Message {
        stream_id,
        text: true,
        data: b"hello".to_vec(),
    };
    assert!(
        lab.server_events.contains(&TransportEvent::Secure(message)),
        "{:?}",
        lab.server_events
    );
}

#[test]
fn idle_peer_has_no_wake_up_before_consent_ends() {
    let mut lab = Lab::connected(1);
    lab.run_for(Duration::from_secs(60));
    let next = lab.server.poll_timeout().unwrap();
    assert!(next - lab.now > Duration::from_secs(25));
}
