//! Late comers begin with the running group of pictures instead of waiting for the next key frame.

mod room;

use medianode_sfu::feedback::Feedback;
use medianode_sfu::params::MediaKind;
use medianode_sfu::{ConsumerId, Layer, PacketClass, ProducerId, TransportId};
use room::*;

const CAMERA: u32 = 1000;
const VIEWER: u32 = 5000;
const FRAME_MS: u64 = 33;

/// A camera with one viewer, whose key frame has gone out.
struct Call {
    room: Room,
    publisher: TransportId,
    producer: ProducerId,
    encoders: Vec<Encoder>,
}

impl Call {
    fn new(bitrates: &[u64]) -> Self {
        let mut room = Room::new();
        let publisher = room.transport(1);
        let ssrcs: Vec<u32> = (0u32..)
            .zip(bitrates)
            .map(|(at, _)| CAMERA + 10 * at)
            .collect();
        let producer = room.produce(publisher, 1, MediaKind::Video, &camera_parameters(&ssrcs));
        let encoders = ssrcs.iter().zip(bitrates);
        let mut call = Self {
            room,
            publisher,
            producer,
            encoders: encoders
                .map(|(ssrc, rate)| Encoder::new(*ssrc, *rate))
                .collect(),
        };
        call.join(2);
        call.frames(40);
        call.frame(true);
        call
    }

    fn join(&mut self, viewer: u64) -> TransportId {
        let transport = self.room.transport(viewer);
        self.consume(transport, viewer);
        transport
    }

    fn consume(&mut self, transport: TransportId, id: u64) {
        let parameters = viewer_parameters(VIEWER);
        self.room.consume(
            transport,
            id,
            MediaKind::Video,
            &parameters,
            Some(self.producer),
        );
        self.room.flush();
    }

    fn frame(&mut self, key: bool) {
        for encoder in &mut self.encoders {
            for packet in encoder.frame(key) {
                self.room.rtp(self.publisher, &packet);
            }
        }
        self.room.flush();
        self.room.advance(FRAME_MS);
    }

    fn frames(&mut self, count: usize) {
        (0..count).for_each(|_| self.frame(false));
    }

    /// Key frames asked for since the last call.
    fn requests(&mut self) -> usize {
        self.room.take_key_requests(CAMERA)
    }

    /// The camera's frame that a packet belongs to.
    fn newest(&self) -> u64 {
        self.encoders[0].frames - 1
    }
}

/// Count of the frame that a packet carries.
fn frame_of(sent: &Sent) -> u64 {
    let view = sent.view();
    let count = view.payload()[7..15].try_into().expect("eight bytes");
    u64::from_be_bytes(count)
}

#[test]
fn a_late_comer_has_the_key_frame_at_once_and_nobody_is_asked() {
    let mut call = Call::new(&[600_000]);
    call.frames(8);
    call.requests();
    let key = call.newest() - 8;
    let joined = call.room.now_us;
    let viewer = call.join(3);
    let first = call.room.take_sent(viewer);
    assert!(
        first
            .iter()
            .all(|sent| frame_of(sent) == key && sent.at_us == joined)
    );
    let mut receiver = Receiver::default();
    receiver.take(first);
    call.frames(12);
    let sent = call.room.take_sent(viewer);
    assert_eq!(
        sent.last().map(frame_of),
        Some(call.newest()),
        "it has caught up"
    );
    receiver.take(sent);
    receiver.assert_continuous();
    assert_eq!(call.requests(), 0);
}

#[test]
fn catching_up_sends_two_frames_in_the_time_of_one_with_timestamps_that_follow_the_clock() {
    let mut call = Call::new(&[600_000]);
    call.frames(20);
    let joined = call.room.now_us;
    let viewer = call.join(3);
    call.frames(60);
    let sent = call.room.take_sent(viewer);
    let start = sent[0].view().timestamp();
    let (mut lags, mut in_window) = (Vec::new(), 0);
    for packet in &sent {
        let after_ms = (packet.at_us - joined) / 1000;
        let stamp_ms = u64::from(packet.view().timestamp().wrapping_sub(start) / 90);
        // A frame's time: the newest one was captured that long before the join, and as much for the test's 33 ms.
        assert!(
            stamp_ms.abs_diff(after_ms) <= 60,
            "{stamp_ms} at {after_ms} ms"
        );
        in_window += u64::from((100..400).contains(&after_ms));
        lags.push(frame_of(packet));
    }
    // 600 kb/s are 3 packets a frame, so 27 in 300 ms.
    assert!((48..=60).contains(&in_window), "{in_window}");
    assert!(lags.is_sorted());
    assert_eq!(lags.last(), Some(&call.newest()));
}

#[test]
fn goes_on_while_the_publisher_pauses_for_breath() {
    let mut call = Call::new(&[600_000]);
    call.frames(8);
    let viewer = call.join(3);
    call.room.advance(400);
    let sent = call.room.take_sent(viewer);
    assert_eq!(sent.last().map(frame_of), Some(call.newest()));
}

#[test]
fn an_old_key_frame_is_not_begun_with() {
    let mut call = Call::new(&[600_000]);
    call.frames(35);
    call.requests();
    let viewer = call.join(3);
    call.frames(1);
    assert!(call.room.take_sent(viewer).is_empty());
    assert_eq!(call.requests(), 1);
}

#[test]
fn a_group_that_the_ring_would_lose_meanwhile_is_not_begun_with() {
    // 15 packets a frame, 512 in the ring.
    let mut call = Call::new(&[4_000_000]);
    call.frames(20);
    call.requests();
    let viewer = call.join(3);
    call.frames(1);
    assert!(call.room.take_sent(viewer).is_empty());
    assert_eq!(call.requests(), 1);
}

#[test]
fn a_link_known_to_be_too_narrow_for_catching_up_waits_for_a_key_frame() {
    let mut call = Call::new(&[600_000]);
    call.frames(8);
    call.requests();
    let transport = call.room.transport(3);
    let now = call.room.now();
    let cap = Some(1_000_000);
    call.room
        .router
        .set_transport_cap(now, transport, cap)
        .unwrap();
    call.consume(transport, 3);
    assert!(call.room.take_sent(transport).is_empty());
    call.room.advance(600);
    assert_eq!(call.requests(), 1);
}

#[test]
fn a_new_key_frame_ends_the_catching_up() {
    let mut call = Call::new(&[600_000]);
    call.frames(25);
    let viewer = call.join(3);
    call.frames(3);
    call.frame(true);
    call.frames(2);
    let sent = call.room.take_sent(viewer);
    assert_eq!(sent.last().map(frame_of), Some(call.newest()));
    let mut receiver = Receiver::default();
    receiver.take(sent);
    receiver.assert_continuous();
}

#[test]
fn nothing_that_came_during_a_pause_is_shown_after_it() {
    let mut call = Call::new(&[600_000]);
    let pause = |call: &mut Call, paused| {
        let (now, producer) = (call.room.now(), call.producer);
        call.room
            .router
            .pause_producer(now, producer, paused)
            .unwrap();
        call.room.flush();
    };
    pause(&mut call, true);
    call.frame(true);
    call.frames(3);
    pause(&mut call, false);
    let viewer = call.join(3);
    call.frames(3);
    assert!(call.room.take_sent(viewer).is_empty());
    call.frame(true);
    assert_eq!(
        call.room.take_sent(viewer).first().map(frame_of),
        Some(call.newest())
    );
}

#[test]
fn a_viewer_that_turns_to_another_camera_sees_it_at_once() {
    let mut call = Call::new(&[600_000]);
    let other = call.room.transport(9);
    let producer = call
        .room
        .produce(other, 9, MediaKind::Video, &camera_parameters(&[7000]));
    let mut encoder = Encoder::new(7000, 600_000);
    let second = |call: &mut Call, encoder: &mut Encoder, key| {
        for packet in encoder.frame(key) {
            call.room.rtp(other, &packet);
        }
        call.frame(false);
    };
    second(&mut call, &mut encoder, true);
    (0..6).for_each(|_| second(&mut call, &mut encoder, false));
    call.room.take_sent(TransportId(2));
    let mut receiver = Receiver::default();
    call.room
        .router
        .switch_consumer(call.room.now(), ConsumerId(2), Some(producer))
        .unwrap();
    call.room.flush();
    let sent = call.room.take_sent(TransportId(2));
    assert_eq!(sent.first().map(frame_of), Some(0));
    receiver.take(sent);
    (0..20).for_each(|_| second(&mut call, &mut encoder, false));
    let sent = call.room.take_sent(TransportId(2));
    assert_eq!(sent.last().map(frame_of), Some(encoder.frames - 1));
    receiver.take(sent);
    receiver.assert_continuous();
}

#[test]
fn begins_with_the_encoding_that_is_wanted() {
    let mut call = Call::new(&[150_000, 600_000]);
    call.frames(8);
    let transport = call.room.transport(3);
    let parameters = viewer_parameters(VIEWER);
    call.room
        .consume(transport, 3, MediaKind::Video, &parameters, None);
    let (now, id) = (call.room.now(), ConsumerId(3));
    let low = Layer {
        spatial: 0,
        temporal: 7,
    };
    call.room
        .router
        .set_consumer_layers(now, id, Some(low))
        .unwrap();
    call.room
        .router
        .switch_consumer(now, id, Some(call.producer))
        .unwrap();
    call.room.flush();
    call.frames(12);
    let sent = call.room.take_sent(transport);
    // 150 kb/s is one packet a frame, three for the key frame.
    assert_eq!(sent.len(), 2 + 20);
    let mut receiver = Receiver::default();
    receiver.take(sent);
    receiver.assert_continuous();
}

#[test]
fn what_the_publisher_repairs_meanwhile_takes_its_place() {
    let mut call = Call::new(&[600_000]);
    let lost = call.encoders[0].frame(false);
    for packet in &lost[..2] {
        call.room.rtp(call.publisher, packet);
    }
    call.frames(6);
    let viewer = call.join(3);
    call.frames(2);
    call.room.rtp(call.publisher, &lost[2]);
    call.frames(12);
    let mut receiver = Receiver::default();
    receiver.take(call.room.take_sent(viewer));
    receiver.assert_continuous();
}

#[test]
fn what_was_sent_again_is_repeated_on_request() {
    let mut call = Call::new(&[600_000]);
    call.frames(8);
    let viewer = call.join(3);
    let key = call.room.take_sent(viewer);
    let seq = key[1].view().sequence_number();
    let nack = Feedback::Nack {
        sender_ssrc: 1,
        media_ssrc: VIEWER,
        seqs: vec![seq],
    };
    call.room.tell(viewer, nack);
    call.room.flush();
    let again = call.room.take_sent(viewer);
    let repeat = again
        .iter()
        .find(|sent| sent.class == PacketClass::Retransmission)
        .expect("the answer");
    assert_eq!(repeat.view().payload()[..2], seq.to_be_bytes());
    assert_eq!(repeat.view().timestamp(), key[1].view().timestamp());
}
