//! What a router does when time passes: each leg at its deadline, and speakers. Owns the deadlines; refuses to know packets.

use std::time::Instant;

use super::prefetch::AHEAD;
use super::{Router, RouterEvent};
use crate::TransportKey;
use crate::feedback::Feedback;

/// Events may be late by this, so that a busy router does not wake for each.
const GRANULARITY_US: u64 = 5_000;
/// Periodic work may be late by this: it then falls to a flush, which has the leg at hand.
const LATE_US: u64 = 50_000;
const LEVELS_US: u64 = 1_000_000;

impl Router {
    /// When [`Router::handle_timeout`] wants to be called; none while nothing moves.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.wake, self.speakers.next_timeout()]
            .into_iter()
            .flatten()
            .min()
            .map(|us| self.instant(us))
    }

    /// Reports, NACK repeats, estimates, speakers. Call [`Router::flush`] afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now_us = self.us(now);
        if self.wake.is_some_and(|wake| wake <= now_us) {
            let mut due = std::mem::take(&mut self.due);
            self.deadlines.take_due(now_us, &mut due);
            for some in due.chunks(AHEAD) {
                self.prefetch_legs(some, 0);
                for leg in some {
                    self.service(now_us, *leg);
                }
            }
            self.due = due;
            let next = self.deadlines.next();
            self.wake = next.map(|next| next.max(now_us + GRANULARITY_US));
        }
        self.listen(now_us);
    }

    /// Serves a leg that is at hand if its periodic work is due.
    pub(super) fn serve_at_hand(&mut self, now_us: u64, index: usize) {
        let leg = &self.legs[index];
        let active = now_us < leg.active_until_us;
        if active && leg.periodic_at().is_some_and(|at| at <= now_us) {
            self.deadlines.disarm(index);
            self.service(now_us, index);
        }
    }

    /// The router need not wake for what a flush has done.
    pub(super) fn wake_later(&mut self) {
        let next = self.deadlines.next();
        self.wake = self.wake.and_then(|wake| Some(wake.max(next?)));
    }

    /// RTCP for one transport, to be encoded as one compound.
    pub fn poll_feedback(&mut self) -> Option<(TransportKey, Vec<Feedback>)> {
        self.outbox.pop_front()
    }

    fn listen(&mut self, now_us: u64) {
        if self.speakers.next_timeout().is_none_or(|at| at > now_us) {
            return;
        }
        if let Some(changes) = self.speakers.poll(now_us) {
            if let Some(producer) = changes.active {
                self.events
                    .push_back(RouterEvent::ActiveSpeaker { producer });
            }
            self.levels_untold |= changes.levels.is_some();
        }
        if self.levels_untold && now_us >= self.levels_told_us + LEVELS_US {
            self.levels_untold = false;
            self.levels_told_us = now_us;
            self.events.push_back(RouterEvent::AudioLevels {
                levels: self.speakers.levels(),
            });
        }
    }

    fn service(&mut self, now_us: u64, index: usize) {
        self.report_arrivals(now_us, index);
        self.ask_publisher(now_us, index);
        self.report_reception(now_us, index);
        self.report_sending(now_us, index);
        let leg = &mut self.legs[index];
        let active = now_us < leg.active_until_us;
        let estimate_moved = leg.estimator.poll(now_us);
        if (active && now_us >= leg.schedule.allocation) || estimate_moved {
            self.allocate(now_us, index);
        }
        let leg = &mut self.legs[index];
        if leg.replays || leg.estimator.padding_due(now_us) > 0 {
            self.dirty_legs.insert(index);
        }
        if let Some(at) = leg.estimator.probe_deadline(now_us) {
            leg.schedule.at(at);
        }
        if let Some(at) = leg.periodic_at().filter(|_| active) {
            leg.schedule.at(at + LATE_US);
        }
        if let Some(at) = leg.schedule.next.take() {
            self.deadlines.arm_earlier(index, at);
        }
        if let Some(packets) = leg.take_feedback() {
            self.outbox.push_back((leg.key, packets));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::leg::Leg;
    use crate::params::{CodecParameters, Encoding, MediaKind, RtpParameters};
    use crate::router::RouterLimits;
    use crate::rtp::{Header, HeaderWriter};
    use crate::sink::{Outgoing, Sink};
    use crate::{ConsumerId, ProducerId, TransportId};

    struct Nowhere;

    impl Sink for Nowhere {
        fn send(&mut self, _: TransportKey, packet: Outgoing<'_>) -> usize {
            packet.payload.len()
        }
    }

    fn audio(ssrc: u32) -> RtpParameters {
        RtpParameters {
            codecs: vec![CodecParameters {
                mime_type: "audio/opus".into(),
                payload_type: 111,
                clock_rate: 48_000,
                channels: Some(2),
                parameters: Default::default(),
                rtcp_feedback: vec![],
            }],
            encodings: vec![Encoding {
                ssrc: Some(ssrc),
                ..Encoding::default()
            }],
            ..RtpParameters::default()
        }
    }

    /// A publisher, nine listeners and many who do neither, fed a packet every 20 ms; `each` sees the router after each.
    fn run(packets: u16, mut each: impl FnMut(u16, &mut Router)) {
        let mut now = Instant::now();
        let limits = RouterLimits {
            producers_per_transport: 4,
            consumers_per_transport: 4,
            ssrcs_per_transport: 8,
            ring_packets: 64,
        };
        let mut router = Router::with_seed(now, limits, 1);
        for n in 0..1000 {
            let id = TransportId(n);
            router
                .add_transport(now, id, TransportKey(n as u32))
                .unwrap();
            router.set_transport_ready(now, id, true);
        }
        let (kind, producer) = (MediaKind::Audio, ProducerId(1));
        router
            .create_producer(now, TransportId(0), producer, kind, &audio(7), false)
            .unwrap();
        for n in 1..10 {
            let (to, id) = (TransportId(n), ConsumerId(n));
            router
                .create_consumer(now, to, id, kind, &audio(8), Some(producer), false)
                .unwrap();
        }
        router.handle_timeout(now);
        for seq in 0..packets {
            let header = Header {
                payload_type: 111,
                sequence_number: seq,
                timestamp: u32::from(seq) * 960,
                ssrc: 7,
                ..Header::default()
            };
            let mut packet = [1; 40];
            HeaderWriter::new(&mut packet, &header).finish().unwrap();
            now += Duration::from_millis(20);
            router.handle_rtp(now, TransportId(0), &packet);
            each(seq, &mut router);
            router.handle_timeout(now);
            router.flush(now, &mut Nowhere);
        }
    }

    #[test]
    fn a_timer_looks_only_at_legs_that_are_due() {
        run(1000, |seq, router| {
            while router.poll_feedback().is_some() {}
            if seq > 1 {
                assert!(router.due.len() <= 10, "{}", router.due.len());
            }
            assert!(router.deadlines.len() <= 1100);
            if seq > 100 {
                assert!(router.deadlines.len() <= 40, "{}", router.deadlines.len());
            }
        });
    }

    #[test]
    fn who_is_sent_media_needs_no_timer_for_what_comes_again_and_again() {
        let mut reports = 0;
        run(1000, |seq, router| {
            reports += std::iter::from_fn(|| router.poll_feedback()).count();
            let publisher_only = router.due.iter().all(|leg| *leg == 0);
            assert!(seq < 100 || publisher_only, "{:?}", router.due);
        });
        // 20 s: a sender report every other second for nine, a receiver report every second for one.
        assert!((100..140).contains(&reports), "{reports}");
    }

    #[test]
    fn audio_that_is_sent_is_not_divided_again() {
        let mut divided = 0;
        run(100, |seq, router| {
            let settled = |leg: &Leg| leg.schedule.allocation == u64::MAX;
            let open = router.legs.iter().filter(|(_, leg)| !settled(leg));
            divided += usize::from(seq > 1) * open.count();
        });
        assert_eq!(divided, 0);
    }
}
