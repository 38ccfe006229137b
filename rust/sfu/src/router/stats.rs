//! What a router counted, as a snapshot.

use std::time::Instant;

use super::Router;
use super::reports::REMB_BITRATE;
use crate::consumer::Consumer;
use crate::leg::Leg;
use crate::producer::Producer;
use crate::stats::{ConsumerStats, LegStats, ProducerStats, RouterStats};
use crate::{ProducerId, TransportId};

impl Router {
    pub fn stats(&self, now: Instant) -> RouterStats {
        let now_us = self.us(now);
        let transport = |leg: usize| self.legs[leg].id;
        RouterStats {
            producers: self
                .producers
                .iter()
                .map(|(_, producer)| producer.stats(now_us, transport(producer.leg)))
                .collect(),
            consumers: self
                .consumers
                .iter()
                .map(|(_, consumer)| self.consumer_stats(now_us, consumer))
                .collect(),
            legs: self.legs.iter().map(|(_, leg)| leg.stats()).collect(),
            packets_discarded: self
                .discarded
                .iter()
                .map(|(cause, count)| ((*cause).to_owned(), *count))
                .collect(),
        }
    }

    fn consumer_stats(&self, now_us: u64, consumer: &Consumer) -> ConsumerStats {
        let producer = consumer
            .producer
            .map(|producer| self.producers[producer].id);
        consumer.stats(now_us, self.legs[consumer.leg].id, producer)
    }
}

impl Producer {
    fn stats(&self, now_us: u64, transport: TransportId) -> ProducerStats {
        let clock_rate = f64::from(self.clock_rate());
        let encodings = self.encodings.iter().map(|encoding| {
            let mut stats = encoding.stats.clone();
            stats.ssrc = encoding.ssrc.unwrap_or(0);
            stats.packets_lost = encoding.reception.lost();
            stats.jitter = f64::from(encoding.reception.jitter()) / clock_rate;
            stats.bitrate = encoding.rate.bitrate(now_us);
            stats
        });
        ProducerStats {
            producer: self.id,
            transport,
            mime_type: self.current_codec().parameters.mime_type.clone(),
            paused: self.paused,
            encodings: encodings.collect(),
        }
    }
}

impl Consumer {
    fn stats(
        &self,
        now_us: u64,
        transport: TransportId,
        producer: Option<ProducerId>,
    ) -> ConsumerStats {
        let codec = &self.codecs[usize::from(self.codec.unwrap_or(0)).min(self.codecs.len() - 1)];
        let counters = &self.counters;
        ConsumerStats {
            consumer: self.id,
            transport,
            producer,
            mime_type: codec.parameters.mime_type.clone(),
            paused: self.paused,
            layer: self.layer_told,
            ssrc: self.ssrc,
            packets_sent: counters.packets_sent,
            bytes_sent: counters.bytes_sent,
            retransmitted_packets_sent: counters.retransmitted_packets,
            retransmitted_bytes_sent: counters.retransmitted_bytes,
            packets_dropped: counters.packets_dropped,
            nack_count: counters.nack_count,
            pli_count: counters.pli_count,
            fir_count: counters.fir_count,
            packets_lost: counters.packets_lost,
            fraction_lost: f64::from(counters.fraction_lost) / 256.0,
            jitter: f64::from(counters.jitter) / f64::from(codec.parameters.clock_rate),
            round_trip_time: counters.rtt_us.map(|us| us as f64 / 1e6),
            bitrate: self.rate.bitrate(now_us),
        }
    }
}

impl Leg {
    fn stats(&self) -> LegStats {
        LegStats {
            transport: self.id,
            available_outgoing_bitrate: self.estimator.known_bitrate(),
            available_incoming_bitrate: self.sends_remb.then_some(REMB_BITRATE),
            probe_packets_sent: self.probe_packets_sent,
            round_trip_time: self.rtt_us.map(|us| us as f64 / 1e6),
        }
    }
}
