//! One publisher, some subscribers: what arrives is what was sent, under other names.

mod room;

use medianode_sfu::feedback::Feedback;
use medianode_sfu::params::MediaKind;
use medianode_sfu::rtp::RtpView;
use medianode_sfu::{Layer, PacketClass, ProducerId, RouterEvent, TransportId};
use proptest::prelude::*;
use room::*;

const CAMERA: u32 = 1000;

struct Call {
    room: Room,
    publisher: TransportId,
    viewer: TransportId,
    encoder: Encoder,
    receiver: Receiver,
}

fn call() -> Call {
    let mut room = Room::new();
    let publisher = room.transport(1);
    let viewer = room.transport(2);
    let producer = room.produce(
        publisher,
        1,
        MediaKind::Video,
        &camera_parameters(&[CAMERA]),
    );
    room.consume(
        viewer,
        1,
        MediaKind::Video,
        &viewer_parameters(5000),
        Some(producer),
    );
    room.advance(10);
    Call {
        room,
        publisher,
        viewer,
        encoder: Encoder::new(CAMERA, 600_000),
        receiver: Receiver::default(),
    }
}

impl Call {
    fn frame(&mut self, key: bool) {
        for packet in self.encoder.frame(key) {
            self.room.rtp(self.publisher, &packet);
        }
        self.room.flush();
        self.room.advance(33);
        let sent = self.room.take_sent(self.viewer);
        self.receiver.take(sent);
    }
}

#[test]
fn asks_for_a_key_frame_at_once_and_forwards_under_the_consumers_names() {
    let mut call = call();
    assert_eq!(call.room.take_key_requests(CAMERA), 1);
    call.frame(false);
    assert!(call.receiver.packets.is_empty());
    call.frame(true);
    for _ in 0..60 {
        call.frame(false);
    }
    call.receiver.assert_continuous();
    assert!(call.receiver.packets.len() > 120);
    let first = call.receiver.packets.values().next().unwrap().view();
    assert_eq!((first.payload_type(), first.ssrc()), (120, 5000));
    assert_eq!(first.extension(1), Some(&b"7"[..]));
    assert!(first.extension(2).is_some() && first.extension(5).is_some());
    let lengths: Vec<usize> = call
        .receiver
        .packets
        .values()
        .map(|sent| sent.view().header_len())
        .collect();
    assert!(
        lengths.iter().all(|len| *len == lengths[0]),
        "headers of constant size"
    );
    assert!((2..32_768).contains(call.receiver.packets.keys().next().unwrap()));
}

#[test]
fn audio_goes_through_with_its_level_and_names_the_speaker() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let producer = room.produce(publisher, 9, MediaKind::Audio, &microphone_parameters(300));
    room.consume(
        viewer,
        1,
        MediaKind::Audio,
        &listener_parameters(6000),
        Some(producer),
    );
    let mut microphone = Microphone::new(300);
    for _ in 0..200 {
        room.rtp(publisher, &microphone.packet());
        room.flush();
        room.advance(20);
    }
    let sent = room.take_sent(viewer);
    assert_eq!(sent.len(), 200);
    assert!(
        sent.windows(2)
            .all(|pair| pair[1].index == pair[0].index + 1)
    );
    let view = sent[0].view();
    assert_eq!(
        (view.payload_type(), view.ssrc(), sent[0].class),
        (109, 6000, PacketClass::Audio)
    );
    assert_eq!(view.extension(6), Some(&[0x80 | 20][..]));
    assert!(room.events.contains(&RouterEvent::ActiveSpeaker {
        producer: Some(ProducerId(9))
    }));
    assert!(
        room.events
            .iter()
            .any(|event| matches!(event, RouterEvent::AudioLevels { .. }))
    );
}

#[test]
fn reports_go_both_ways() {
    let mut call = call();
    call.frame(true);
    for _ in 0..120 {
        call.frame(false);
    }
    let packets = call.receiver.packets.len() as u32;
    let feedback = &call.room.feedback;
    assert!(feedback.iter().any(|(_, to, packet)| *to == 1
        && matches!(packet, Feedback::ReceiverReport { reports, .. } if reports.iter().any(|block| block.ssrc == CAMERA && block.cumulative_lost == 0))));
    let senders: Vec<u32> = feedback
        .iter()
        .filter_map(|(_, to, packet)| match packet {
            Feedback::SenderReport {
                ssrc: 5000,
                packets,
                ..
            } if *to == 2 => Some(*packets),
            _ => None,
        })
        .collect();
    assert!(senders.len() >= 2 && senders.iter().all(|count| *count <= packets));
    assert!(feedback.iter().any(|(_, to, packet)| *to == 2
        && matches!(packet, Feedback::Sdes { ssrc: 5000, cname } if cname == "node")));
}

#[test]
fn sender_reports_keep_the_publishers_lips_in_sync() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let video = room.produce(
        publisher,
        1,
        MediaKind::Video,
        &camera_parameters(&[CAMERA]),
    );
    let audio = room.produce(publisher, 2, MediaKind::Audio, &microphone_parameters(300));
    room.consume(
        viewer,
        1,
        MediaKind::Video,
        &viewer_parameters(5000),
        Some(video),
    );
    room.consume(
        viewer,
        2,
        MediaKind::Audio,
        &listener_parameters(6000),
        Some(audio),
    );
    let (mut encoder, mut microphone) = (Encoder::new(CAMERA, 300_000), Microphone::new(300));
    // The publisher's clock is far from ours, and its reports say that audio is captured 40 ms after the picture it comes with.
    let ntp = |us: u64| (1_000_000_000u64 << 32) + ((u128::from(us) << 32) / 1_000_000) as u64;
    let (mut last_video, mut last_audio) = (0, 0);
    for frame in 0..300u64 {
        let captured = frame * 40_000;
        for packet in encoder.frame(frame == 0) {
            room.rtp(publisher, &packet);
        }
        // 25 pictures a second.
        encoder.timestamp = encoder.timestamp.wrapping_add(600);
        for _ in 0..2 {
            room.rtp(publisher, &microphone.packet());
        }
        if frame % 25 == 0 {
            let (video_rtp, audio_rtp) = (
                encoder.timestamp.wrapping_sub(3600),
                microphone.timestamp.wrapping_sub(1920),
            );
            let report = |ssrc, ntp, rtp| Feedback::SenderReport {
                ssrc,
                ntp,
                rtp,
                packets: 0,
                octets: 0,
                reports: vec![],
            };
            room.tell(publisher, report(CAMERA, ntp(captured), video_rtp));
            room.tell(publisher, report(300, ntp(captured + 40_000), audio_rtp));
        }
        room.flush();
        room.advance(40);
        for sent in room.take_sent(viewer) {
            let view = sent.view();
            if view.ssrc() == 5000 {
                last_video = view.timestamp();
            } else {
                last_audio = view.timestamp();
            }
        }
    }
    let last = |wanted: u32| {
        room.feedback
            .iter()
            .rev()
            .find_map(|(_, _, packet)| match packet {
                Feedback::SenderReport { ssrc, ntp, rtp, .. } if *ssrc == wanted => {
                    Some((*ntp, *rtp))
                }
                _ => None,
            })
    };
    let ((video_ntp, video_rtp), (audio_ntp, audio_rtp)) =
        (last(5000).unwrap(), last(6000).unwrap());
    let seconds = |ntp: u64| ntp as f64 / 2f64.powi(32);
    // Capture time of the last packets according to each report.
    let video_at =
        seconds(video_ntp) + f64::from(last_video.wrapping_sub(video_rtp).cast_signed()) / 90_000.0;
    let audio_at =
        seconds(audio_ntp) + f64::from(last_audio.wrapping_sub(audio_rtp).cast_signed()) / 48_000.0;
    // The last audio packet was captured 60 ms after the last picture.
    assert!(
        (audio_at - video_at - 0.06).abs() < 0.005,
        "{}",
        audio_at - video_at
    );
}

#[test]
fn lost_packets_are_asked_of_the_publisher_and_repaired_by_rtx() {
    let mut call = call();
    call.frame(true);
    call.frame(false);
    let packets = call.encoder.frame(false);
    let lost = packets[1].clone();
    for packet in packets.iter().filter(|packet| **packet != lost) {
        call.room.rtp(call.publisher, packet);
    }
    call.room.flush();
    call.room.advance(33);
    call.frame(false);
    let seq = RtpView::parse(&lost).unwrap().sequence_number();
    let asked = call.room.feedback.iter().any(|(_, to, packet)| {
        *to == 1
            && matches!(packet, Feedback::Nack { media_ssrc: CAMERA, seqs, .. } if seqs == &[seq])
    });
    assert!(asked);
    // RFC 4588: same packet, other SSRC and payload type, its number in front of the payload.
    let mut repair = lost[..].to_vec();
    repair[1] = (repair[1] & 0x80) | RTX;
    repair[8..12].copy_from_slice(&(CAMERA + 1).to_be_bytes());
    let header = RtpView::parse(&lost).unwrap().header_len();
    repair.splice(header..header, seq.to_be_bytes());
    repair[2..4].copy_from_slice(&99u16.to_be_bytes());
    call.room.rtp(call.publisher, &repair);
    call.room.rtp(call.publisher, &repair);
    call.frame(false);
    call.receiver.assert_continuous();
}

#[test]
fn subscribers_are_answered_by_rtx_once_per_round_trip() {
    let mut call = call();
    call.frame(true);
    for _ in 0..30 {
        call.frame(false);
    }
    let original = call.receiver.packets.values().rev().nth(5).unwrap().clone();
    let seq = original.view().sequence_number();
    let nack = || Feedback::Nack {
        sender_ssrc: 1,
        media_ssrc: 5000,
        seqs: vec![seq],
    };
    for _ in 0..10 {
        call.room.tell(call.viewer, nack());
    }
    call.room.flush();
    let answers = call.room.take_sent(call.viewer);
    assert_eq!(answers.len(), 1);
    let view = answers[0].view();
    assert_eq!(
        (view.payload_type(), view.ssrc(), answers[0].class),
        (121, 5001, PacketClass::Retransmission)
    );
    assert_eq!(view.payload()[..2], seq.to_be_bytes());
    assert_eq!(&view.payload()[2..], original.view().payload());
    assert_eq!(
        (view.timestamp(), view.marker()),
        (original.view().timestamp(), original.view().marker())
    );
    call.room.advance(150);
    call.room.take_sent(call.viewer);
    call.room.tell(call.viewer, nack());
    call.room.flush();
    assert_eq!(call.room.take_sent(call.viewer).len(), 1);
}

#[test]
fn repeats_stay_near_a_fifth_of_the_stream_whatever_is_asked() {
    let mut call = call();
    call.frame(true);
    let (mut media, mut repeated) = (0usize, 0usize);
    for _ in 0..300 {
        for packet in call.encoder.frame(false) {
            call.room.rtp(call.publisher, &packet);
        }
        call.room.flush();
        let seqs: Vec<u16> = (0..400u16)
            .map(|n| (call.receiver.last_index as u16).wrapping_sub(n))
            .collect();
        call.room.tell(
            call.viewer,
            Feedback::Nack {
                sender_ssrc: 1,
                media_ssrc: 5000,
                seqs,
            },
        );
        call.room.flush();
        call.room.advance(33);
        for sent in call.room.take_sent(call.viewer) {
            if sent.class == PacketClass::Retransmission {
                repeated += sent.bytes.len();
            } else {
                media += sent.bytes.len();
                call.receiver.last_index = sent.index;
            }
        }
    }
    assert!(repeated * 100 < media * 27, "{repeated} of {media}");
    assert!(repeated > 0);
}

#[test]
fn a_storm_of_picture_losses_becomes_two_requests_a_second() {
    let mut room = Room::new();
    let publisher = room.transport(1);
    let producer = room.produce(
        publisher,
        1,
        MediaKind::Video,
        &camera_parameters(&[CAMERA]),
    );
    let viewers: Vec<TransportId> = (0..100).map(|n| room.transport(10 + n)).collect();
    for (n, viewer) in viewers.iter().enumerate() {
        room.consume(
            *viewer,
            n as u64,
            MediaKind::Video,
            &viewer_parameters(5000),
            Some(producer),
        );
    }
    let mut encoder = Encoder::new(CAMERA, 300_000);
    room.advance(600);
    room.take_key_requests(CAMERA);
    for tick in 0..250u64 {
        let key = room.take_key_requests(CAMERA);
        if tick % 2 == 0 {
            for packet in encoder.frame(key > 0) {
                room.rtp(publisher, &packet);
            }
        }
        for viewer in &viewers {
            room.tell(
                *viewer,
                Feedback::Pli {
                    sender_ssrc: 1,
                    media_ssrc: 5000,
                },
            );
        }
        room.flush();
        room.advance(20);
        room.wire.sent.clear();
    }
    let asked = room.router.stats(room.now()).producers[0].encodings[0].pli_count;
    assert!((8..=13).contains(&asked), "{asked} requests in 5.6 s");
}

#[test]
fn the_srtp_index_goes_on_across_the_wrap_with_a_third_of_all_packets_lost() {
    let mut call = call();
    call.frame(true);
    let first = *call.receiver.packets.keys().next().unwrap();
    let mut highest = first;
    let mut n = 0u32;
    while highest < first + 140_000 {
        for packet in call.encoder.frame(false) {
            n = n.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            if n >> 16 & 3 != 0 {
                call.room.rtp(call.publisher, &packet);
            }
        }
        call.room.flush();
        call.room.now_us += 1_000;
        for sent in call.room.take_sent(call.viewer) {
            assert!(sent.index > highest && sent.index - highest < 200);
            highest = sent.index;
        }
    }
}

#[test]
fn padding_only_packets_leave_no_hole() {
    let mut call = call();
    call.frame(true);
    for n in 0..60u32 {
        if n % 3 == 0 {
            let mut padding = call.encoder.frame(false).remove(0);
            // The number of that packet, as padding between two pictures.
            call.encoder.seq = RtpView::parse(&padding)
                .unwrap()
                .sequence_number()
                .wrapping_add(1);
            call.encoder.picture = (call.encoder.picture + 0x7FFF) & 0x7FFF;
            let header = RtpView::parse(&padding).unwrap().header_len();
            padding[0] |= 0x20;
            padding[1] &= 0x7F;
            padding.truncate(header);
            padding.extend([0; 99]);
            padding.push(100);
            call.room.rtp(call.publisher, &padding);
        }
        call.frame(false);
    }
    let view = call
        .receiver
        .packets
        .values()
        .all(|sent| !sent.view().payload().is_empty());
    assert!(view);
    call.receiver.assert_continuous();
}

#[test]
fn a_paused_leg_goes_on_with_a_key_frame_and_without_a_hole() {
    let mut call = call();
    call.frame(true);
    for _ in 0..10 {
        call.frame(false);
    }
    let consumer = medianode_sfu::ConsumerId(1);
    call.room
        .router
        .pause_consumer(call.room.now(), consumer, true)
        .unwrap();
    let before = call.receiver.packets.len();
    for _ in 0..30 {
        call.frame(false);
    }
    assert_eq!(call.receiver.packets.len(), before);
    call.room.take_key_requests(CAMERA);
    call.room
        .router
        .pause_consumer(call.room.now(), consumer, false)
        .unwrap();
    call.frame(false);
    assert_eq!(call.room.take_key_requests(CAMERA), 1);
    call.frame(true);
    call.frame(false);
    call.receiver.assert_continuous();
    call.room
        .router
        .pause_producer(call.room.now(), ProducerId(1), true)
        .unwrap();
    let before = call.receiver.packets.len();
    call.frame(false);
    assert_eq!(call.receiver.packets.len(), before);
    call.room
        .router
        .pause_producer(call.room.now(), ProducerId(1), false)
        .unwrap();
    call.room.advance(600);
    assert_eq!(call.room.take_key_requests(CAMERA), 1);
    call.frame(true);
    call.receiver.assert_continuous();
}

#[test]
fn a_restarted_stream_goes_on_at_its_key_frame() {
    let mut call = call();
    call.frame(true);
    for _ in 0..30 {
        call.frame(false);
    }
    call.room.take_key_requests(CAMERA);
    call.encoder.seq = call.encoder.seq.wrapping_sub(20_000);
    call.encoder.timestamp = call.encoder.timestamp.wrapping_add(1 << 30);
    for _ in 0..20 {
        call.frame(false);
    }
    assert!(call.room.take_key_requests(CAMERA) >= 1);
    call.frame(true);
    for _ in 0..20 {
        call.frame(false);
    }
    call.receiver.assert_continuous();
}

#[test]
fn unannounced_ssrcs_are_bound_by_mid_and_rid_and_strangers_are_counted() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let mut rtp = camera_parameters(&[1, 1]);
    for (encoding, rid) in rtp.encodings.iter_mut().zip(["l", "h"]) {
        *encoding = medianode_sfu::params::Encoding {
            rid: Some(rid.into()),
            ..Default::default()
        };
    }
    let producer = room.produce(publisher, 1, MediaKind::Video, &rtp);
    room.consume(
        viewer,
        1,
        MediaKind::Video,
        &viewer_parameters(5000),
        Some(producer),
    );
    let mut encoder = Encoder::new(777, 300_000);
    let named = |packet: &[u8], rid: &str| {
        let view = RtpView::parse(packet).unwrap();
        let header = medianode_sfu::rtp::Header {
            padding: false,
            marker: view.marker(),
            payload_type: view.payload_type(),
            sequence_number: view.sequence_number(),
            timestamp: view.timestamp(),
            ssrc: view.ssrc(),
        };
        let mut buffer = [0; 64];
        let len = medianode_sfu::rtp::HeaderWriter::new(&mut buffer, &header)
            .extension(MID, b"v")
            .extension(RID, rid.as_bytes())
            .finish()
            .unwrap();
        [&buffer[..len], view.payload()].concat()
    };
    for packet in encoder.frame(true) {
        room.rtp(publisher, &named(&packet, "h"));
    }
    room.flush();
    for packet in encoder.frame(false) {
        room.rtp(publisher, &packet);
    }
    room.flush();
    assert!(room.take_sent(viewer).len() >= 4);
    // Another SSRC under the same name, one under no name, one of nobody.
    let mut stranger = Encoder::new(778, 300_000);
    room.rtp(publisher, &named(&stranger.frame(true)[0], "h"));
    room.rtp(publisher, &named(&stranger.frame(true)[0], "x"));
    room.rtp(publisher, &stranger.frame(true)[0]);
    room.rtp(publisher, b"\x80\x60");
    room.flush();
    assert!(room.take_sent(viewer).is_empty());
    let discarded = room.router.stats(room.now()).packets_discarded;
    assert_eq!(discarded.get("ssrc_conflict"), Some(&1));
    assert_eq!(discarded.get("ssrc_unknown"), Some(&2));
    assert_eq!(discarded.get("malformed"), Some(&1));
    assert_eq!(
        room.router.stats(room.now()).producers[0].encodings[1].ssrc,
        777
    );
}

#[test]
fn closing_tells_every_object_once_and_says_goodbye() {
    let mut call = call();
    call.frame(true);
    call.room
        .router
        .remove_transport(call.room.now(), call.publisher);
    call.room
        .router
        .remove_transport(call.room.now(), call.viewer);
    call.room.advance(20);
    let closed: Vec<&RouterEvent> = call
        .room
        .events
        .iter()
        .filter(|event| {
            matches!(
                event,
                RouterEvent::ProducerClosed { .. } | RouterEvent::ConsumerClosed { .. }
            )
        })
        .collect();
    assert_eq!(closed.len(), 2);
    assert!(
        call.room
            .events
            .iter()
            .any(|event| matches!(event, RouterEvent::ConsumerLayer { layer: None, .. }))
    );
    assert_eq!(call.room.router.poll_timeout(), None);
}

#[test]
fn nothing_is_due_in_a_silent_room() {
    let mut call = call();
    call.frame(true);
    call.room
        .router
        .close_producer(call.room.now(), ProducerId(1));
    call.room.advance(20_000);
    assert_eq!(call.room.router.poll_timeout(), None);
}

#[test]
fn the_layer_that_is_sent_is_told() {
    let mut call = call();
    call.frame(true);
    assert!(call.room.events.iter().any(|event| matches!(
        event,
        RouterEvent::ConsumerLayer {
            layer: Some(Layer { spatial: 0, .. }),
            ..
        }
    )));
    assert!(call.room.events.contains(&RouterEvent::ProducerLayers {
        producer: ProducerId(1),
        live: 1
    }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever the uplink does, numbers that go out belong to one packet each, in the publisher's order, and without loss there
    /// is no hole.
    #[test]
    fn numbers_follow_the_publisher_under_loss_reordering_and_duplication(
        start in any::<u16>(),
        fates in proptest::collection::vec((prop::bool::weighted(0.1), 0usize..4, prop::bool::weighted(0.1)), 300..600),
    ) {
        let mut call = call();
        call.encoder.seq = start;
        call.frame(true);
        let mut stream = Vec::new();
        while stream.len() < fates.len() {
            stream.extend(call.encoder.frame(false));
        }
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (at, (lost, delay, twice)) in fates.iter().enumerate() {
            if !lost { order.push((at + delay, at)); }
            if *twice && !lost { order.push((at + delay + 2, at)); }
        }
        order.sort_unstable();
        let base = RtpView::parse(&stream[0]).unwrap().sequence_number();
        let first_out = call.receiver.packets.keys().last().unwrap() + 1;
        let mut seen = std::collections::HashSet::new();
        for (_, at) in order {
            call.room.rtp(call.publisher, &stream[at]);
            call.room.flush();
            for sent in call.room.take_sent(call.viewer) {
                prop_assert!(seen.insert(sent.index), "a number is used once");
                let expected = first_out + at as u64;
                prop_assert_eq!(sent.index, expected);
                prop_assert_eq!(sent.view().payload()[6..].to_vec(), RtpView::parse(&stream[at]).unwrap().payload()[6..].to_vec());
            }
            call.room.now_us += 3000;
        }
        let _ = base;
        prop_assert_eq!(seen.len(), fates.iter().filter(|fate| !fate.0).count());
    }

    /// Hostile feedback is ignored.
    #[test]
    fn malformed_feedback_never_panics(numbers in proptest::collection::vec(any::<u32>(), 40)) {
        use medianode_sfu::feedback::{Arrival, ReportBlock, TransportCc};
        let mut call = call();
        call.frame(true);
        for chunk in numbers.chunks_exact(4) {
            let [a, b, c, d] = [chunk[0], chunk[1], chunk[2], chunk[3]];
            let ssrc = if a % 2 == 0 { 5000 } else { b };
            let block = ReportBlock { ssrc, fraction_lost: a as u8, cumulative_lost: b as i32, highest_seq: c, jitter: d, last_sender_report: a, delay_since_last: b };
            let arrivals = vec![Arrival::Delta(a as i16), Arrival::Lost, Arrival::Untimed, Arrival::Delta(b as i16)];
            let report = TransportCc { sender_ssrc: a, media_ssrc: b, base_seq: c as u16, reference_time: d as i32, feedback_count: 0, arrivals };
            let hostile = [
                Feedback::SenderReport { ssrc: if a % 3 == 0 { CAMERA } else { c }, ntp: u64::from(a) << 32 | u64::from(b), rtp: c, packets: d, octets: a, reports: vec![block] },
                Feedback::ReceiverReport { sender_ssrc: a, reports: vec![block; 3] },
                Feedback::Nack { sender_ssrc: a, media_ssrc: ssrc, seqs: vec![a as u16, b as u16, c as u16] },
                Feedback::Fir { sender_ssrc: a, media_ssrc: ssrc, seq: 0 },
                Feedback::Remb { sender_ssrc: a, bitrate: u64::from(a) << (b % 32), ssrcs: vec![ssrc] },
                Feedback::Bye { ssrcs: vec![CAMERA, ssrc] },
                Feedback::TransportCc(report),
            ];
            for packet in hostile {
                call.room.tell(call.viewer, packet.clone());
                call.room.tell(call.publisher, packet);
            }
            call.frame(a % 5 == 0);
        }
    }
}
