//! A room in virtual time: publishers and subscribers made of numbers, a sink that keeps what was sent.

#![allow(dead_code)] // Each story uses a part.

pub mod scalable;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use medianode_sfu::feedback::{Arrival, Feedback, TransportCc};
use medianode_sfu::params::{
    CodecParameters, Encoding, HeaderExtension, MediaKind, RtpParameters, extension_uri,
};
use medianode_sfu::rtp::{Header, HeaderWriter, RtpView};
use medianode_sfu::{
    ConsumerId, Outgoing, PacketClass, ProducerId, Router, RouterEvent, RouterLimits, Sink,
    TransportId, TransportKey,
};

pub const VP8: u8 = 96;
pub const RTX: u8 = 97;
pub const OPUS: u8 = 111;
/// Extension ids on the publishers' side; subscribers use others.
pub const MID: u8 = 4;
pub const RID: u8 = 10;
pub const REPAIRED: u8 = 11;
pub const LEVEL: u8 = 1;
pub const TWCC: u8 = 3;

#[derive(Clone, Debug)]
pub struct Sent {
    pub to: u32,
    pub at_us: u64,
    pub bytes: Vec<u8>,
    pub index: u64,
    pub class: PacketClass,
}

impl Sent {
    pub fn view(&self) -> RtpView<'_> {
        RtpView::parse(&self.bytes).expect("a valid packet leaves the router")
    }
}

#[derive(Default)]
pub struct Wire {
    pub sent: Vec<Sent>,
    /// What went out under each SRTP index, by transport and SSRC.
    used: HashMap<(u32, u32, u64), u64>,
    /// Numbers of packets to drop, as with a full queue: counted down at each packet.
    pub drop_next: usize,
    pub now_us: u64,
}

impl Sink for Wire {
    fn send(&mut self, to: TransportKey, packet: Outgoing<'_>) -> usize {
        let bytes = [packet.header, packet.prefix, packet.payload].concat();
        let view = RtpView::parse(&bytes).expect("a valid packet leaves the router");
        assert_eq!(
            view.sequence_number(),
            packet.index as u16,
            "the SRTP index follows the sequence number"
        );
        if self.drop_next > 0 {
            self.drop_next -= 1;
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let before = self
            .used
            .insert((to.0, view.ssrc(), packet.index), hasher.finish());
        assert!(
            before.is_none_or(|before| before == hasher.finish()),
            "an SRTP index is used for one packet only: {} of {}, {:?}",
            packet.index,
            view.ssrc(),
            packet.class
        );
        let len = bytes.len();
        self.sent.push(Sent {
            to: to.0,
            at_us: self.now_us,
            bytes,
            index: packet.index,
            class: packet.class,
        });
        len
    }
}

pub struct Room {
    pub router: Router,
    start: Instant,
    pub now_us: u64,
    pub wire: Wire,
    pub feedback: Vec<(u64, u32, Feedback)>,
    pub events: Vec<RouterEvent>,
}

impl Room {
    pub fn new() -> Self {
        let start = Instant::now();
        let limits = RouterLimits {
            producers_per_transport: 16,
            consumers_per_transport: 64,
            ssrcs_per_transport: 32,
            ring_packets: 512,
        };
        Self {
            router: Router::with_seed(start, limits, 7),
            start,
            now_us: 0,
            wire: Wire::default(),
            feedback: Vec::new(),
            events: Vec::new(),
        }
    }

    pub fn now(&self) -> Instant {
        self.start + Duration::from_micros(self.now_us)
    }

    pub fn transport(&mut self, id: u64) -> TransportId {
        let transport = TransportId(id);
        self.router
            .add_transport(self.now(), transport, TransportKey(id as u32))
            .unwrap();
        self.router.set_transport_ready(self.now(), transport, true);
        transport
    }

    pub fn produce(
        &mut self,
        transport: TransportId,
        id: u64,
        kind: MediaKind,
        rtp: &RtpParameters,
    ) -> ProducerId {
        self.router
            .create_producer(self.now(), transport, ProducerId(id), kind, rtp, false)
            .unwrap();
        ProducerId(id)
    }

    pub fn consume(
        &mut self,
        transport: TransportId,
        id: u64,
        kind: MediaKind,
        rtp: &RtpParameters,
        producer: Option<ProducerId>,
    ) -> ConsumerId {
        self.router
            .create_consumer(
                self.now(),
                transport,
                ConsumerId(id),
                kind,
                rtp,
                producer,
                false,
            )
            .unwrap();
        ConsumerId(id)
    }

    pub fn rtp(&mut self, from: TransportId, packet: &[u8]) {
        self.router.handle_rtp(self.now(), from, packet);
    }

    pub fn tell(&mut self, from: TransportId, feedback: Feedback) {
        self.router.handle_feedback(self.now(), from, &[feedback]);
    }

    pub fn flush(&mut self) {
        self.wire.now_us = self.now_us;
        self.router.flush(self.now(), &mut self.wire);
        self.collect();
    }

    /// Time passes; timers run when they are due.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now_us + ms * 1000;
        loop {
            let due = self
                .router
                .poll_timeout()
                .map(|at| at.saturating_duration_since(self.start).as_micros() as u64);
            match due {
                Some(due) if due <= end => {
                    self.now_us = self.now_us.max(due);
                    self.router.handle_timeout(self.now());
                    self.flush();
                }
                _ => break,
            }
        }
        self.now_us = end;
    }

    fn collect(&mut self) {
        while let Some((key, packets)) = self.router.poll_feedback() {
            assert!(matches!(
                packets[0],
                Feedback::SenderReport { .. } | Feedback::ReceiverReport { .. }
            ));
            self.feedback.extend(
                packets
                    .into_iter()
                    .map(|packet| (self.now_us, key.0, packet)),
            );
        }
        while let Some(event) = self.router.poll_event() {
            self.events.push(event);
        }
    }

    pub fn take_sent(&mut self, to: TransportId) -> Vec<Sent> {
        let (mine, others) = std::mem::take(&mut self.wire.sent)
            .into_iter()
            .partition(|sent| u64::from(sent.to) == to.0);
        self.wire.sent = others;
        mine
    }

    /// Key frames asked of a publisher's SSRC since the last call.
    pub fn take_key_requests(&mut self, ssrc: u32) -> usize {
        let before = self.feedback.len();
        self.feedback.retain(|(_, _, packet)| !matches!(packet, Feedback::Pli { media_ssrc, .. } if *media_ssrc == ssrc));
        before - self.feedback.len()
    }
}

pub fn codec(mime: &str, payload_type: u8, clock_rate: u32, feedback: &[&str]) -> CodecParameters {
    CodecParameters {
        mime_type: mime.into(),
        payload_type,
        clock_rate,
        channels: None,
        parameters: BTreeMap::new(),
        rtcp_feedback: feedback.iter().map(|text| (*text).into()).collect(),
    }
}

pub fn rtx(payload_type: u8, apt: u8) -> CodecParameters {
    let mut codec = codec("video/rtx", payload_type, 90_000, &[]);
    codec.parameters.insert("apt".into(), apt.to_string());
    codec
}

pub fn extension(uri: &str, id: u8) -> HeaderExtension {
    HeaderExtension {
        uri: uri.into(),
        id,
    }
}

/// What a camera with these SSRCs (lowest encoding first) sends.
pub fn camera_parameters(ssrcs: &[u32]) -> RtpParameters {
    RtpParameters {
        mid: Some("v".into()),
        codecs: vec![
            codec(
                "video/VP8",
                VP8,
                90_000,
                &["nack", "nack pli", "transport-cc"],
            ),
            rtx(RTX, VP8),
        ],
        header_extensions: vec![
            extension(extension_uri::MID, MID),
            extension(extension_uri::RID, RID),
            extension(extension_uri::REPAIRED_RID, REPAIRED),
        ],
        encodings: ssrcs
            .iter()
            .map(|ssrc| Encoding {
                ssrc: Some(*ssrc),
                rtx_ssrc: Some(ssrc + 1),
                ..Encoding::default()
            })
            .collect(),
        cname: None,
    }
}

pub fn microphone_parameters(ssrc: u32) -> RtpParameters {
    RtpParameters {
        mid: Some("a".into()),
        codecs: vec![codec("audio/opus", OPUS, 48_000, &["transport-cc"])],
        header_extensions: vec![
            extension(extension_uri::MID, MID),
            extension(extension_uri::AUDIO_LEVEL, LEVEL),
        ],
        encodings: vec![Encoding {
            ssrc: Some(ssrc),
            ..Encoding::default()
        }],
        cname: None,
    }
}

/// What a viewer accepts: other payload types and extension ids than the publisher's.
pub fn viewer_parameters(ssrc: u32) -> RtpParameters {
    RtpParameters {
        mid: Some("7".into()),
        codecs: vec![
            codec("video/vp8", 120, 90_000, &["nack", "nack pli"]),
            rtx(121, 120),
        ],
        header_extensions: vec![
            extension(extension_uri::MID, 1),
            extension(extension_uri::TRANSPORT_CC, 2),
            extension(extension_uri::ABS_SEND_TIME, 5),
        ],
        encodings: vec![Encoding {
            ssrc: Some(ssrc),
            rtx_ssrc: Some(ssrc + 1),
            ..Encoding::default()
        }],
        cname: Some("node".into()),
    }
}

pub fn listener_parameters(ssrc: u32) -> RtpParameters {
    RtpParameters {
        mid: Some("8".into()),
        codecs: vec![codec("audio/OPUS", 109, 48_000, &[])],
        header_extensions: vec![
            extension(extension_uri::MID, 1),
            extension(extension_uri::AUDIO_LEVEL, 6),
        ],
        encodings: vec![Encoding {
            ssrc: Some(ssrc),
            ..Encoding::default()
        }],
        cname: Some("node".into()),
    }
}

/// One VP8 encoding of a camera.
#[derive(Clone, Debug)]
pub struct Encoder {
    pub ssrc: u32,
    pub bitrate: u64,
    pub seq: u16,
    pub timestamp: u32,
    pub picture: u16,
    pub frames: u64,
    /// 1 or 2 temporal layers.
    pub temporal_layers: u8,
    pub tl0: u8,
}

impl Encoder {
    pub fn new(ssrc: u32, bitrate: u64) -> Self {
        let scatter = ssrc.wrapping_mul(2_654_435_761);
        Self {
            ssrc,
            bitrate,
            seq: scatter as u16,
            timestamp: scatter.rotate_left(7),
            picture: (scatter >> 9) as u16 & 0x7FFF,
            frames: 0,
            temporal_layers: 1,
            tl0: scatter as u8,
        }
    }

    /// The packets of the next picture of a 30 Hz camera. The payload carries the frame count, for checks.
    pub fn frame(&mut self, key: bool) -> Vec<Vec<u8>> {
        let mut left = (self.bitrate as usize / 8 / 30).max(60) * if key { 3 } else { 1 };
        let temporal = if key || self.temporal_layers == 1 {
            0
        } else {
            (self.frames % 2) as u8
        };
        if temporal == 0 {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        let mut packets = Vec::new();
        while left > 0 {
            let bytes = left.min(1100);
            left -= bytes;
            let header = Header {
                padding: false,
                marker: left == 0,
                payload_type: VP8,
                sequence_number: self.seq,
                timestamp: self.timestamp,
                ssrc: self.ssrc,
            };
            let mut buffer = [0; 64];
            let len = HeaderWriter::new(&mut buffer, &header)
                .extension(MID, b"v")
                .finish()
                .unwrap();
            let mut packet = buffer[..len].to_vec();
            let start = u8::from(packets.is_empty()) << 4;
            let [high, low] = self.picture.to_be_bytes();
            packet.extend([
                0x80 | start,
                0xE0,
                0x80 | high,
                low,
                self.tl0,
                temporal << 6 | 0x20,
            ]);
            packet.push(u8::from(!key));
            packet.extend(self.frames.to_be_bytes());
            packet.resize(len + 6 + bytes.max(10), 0);
            packets.push(packet);
            self.seq = self.seq.wrapping_add(1);
        }
        self.timestamp = self.timestamp.wrapping_add(3000);
        self.picture = (self.picture + 1) & 0x7FFF;
        self.frames += 1;
        packets
    }
}

/// A microphone at 50 packets a second.
#[derive(Clone, Debug)]
pub struct Microphone {
    pub ssrc: u32,
    pub seq: u16,
    pub timestamp: u32,
    pub level: u8,
}

impl Microphone {
    pub fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            seq: 65_530,
            timestamp: 77,
            level: 20,
        }
    }

    pub fn packet(&mut self) -> Vec<u8> {
        let header = Header {
            padding: false,
            marker: false,
            payload_type: OPUS,
            sequence_number: self.seq,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        let mut buffer = [0; 64];
        let len = HeaderWriter::new(&mut buffer, &header)
            .extension(LEVEL, &[0x80 | self.level])
            .finish()
            .unwrap();
        let mut packet = buffer[..len].to_vec();
        packet.extend([0x78; 80]);
        self.seq = self.seq.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(960);
        packet
    }
}

/// What a decoder would see of one stream.
#[derive(Default)]
pub struct Receiver {
    pub packets: BTreeMap<u64, Sent>,
    pub last_index: u64,
}

impl Receiver {
    pub fn take(&mut self, sent: Vec<Sent>) {
        for sent in sent {
            if matches!(sent.class, PacketClass::Audio | PacketClass::Video) {
                self.packets.insert(sent.index, sent);
            }
        }
    }

    /// Asserts what every decoder relies on: no hole in the numbers, time and picture ids never back, a key frame first.
    pub fn assert_continuous(&self) {
        let mut before: Option<(u64, u32, u16)> = None;
        for (index, sent) in &self.packets {
            let view = sent.view();
            let payload = view.payload();
            let picture = u16::from_be_bytes([payload[2], payload[3]]) & 0x7FFF;
            match before {
                None => assert_eq!(payload[6] & 1, 0, "the stream starts with a key frame"),
                Some((last, timestamp, last_picture)) => {
                    assert_eq!(*index, last + 1, "no hole in the sequence numbers");
                    let step = view.timestamp().wrapping_sub(timestamp).cast_signed();
                    assert!((0..90_000 * 5).contains(&step), "timestamp step {step}");
                    let pictures = picture.wrapping_sub(last_picture) & 0x7FFF;
                    assert!(pictures <= 1, "picture id step {pictures}");
                    assert_eq!(pictures == 0, step == 0, "a picture has one timestamp");
                    if pictures == 1 {
                        assert_ne!(
                            payload[0] & 0x10,
                            0,
                            "a picture starts with its first packet"
                        );
                    }
                }
            }
            before = Some((*index, view.timestamp(), picture));
        }
    }

    /// Milliseconds of the longest time without a packet.
    pub fn longest_silence_ms(&self) -> u64 {
        let times: Vec<u64> = self.packets.values().map(|sent| sent.at_us).collect();
        times
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]) / 1000)
            .max()
            .unwrap_or(0)
    }
}

/// A subscriber's downlink: a rate, a drop-tail queue, a delay, and a receiver that reports what arrived.
pub struct Link {
    pub rate: u64,
    pub queue_us: u64,
    free_at: u64,
    on_way: VecDeque<(u16, Option<u64>, u64)>,
    reports: u8,
}

impl Link {
    pub fn new() -> Self {
        Self {
            rate: 100_000_000,
            queue_us: 250_000,
            free_at: 0,
            on_way: VecDeque::new(),
            reports: 0,
        }
    }

    /// `twcc` is the id of the extension.
    pub fn carry(&mut self, sent: &[Sent], twcc: u8) {
        for sent in sent {
            let view = sent.view();
            let number = view
                .extension(twcc)
                .expect("every packet has a transport-wide number");
            let number = u16::from_be_bytes([number[0], number[1]]);
            let start = self.free_at.max(sent.at_us);
            let arrival = (start - sent.at_us <= self.queue_us).then(|| {
                self.free_at = start + sent.bytes.len() as u64 * 8_000_000 / self.rate;
                self.free_at + 20_000
            });
            self.on_way.push_back((number, arrival, sent.at_us));
        }
    }

    pub fn report(&mut self, now_us: u64) -> Option<Feedback> {
        let known = |(_, arrival, sent): &&(u16, Option<u64>, u64)| {
            arrival.unwrap_or(sent + 100_000) <= now_us
        };
        let count = self.on_way.iter().take_while(known).count();
        let first = self.on_way.iter().take(count).find_map(|(_, at, _)| *at)?;
        let base_seq = self.on_way.front()?.0;
        let reference = first / 64_000;
        let mut clock = reference * 256;
        let arrivals = self.on_way.drain(..count).map(|(_, at, _)| match at {
            None => Arrival::Lost,
            Some(at) => {
                let delta = (at / 250) as i64 - clock as i64;
                clock = at / 250;
                Arrival::Delta(delta as i16)
            }
        });
        let arrivals = arrivals.collect();
        self.reports = self.reports.wrapping_add(1);
        Some(Feedback::TransportCc(TransportCc {
            sender_ssrc: 1,
            media_ssrc: 1,
            base_seq,
            reference_time: reference as i32,
            feedback_count: self.reports,
            arrivals,
        }))
    }
}
