//! One room's fan-out: its transports' legs, producers and consumers, and the requests of the control plane. Owns their
//! relations; the path of packets is in `ingest` and `fanout`, RTCP and periodic work in `rtcp` and `service`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use ahash::RandomState;
use slab::Slab;

use crate::consumer::Consumer;
use crate::extension;
use crate::feedback::Feedback;
use crate::header::HEADER_BYTES;
use crate::leg::{Binding, Leg, MAX_RETIRED, OwnSsrc, Schedule};
use crate::params::{MediaKind, RtpParameters};
use crate::producer::Producer;
use crate::report::PeerClock;
use crate::select::Demand;
use crate::speaker::SpeakerObserver;
use crate::stats::{ConsumerStats, LegStats, ProducerStats, RouterStats};
use crate::twcc::Recorder;
use crate::{ConsumerId, Error, Layer, ProducerId, TransportId, TransportKey};

/// Bounds of one router.
#[derive(Clone, Debug)]
pub struct RouterLimits {
    pub producers_per_transport: usize,
    pub consumers_per_transport: usize,
    pub ssrcs_per_transport: usize,
    /// Video packets kept per encoding, a power of two.
    pub ring_packets: usize,
}

/// What a router has to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum RouterEvent {
    ProducerLayers {
        producer: ProducerId,
        live: u8,
    },
    ProducerClosed {
        producer: ProducerId,
        by_parent: bool,
    },
    ConsumerClosed {
        consumer: ConsumerId,
        by_parent: bool,
    },
    ConsumerLayer {
        consumer: ConsumerId,
        layer: Option<Layer>,
    },
    ActiveSpeaker {
        producer: Option<ProducerId>,
    },
    AudioLevels {
        levels: Vec<(ProducerId, i8)>,
    },
}

/// Times start here, so that zero is before everything.
const START_US: u64 = 10_000_000;

/// One room's fan-out.
pub struct Router {
    epoch: Instant,
    pub(crate) limits: RouterLimits,
    hasher: RandomState,
    random: SplitMix,
    pub(crate) legs: Slab<Leg>,
    pub(crate) leg_ids: HashMap<TransportId, usize, RandomState>,
    pub(crate) producers: Slab<Producer>,
    producer_ids: HashMap<ProducerId, usize, RandomState>,
    pub(crate) consumers: Slab<Consumer>,
    consumer_ids: HashMap<ConsumerId, usize, RandomState>,
    generations: u32,
    /// Producers with packets of the running batch.
    pub(crate) dirty_producers: Vec<usize>,
    /// Legs with something to send.
    pub(crate) dirty_legs: Vec<usize>,
    pub(crate) scratch: Vec<u8>,
    /// Header of the packet at hand.
    pub(crate) header: [u8; HEADER_BYTES],
    pub(crate) speakers: SpeakerObserver<ProducerId>,
    pub(crate) levels_untold: bool,
    pub(crate) levels_told_us: u64,
    /// Kept for their memory.
    pub(crate) due: Vec<usize>,
    pub(crate) demands: Vec<Demand>,
    pub(crate) outbox: VecDeque<(TransportKey, Vec<Feedback>)>,
    pub(crate) events: VecDeque<RouterEvent>,
    pub(crate) discarded: BTreeMap<&'static str, u64>,
    /// Every leg's schedule, earliest first. What a leg's schedule no longer says is out of date and skipped.
    pub(crate) deadlines: BinaryHeap<Reverse<(u64, usize)>>,
    /// Never later than the first leg's schedule.
    pub(crate) wake: Option<u64>,
}

/// Numbers nobody can guess well enough to matter (first sequence numbers and timestamps).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Router {
    pub fn new(now: Instant, limits: RouterLimits) -> Self {
        let hasher = RandomState::new();
        let seed = hasher.hash_one(START_US);
        Self::with_seed(now, limits, seed)
    }

    /// As [`Router::new`] with first numbers that follow from `seed`, so that a run can be repeated.
    pub fn with_seed(now: Instant, limits: RouterLimits, seed: u64) -> Self {
        let hasher = RandomState::new();
        Self {
            epoch: now,
            limits,
            random: SplitMix(seed),
            legs: Slab::new(),
            leg_ids: HashMap::with_hasher(hasher.clone()),
            producers: Slab::new(),
            producer_ids: HashMap::with_hasher(hasher.clone()),
            consumers: Slab::new(),
            consumer_ids: HashMap::with_hasher(hasher.clone()),
            hasher,
            generations: 0,
            dirty_producers: Vec::new(),
            dirty_legs: Vec::new(),
            scratch: Vec::new(),
            header: [0; HEADER_BYTES],
            speakers: SpeakerObserver::default(),
            levels_untold: false,
            levels_told_us: 0,
            due: Vec::new(),
            demands: Vec::new(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            discarded: BTreeMap::new(),
            deadlines: BinaryHeap::new(),
            wake: None,
        }
    }

    pub(crate) fn us(&self, now: Instant) -> u64 {
        START_US + now.saturating_duration_since(self.epoch).as_micros() as u64
    }

    pub(crate) fn instant(&self, us: u64) -> Instant {
        self.epoch + Duration::from_micros(us.saturating_sub(START_US))
    }

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
            outgoing: HashMap::with_hasher(self.hasher.clone()),
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
            dirty: false,
            replays: false,
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
        for consumer in std::mem::take(&mut self.legs[index].consumers) {
            self.remove_consumer(consumer, true);
        }
        for producer in std::mem::take(&mut self.legs[index].producers) {
            self.remove_producer(now_us, producer, true);
        }
        self.leg_ids.remove(&id);
        self.legs.remove(index);
        self.dirty_legs.retain(|leg| *leg != index);
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
        for consumer in &leg.consumers {
            self.consumers[*consumer].selector.reset();
        }
        if ready {
            self.allocate(now_us, index);
            for at in 0..self.legs[index].consumers.len() {
                let consumer = self.legs[index].consumers[at];
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

    pub fn create_producer(
        &mut self,
        _now: Instant,
        transport: TransportId,
        id: ProducerId,
        kind: MediaKind,
        rtp: &RtpParameters,
        paused: bool,
    ) -> Result<(), Error> {
        let leg_index = self.leg_index(transport)?;
        if self.producer_ids.contains_key(&id) {
            return Err(Error::Exists("producer"));
        }
        let leg = &mut self.legs[leg_index];
        if leg.producers.len() >= self.limits.producers_per_transport {
            return Err(Error::Limit("producers_per_transport"));
        }
        let mut producer = Producer::new(id, leg_index, kind, rtp, self.limits.ring_packets)?;
        let mut ssrcs: Vec<u32> = producer
            .encodings
            .iter()
            .flat_map(|encoding| [encoding.ssrc, encoding.rtx_ssrc])
            .flatten()
            .collect();
        let declared = ssrcs.len();
        ssrcs.sort_unstable();
        ssrcs.dedup();
        if ssrcs.len() != declared || ssrcs.iter().any(|ssrc| leg.incoming.contains_key(ssrc)) {
            return Err(Error::Exists("ssrc"));
        }
        if leg.incoming.len() + declared > self.limits.ssrcs_per_transport {
            return Err(Error::Limit("ssrcs_per_transport"));
        }
        producer.paused = paused;
        self.generations = self.generations.wrapping_add(1);
        producer.generation = self.generations;
        leg.extensions.merge(&producer.extensions);
        let supports = |name: &str| {
            rtp.codecs
                .iter()
                .any(|codec| codec.rtcp_feedback.iter().any(|f| f == name))
        };
        if supports("transport-cc") && producer.extensions.transport_cc != 0 {
            leg.recorder.get_or_insert_with(|| Recorder::new(leg.ssrc));
        } else if supports("goog-remb") {
            leg.sends_remb = true;
        }
        let index = self.producers.insert(producer);
        leg.producers.push(index);
        for (encoding, at) in self.producers[index].encodings.iter().zip(0..) {
            if let Some(ssrc) = encoding.ssrc {
                leg.incoming.insert(
                    ssrc,
                    Binding::Media {
                        producer: index,
                        encoding: at,
                    },
                );
            }
            if let Some(ssrc) = encoding.rtx_ssrc {
                leg.incoming.insert(
                    ssrc,
                    Binding::Repair {
                        producer: index,
                        encoding: at,
                    },
                );
            }
        }
        self.producer_ids.insert(id, index);
        Ok(())
    }

    pub fn close_producer(&mut self, now: Instant, id: ProducerId) {
        let Some(index) = self.producer_ids.get(&id).copied() else {
            return;
        };
        let now_us = self.us(now);
        self.remove_producer(now_us, index, false);
    }

    pub fn pause_producer(
        &mut self,
        now: Instant,
        id: ProducerId,
        paused: bool,
    ) -> Result<(), Error> {
        let index = self.producer_index(id)?;
        if std::mem::replace(&mut self.producers[index].paused, paused) == paused {
            return Ok(());
        }
        let now_us = self.us(now);
        for encoding in &mut self.producers[index].encodings {
            encoding.gop.forget();
        }
        for consumer in self.producers[index].consumers.clone() {
            // What came meanwhile is missing: all go on at a key frame.
            self.consumers[consumer].selector.reset();
            self.tell_layer(consumer);
            if !paused {
                self.allocate(now_us, self.consumers[consumer].leg);
                self.want_keyframe(now_us, consumer);
            }
        }
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of the engine's command"
    )]
    pub fn create_consumer(
        &mut self,
        now: Instant,
        transport: TransportId,
        id: ConsumerId,
        kind: MediaKind,
        rtp: &RtpParameters,
        producer: Option<ProducerId>,
        paused: bool,
    ) -> Result<(), Error> {
        let leg_index = self.leg_index(transport)?;
        if self.consumer_ids.contains_key(&id) {
            return Err(Error::Exists("consumer"));
        }
        let producer = producer
            .map(|producer| self.producer_index(producer))
            .transpose()?;
        let leg = &mut self.legs[leg_index];
        if leg.consumers.len() >= self.limits.consumers_per_transport {
            return Err(Error::Limit("consumers_per_transport"));
        }
        if leg.retired.len() >= MAX_RETIRED {
            return Err(Error::Limit("closed consumers"));
        }
        let random = &mut self.random;
        let mut consumer = Consumer::new(id, leg_index, kind, rtp, || random.next())?;
        consumer.paused = paused;
        let taken = |ssrc: &u32| leg.outgoing.contains_key(ssrc);
        if taken(&consumer.ssrc)
            || consumer.rtx_ssrc.as_ref().is_some_and(taken)
            || consumer.rtx_ssrc == Some(consumer.ssrc)
        {
            return Err(Error::Exists("ssrc"));
        }
        if producer.is_some_and(|producer| !consumer.accepts(&self.producers[producer])) {
            return Err(Error::Incompatible("no codec in common".into()));
        }
        if let Some(cname) = &rtp.cname {
            leg.cname.clone_from(cname);
        }
        let (ssrc, rtx_ssrc) = (consumer.ssrc, consumer.rtx_ssrc);
        consumer.go_on(|ssrc| leg.retired.remove(&ssrc));
        let index = self.consumers.insert(consumer);
        leg.outgoing.insert(
            ssrc,
            OwnSsrc {
                consumer: index,
                repair: false,
            },
        );
        if let Some(ssrc) = rtx_ssrc {
            leg.outgoing.insert(
                ssrc,
                OwnSsrc {
                    consumer: index,
                    repair: true,
                },
            );
        }
        leg.consumers.push(index);
        let consumers = &self.consumers;
        // Stable: audio first, each in order of creation.
        leg.consumers
            .sort_by_key(|consumer| consumers[*consumer].kind == MediaKind::Video);
        self.consumer_ids.insert(id, index);
        self.attach(self.us(now), index, producer);
        Ok(())
    }

    pub fn switch_consumer(
        &mut self,
        now: Instant,
        id: ConsumerId,
        producer: Option<ProducerId>,
    ) -> Result<(), Error> {
        let index = self.consumer_index(id)?;
        let producer = producer
            .map(|producer| self.producer_index(producer))
            .transpose()?;
        if producer
            .is_some_and(|producer| !self.consumers[index].accepts(&self.producers[producer]))
        {
            return Err(Error::Incompatible("no codec in common".into()));
        }
        if producer.is_some() && self.consumers[index].producer == producer {
            return Ok(());
        }
        self.detach(index);
        self.attach(self.us(now), index, producer);
        Ok(())
    }

    pub fn close_consumer(&mut self, now: Instant, id: ConsumerId) {
        let Some(index) = self.consumer_ids.get(&id).copied() else {
            return;
        };
        let now_us = self.us(now);
        let leg = self.consumers[index].leg;
        self.remove_consumer(index, false);
        self.wake_leg(leg, now_us);
    }

    pub fn pause_consumer(
        &mut self,
        now: Instant,
        id: ConsumerId,
        paused: bool,
    ) -> Result<(), Error> {
        let index = self.consumer_index(id)?;
        let now_us = self.us(now);
        let consumer = &mut self.consumers[index];
        if std::mem::replace(&mut consumer.paused, paused) == paused {
            return Ok(());
        }
        consumer.selector.set_target(None, None);
        let leg = consumer.leg;
        self.allocate(now_us, leg);
        self.tell_layer(index);
        if !paused {
            self.want_keyframe(now_us, index);
        }
        Ok(())
    }

    pub fn set_consumer_layers(
        &mut self,
        now: Instant,
        id: ConsumerId,
        layer: Option<Layer>,
    ) -> Result<(), Error> {
        let index = self.consumer_index(id)?;
        self.consumers[index].bound = layer;
        self.allocate(self.us(now), self.consumers[index].leg);
        Ok(())
    }

    pub fn request_keyframe(&mut self, now: Instant, id: ConsumerId) -> Result<(), Error> {
        let index = self.consumer_index(id)?;
        self.want_keyframe(self.us(now), index);
        Ok(())
    }

    pub fn poll_event(&mut self) -> Option<RouterEvent> {
        self.events.pop_front()
    }

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

    pub(crate) fn leg_index(&self, id: TransportId) -> Result<usize, Error> {
        self.leg_ids
            .get(&id)
            .copied()
            .ok_or(Error::UnknownId("transport"))
    }

    fn producer_index(&self, id: ProducerId) -> Result<usize, Error> {
        self.producer_ids
            .get(&id)
            .copied()
            .ok_or(Error::UnknownId("producer"))
    }

    fn consumer_index(&self, id: ConsumerId) -> Result<usize, Error> {
        self.consumer_ids
            .get(&id)
            .copied()
            .ok_or(Error::UnknownId("consumer"))
    }

    fn attach(&mut self, now_us: u64, index: usize, producer: Option<usize>) {
        let Some(producer_index) = producer else {
            return;
        };
        let consumer = &mut self.consumers[index];
        consumer.attach(producer_index, &self.producers[producer_index]);
        self.producers[producer_index].consumers.push(index);
        let leg = consumer.leg;
        self.allocate(now_us, leg);
        self.want_keyframe(now_us, index);
    }

    fn detach(&mut self, index: usize) {
        let consumer = &mut self.consumers[index];
        let Some(producer_index) = consumer.producer else {
            return;
        };
        let producer = &mut self.producers[producer_index];
        consumer.detach(producer);
        producer.consumers.retain(|consumer| *consumer != index);
        self.tell_layer(index);
    }

    fn remove_consumer(&mut self, index: usize, by_parent: bool) {
        self.detach(index);
        let consumer = self.consumers.remove(index);
        self.consumer_ids.remove(&consumer.id);
        let leg = &mut self.legs[consumer.leg];
        leg.retired.extend(consumer.next_indices());
        leg.consumers.retain(|other| *other != index);
        leg.outgoing.retain(|_, own| own.consumer != index);
        let ssrcs = std::iter::once(consumer.ssrc)
            .chain(consumer.rtx_ssrc)
            .collect();
        leg.feedback.push(Feedback::Bye { ssrcs });
        self.events.push_back(RouterEvent::ConsumerClosed {
            consumer: consumer.id,
            by_parent,
        });
    }

    fn remove_producer(&mut self, now_us: u64, index: usize, by_parent: bool) {
        for consumer in self.producers[index].consumers.clone() {
            self.detach(consumer);
            let leg = self.consumers[consumer].leg;
            self.wake_leg(leg, now_us);
        }
        let producer = self.producers.remove(index);
        self.producer_ids.remove(&producer.id);
        self.dirty_producers.retain(|other| *other != index);
        let leg = &mut self.legs[producer.leg];
        leg.producers.retain(|other| *other != index);
        leg.incoming
            .retain(|_, binding| binding.producer() != index);
        self.speakers.remove(producer.id);
        self.events.push_back(RouterEvent::ProducerClosed {
            producer: producer.id,
            by_parent,
        });
    }

    /// Says what is sent now, if that changed.
    pub(crate) fn tell_layer(&mut self, index: usize) {
        let consumer = &mut self.consumers[index];
        if consumer.kind == MediaKind::Audio {
            return;
        }
        let current = consumer.selector.current();
        consumer.layer_seen = current;
        let source = consumer
            .selector
            .encoding()
            .zip(consumer.producer.map(|index| &self.producers[index]));
        let layer = current.zip(source).map(|(layer, (at, producer))| {
            let encoding = producer.encodings.get(usize::from(at));
            let temporal = encoding.map_or(1, |encoding| encoding.temporal_layers);
            let spatial = match producer.encodings.as_slice() {
                [only] => layer.spatial.min(only.spatial_layers.saturating_sub(1)),
                _ => layer.spatial,
            };
            Layer {
                spatial,
                temporal: layer.temporal.min(temporal.saturating_sub(1)),
            }
        });
        if consumer.layer_told != layer {
            consumer.layer_told = layer;
            self.events.push_back(RouterEvent::ConsumerLayer {
                consumer: consumer.id,
                layer,
            });
        }
    }

    /// A consumer cannot go on without a key frame of what it waits for or is sent.
    pub(crate) fn want_keyframe(&mut self, now_us: u64, index: usize) {
        if self.begin_replay(now_us, index) {
            return;
        }
        let consumer = &self.consumers[index];
        let Some(producer_index) = consumer
            .producer
            .filter(|_| consumer.kind == MediaKind::Video && !consumer.paused)
        else {
            return;
        };
        let current = consumer.selector.encoding();
        let Some(encoding) = consumer.selector.awaited().or(current) else {
            return;
        };
        let producer = &mut self.producers[producer_index];
        if producer.paused {
            return;
        }
        let Some(encoding) = producer.encodings.get_mut(usize::from(encoding)) else {
            return;
        };
        encoding.keyframe.want();
        let leg = producer.leg;
        if let Some(at) = encoding.keyframe.deadline() {
            self.wake_leg(leg, at.max(now_us));
        }
    }

    pub(crate) fn wake_leg(&mut self, index: usize, at_us: u64) {
        if let Some(leg) = self.legs.get_mut(index) {
            let before = leg.schedule.next;
            leg.schedule.at(at_us);
            if leg.schedule.next != before {
                self.deadlines.push(Reverse((at_us, index)));
            }
            self.wake = Some(self.wake.map_or(at_us, |wake| wake.min(at_us)));
        }
    }

    pub(crate) fn discard(&mut self, cause: &'static str) {
        *self.discarded.entry(cause).or_default() += 1;
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
            available_incoming_bitrate: self.sends_remb.then_some(crate::service::REMB_BITRATE),
            probe_packets_sent: self.probe_packets_sent,
            round_trip_time: self.rtt_us.map(|us| us as f64 / 1e6),
        }
    }
}
