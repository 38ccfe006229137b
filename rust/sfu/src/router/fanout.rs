//! The way of a packet out of the router. Owns the order: leg by leg, consumer by consumer, packet by packet, which makes the
//! sink's runs long; refuses to decide.

use std::time::Instant;

use super::Router;
use super::ingest::ACTIVE_US;
use super::prefetch::AHEAD;
use crate::TransportKey;
use crate::consumer::Egress;
use crate::params::MediaKind;
use crate::prefetch::prefetch;
use crate::replay::STEP_US;
use crate::rtp::extension;
use crate::sink::Sink;

impl Router {
    /// Sends what the batch brought, retransmissions that were asked for and due probes, one transport after another.
    pub fn flush(&mut self, now: Instant, sink: &mut impl Sink) {
        let now_us = self.us(now);
        let mut packets = 0;
        for producer in &self.dirty_producers {
            let producer = &self.producers[*producer];
            packets = packets.max(producer.pending.len());
            let consumers = || {
                let places = producer.consumers.iter();
                places.map(|at| &self.consumers[*at].leg)
            };
            consumers().for_each(prefetch);
            consumers().for_each(|leg| self.dirty_legs.insert(*leg));
        }
        let mut legs = std::mem::take(&mut self.flushed);
        self.dirty_legs.take(&mut legs);
        for some in legs.chunks(AHEAD) {
            self.prefetch_legs(some, packets);
            let mut keys = [TransportKey(0); AHEAD];
            for (key, leg) in keys.iter_mut().zip(some) {
                *key = self.legs[*leg].key;
            }
            sink.expect(&keys[..some.len()]);
            for leg in some {
                self.serve_at_hand(now_us, *leg);
                self.flush_leg(now_us, *leg, sink);
            }
        }
        self.flushed = legs;
        self.wake_later();
        let mut producers = std::mem::take(&mut self.dirty_producers);
        for producer in producers.drain(..) {
            self.producers[producer].pending.clear();
        }
        self.dirty_producers = producers;
    }

    fn flush_leg(&mut self, now_us: u64, index: usize, sink: &mut impl Sink) {
        let leg = &mut self.legs[index];
        if !leg.ready {
            return;
        }
        let rtt_us = leg.rtt_us();
        let mut egress = Egress {
            now_us,
            key: leg.key,
            sink,
            estimator: &mut leg.estimator,
            rtt_us,
            abs_send_time: extension::write_abs_send_time(now_us),
            header: &mut self.header,
        };
        let mut changed = false;
        // Who has more to send than what the batch brought must be looked for.
        let all = leg.replays || leg.repeats;
        (leg.replays, leg.repeats) = (false, false);
        for taker in &leg.consumers {
            let Some(producer) = taker.producer.map(|producer| &self.producers[producer]) else {
                continue;
            };
            if producer.pending.is_empty() && !all {
                continue;
            }
            let consumer = &mut self.consumers[taker.consumer];
            let replay = consumer.replay;
            if producer.pending.is_empty() && consumer.repeats.is_empty() && replay.is_none() {
                continue;
            }
            consumer.replay(&mut egress, producer);
            leg.replays |= consumer.replay.is_some();
            for item in &producer.pending {
                if !replay.is_some_and(|replay| replay.covers(item)) {
                    consumer.handle(&mut egress, item, producer);
                }
            }
            if !consumer.repeats.is_empty() {
                let mut repeats = std::mem::take(&mut consumer.repeats);
                for seq in repeats.drain(..) {
                    consumer.repeat(&mut egress, seq, producer);
                }
                consumer.repeats = repeats;
            }
            consumer.end_batch(now_us);
            leg.report_due |= consumer.report_due;
            changed |= consumer.report_due || consumer.layer_changed() || consumer.broken;
        }
        let padding = egress.estimator.padding_due(now_us);
        if padding > 0 {
            let mut packets = 0;
            let video = leg.consumers.iter().find(|taker| {
                let consumer = &self.consumers[taker.consumer];
                consumer.kind == MediaKind::Video && consumer.selector.current().is_some()
            });
            if let Some(taker) = video {
                let consumer = &mut self.consumers[taker.consumer];
                if let Some(producer) = consumer.producer.map(|producer| &self.producers[producer])
                {
                    packets = consumer.pad(&mut egress, padding, producer);
                }
            }
            leg.probe_packets_sent += packets;
        }
        let resting = leg.active_until_us < now_us;
        leg.active_until_us = now_us + ACTIVE_US;
        if leg.replays {
            self.wake_leg(index, now_us + STEP_US);
        }
        if resting || changed {
            self.wake_leg(index, now_us);
        }
        if changed {
            for at in 0..self.legs[index].consumers.len() {
                let consumer = self.legs[index].consumers[at].consumer;
                self.tell_layer(consumer);
                if std::mem::take(&mut self.consumers[consumer].broken) {
                    self.want_keyframe(now_us, consumer);
                }
            }
        }
    }
}
