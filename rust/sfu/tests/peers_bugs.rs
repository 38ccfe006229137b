//! What went wrong in other media servers, each as a fact that must hold here. The comments name the reports.

mod room;

use std::time::Duration;

use medianode_sfu::feedback::{Arrival, Feedback};
use medianode_sfu::params::{MediaKind, extension_uri};
use medianode_sfu::rtp::{Header, HeaderWriter, RtpView};
use medianode_sfu::{
    ConsumerId, Layer, PacketClass, ProducerId, Router, RouterEvent, RouterLimits, TransportId,
};
use proptest::prelude::*;
use room::scalable::{Camera, DESCRIPTOR, Format, parameters};
use room::*;

const SSRCS: [u32; 3] = [1000, 1010, 1020];
const RATES: [u64; 3] = [150_000, 500_000, 2_000_000];

/// Three encodings to one viewer, 30 Hz, key frames with the next picture.
struct Call {
    room: Room,
    publisher: TransportId,
    viewer: TransportId,
    encoders: Vec<Encoder>,
    silent: Vec<usize>,
    keys: [bool; 3],
    receiver: Receiver,
}

impl Call {
    fn new() -> Self {
        let mut room = Room::new();
        let (publisher, viewer) = (room.transport(1), room.transport(2));
        let theirs = camera_parameters(&SSRCS);
        let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
        let ours = viewer_parameters(5000);
        room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
        let encoders = SSRCS.iter().zip(RATES);
        Self {
            room,
            publisher,
            viewer,
            encoders: encoders
                .map(|(ssrc, rate)| Encoder::new(*ssrc, rate))
                .collect(),
            silent: Vec::new(),
            keys: [false; 3],
            receiver: Receiver::default(),
        }
    }

    fn run(&mut self, pictures: usize) {
        for _ in 0..pictures {
            for at in (0..3).filter(|at| !self.silent.contains(at)) {
                for packet in self.encoders[at].frame(std::mem::take(&mut self.keys[at])) {
                    self.room.rtp(self.publisher, &packet);
                }
            }
            self.room.flush();
            self.room.advance(33);
            for (key, ssrc) in self.keys.iter_mut().zip(SSRCS) {
                *key |= self.room.take_key_requests(ssrc) > 0;
            }
            let sent = self.room.take_sent(self.viewer);
            self.receiver.take(sent);
        }
    }

    fn bound(&mut self, spatial: u8) {
        let layer = Some(Layer {
            spatial,
            ..Layer::TOP
        });
        self.room
            .router
            .set_consumer_layers(self.room.now(), ConsumerId(1), layer)
            .unwrap();
    }

    fn layer(&self) -> Option<u8> {
        let told = self.room.events.iter().rev().find_map(|event| match event {
            RouterEvent::ConsumerLayer { layer, .. } => Some(*layer),
            _ => None,
        });
        told.flatten().map(|layer| layer.spatial)
    }

    fn switches(&self) -> usize {
        let told = |event: &&RouterEvent| matches!(event, RouterEvent::ConsumerLayer { .. });
        self.room.events.iter().filter(told).count()
    }

    fn report_of(&mut self, at: usize, error_us: i64) {
        let us = (self.room.now_us as i64 + 5_000_000_000 + error_us) as u64;
        let ntp = (3_000_000_000u64 << 32) + ((u128::from(us) << 32) / 1_000_000) as u64;
        let report = Feedback::SenderReport {
            ssrc: SSRCS[at],
            ntp,
            rtp: self.encoders[at].timestamp,
            packets: 0,
            octets: 0,
            reports: vec![],
        };
        self.room.tell(self.publisher, report);
    }
}

/// One packet with everything that a test may want to choose.
fn packet(ssrc: u32, seq: u16, extensions: &[(u8, &[u8])], payload: &[u8]) -> Vec<u8> {
    let header = Header {
        padding: false,
        marker: true,
        payload_type: VP8,
        sequence_number: seq,
        timestamp: u32::from(seq) * 3000,
        ssrc,
    };
    let mut buffer = [0; 512];
    let mut writer = HeaderWriter::new(&mut buffer, &header);
    for (id, value) in extensions {
        writer = writer.extension(*id, value);
    }
    let len = writer.finish().unwrap();
    [&buffer[..len], payload].concat()
}

/// livekit#4594: the spatial id in VP9 packets overrode the rid, and the first switch of a simulcast froze.
#[test]
fn bug_01_a_spatial_id_inside_a_simulcast_encoding_says_nothing() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let theirs = parameters(Format::Vp9, camera_parameters(&SSRCS), 0);
    let ours = parameters(Format::Vp9, viewer_parameters(5000), 0);
    let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
    let consumer = room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
    let mut out = Vec::new();
    for n in 0..240u16 {
        let spatial = [2u8, 0, 1, 2][usize::from(n / 60)];
        if n % 60 == 0 {
            let layer = Some(Layer {
                spatial,
                ..Layer::TOP
            });
            room.router
                .set_consumer_layers(room.now(), consumer, layer)
                .unwrap();
        }
        for (at, ssrc) in SSRCS.iter().enumerate() {
            // Every encoding calls itself the layer of its place; only that of the lowest can look like a key frame.
            let inter = u8::from(n % 15 != 0) << 6;
            let sid = if n % 15 == 0 { 0 } else { (at as u8) << 1 };
            let payload = [0xAC | inter, 0x80, n as u8, sid, 0, at as u8, 1];
            room.rtp(publisher, &packet(*ssrc, 100 + n, &[], &payload));
        }
        room.flush();
        room.advance(33);
        let sent = room.take_sent(viewer);
        out.push(
            sent.iter()
                .map(|sent| sent.view().payload()[5])
                .collect::<Vec<_>>(),
        );
    }
    for (n, sent) in out.iter().enumerate().filter(|(n, _)| n % 60 > 20) {
        assert_eq!(sent[..], [[2u8, 0, 1, 2][n / 60]], "picture {n}");
    }
}

/// livekit#4712: off by one where the reference timestamp of a layer was looked up.
#[test]
fn bug_02_layers_that_do_not_exist_are_the_nearest_that_do() {
    for encodings in 1..=3 {
        let mut room = Room::new();
        let (publisher, viewer) = (room.transport(1), room.transport(2));
        let theirs = camera_parameters(&SSRCS[..encodings]);
        let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
        let ours = viewer_parameters(5000);
        let consumer = room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
        let mut encoders: Vec<Encoder> = SSRCS[..encodings]
            .iter()
            .map(|ssrc| Encoder::new(*ssrc, 100_000))
            .collect();
        for (n, spatial) in [0, 1, 2, 3, 4, 7, 8, 127, 254, 255].into_iter().enumerate() {
            let layer = Some(Layer {
                spatial,
                temporal: spatial,
            });
            room.router
                .set_consumer_layers(room.now(), consumer, layer)
                .unwrap();
            for _ in 0..8 {
                for encoder in &mut encoders {
                    for packet in encoder.frame(n % 2 == 0) {
                        room.rtp(publisher, &packet);
                    }
                }
                room.flush();
                room.advance(33);
            }
            assert!(!room.take_sent(viewer).is_empty());
        }
    }
}

/// livekit#4690: the padding bit stayed set.
#[test]
fn bug_03_padding_behind_media_is_taken_off() {
    let mut call = Call::new();
    call.silent = vec![1, 2];
    call.encoders[0].bitrate = 60_000;
    let mut padded = call.encoders[0].frame(true).remove(0);
    let plain = RtpView::parse(&padded).unwrap().payload().to_vec();
    padded[0] |= 0x20;
    padded.extend([0, 0, 0, 4]);
    call.room.rtp(call.publisher, &padded);
    call.room.flush();
    let sent = call.room.take_sent(call.viewer);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].bytes[0] & 0x20, 0);
    assert_eq!(sent[0].view().payload()[6..], plain[6..]);
}

/// livekit#4150, #4156: sequence numbers jumped at the start, and packets that were never numbered moved them back.
#[test]
fn bug_04_what_comes_before_the_first_key_frame_takes_no_number() {
    let mut call = Call::new();
    call.silent = vec![1, 2];
    let before = [call.encoders[0].frame(false), call.encoders[0].frame(false)].concat();
    call.room.rtp(call.publisher, &before[0]);
    call.room.flush();
    call.keys[0] = true;
    call.run(5);
    for packet in &before[1..] {
        call.room.rtp(call.publisher, packet);
    }
    call.room.flush();
    assert!(call.room.take_sent(call.viewer).is_empty());
    call.run(30);
    call.receiver.assert_continuous();
}

/// livekit#3885, #3933: frame numbers of dependency descriptors at their wrap.
#[test]
fn bug_05_frame_numbers_wrap_under_reordering() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let theirs = parameters(Format::Av1, camera_parameters(&[1000]), DESCRIPTOR);
    let ours = parameters(Format::Av1, viewer_parameters(5000), 7);
    let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
    room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
    // Starts 16 frames before the wrap.
    let mut camera = Camera::new(Format::Av1);
    let mut packets: Vec<Vec<u8>> = (0..40).flat_map(|n| camera.picture(n == 0)).collect();
    let count = packets.len();
    for at in (7..count - 3).step_by(5) {
        packets.swap(at, at + 2);
    }
    let mut sent = Vec::new();
    for packet in &packets {
        room.rtp(publisher, packet);
        room.flush();
        room.advance(2);
        sent.extend(room.take_sent(viewer));
    }
    assert_eq!(sent.len(), count);
    sent.sort_by_key(|sent| sent.index);
    let number = |sent: &Sent| {
        let value = sent.view().extension(7).unwrap().to_vec();
        u16::from_be_bytes([value[1], value[2]])
    };
    assert!(sent.windows(2).all(|pair| {
        pair[1].index == pair[0].index + 1 && number(&pair[1]).wrapping_sub(number(&pair[0])) <= 1
    }));
    assert!(number(&sent[0]) > number(&sent[count - 1]));
}

/// mediasoup#1098, livekit PR #4718: no report went out when a layer was raised.
#[test]
fn bug_19_a_sender_report_follows_every_switch_at_once() {
    let mut call = Call::new();
    call.run(30);
    for spatial in [0, 2, 1] {
        call.bound(spatial);
        let mut waited = 0;
        while call.layer() != Some(spatial) {
            call.run(1);
            waited += 1;
            assert!(waited < 60);
        }
        let now = call.room.now_us;
        let reported = call.room.feedback.iter().any(|(at, to, packet)| {
            *to == 2
                && now - at <= 40_000
                && matches!(packet, Feedback::SenderReport { ssrc: 5000, .. })
        });
        assert!(reported);
        call.run(70);
    }
}

/// livekit#2601: packet numbers on retransmissions were not seen.
#[test]
fn bug_07_retransmissions_count_for_the_publishers_congestion_control() {
    let mut room = Room::new();
    let publisher = room.transport(1);
    let mut theirs = camera_parameters(&[1000]);
    theirs
        .header_extensions
        .push(extension(extension_uri::TRANSPORT_CC, TWCC));
    room.produce(publisher, 1, MediaKind::Video, &theirs);
    let media = Encoder::new(1000, 60_000).frame(true).remove(0);
    let payload = RtpView::parse(&media).unwrap().payload().to_vec();
    for n in 0..20u16 {
        let number = n.to_be_bytes();
        let mut sent = packet(1000, 10 + n, &[(TWCC, &number)], &payload);
        if n % 2 == 1 {
            let header = RtpView::parse(&sent).unwrap().header_len();
            sent[1] = RTX;
            sent[8..12].copy_from_slice(&1001u32.to_be_bytes());
            sent.splice(header..header, (10 + n).to_be_bytes());
        }
        room.rtp(publisher, &sent);
        room.advance(10);
    }
    room.advance(200);
    let reported = room
        .feedback
        .iter()
        .filter_map(|(_, _, packet)| match packet {
            Feedback::TransportCc(report) => Some(report),
            _ => None,
        });
    let arrived: usize = reported
        .flat_map(|report| &report.arrivals)
        .filter(|arrival| !matches!(arrival, Arrival::Lost))
        .count();
    assert_eq!(arrived, 20);
}

/// mediasoup#1431: padding-only packets were dropped without closing the numbers, which froze the picture.
#[test]
fn bug_16_padding_only_packets_are_closed_over() {
    let mut call = Call::new();
    call.silent = vec![1, 2];
    call.keys[0] = true;
    for _ in 0..40 {
        call.run(1);
        let seq = call.encoders[0].seq;
        call.encoders[0].seq = seq.wrapping_add(1);
        let mut padding = packet(1000, seq, &[], &[]);
        padding[0] |= 0x20;
        padding[1] &= 0x7F;
        padding.extend([0; 31]);
        padding.push(32);
        call.room.rtp(call.publisher, &padding);
        call.room.flush();
    }
    assert!(call.receiver.packets.len() > 40);
    call.receiver.assert_continuous();
}

/// mediasoup#1438: the rollover counter was wrong after a wrap with loss.
#[test]
fn bug_17_the_rollover_counter_survives_a_wrap_with_loss() {
    let mut call = Call::new();
    call.silent = vec![1, 2];
    call.encoders[0].bitrate = 60_000;
    call.run(3);
    let (mut last, mut wraps, mut random) = (None::<u64>, 0, 1u32);
    for n in 0..160_000u32 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        for packet in call.encoders[0].frame(n == 0) {
            if n == 0 || (random >> 16) % 10 >= 3 {
                call.room.rtp(call.publisher, &packet);
            }
        }
        call.room.flush();
        call.room.now_us += 1_000;
        for sent in call.room.take_sent(call.viewer) {
            assert!(last.is_none_or(|last| sent.index > last && sent.index < last + 300));
            wraps += u32::from(last.is_some_and(|last| sent.index >> 16 > last >> 16));
            last = Some(sent.index);
        }
    }
    assert!(wraps >= 2);
}

/// mediasoup#1459: the layer that timestamps were related to disappeared.
#[test]
fn bug_18_any_layer_may_disappear_for_ever() {
    for dead in 0..3 {
        let mut call = Call::new();
        call.report_of(0, 0);
        call.run(10);
        (0..3).for_each(|at| call.report_of(at, 0));
        call.run(60);
        call.silent = vec![dead];
        call.run(60);
        for spatial in [0, 2, 1, 2, 0] {
            call.bound(spatial);
            call.run(50);
            assert!(call.layer().is_some_and(|layer| usize::from(layer) != dead));
        }
        call.receiver.assert_continuous();
        assert!(call.receiver.longest_silence_ms() < 1_700);
    }
}

/// mediasoup#990: changes of the preferred layers froze the picture.
#[test]
fn bug_20_preferred_layers_may_change_at_any_time() {
    let mut call = Call::new();
    let mut random = 9u32;
    for _ in 0..150 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        call.bound((random >> 16) as u8 % 4);
        call.run(1 + (random >> 24) as usize % 12);
    }
    call.run(40);
    call.receiver.assert_continuous();
    assert!(call.receiver.longest_silence_ms() < 150);
}

/// mediasoup#1386, livekit#668: reports of arrivals overflowed after gaps and reordering.
#[test]
fn bug_21_reports_of_arrivals_stay_bounded_whatever_the_gaps() {
    let mut room = Room::new();
    let publisher = room.transport(1);
    let mut theirs = camera_parameters(&[1000]);
    theirs
        .header_extensions
        .push(extension(extension_uri::TRANSPORT_CC, TWCC));
    room.produce(publisher, 1, MediaKind::Video, &theirs);
    let mut random = 3u32;
    let mut number = 0u16;
    for n in 0..3000u16 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        number = match random >> 28 {
            0 => number.wrapping_add((random >> 8) as u16),
            1 => number.wrapping_sub(50),
            2 => number.wrapping_add(32_000),
            _ => number.wrapping_add(1),
        };
        room.rtp(
            publisher,
            &packet(1000, n, &[(TWCC, &number.to_be_bytes())], &[0x10, 1, 2]),
        );
        room.advance(if n % 500 == 499 { 700_000 } else { 5 });
    }
    let reports: Vec<usize> = room
        .feedback
        .iter()
        .filter_map(|(_, _, packet)| match packet {
            Feedback::TransportCc(report) => Some(report.arrivals.len()),
            _ => None,
        })
        .collect();
    assert!(reports.len() > 30);
    assert!(
        reports.iter().all(|len| *len <= 2048),
        "{:?}",
        reports.iter().max()
    );
}

/// mediasoup#357: an assertion on a time stopped the whole worker.
#[test]
fn bug_23_no_time_is_too_strange() {
    let mut call = Call::new();
    call.run(10);
    for (ntp, rtp) in [
        (u64::MAX, 0),
        (1, u32::MAX),
        (1 << 63, 1 << 31),
        (u64::MAX >> 1, 77),
        (3 << 32, 5),
    ] {
        for ssrc in SSRCS {
            let report = Feedback::SenderReport {
                ssrc,
                ntp,
                rtp,
                packets: u32::MAX,
                octets: u32::MAX,
                reports: vec![],
            };
            call.room.tell(call.publisher, report);
        }
        call.bound(rtp as u8 % 3);
        call.run(30);
    }
    // A clock that stands still, and one that jumps by a year.
    let now = call.room.now();
    for ahead in [
        Duration::ZERO,
        Duration::from_secs(365 * 86_400),
        Duration::ZERO,
    ] {
        call.room.router.handle_timeout(now + ahead);
        for packet in call.encoders[0].frame(true) {
            call.room
                .router
                .handle_rtp(now + ahead, call.publisher, &packet);
        }
        call.room.router.flush(now + ahead, &mut call.room.wire);
    }
    call.receiver.assert_continuous();
}

/// janus#1806, #1624: layers changed to and fro.
#[test]
fn bug_24_an_estimate_around_a_threshold_does_not_make_layers_thrash() {
    let mut call = Call::new();
    call.run(60);
    let before = call.switches();
    for n in 0..60u64 {
        // Around the rate of the middle layer.
        let remb = Feedback::Remb {
            sender_ssrc: 1,
            bitrate: if n % 2 == 0 { 490_000 } else { 580_000 },
            ssrcs: vec![5000],
        };
        call.room.tell(call.viewer, remb);
        call.run(15);
    }
    let switches = call.switches() - before;
    assert!(switches <= 6, "{switches} in 30 s");
    call.receiver.assert_continuous();
}

/// janus PR #568, #3067: when sending was slow, receiving starved, and publishers were asked to repeat what had arrived.
#[test]
fn bug_25_a_sink_that_takes_nothing_costs_the_publisher_nothing() {
    let mut call = Call::new();
    call.run(30);
    call.room.feedback.clear();
    call.room.wire.drop_next = usize::MAX;
    call.run(90);
    let asked = |packet: &Feedback| {
        matches!(
            packet,
            Feedback::Nack { .. } | Feedback::Pli { .. } | Feedback::Fir { .. }
        )
    };
    assert!(
        !call
            .room
            .feedback
            .iter()
            .any(|(_, _, packet)| asked(packet))
    );
    let received =
        call.room.router.stats(call.room.now()).producers[0].encodings[2].packets_received;
    assert!(received > 900);
    call.room.wire.drop_next = 0;
    let sent = call.receiver.packets.len();
    call.run(30);
    assert!(call.receiver.packets.len() > sent + 100);
}

/// str0m#1017: timers that did not move on made an endless loop.
#[test]
fn bug_26_a_timer_that_was_handled_lies_in_the_future() {
    let mut call = Call::new();
    for n in 0..300u32 {
        call.silent = vec![(n / 40 % 3) as usize];
        call.run(1);
        if let Some(due) = call.room.router.poll_timeout() {
            let at = due.max(call.room.now());
            call.room.router.handle_timeout(at);
            assert!(call.room.router.poll_timeout().is_none_or(|next| next > at));
        }
    }
}

/// pulsebeam: SSRCs chosen by clients collided in a hash.
#[test]
fn bug_28_a_hundred_streams_under_any_ssrcs_are_kept_apart() {
    for pattern in [1u32, 256, 65_536, 0x9E37_79B1] {
        let mut room = Room::new();
        let limits = RouterLimits {
            producers_per_transport: 128,
            consumers_per_transport: 128,
            ssrcs_per_transport: 256,
            ring_packets: 64,
        };
        room.router = Router::with_seed(room.now(), limits, 1);
        let (publisher, viewer) = (room.transport(1), room.transport(2));
        for n in 0..100u32 {
            let mut theirs = camera_parameters(&[(2 * n + 1).wrapping_mul(pattern)]);
            theirs.encodings[0].rtx_ssrc = None;
            theirs.mid = Some(n.to_string());
            let mut ours = viewer_parameters((2 * n + 2).wrapping_mul(pattern));
            ours.encodings[0].rtx_ssrc = None;
            let producer = room.produce(publisher, u64::from(n), MediaKind::Video, &theirs);
            room.consume(
                viewer,
                u64::from(n),
                MediaKind::Video,
                &ours,
                Some(producer),
            );
        }
        for n in 0..100u32 {
            let payload = [0x10, 0, n as u8, 0, 0];
            let ssrc = (2 * n + 1).wrapping_mul(pattern);
            room.rtp(publisher, &packet(ssrc, 5, &[], &payload));
        }
        room.flush();
        let sent = room.take_sent(viewer);
        assert_eq!(sent.len(), 100);
        for sent in sent {
            let n = u32::from(sent.view().payload()[2]);
            assert_eq!(sent.view().ssrc(), (2 * n + 2).wrapping_mul(pattern));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// livekit#2069: a track stayed paused because the reason of the pause had changed meanwhile.
    #[test]
    fn bug_06_no_order_of_pauses_leaves_a_stream_paused(steps in proptest::collection::vec((0u8..8, any::<bool>()), 1..40)) {
        let mut call = Call::new();
        call.run(10);
        let (consumer, producer) = (ConsumerId(1), ProducerId(1));
        for (step, on) in steps {
            let now = call.room.now();
            let router = &mut call.room.router;
            match step {
                0 => router.pause_consumer(now, consumer, on).unwrap(),
                1 => router.pause_producer(now, producer, on).unwrap(),
                2 => router.set_transport_ready(now, call.viewer, on),
                3 => router.switch_consumer(now, consumer, on.then_some(producer)).unwrap(),
                4 => router.set_transport_cap(now, call.viewer, on.then_some(1)).unwrap(),
                5 => call.silent = if on { vec![2] } else { vec![] },
                6 => call.bound(u8::from(on)),
                _ => call.run(usize::from(on) * 30 + 3),
            }
        }
        let now = call.room.now();
        let router = &mut call.room.router;
        router.pause_producer(now, producer, false).unwrap();
        router.set_transport_cap(now, call.viewer, None).unwrap();
        router.set_transport_ready(now, call.viewer, true);
        router.switch_consumer(now, consumer, Some(producer)).unwrap();
        router.pause_consumer(now, consumer, false).unwrap();
        call.silent.clear();
        call.bound(2);
        call.run(90);
        prop_assert_eq!(call.layer(), Some(2));
        let indices: Vec<u64> = call.receiver.packets.keys().copied().collect();
        prop_assert!(indices.windows(2).all(|pair| pair[1] == pair[0] + 1));
        let recent = call.receiver.packets.values().filter(|sent| sent.at_us + 500_000 > call.room.now_us);
        prop_assert!(recent.count() > 50);
    }

    /// str0m, several: panics on hostile VP8, AV1 and H.265 payloads and descriptors.
    #[test]
    fn bug_26_no_payload_stops_the_router(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 30), codec in 0usize..6) {
        let mime = ["video/VP8", "video/VP9", "video/H264", "video/H265", "video/AV1", "video/unknown"][codec];
        let mut room = Room::new();
        let (publisher, viewer) = (room.transport(1), room.transport(2));
        let mut theirs = parameters(Format::Av1, camera_parameters(&[1000]), DESCRIPTOR);
        let mut ours = parameters(Format::Av1, viewer_parameters(5000), 7);
        theirs.codecs[0].mime_type = mime.into();
        ours.codecs[0].mime_type = mime.into();
        let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
        room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
        for (n, payload) in payloads.iter().enumerate() {
            let seq = if n % 5 == 4 { n as u16 - 3 } else { 2 * n as u16 };
            let split = payload.len().min(usize::from(payload.first().copied().unwrap_or(0)) % 40);
            let value = if split == 0 { &[0x80][..] } else { &payload[..split] };
            room.rtp(publisher, &packet(1000, seq, &[(DESCRIPTOR, value)], &payload[split..]));
            room.rtp(publisher, &packet(1000, seq + 1000, &[], payload));
            room.flush();
            room.advance(20);
        }
        let sent = room.take_sent(viewer);
        prop_assert!(sent.iter().all(|sent| sent.class != PacketClass::Probe));
    }
}
