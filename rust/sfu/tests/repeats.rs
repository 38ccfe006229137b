//! Repeats without RTX: an SRTP index that goes out again carries the same bytes, whatever lies between.

mod room;

use medianode_sfu::feedback::Feedback;
use medianode_sfu::params::{MediaKind, RtpParameters, extension_uri};
use medianode_sfu::{Layer, PacketClass, ProducerId, TransportId};
use proptest::prelude::*;
use room::*;

/// A viewer that asks for repeats and has no RTX.
fn viewer_without_rtx(ssrc: u32) -> RtpParameters {
    let mut rtp = viewer_parameters(ssrc);
    rtp.codecs.truncate(1);
    rtp.encodings[0].rtx_ssrc = None;
    rtp
}

fn nack(ssrc: u32, seqs: Vec<u16>) -> Feedback {
    Feedback::Nack {
        sender_ssrc: 1,
        media_ssrc: ssrc,
        seqs,
    }
}

/// Asks for everything and compares with the first sending.
fn assert_repeated(room: &mut Room, viewer: TransportId, ssrc: u32, sent: &[Sent]) {
    room.advance(150);
    room.take_sent(viewer);
    for chunk in sent.chunks(1) {
        let seqs = chunk.iter().map(|sent| sent.view().sequence_number());
        room.tell(viewer, nack(ssrc, seqs.collect()));
        room.flush();
        let again: Vec<Sent> = room
            .take_sent(viewer)
            .into_iter()
            .filter(|sent| sent.class == PacketClass::Retransmission)
            .collect();
        assert_eq!(again.len(), chunk.len());
        for (again, first) in again.iter().zip(chunk) {
            assert_eq!((again.index, &again.bytes), (first.index, &first.bytes));
        }
        room.advance(500);
        room.take_sent(viewer);
    }
}

#[test]
fn a_repeated_vp8_packet_is_the_same_packet() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let producer = room.produce(publisher, 1, MediaKind::Video, &camera_parameters(&[1000]));
    room.consume(
        viewer,
        1,
        MediaKind::Video,
        &viewer_without_rtx(5000),
        Some(producer),
    );
    let mut encoder = Encoder::new(1000, 300_000);
    for n in 0..10 {
        for packet in encoder.frame(n == 0) {
            room.rtp(publisher, &packet);
        }
        room.flush();
        room.advance(33);
    }
    let sent = room.take_sent(viewer);
    assert!(sent.len() >= 12);
    assert_repeated(&mut room, viewer, 5000, &sent[..12]);
}

#[test]
fn a_repeated_audio_packet_with_its_level_is_the_same_packet() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let producer = room.produce(publisher, 1, MediaKind::Audio, &microphone_parameters(300));
    let mut rtp = listener_parameters(6000);
    rtp.header_extensions
        .push(extension(extension_uri::TRANSPORT_CC, 2));
    rtp.header_extensions
        .push(extension(extension_uri::ABS_SEND_TIME, 5));
    room.consume(viewer, 1, MediaKind::Audio, &rtp, Some(producer));
    let mut microphone = Microphone::new(300);
    for n in 0..12 {
        microphone.level = n;
        room.rtp(publisher, &microphone.packet());
        room.flush();
        room.advance(20);
    }
    let sent = room.take_sent(viewer);
    assert_eq!(sent.len(), 12);
    assert!(sent.iter().all(|sent| sent.view().extension(6).is_some()));
    assert_repeated(&mut room, viewer, 6000, &sent);
}

#[test]
fn a_packet_that_never_left_is_not_made_up_later() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let producer = room.produce(publisher, 1, MediaKind::Video, &camera_parameters(&[1000]));
    room.consume(
        viewer,
        1,
        MediaKind::Video,
        &viewer_without_rtx(5000),
        Some(producer),
    );
    let mut encoder = Encoder::new(1000, 60_000);
    for n in 0..3 {
        room.wire.drop_next = usize::from(n == 1);
        for packet in encoder.frame(n == 0) {
            room.rtp(publisher, &packet);
        }
        room.flush();
        room.advance(150);
    }
    let sent = room.take_sent(viewer);
    let missing = sent
        .windows(2)
        .find(|pair| pair[1].index > pair[0].index + 1);
    let missing = missing.unwrap()[0].index + 1;
    room.tell(viewer, nack(5000, vec![missing as u16]));
    room.flush();
    assert!(room.take_sent(viewer).is_empty());
}

#[test]
fn a_new_consumer_under_an_old_ssrc_goes_on_with_its_numbers() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let producer = room.produce(publisher, 1, MediaKind::Video, &camera_parameters(&[1000]));
    let mut encoder = Encoder::new(1000, 300_000);
    let mut last = None;
    for round in 0..3 {
        let consumer = room.consume(
            viewer,
            round,
            MediaKind::Video,
            &viewer_parameters(5000),
            Some(producer),
        );
        for packet in encoder.frame(true) {
            room.rtp(publisher, &packet);
        }
        room.flush();
        let sent = room.take_sent(viewer);
        assert!(last.is_none_or(|last| sent[0].index == last + 1));
        last = sent.last().map(|sent| sent.index);
        room.router.close_consumer(room.now(), consumer);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// The test sink refuses a second packet under a used index: nothing that happens in a call brings one about.
    #[test]
    fn no_index_is_ever_used_for_two_packets(steps in proptest::collection::vec((0u8..12, any::<u16>()), 200..500), rtx in any::<bool>()) {
        let mut room = Room::new();
        let (publisher, viewer) = (room.transport(1), room.transport(2));
        let producers = [
            room.produce(publisher, 1, MediaKind::Video, &camera_parameters(&[1000, 1010])),
            room.produce(publisher, 2, MediaKind::Video, &camera_parameters(&[1020])),
        ];
        let parameters = if rtx { viewer_parameters(5000) } else { viewer_without_rtx(5000) };
        let consumer = room.consume(viewer, 1, MediaKind::Video, &parameters, Some(producers[0]));
        let mut encoders = [1000, 1010, 1020].map(|ssrc| Encoder::new(ssrc, 200_000));
        let mut late: Vec<Vec<u8>> = Vec::new();
        let (mut last, mut link) = (0u16, Link::new());
        link.rate = 3_000_000;
        for (step, number) in steps {
            match step {
                0 => room.tell(viewer, nack(5000, (0..40).map(|n| last.wrapping_sub(n * (1 + number % 20))).collect())),
                1 => room.router.set_consumer_layers(room.now(), consumer, Some(Layer { spatial: (number % 2) as u8, temporal: 7 })).unwrap(),
                2 => room.router.switch_consumer(room.now(), consumer, Some(ProducerId(1 + u64::from(number % 2)))).unwrap(),
                3 => room.wire.drop_next = usize::from(number % 4),
                4 => if let Some(at) = (!late.is_empty()).then(|| usize::from(number) % late.len()) {
                    let packet = late.swap_remove(at);
                    room.rtp(publisher, &packet);
                },
                5 => room.tell(viewer, Feedback::Remb { sender_ssrc: 1, bitrate: u64::from(number) * 20, ssrcs: vec![5000] }),
                _ => for encoder in &mut encoders {
                    encoder.temporal_layers = 2;
                    for (n, packet) in encoder.frame(number % 7 == 0).into_iter().enumerate() {
                        if (usize::from(number) >> n) & 7 == 3 { late.push(packet) } else { room.rtp(publisher, &packet) }
                    }
                },
            }
            room.flush();
            room.advance(u64::from(number % 30));
            let sent = room.take_sent(viewer);
            link.carry(&sent, 2);
            if let Some(sent) = sent.last() { last = sent.view().sequence_number(); }
            if let Some(report) = (number % 3 == 0).then(|| link.report(room.now_us)).flatten() { room.tell(viewer, report); }
        }
    }
}
