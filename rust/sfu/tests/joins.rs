//! Joining while the publisher's link loses packets: one key frame is enough.

mod room;

use std::collections::HashMap;

use medianode_sfu::feedback::Feedback;
use medianode_sfu::params::MediaKind;
use medianode_sfu::rtp::RtpView;
use medianode_sfu::{ConsumerId, ProducerId, TransportId};
use room::*;

const CAMERA: u32 = 1000;
const DELAY_MS: u64 = 20;

/// A publisher behind a link with loss and delay that answers repeat and key-frame requests.
struct Publisher {
    transport: TransportId,
    encoder: Encoder,
    kept: HashMap<u16, Vec<u8>>,
    on_way: Vec<(u64, Vec<u8>)>,
    rtx_seq: u16,
    key_at: Option<u64>,
    keys: usize,
    loss_percent: u32,
    random: u32,
}

impl Publisher {
    fn lost(&mut self) -> bool {
        self.random = self
            .random
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.random >> 16) % 100 < self.loss_percent
    }

    fn send(&mut self, at_us: u64, packet: Vec<u8>) {
        if !self.lost() {
            self.on_way.push((at_us + DELAY_MS * 1000, packet));
        }
    }

    fn repair(&mut self, now_us: u64, seq: u16) {
        let Some(lost) = self.kept.get(&seq) else {
            return;
        };
        let header = RtpView::parse(lost).unwrap().header_len();
        let mut repair = lost.clone();
        repair[1] = (repair[1] & 0x80) | RTX;
        repair[8..12].copy_from_slice(&(CAMERA + 1).to_be_bytes());
        repair.splice(header..header, seq.to_be_bytes());
        self.rtx_seq = self.rtx_seq.wrapping_add(1);
        repair[2..4].copy_from_slice(&self.rtx_seq.to_be_bytes());
        self.send(now_us + DELAY_MS * 1000, repair);
    }

    /// 10 ms of the call.
    fn step(&mut self, room: &mut Room, picture: bool) {
        if picture {
            let key = self.key_at.is_some_and(|at| at <= room.now_us);
            if key {
                self.key_at = None;
                self.keys += 1;
            }
            for packet in self.encoder.frame(key) {
                let seq = RtpView::parse(&packet).unwrap().sequence_number();
                self.kept.insert(seq, packet.clone());
                self.send(room.now_us, packet);
            }
        }
        let now_us = room.now_us;
        self.on_way.sort_by_key(|(at, _)| *at);
        while self.on_way.first().is_some_and(|(at, _)| *at <= now_us) {
            room.rtp(self.transport, &self.on_way.remove(0).1);
        }
        room.flush();
        room.advance(10);
        for (_, _, packet) in std::mem::take(&mut room.feedback) {
            match packet {
                Feedback::Nack {
                    media_ssrc: CAMERA,
                    seqs,
                    ..
                } => seqs.iter().for_each(|seq| self.repair(room.now_us, *seq)),
                Feedback::Pli {
                    media_ssrc: CAMERA, ..
                } => self.key_at = Some(room.now_us + DELAY_MS * 1000),
                _ => {}
            }
        }
    }
}

/// All packets of one key frame, from its first to the marker.
fn has_key_frame(receiver: &Receiver) -> bool {
    let mut next = None;
    for (index, sent) in &receiver.packets {
        let view = sent.view();
        let payload = view.payload();
        if payload[0] & 0x10 != 0 {
            next = (payload[6] & 1 == 0).then_some(*index);
        }
        if next == Some(*index) {
            if view.marker() {
                return true;
            }
            next = Some(index + 1);
        }
    }
    false
}

#[test]
fn a_tenth_of_all_packets_lost_does_not_cost_joins_a_second_key_frame() {
    let mut room = Room::new();
    let transport = room.transport(1);
    let rtp = camera_parameters(&[CAMERA]);
    let producer: ProducerId = room.produce(transport, 1, MediaKind::Video, &rtp);
    let mut publisher = Publisher {
        transport,
        encoder: Encoder::new(CAMERA, 600_000),
        kept: HashMap::new(),
        on_way: Vec::new(),
        rtx_seq: 0,
        key_at: None,
        keys: 0,
        loss_percent: 10,
        random: 1,
    };
    const JOINS: u64 = 200;
    let (mut again, mut slow) = (0, 0);
    for join in 0..JOINS {
        let viewer = room.transport(10 + join);
        room.consume(
            viewer,
            join,
            MediaKind::Video,
            &viewer_parameters(5000),
            Some(producer),
        );
        publisher.keys = 0;
        let mut receiver = Receiver::default();
        let mut keys_at_start = None;
        let begun = room.now_us;
        for tick in 0..120 {
            publisher.step(&mut room, tick % 3 == 0);
            receiver.take(room.take_sent(viewer));
            if keys_at_start.is_none() && has_key_frame(&receiver) {
                keys_at_start = Some(publisher.keys);
                slow += u32::from(room.now_us - begun > 400_000);
            }
        }
        again += u32::from(keys_at_start.is_none_or(|keys| keys > 1));
        // What was repaired late is in its place: whole pictures from the key frame on.
        let first = receiver
            .packets
            .values()
            .next()
            .expect("a picture within 1.2 s");
        let payload = first.view().payload().to_vec();
        assert_eq!((payload[0] & 0x10, payload[6] & 1), (0x10, 0));
        room.router.close_consumer(room.now(), ConsumerId(join));
        room.router.remove_transport(room.now(), viewer);
    }
    assert!(
        again <= 6,
        "{again} of {JOINS} joins took a second key frame"
    );
    assert!(slow <= 10, "{slow} of {JOINS} joins took more than 400 ms");
}

/// H.264: the first packet of a picture, with its payload.
fn h264(seq: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
    let header = medianode_sfu::rtp::Header {
        padding: false,
        marker,
        payload_type: VP8,
        sequence_number: seq,
        timestamp,
        ssrc: CAMERA,
    };
    let mut buffer = [0; 64];
    let len = medianode_sfu::rtp::HeaderWriter::new(&mut buffer, &header)
        .finish()
        .unwrap();
    [&buffer[..len], payload].concat()
}

fn h264_call() -> (Room, TransportId, TransportId) {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let mut theirs = camera_parameters(&[CAMERA]);
    theirs.codecs[0].mime_type = "video/H264".into();
    let mut ours = viewer_parameters(5000);
    ours.codecs[0].mime_type = "video/H264".into();
    let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
    room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
    (room, publisher, viewer)
}

const SPS: &[u8] = &[0x67, 0x42, 0xE0, 0x1F];
const PPS: &[u8] = &[0x68, 0xCE];
const IDR: &[u8] = &[0x65, 0x88, 1];
const FU_START: &[u8] = &[0x7C, 0x85, 0x88];
const FU_END: &[u8] = &[0x7C, 0x45, 1];
const STAP: &[u8] = &[0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xCE];
const DELTA: &[u8] = &[0x41, 0x9A, 0];

/// Payloads of what goes to the viewer when these packets come in this order, each in a batch of its own.
fn h264_out(order: &[(u16, &[u8])]) -> Vec<Vec<u8>> {
    let (mut room, publisher, viewer) = h264_call();
    let mut indices = Vec::new();
    let mut out = Vec::new();
    for (seq, payload) in order {
        room.rtp(
            publisher,
            &h264(*seq, u32::from(*seq / 10) * 3000, false, payload),
        );
        room.flush();
        room.advance(5);
        for sent in room.take_sent(viewer) {
            indices.push((sent.index, sent.view().payload().to_vec()));
        }
    }
    indices.sort();
    out.extend(indices.into_iter().map(|(_, payload)| payload));
    out
}

#[test]
fn h264_begins_with_its_parameter_sets_in_any_packetization() {
    assert_eq!(
        h264_out(&[(9, DELTA), (10, SPS), (11, PPS), (12, IDR), (20, DELTA)]),
        [SPS, PPS, IDR, DELTA]
    );
    assert_eq!(
        h264_out(&[
            (9, DELTA),
            (10, STAP),
            (11, FU_START),
            (12, FU_END),
            (20, DELTA)
        ]),
        [STAP, FU_START, FU_END, DELTA]
    );
    assert_eq!(
        h264_out(&[(9, DELTA), (10, IDR), (20, DELTA)]),
        [IDR, DELTA]
    );
}

#[test]
fn h264_parameter_sets_that_come_late_are_not_left_behind() {
    assert_eq!(
        h264_out(&[
            (9, DELTA),
            (11, FU_START),
            (12, FU_END),
            (10, STAP),
            (20, DELTA)
        ]),
        [STAP, FU_START, FU_END, DELTA]
    );
    // What was missing belongs to the picture before, and the key frame is complete without it.
    assert_eq!(
        h264_out(&[(8, DELTA), (10, IDR), (9, DELTA), (20, DELTA)]),
        [IDR, DELTA]
    );
    // Nobody is sent a packet twice.
    assert_eq!(
        h264_out(&[(8, DELTA), (10, SPS), (11, IDR), (9, DELTA), (20, DELTA)]),
        [SPS, IDR, DELTA]
    );
}

#[test]
fn h264_changes_its_encoding_with_parameter_sets_first() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let mut theirs = camera_parameters(&[CAMERA, CAMERA + 10]);
    theirs.codecs[0].mime_type = "video/H264".into();
    let mut ours = viewer_parameters(5000);
    ours.codecs[0].mime_type = "video/H264".into();
    let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
    let consumer = room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
    let mut out: Vec<(u64, u32, Vec<u8>)> = Vec::new();
    for n in 0..300u16 {
        if n % 50 == 0 {
            let layer = Some(medianode_sfu::Layer {
                spatial: (n / 50 % 2) as u8,
                temporal: 7,
            });
            room.router
                .set_consumer_layers(room.now(), consumer, layer)
                .unwrap();
        }
        for (at, ssrc) in (0u8..).zip([CAMERA, CAMERA + 10]) {
            let payloads: [&[u8]; 3] = match (n + u16::from(at) * 7) % 20 {
                0 => [STAP, FU_START, FU_END],
                10 => [SPS, PPS, IDR],
                _ => [DELTA, DELTA, DELTA],
            };
            for (part, payload) in (0u16..).zip(payloads) {
                let seq = n * 3 + part;
                let mut packet = h264(seq, u32::from(n) * 3000, part == 2, payload);
                packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
                packet.push(at);
                room.rtp(publisher, &packet);
            }
        }
        room.flush();
        room.advance(33);
        for sent in room.take_sent(viewer) {
            let view = sent.view();
            out.push((sent.index, view.timestamp(), view.payload().to_vec()));
        }
    }
    let source = |payload: &[u8]| payload[payload.len() - 1];
    let switches: Vec<_> = out
        .windows(2)
        .filter(|pair| source(&pair[0].2) != source(&pair[1].2))
        .collect();
    assert_eq!(switches.len(), 5);
    for pair in switches {
        assert!(pair[1].2.starts_with(STAP) || pair[1].2.starts_with(SPS));
    }
    assert!(
        out.windows(2).all(|pair| {
            pair[1].0 == pair[0].0 + 1 && pair[1].1.wrapping_sub(pair[0].1) < 90_000
        })
    );
}

#[test]
fn a_key_frame_and_what_was_missing_before_it_in_one_batch_go_out_once() {
    let (mut room, publisher, viewer) = h264_call();
    // The test sink refuses a second packet under a number.
    for (seq, payload) in [(8, DELTA), (10, SPS), (11, IDR), (9, DELTA), (12, DELTA)] {
        room.rtp(
            publisher,
            &h264(seq, u32::from(seq / 10) * 3000, false, payload),
        );
    }
    room.flush();
    let sent: Vec<Vec<u8>> = room
        .take_sent(viewer)
        .iter()
        .map(|sent| sent.view().payload().to_vec())
        .collect();
    assert_eq!(sent, [SPS, IDR, DELTA]);
}
