//! What is about to be used, asked for ahead. Owns the knowledge of which memory sending, reports and periodic work need.
//!
//! A leg was last used a frame ago and is nowhere near the core. Asking for what several legs need, step by step along their pointers,
//! lets the core wait for all of them at once.

use super::Router;
use crate::TransportId;
use crate::consumer::Consumer;
use crate::prefetch::prefetch;

/// Legs whose state is asked for together; what they need fits into the nearest cache.
pub(super) const AHEAD: usize = 8;
/// Consumers of one leg that are thought of.
const CONSUMERS: usize = 4;

impl Router {
    /// For a batch of so many packets, or none and periodic work.
    pub(super) fn prefetch_legs(&self, legs: &[usize], packets: usize) {
        for index in legs {
            self.legs[*index].prefetch_sending();
        }
        for index in legs {
            let leg = &self.legs[*index];
            prefetch(leg.consumers.as_slice());
            leg.estimator.prefetch_sent(packets);
        }
        for index in legs {
            let consumers = self.busy_consumers(*index, packets);
            consumers.for_each(Consumer::prefetch_sending);
        }
        for index in legs {
            let consumers = self.busy_consumers(*index, packets);
            consumers.for_each(|consumer| consumer.prefetch_sent(packets));
        }
    }

    /// A peer's RTCP follows: its leg, before [`Router::prefetch_feedback`].
    pub fn prefetch_reporter(&self, from: TransportId) {
        if let Some(leg) = self.leg_ids.get(&from).and_then(|at| self.legs.get(*at)) {
            leg.prefetch_reported();
        }
    }

    /// What a peer's RTCP needs beyond its leg.
    pub fn prefetch_feedback(&self, from: TransportId) {
        let Some(index) = self.leg_ids.get(&from).copied() else {
            return;
        };
        if let Some(leg) = self.legs.get(index) {
            leg.outgoing.prefetch();
            leg.estimator.prefetch_reported();
            for consumer in self.busy_consumers(index, 0) {
                prefetch(&consumer.counters);
            }
        }
    }

    /// The first that the batch has packets for; where it has none, the first of all.
    fn busy_consumers(&self, leg: usize, packets: usize) -> impl Iterator<Item = &Consumer> {
        let has_some = |producer: usize| !self.producers[producer].pending.is_empty();
        let takers = self.legs[leg].consumers.iter();
        takers
            .filter(move |taker| packets == 0 || taker.producer.is_some_and(has_some))
            .filter_map(|taker| self.consumers.get(taker.consumer))
            .take(CONSUMERS)
    }
}
