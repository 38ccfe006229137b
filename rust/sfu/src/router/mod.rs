//! One room's fan-out. Owns its transports' legs, producers and consumers and their relations; refuses to know sockets, keys and
//! rooms as people see them.
//!
//! The control plane asks in `transports`, `producers` and `consumers`; packets come in by `ingest` and leave by `fanout`; RTCP is
//! read in `rtcp` and written in `reports`; `service` is what is done when time passes, `allocation` what each leg's bitrate is spent on.

mod allocation;
mod consumers;
mod deadlines;
mod fanout;
mod ingest;
mod places;
mod prefetch;
mod producers;
mod reports;
mod rtcp;
mod service;
mod stats;
mod transports;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use ahash::RandomState;
use slab::Slab;

use self::deadlines::Deadlines;
use self::places::Places;
use crate::consumer::Consumer;
use crate::feedback::Feedback;
use crate::header::HEADER_BYTES;
use crate::leg::Leg;
use crate::producer::Producer;
use crate::select::Demand;
use crate::speaker::SpeakerObserver;
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
    pub(crate) dirty_legs: Places,
    pub(crate) scratch: Vec<u8>,
    /// Header of the packet at hand.
    pub(crate) header: [u8; HEADER_BYTES],
    pub(crate) speakers: SpeakerObserver<ProducerId>,
    pub(crate) levels_untold: bool,
    pub(crate) levels_told_us: u64,
    /// Kept for their memory.
    pub(crate) due: Vec<usize>,
    flushed: Vec<usize>,
    pub(crate) demands: Vec<Demand>,
    pub(crate) outbox: VecDeque<(TransportKey, Vec<Feedback>)>,
    pub(crate) events: VecDeque<RouterEvent>,
    pub(crate) discarded: BTreeMap<&'static str, u64>,
    /// When each leg wants to be served.
    pub(crate) deadlines: Deadlines,
    /// Never later than the first of them.
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
            dirty_legs: Places::default(),
            flushed: Vec::new(),
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
            deadlines: Deadlines::default(),
            wake: None,
        }
    }

    pub(crate) fn us(&self, now: Instant) -> u64 {
        START_US + now.saturating_duration_since(self.epoch).as_micros() as u64
    }

    pub(crate) fn instant(&self, us: u64) -> Instant {
        self.epoch + Duration::from_micros(us.saturating_sub(START_US))
    }

    pub fn poll_event(&mut self) -> Option<RouterEvent> {
        self.events.pop_front()
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

    pub(crate) fn wake_leg(&mut self, index: usize, at_us: u64) {
        if self.legs.contains(index) {
            self.deadlines.arm_earlier(index, at_us);
            self.wake = Some(self.wake.map_or(at_us, |wake| wake.min(at_us)));
        }
    }

    pub(crate) fn discard(&mut self, cause: &'static str) {
        *self.discarded.entry(cause).or_default() += 1;
    }
}
