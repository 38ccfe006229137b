//! One publisher and its consumers, each on a transport of its own, in virtual time. Owns what must happen between two measured
//! bursts so that the room stays a healthy one: timers, reports of receivers, drained queues.

use std::time::{Duration, Instant};

use medianode_sfu::feedback::{Arrival, Feedback, TransportCc};
use medianode_sfu::params::{MediaKind, RtpParameters};
use medianode_sfu::{
    ConsumerId, Outgoing, ProducerId, Router, RouterLimits, Sink, TransportId, TransportKey,
};

use crate::{Camera, Microphone, PACKETS_PER_FRAME};

/// Two bursts are one step of transport-cc's reference time, which is 64 ms.
const BURST_MS: u64 = 32;
/// Consumers of one transport.
const MOST: u32 = 128;
const PUBLISHER: TransportId = TransportId(0);
const MEDIA: ProducerId = ProducerId(1);

/// What the publisher sends at a time.
enum Source {
    Camera(Camera),
    Microphone(Microphone),
}

/// One router with one publisher.
pub struct Room {
    router: Router,
    source: Source,
    now: Instant,
    consumers: u32,
    bursts: u64,
    /// Transport-wide number of the first packet that no receiver has reported.
    reported: u16,
}

impl Room {
    /// A camera and its viewers; a key frame has reached all of them.
    pub fn camera(consumers: u32) -> Self {
        let source = Source::Camera(Camera::new());
        let parameters = Camera::parameters();
        Self::new(
            consumers,
            source,
            MediaKind::Video,
            &parameters,
            Camera::consumed,
        )
    }

    /// A microphone and its listeners.
    pub fn microphone(consumers: u32) -> Self {
        let source = Source::Microphone(Microphone::new());
        let parameters = Microphone::parameters();
        Self::new(
            consumers,
            source,
            MediaKind::Audio,
            &parameters,
            Microphone::consumed,
        )
    }

    /// A conference: as [`Room::microphone`], and every listener has a microphone that all hear and that is silent now.
    pub fn conference(listeners: u32) -> Self {
        let mut room = Self::microphone(listeners);
        let (now, kind) = (room.now, MediaKind::Audio);
        let known = "invariant: every id is used once";
        for number in 1..=listeners {
            let (from, producer) = (
                TransportId(number.into()),
                ProducerId(1 + u64::from(number)),
            );
            room.router
                .create_producer(now, from, producer, kind, &Microphone::parameters(), false)
                .expect(known);
            for other in (1..=listeners).filter(|other| *other != number) {
                let to = TransportId(other.into());
                let id = ConsumerId(u64::from(number) << 32 | u64::from(other));
                let consumed = Microphone::consumed(MOST + number);
                room.router
                    .create_consumer(now, to, id, kind, &consumed, Some(producer), false)
                    .expect(known);
            }
        }
        room.rest();
        room
    }

    fn new(
        consumers: u32,
        source: Source,
        kind: MediaKind,
        produced: &RtpParameters,
        consumed: impl Fn(u32) -> RtpParameters,
    ) -> Self {
        let now = Instant::now();
        let limits = RouterLimits {
            producers_per_transport: 4,
            consumers_per_transport: MOST as usize,
            ssrcs_per_transport: 16,
            ring_packets: 512,
        };
        let mut router = Router::with_seed(now, limits, 7);
        let known = "invariant: every id is used once";
        for number in 0..=consumers {
            let id = TransportId(u64::from(number));
            router
                .add_transport(now, id, TransportKey(number))
                .expect(known);
            router.set_transport_ready(now, id, true);
        }
        router
            .create_producer(now, PUBLISHER, MEDIA, kind, produced, false)
            .expect(known);
        for number in 1..=consumers {
            let id = u64::from(number);
            let (transport, consumer) = (TransportId(id), ConsumerId(id));
            router
                .create_consumer(
                    now,
                    transport,
                    consumer,
                    kind,
                    &consumed(number),
                    Some(MEDIA),
                    false,
                )
                .expect(known);
        }
        let mut room = Self {
            router,
            source,
            now,
            consumers,
            bursts: 0,
            reported: 0,
        };
        // The first packets tell the router that the source lives, the next ones are wanted.
        let mut none = Discard;
        for _ in 0..4 {
            room.burst(true, &mut none);
            room.rest();
        }
        room
    }

    /// Packets that one burst becomes.
    pub fn packets_per_burst(&self) -> u64 {
        let burst = match &self.source {
            Source::Camera(_) => PACKETS_PER_FRAME as u64,
            Source::Microphone(_) => 1,
        };
        burst * u64::from(self.consumers)
    }

    /// What is measured: the publisher's next burst goes through the router into `sink`. Making the packets is not part of it.
    pub fn measure(&mut self, sink: &mut impl Sink) -> Duration {
        self.burst(false, sink)
    }

    fn burst(&mut self, key: bool, sink: &mut impl Sink) -> Duration {
        self.bursts += 1;
        let (router, now) = (&mut self.router, self.now);
        let start;
        match &mut self.source {
            Source::Camera(camera) => {
                let frame = camera.frame(key);
                start = Instant::now();
                for packet in frame {
                    router.handle_rtp(now, PUBLISHER, packet);
                }
            }
            Source::Microphone(microphone) => {
                let packet = microphone.packet();
                start = Instant::now();
                router.handle_rtp(now, PUBLISHER, packet);
            }
        }
        router.flush(now, sink);
        start.elapsed()
    }

    /// Lets time pass until the next burst. After every second one all receivers report what came; returns how long the router
    /// took for these reports.
    pub fn rest(&mut self) -> Duration {
        let mut took = Duration::ZERO;
        if self.bursts.is_multiple_of(2) {
            took = self.report();
        }
        self.now += Duration::from_millis(BURST_MS);
        while self.router.poll_timeout().is_some_and(|at| at <= self.now) {
            self.router.handle_timeout(self.now);
            while self.router.poll_feedback().is_some() {}
        }
        while self.router.poll_event().is_some() {}
        took
    }

    /// Packets that the reports of one [`Room::rest`] speak of.
    pub fn packets_per_report(&self) -> u64 {
        2 * self.packets_per_burst()
    }

    fn report(&mut self) -> Duration {
        let burst = (self.packets_per_burst() / u64::from(self.consumers)) as usize;
        let mut arrivals = vec![Arrival::Delta(0); 2 * burst];
        // 250 us each.
        arrivals[burst] = Arrival::Delta((BURST_MS * 4) as i16);
        let report = [Feedback::TransportCc(TransportCc {
            sender_ssrc: 1,
            media_ssrc: 0x2000_0002,
            base_seq: self.reported,
            reference_time: (self.bursts / 2) as i32,
            feedback_count: (self.bursts / 2) as u8,
            arrivals,
        })];
        self.reported = self.reported.wrapping_add(2 * burst as u16);
        let start = Instant::now();
        for number in 1..=self.consumers {
            self.router
                .handle_feedback(self.now, TransportId(u64::from(number)), &report);
        }
        start.elapsed()
    }
}

/// Counts a packet as sent.
struct Discard;

impl Sink for Discard {
    fn send(&mut self, _to: TransportKey, packet: Outgoing<'_>) -> usize {
        packet.header.len() + packet.prefix.len() + packet.payload.len()
    }
}
