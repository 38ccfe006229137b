//! Scalable streams (one encoding, several spatial and temporal layers): what a subscriber gets can always be decoded.

mod room;

use std::collections::{BTreeMap, HashSet};

use medianode_sfu::feedback::Feedback;
use medianode_sfu::params::MediaKind;
use medianode_sfu::{ConsumerId, Layer, PacketClass, RouterEvent, TransportId};
use proptest::prelude::*;
use room::scalable::*;
use room::*;

/// A subscriber that knows what it can decode.
#[derive(Default)]
struct Decoder {
    packets: BTreeMap<u64, Sent>,
}

struct Frame {
    spatial: u8,
    number: u32,
}

impl Decoder {
    fn take(&mut self, sent: Vec<Sent>) {
        for sent in sent {
            if sent.class == PacketClass::Video {
                self.packets.insert(sent.index, sent);
            }
        }
    }

    /// Asserts that every frame can be decoded and that markers end pictures; returns the frames.
    fn decode(&self) -> Vec<Frame> {
        let mut decoded = HashSet::new();
        let mut frames = Vec::new();
        let mut last_index = None;
        let packets: Vec<&Sent> = self.packets.values().collect();
        for (at, sent) in packets.iter().enumerate() {
            assert!(
                last_index.is_none_or(|last| sent.index == last + 1),
                "no hole"
            );
            last_index = Some(sent.index);
            let view = sent.view();
            let payload = &view.payload()[5..];
            let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            let (spatial, last, frame) = (payload[0], payload[1] == 1, number(2));
            for n in 0..usize::from(payload[6]) {
                let needed = number(7 + 4 * n);
                assert!(decoded.contains(&needed), "frame {frame} needs {needed}");
            }
            let ends = packets
                .get(at + 1)
                .is_none_or(|next| next.view().timestamp() != view.timestamp());
            if at + 1 < packets.len() {
                assert_eq!(view.marker(), ends, "a marker ends a picture: {frame}");
            }
            if last {
                decoded.insert(frame);
                frames.push(Frame {
                    spatial,
                    number: frame,
                });
            }
        }
        frames
    }

    /// Highest spatial layer of the last second, and frames of the base layer in it.
    fn recent(&self) -> (u8, usize) {
        let frames = self.decode();
        let newest = frames.last().map_or(0, |frame| frame.number);
        let recent = || frames.iter().filter(|frame| newest - frame.number < 90);
        let top = recent().map(|frame| frame.spatial).max().unwrap_or(0);
        (top, recent().filter(|frame| frame.spatial == top).count())
    }
}

struct Call {
    room: Room,
    publisher: TransportId,
    viewer: TransportId,
    camera: Camera,
    decoder: Decoder,
    key: bool,
    keys: usize,
}

impl Call {
    fn new(format: Format) -> Self {
        let mut room = Room::new();
        let (publisher, viewer) = (room.transport(1), room.transport(2));
        let theirs = parameters(format, camera_parameters(&[CAMERA]), DESCRIPTOR);
        let ours = parameters(format, viewer_parameters(5000), 7);
        let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
        room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
        room.advance(10);
        Self {
            room,
            publisher,
            viewer,
            camera: Camera::new(format),
            decoder: Decoder::default(),
            key: false,
            keys: 0,
        }
    }

    /// Pictures at 30 Hz; a key frame comes with the picture after it is asked for.
    fn run(&mut self, pictures: usize) {
        for _ in 0..pictures {
            let key = std::mem::take(&mut self.key);
            self.keys += usize::from(key);
            for packet in self.camera.picture(key) {
                self.room.rtp(self.publisher, &packet);
            }
            self.room.flush();
            self.room.advance(33);
            self.key |= self.room.take_key_requests(CAMERA) > 0;
            let sent = self.room.take_sent(self.viewer);
            self.decoder.take(sent);
        }
    }

    fn bound(&mut self, spatial: u8, temporal: u8) {
        let layer = Some(Layer { spatial, temporal });
        self.room
            .router
            .set_consumer_layers(self.room.now(), ConsumerId(1), layer)
            .unwrap();
    }

    fn told(&self) -> Option<Layer> {
        let told = self.room.events.iter().rev().find_map(|event| match event {
            RouterEvent::ConsumerLayer { layer, .. } => Some(*layer),
            _ => None,
        });
        told.flatten()
    }
}

const FORMATS: [Format; 4] = [Format::Vp9, Format::Vp9Key, Format::Av1, Format::Av1Key];

#[test]
fn everything_is_sent_without_a_limit_and_with_one_key_frame() {
    for format in FORMATS {
        let mut call = Call::new(format);
        call.key = call.room.take_key_requests(CAMERA) > 0;
        call.run(60);
        let (top, frames) = call.decoder.recent();
        assert_eq!((top, frames), (2, 30), "{format:?}");
        assert_eq!(call.keys, 1, "{format:?}");
        assert_eq!(
            call.told().map(|layer| layer.spatial),
            Some(2),
            "{format:?}"
        );
    }
}

#[test]
fn layers_above_the_bound_are_left_out_and_come_back() {
    for format in FORMATS {
        let mut call = Call::new(format);
        call.run(60);
        for spatial in [1, 0, 2, 0, 1, 2] {
            call.bound(spatial, 7);
            call.run(50);
            let (top, frames) = call.decoder.recent();
            assert_eq!(top, spatial, "{format:?}");
            assert!(frames >= 25, "{format:?}: {frames} of 30");
            assert_eq!(call.told().map(|layer| layer.spatial), Some(spatial));
        }
        // Down costs nothing where lower layers are complete; up costs one.
        let allowed = if format == Format::Av1Key { 8 } else { 5 };
        assert!(call.keys <= allowed, "{format:?}: {} key frames", call.keys);
    }
}

#[test]
fn temporal_layers_are_left_out_and_come_back() {
    for format in FORMATS {
        let mut call = Call::new(format);
        call.run(60);
        let keys = call.keys;
        for (temporal, expected) in [
            (0, 7..=8),
            (1, 15..=15),
            (2, 30..=30),
            (0, 7..=8),
            (2, 30..=30),
        ] {
            call.bound(2, temporal);
            call.run(60);
            let (top, frames) = call.decoder.recent();
            assert_eq!(top, 2);
            assert!(
                expected.contains(&frames),
                "{format:?} T{temporal}: {frames} frames"
            );
        }
        assert_eq!(call.keys, keys, "{format:?}");
    }
}

#[test]
fn the_budget_decides_the_spatial_layer() {
    for format in FORMATS {
        let mut call = Call::new(format);
        call.run(60);
        // One, three and six packets a picture.
        for (cap, spatial) in [(700_000, 1), (250_000, 0), (5_000_000, 2)] {
            call.room
                .router
                .set_transport_cap(call.room.now(), call.viewer, Some(cap))
                .unwrap();
            call.run(60);
            assert_eq!(call.decoder.recent().0, spatial, "{format:?} at {cap}");
        }
    }
}

#[test]
fn a_publisher_that_gives_up_its_top_layer_and_takes_it_up_again_is_followed() {
    for format in [Format::Vp9, Format::Vp9Key] {
        let mut call = Call::new(format);
        call.run(60);
        call.camera.spatial = 2;
        call.run(75);
        assert_eq!(call.told().map(|layer| layer.spatial), Some(1));
        call.camera.spatial = 3;
        call.key = true;
        call.run(75);
        assert_eq!(call.decoder.recent().0, 2);
        assert_eq!(call.told().map(|layer| layer.spatial), Some(2));
    }
}

#[test]
fn random_bounds_leave_a_stream_that_can_be_decoded() {
    let mut random = 5u64;
    for format in FORMATS {
        let mut call = Call::new(format);
        for _ in 0..120 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            call.bound((random >> 33) as u8 % 4, (random >> 43) as u8 % 4);
            call.run(1 + (random >> 53) as usize % 20);
            call.decoder.decode();
        }
    }
}

#[test]
fn frame_numbers_of_descriptors_go_on_across_a_pause() {
    let mut call = Call::new(Format::Av1);
    call.run(30);
    for paused in [true, false] {
        call.room
            .router
            .pause_consumer(call.room.now(), ConsumerId(1), paused)
            .unwrap();
        call.run(20);
    }
    let mut numbers: Vec<u16> = Vec::new();
    for sent in call.decoder.packets.values() {
        let value = sent.view().extension(7).unwrap().to_vec();
        let number = u16::from_be_bytes([value[1], value[2]]);
        if numbers.last() != Some(&number) {
            numbers.push(number);
        }
    }
    assert!(numbers.len() > 100);
    assert!(
        numbers
            .windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(1)),
        "without a hole, over the wrap"
    );
}

#[test]
fn a_broken_chain_asks_for_a_key_frame_where_nothing_is_repaired() {
    for nack in [false, true] {
        let mut room = Room::new();
        let (publisher, viewer) = (room.transport(1), room.transport(2));
        let mut theirs = parameters(Format::Av1, camera_parameters(&[CAMERA]), DESCRIPTOR);
        if !nack {
            theirs.codecs[0].rtcp_feedback = vec!["nack pli".into()];
        }
        let ours = parameters(Format::Av1, viewer_parameters(5000), 7);
        let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
        room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
        let mut camera = Camera::new(Format::Av1);
        let mut show = |room: &mut Room, key: bool, lose: bool| {
            for (n, packet) in camera.picture(key).into_iter().enumerate() {
                if !(lose && n == 0) {
                    room.rtp(publisher, &packet);
                }
            }
            room.flush();
            room.advance(33);
        };
        show(&mut room, true, false);
        (0..23).for_each(|_| show(&mut room, false, false));
        room.take_key_requests(CAMERA);
        // A picture of the lowest temporal layer loses its base.
        show(&mut room, false, true);
        assert_eq!(room.take_key_requests(CAMERA), usize::from(!nack));
        let asked = |packet: &Feedback| {
            matches!(
                packet,
                Feedback::Nack {
                    media_ssrc: CAMERA,
                    ..
                }
            )
        };
        let repeats = room.feedback.iter().any(|(_, _, packet)| asked(packet));
        assert_eq!(repeats, nack);
    }
}

#[test]
fn a_repeat_without_rtx_carries_the_same_descriptor() {
    let mut room = Room::new();
    let (publisher, viewer) = (room.transport(1), room.transport(2));
    let theirs = parameters(Format::Av1, camera_parameters(&[CAMERA]), DESCRIPTOR);
    let mut ours = parameters(Format::Av1, viewer_parameters(5000), 7);
    ours.codecs.truncate(1);
    ours.encodings[0].rtx_ssrc = None;
    let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
    let consumer = room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
    let layer = Some(Layer {
        spatial: 1,
        temporal: 1,
    });
    room.router
        .set_consumer_layers(room.now(), consumer, layer)
        .unwrap();
    let mut camera = Camera::new(Format::Av1);
    let mut first = Vec::new();
    // The second key frame moves nothing, the pause before it moves the frame numbers.
    for n in 0..24 {
        if n == 12 {
            for paused in [true, false] {
                room.router
                    .pause_consumer(room.now(), consumer, paused)
                    .unwrap();
                camera.picture(false);
            }
        }
        for packet in camera.picture(n % 12 == 0) {
            room.rtp(publisher, &packet);
        }
        room.flush();
        room.advance(33);
        first.extend(room.take_sent(viewer));
    }
    assert!(first.len() > 30);
    for sent in first.iter().step_by(3) {
        room.advance(500);
        room.take_sent(viewer);
        room.tell(
            viewer,
            Feedback::Nack {
                sender_ssrc: 1,
                media_ssrc: 5000,
                seqs: vec![sent.view().sequence_number()],
            },
        );
        room.flush();
        let again = room.take_sent(viewer);
        assert_eq!(again.len(), 1);
        assert!(again[0].view().extension(7).is_some());
        assert_eq!((again[0].index, &again[0].bytes), (sent.index, &sent.bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// The test sink refuses a second packet under a used index. What is repaired late finds its place, and after the next key frame
    /// everything can be decoded again.
    #[test]
    fn loss_and_reordering_leave_a_stream_that_recovers(
        format in prop::sample::select(FORMATS.to_vec()),
        rtx in any::<bool>(),
        steps in proptest::collection::vec(any::<u32>(), 60..160),
    ) {
        let mut room = Room::new();
        let (publisher, viewer) = (room.transport(1), room.transport(2));
        let theirs = parameters(format, camera_parameters(&[CAMERA]), DESCRIPTOR);
        let mut ours = parameters(format, viewer_parameters(5000), 7);
        if !rtx {
            ours.codecs.truncate(1);
            ours.encodings[0].rtx_ssrc = None;
        }
        let producer = room.produce(publisher, 1, MediaKind::Video, &theirs);
        let consumer = room.consume(viewer, 1, MediaKind::Video, &ours, Some(producer));
        let mut camera = Camera::new(format);
        let (mut late, mut last) = (Vec::new(), 0u16);
        for random in steps {
            if random % 5 == 0 {
                let layer = Some(Layer { spatial: (random >> 8) as u8 % 4, temporal: (random >> 12) as u8 % 4 });
                room.router.set_consumer_layers(room.now(), consumer, layer).unwrap();
            }
            for (n, packet) in camera.picture(random % 11 == 0).into_iter().enumerate() {
                match random >> (16 + n) & 7 {
                    0 => late.push(packet),
                    1 if random & 64 != 0 => {}
                    _ => room.rtp(publisher, &packet),
                }
            }
            if random & 32 != 0 {
                late.drain(..).for_each(|packet| room.rtp(publisher, &packet));
            }
            let seqs = (0..30).map(|n| last.wrapping_sub(n)).collect();
            room.tell(viewer, Feedback::Nack { sender_ssrc: 1, media_ssrc: 5000, seqs });
            room.flush();
            room.advance(33);
            if let Some(sent) = room.take_sent(viewer).last() {
                last = sent.view().sequence_number();
            }
        }
        room.router.set_consumer_layers(room.now(), consumer, None).unwrap();
        room.advance(300);
        // A picture that was left incomplete may be ended by padding or nothing; a new one begins here.
        let mut decoder = Decoder::default();
        room.take_sent(viewer);
        for n in 0..40 {
            for packet in camera.picture(n == 0 || n == 20) {
                room.rtp(publisher, &packet);
            }
            room.flush();
            room.advance(33);
            let sent = room.take_sent(viewer);
            if n >= 20 {
                decoder.take(sent);
            }
        }
        // Lower layers that nothing refers to are not part of the target.
        let expected = if format == Format::Av1Key { 19 + SPATIAL } else { 20 * SPATIAL };
        prop_assert_eq!(decoder.decode().len(), expected);
    }
}
