//! Transports of a router: which there are, whether media may be sent to them, and how much.

use std::collections::HashMap;
use std::time::Instant;

use super::Router;
use crate::extension;
use crate::leg::{Leg, OwnSsrcs, Schedule};
use crate::report::PeerClock;
use crate::{Error, TransportId, TransportKey};

impl Router {
    /// A transport that may now carry producers and consumers. `key` is handed back to the sink.
    pub fn add_transport(
        &mut self,
        _now: Instant,
        id: TransportId,
        key: TransportKey,
    ) -> Result<(), Error> {
        if self.leg_ids.contains_key(&id) {
            return Err(Error::Exists("transport"));
        }
        let random = self.random.next();
        let leg = Leg {
            id,
            key,
            ready: false,
            cap: None,
            producers: Vec::new(),
            consumers: Vec::new(),
            incoming: HashMap::with_hasher(self.hasher.clone()),
            outgoing: OwnSsrcs::default(),
            retired: HashMap::with_hasher(self.hasher.clone()),
            extensions: extension::Ids::default(),
            estimator: Default::default(),
            recorder: None,
            sends_remb: false,
            peer_clock: PeerClock::default(),
            rtt_us: None,
            ssrc: (random as u32).max(1),
            cname: format!("{:016x}", self.random.next()),
            fir_seq: 0,
            feedback: Vec::new(),
            schedule: Schedule::default(),
            active_until_us: 0,
            replays: false,
            repeats: false,
            report_due: false,
            probe_packets_sent: 0,
        };
        let index = self.legs.insert(leg);
        self.leg_ids.insert(id, index);
        Ok(())
    }

    /// Closes its consumers and producers; the events say which.
    pub fn remove_transport(&mut self, now: Instant, id: TransportId) {
        let Some(index) = self.leg_ids.get(&id).copied() else {
            return;
        };
        let now_us = self.us(now);
        for taker in std::mem::take(&mut self.legs[index].consumers) {
            self.remove_consumer(taker.consumer, true);
        }
        for producer in std::mem::take(&mut self.legs[index].producers) {
            self.remove_producer(now_us, producer, true);
        }
        self.leg_ids.remove(&id);
        self.legs.remove(index);
        self.dirty_legs.remove(index);
        self.deadlines.disarm(index);
    }

    /// Media may be sent to this transport from now on (keys exist), or no longer.
    pub fn set_transport_ready(&mut self, now: Instant, id: TransportId, ready: bool) {
        let Some(index) = self.leg_ids.get(&id).copied() else {
            return;
        };
        let now_us = self.us(now);
        let leg = &mut self.legs[index];
        if std::mem::replace(&mut leg.ready, ready) == ready {
            return;
        }
        for taker in &leg.consumers {
            self.consumers[taker.consumer].selector.reset();
        }
        if ready {
            self.allocate(now_us, index);
            for at in 0..self.legs[index].consumers.len() {
                let consumer = self.legs[index].consumers[at].consumer;
                self.begin_replay(now_us, consumer);
            }
        }
        // Requests that could not go out wait for this.
        self.wake_leg(index, now_us);
    }

    /// Upper limit of what is sent to this transport, bit/s.
    pub fn set_transport_cap(
        &mut self,
        now: Instant,
        id: TransportId,
        max_bitrate: Option<u64>,
    ) -> Result<(), Error> {
        let index = self.leg_index(id)?;
        self.legs[index].cap = max_bitrate;
        self.allocate(self.us(now), index);
        Ok(())
    }
}
