//! Simulcast: who is sent which layer, and that nobody sees the seams.

mod room;

use medianode_sfu::feedback::Feedback;
use medianode_sfu::params::MediaKind;
use medianode_sfu::{ConsumerId, Layer, ProducerId, RouterEvent, TransportId};
use room::*;

const SSRCS: [u32; 3] = [1000, 1010, 1020];
const RATES: [u64; 3] = [150_000, 500_000, 2_000_000];

struct Simulcast {
    room: Room,
    publisher: TransportId,
    encoders: Vec<Encoder>,
    /// Encodings that the publisher does not send.
    silent: Vec<usize>,
    keys: [bool; 3],
    viewers: Vec<Viewer>,
    ticks: u64,
}

struct Viewer {
    transport: TransportId,
    receiver: Receiver,
    link: Link,
    reports: bool,
}

impl Simulcast {
    fn new(viewers: u64) -> Self {
        let mut room = Room::new();
        let publisher = room.transport(1);
        let producer = room.produce(publisher, 1, MediaKind::Video, &camera_parameters(&SSRCS));
        let viewers = (0..viewers)
            .map(|n| {
                let transport = room.transport(10 + n);
                room.consume(
                    transport,
                    n,
                    MediaKind::Video,
                    &viewer_parameters(5000),
                    Some(producer),
                );
                Viewer {
                    transport,
                    receiver: Receiver::default(),
                    link: Link::new(),
                    reports: true,
                }
            })
            .collect();
        let encoders = SSRCS
            .iter()
            .zip(RATES)
            .map(|(ssrc, rate)| Encoder::new(*ssrc, rate))
            .collect();
        Self {
            room,
            publisher,
            encoders,
            silent: Vec::new(),
            keys: [false; 3],
            viewers,
            ticks: 0,
        }
    }

    /// 10 ms steps: a picture every third or fourth, reports every fifth. Key frames come 60 ms after they are asked for.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.ticks += 1;
            if matches!(self.ticks % 10, 0 | 3 | 6) {
                for at in (0..3).filter(|at| !self.silent.contains(at)) {
                    let key = std::mem::take(&mut self.keys[at]);
                    for packet in self.encoders[at].frame(key) {
                        self.room.rtp(self.publisher, &packet);
                    }
                }
                for (key, ssrc) in self.keys.iter_mut().zip(SSRCS) {
                    *key |= self.room.take_key_requests(ssrc) > 0;
                }
            }
            self.room.flush();
            self.room.advance(10);
            for viewer in &mut self.viewers {
                let sent = self.room.take_sent(viewer.transport);
                viewer.link.carry(&sent, 2);
                viewer.receiver.take(sent);
                let report = (self.ticks.is_multiple_of(5) && viewer.reports)
                    .then(|| viewer.link.report(self.room.now_us))
                    .flatten();
                if let Some(report) = report {
                    self.room
                        .router
                        .handle_feedback(self.room.now(), viewer.transport, &[report]);
                }
            }
        }
    }

    fn layer(&self, viewer: u64) -> Option<u8> {
        let told = self.room.events.iter().rev().find_map(|event| match event {
            RouterEvent::ConsumerLayer { consumer, layer } if consumer.0 == viewer => Some(*layer),
            _ => None,
        });
        told.flatten().map(|layer| layer.spatial)
    }

    fn assert_seamless(&self) {
        for viewer in &self.viewers {
            viewer.receiver.assert_continuous();
        }
    }

    fn clock(&mut self, at: usize, error_us: i64) {
        let encoder = &self.encoders[at];
        let us = (self.room.now_us as i64 + 5_000_000_000 + error_us) as u64;
        let ntp = (3_000_000_000u64 << 32) + ((u128::from(us) << 32) / 1_000_000) as u64;
        let report = Feedback::SenderReport {
            ssrc: encoder.ssrc,
            ntp,
            rtp: encoder.timestamp,
            packets: 0,
            octets: 0,
            reports: vec![],
        };
        self.room.tell(self.publisher, report);
    }
}

fn spatial(spatial: u8) -> Option<Layer> {
    Some(Layer {
        spatial,
        ..Layer::TOP
    })
}

#[test]
fn everybody_gets_the_top_layer_without_a_limit() {
    let mut call = Simulcast::new(3);
    call.run(3000);
    assert_eq!(
        (call.layer(0), call.layer(1), call.layer(2)),
        (Some(2), Some(2), Some(2))
    );
    call.assert_seamless();
    assert!(call.room.events.contains(&RouterEvent::ProducerLayers {
        producer: ProducerId(1),
        live: 3
    }));
}

#[test]
fn a_throttled_subscriber_falls_within_two_seconds_and_rises_again_and_others_notice_nothing() {
    let mut call = Simulcast::new(3);
    call.run(5000);
    call.viewers[1].link.rate = 400_000;
    call.run(2000);
    assert_eq!(
        (call.layer(0), call.layer(1), call.layer(2)),
        (Some(2), Some(0), Some(2))
    );
    call.run(6000);
    assert_eq!(call.layer(1), Some(0));
    call.viewers[1].link.rate = 100_000_000;
    call.run(15_000);
    assert_eq!(
        (call.layer(0), call.layer(1), call.layer(2)),
        (Some(2), Some(2), Some(2))
    );
    call.assert_seamless();
    let switches = |viewer: u64| {
        call.room.events.iter().filter(|event| matches!(event, RouterEvent::ConsumerLayer { consumer, .. } if consumer.0 == viewer)).count()
    };
    assert!(
        switches(0) <= 3 && switches(2) <= 3,
        "{} {}",
        switches(0),
        switches(2)
    );
    assert!(switches(1) <= 12, "{}", switches(1));
    assert!(call.viewers[0].receiver.longest_silence_ms() < 150);
}

#[test]
fn a_receiver_that_only_knows_remb_is_served_by_it() {
    let mut call = Simulcast::new(1);
    call.viewers[0].reports = false;
    call.run(2000);
    assert_eq!(call.layer(0), Some(2));
    let viewer = call.viewers[0].transport;
    let remb = |bitrate| Feedback::Remb {
        sender_ssrc: 1,
        bitrate,
        ssrcs: vec![5000],
    };
    call.room.tell(viewer, remb(700_000));
    call.run(1000);
    assert_eq!(call.layer(0), Some(1));
    call.room.tell(viewer, remb(10_000));
    call.run(1000);
    assert_eq!(call.layer(0), Some(0));
    call.run(12_000);
    call.room.tell(viewer, remb(5_000_000));
    call.run(1000);
    assert_eq!(call.layer(0), Some(2));
    call.assert_seamless();
}

#[test]
fn a_cap_and_a_bound_limit_the_layer() {
    let mut call = Simulcast::new(2);
    let viewer = call.viewers[0].transport;
    call.room
        .router
        .set_transport_cap(call.room.now(), viewer, Some(800_000))
        .unwrap();
    call.room
        .router
        .set_consumer_layers(call.room.now(), ConsumerId(1), spatial(0))
        .unwrap();
    call.run(3000);
    assert_eq!((call.layer(0), call.layer(1)), (Some(1), Some(0)));
    call.room
        .router
        .set_transport_cap(call.room.now(), viewer, None)
        .unwrap();
    call.room
        .router
        .set_consumer_layers(call.room.now(), ConsumerId(1), None)
        .unwrap();
    call.run(3000);
    assert_eq!((call.layer(0), call.layer(1)), (Some(2), Some(2)));
    call.assert_seamless();
}

#[test]
fn switches_are_seamless_with_sender_reports_missing_late_or_wrong() {
    for errors in [
        [None; 3],
        [Some(0); 3],
        [Some(0), None, Some(0)],
        [Some(0), Some(-3_600_000_000), Some(9_000_000)],
    ] {
        let mut call = Simulcast::new(1);
        let mut wanted = [0u8, 2, 1, 2, 0, 1].into_iter().cycle();
        for round in 0..18 {
            if round % 3 == 0 {
                for (at, error) in errors.into_iter().enumerate() {
                    if let Some(error) = error {
                        call.clock(at, error);
                    }
                }
            }
            let layer = wanted.next().unwrap();
            call.room
                .router
                .set_consumer_layers(call.room.now(), ConsumerId(0), spatial(layer))
                .unwrap();
            call.run(700);
            assert_eq!(call.layer(0), Some(layer), "round {round} of {errors:?}");
        }
        call.assert_seamless();
        assert!(call.viewers[0].receiver.longest_silence_ms() < 150);
        // Time in the stream is time on the wall, within what a wrong report may shift.
        let packets: Vec<&Sent> = call.viewers[0].receiver.packets.values().collect();
        let (first, last) = (packets[0], packets[packets.len() - 1]);
        let stream = f64::from(
            last.view()
                .timestamp()
                .wrapping_sub(first.view().timestamp()),
        ) / 90_000.0;
        let wall = (last.at_us - first.at_us) as f64 / 1e6;
        assert!(
            (stream - wall).abs() < 0.7,
            "{stream} against {wall} with {errors:?}"
        );
    }
}

#[test]
fn the_death_of_the_layer_in_use_moves_everybody_to_a_living_one() {
    let mut call = Simulcast::new(1);
    call.run(2000);
    call.silent = vec![2];
    call.run(2500);
    assert_eq!(call.layer(0), Some(1));
    call.silent = vec![0, 2];
    call.run(1000);
    assert_eq!(call.layer(0), Some(1));
    call.silent = vec![];
    call.run(3000);
    assert_eq!(call.layer(0), Some(2));
    call.assert_seamless();
}

#[test]
fn a_publisher_without_its_lowest_layer_is_seen() {
    let mut call = Simulcast::new(1);
    call.silent = vec![0];
    call.room
        .router
        .set_consumer_layers(call.room.now(), ConsumerId(0), spatial(0))
        .unwrap();
    call.run(2000);
    assert_eq!(call.layer(0), Some(1));
    call.assert_seamless();
}

#[test]
fn temporal_layers_are_left_out_without_a_hole() {
    let mut call = Simulcast::new(1);
    for encoder in &mut call.encoders {
        encoder.temporal_layers = 2;
    }
    call.run(2000);
    let full = call.viewers[0].receiver.packets.len();
    call.room
        .router
        .set_consumer_layers(
            call.room.now(),
            ConsumerId(0),
            Some(Layer {
                spatial: 2,
                temporal: 0,
            }),
        )
        .unwrap();
    call.run(2000);
    call.assert_seamless();
    let half = call.viewers[0].receiver.packets.len() - full;
    assert!(half * 10 < full * 7, "{half} of {full}");
    call.room
        .router
        .set_consumer_layers(call.room.now(), ConsumerId(0), None)
        .unwrap();
    call.run(2000);
    call.assert_seamless();
    assert!(call.viewers[0].receiver.packets.len() - full - half > half * 3 / 2);
}

#[test]
fn random_bounds_never_break_the_stream() {
    let mut call = Simulcast::new(3);
    let mut random = 1u64;
    for _ in 0..120 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let viewer = ConsumerId(random >> 33 & 3);
        let layer = spatial((random >> 40 & 3) as u8).filter(|layer| layer.spatial < 3);
        let _ = call
            .room
            .router
            .set_consumer_layers(call.room.now(), viewer, layer);
        call.run(70 + (random >> 50 & 0xFF));
    }
    call.assert_seamless();
    call.run(1500);
    assert!((0..3).all(|viewer| call.layer(viewer).is_some()));
}

#[test]
fn one_leg_follows_several_publishers_and_one_that_returns() {
    let mut room = Room::new();
    let (a, b, viewer) = (room.transport(1), room.transport(2), room.transport(3));
    let consumer = room.consume(viewer, 1, MediaKind::Video, &viewer_parameters(5000), None);
    let mut receiver = Receiver::default();
    let mut encoders = [Encoder::new(1000, 300_000), Encoder::new(2000, 300_000)];
    let transports = [a, b];
    // The player came first.
    room.advance(5000);
    room.produce(a, 1, MediaKind::Video, &camera_parameters(&[1000]));
    room.produce(b, 2, MediaKind::Video, &camera_parameters(&[2000]));
    let mut keys = [false; 2];
    let mut play = |room: &mut Room, encoders: &mut [Encoder; 2], pictures: usize| {
        for _ in 0..pictures {
            for at in 0..2 {
                for packet in encoders[at].frame(std::mem::take(&mut keys[at])) {
                    room.rtp(transports[at], &packet);
                }
                keys[at] |= room.take_key_requests([1000, 2000][at]) > 0;
            }
            room.flush();
            room.advance(33);
            let sent = room.take_sent(viewer);
            receiver.take(sent);
        }
        receiver.assert_continuous();
        receiver.packets.len()
    };
    let mut before = play(&mut room, &mut encoders, 5);
    assert_eq!(before, 0);
    for producer in [1, 2, 1, 2, 2, 1] {
        room.router
            .switch_consumer(room.now(), consumer, Some(ProducerId(producer)))
            .unwrap();
        // The limit of requests is per publisher: at most half a second passes.
        let after = play(&mut room, &mut encoders, 30);
        assert!(after > before + 20, "{after} {before}");
        before = after;
    }
    room.router
        .switch_consumer(room.now(), consumer, None)
        .unwrap();
    assert_eq!(play(&mut room, &mut encoders, 10), before);
    // The publisher leaves and returns with new numbers.
    room.router.remove_transport(room.now(), a);
    room.advance(1000);
    room.transport(1);
    room.produce(a, 7, MediaKind::Video, &camera_parameters(&[1000]));
    encoders[0] = Encoder {
        seq: 3,
        timestamp: 9,
        picture: 1,
        ..Encoder::new(1000, 300_000)
    };
    room.router
        .switch_consumer(room.now(), consumer, Some(ProducerId(7)))
        .unwrap();
    assert!(play(&mut room, &mut encoders, 30) > before + 20);
}
