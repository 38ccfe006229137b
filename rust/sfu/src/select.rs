//! Which layer a consumer is sent. Owns the choice packet by packet ([`Selector`]) and the division of a transport's budget
//! ([`allocate`]); refuses to know numbers, timestamps and bytes.

use crate::Layer;

/// What the choice depends on, described once per incoming packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PacketInfo {
    /// A decoder can start here: first packet of a key frame, or any packet of an opaque codec.
    pub(crate) entry: bool,
    /// First packet of a picture, in order.
    pub(crate) frame_start: bool,
    pub(crate) temporal: u8,
    /// The frame depends on nothing above the base layer, so a receiver can be raised here.
    pub(crate) layer_sync: bool,
    /// The pictures after it do so, above its own layer.
    pub(crate) opens_upper: bool,
    /// Of a scalable stream whose payload tells (VP9).
    pub(crate) layer: Option<SpatialFrame>,
}

/// Place of a packet within its picture's spatial layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpatialFrame {
    pub(crate) spatial: u8,
    /// A receiver of the layer below may begin to take this one here: it refers to nothing but the layer below.
    pub(crate) begins: bool,
    /// Last packet of the layer's frame.
    pub(crate) end: bool,
}

/// What to do with one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Forward,
    /// Of the current source but not wanted: its number is closed over.
    Drop,
    /// Of another source: no number of ours belongs to it.
    Ignore,
    /// The first packet of a new source.
    Switch,
}

/// Picks the packets of one consumer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    current: Option<u8>,
    target: Option<u8>,
    temporal: u8,
    target_temporal: u8,
    /// Higher temporal layers can be begun with the next picture.
    open: bool,
    /// Within the only encoding of a scalable stream.
    spatial: u8,
    target_spatial: u8,
    /// How many spatial layers the only encoding has; none when the choice is between encodings.
    layers: Option<u8>,
    /// The wanted layer cannot be begun without a key frame.
    blocked: bool,
    /// The current encoding brings nothing any more, or its quality was refused: anything wanted is better.
    stale: bool,
}

impl Selector {
    pub(crate) fn current(&self) -> Option<Layer> {
        self.current.map(|encoding| Layer {
            spatial: self.layers.map_or(encoding, |_| self.spatial),
            temporal: self.temporal,
        })
    }

    /// Index of the encoding that is sent.
    pub(crate) fn encoding(&self) -> Option<u8> {
        self.current
    }

    /// What is to be sent at most of the only encoding.
    pub(crate) fn limit(&self) -> Layer {
        Layer {
            spatial: self.target_spatial,
            temporal: self.target_temporal,
        }
    }

    /// What is sent of the only encoding was chosen frame by frame.
    pub(crate) fn chosen(&mut self, layer: Layer, blocked: bool) {
        self.spatial = layer.spatial;
        self.temporal = layer.temporal;
        self.blocked = blocked || (self.blocked && self.spatial != self.target_spatial);
    }

    /// The packet ends what the receiver gets of its picture.
    pub(crate) fn ends_picture(&self, spatial: u8, end: bool) -> bool {
        end && self.layers.is_some() && spatial == self.spatial
    }

    pub(crate) fn target(&self) -> Option<u8> {
        self.target
    }

    /// The encoding of which a key frame must be asked, while the wish is not met.
    pub(crate) fn awaited(&self) -> Option<u8> {
        let rises = self.layers.is_some_and(|layers| layers > 1)
            && (self.spatial < self.target_spatial || self.blocked);
        self.target
            .filter(|target| self.current != Some(*target) || rises)
    }

    /// Nothing is forwarded until an entry of the (possibly new) source comes.
    pub(crate) fn reset(&mut self) {
        self.current = None;
        self.stale = false;
        self.blocked = false;
    }

    /// None pauses at once. `layers` is the number of spatial layers of the only encoding, to which the target then refers; none
    /// when there are several encodings.
    pub(crate) fn set_target(&mut self, target: Option<Layer>, layers: Option<u8>) {
        self.layers = layers;
        self.target = target.map(|layer| layers.map_or(layer.spatial, |_| 0));
        self.target_spatial = target.map_or(0, |layer| layer.spatial);
        match target {
            None => self.reset(),
            Some(layer) => self.target_temporal = layer.temporal,
        }
    }

    pub(crate) fn set_stale(&mut self, stale: bool) {
        self.stale = stale;
    }

    #[inline]
    pub(crate) fn decide(&mut self, encoding: u8, info: &PacketInfo) -> Decision {
        if self.current == Some(encoding) {
            return self.decide_layer(info);
        }
        if info.entry && self.wants(encoding) {
            self.current = Some(encoding);
            self.stale = false;
            self.temporal = self.target_temporal;
            self.open = false;
            self.spatial = self.target_spatial;
            self.blocked = false;
            return Decision::Switch;
        }
        Decision::Ignore
    }

    /// A key frame of `encoding` would be taken as the beginning of something new.
    pub(crate) fn waits_for(&self, encoding: u8) -> bool {
        self.current != Some(encoding) && self.wants(encoding)
    }

    fn wants(&self, encoding: u8) -> bool {
        let Some(target) = self.target else {
            return false;
        };
        match self.current.filter(|_| !self.stale) {
            _ if encoding == target => true,
            // Better a lower picture now than a black one.
            None => encoding < target,
            // On the way up any step is welcome.
            Some(current) => current < encoding && encoding < target,
        }
    }

    fn decide_layer(&mut self, info: &PacketInfo) -> Decision {
        if info.entry {
            self.temporal = self.target_temporal;
            self.spatial = self.target_spatial;
            self.blocked = false;
        } else if info.frame_start {
            self.spatial = self.spatial.min(self.target_spatial);
            if self.open || self.target_temporal < self.temporal {
                self.temporal = self.target_temporal;
            } else if self.target_temporal > self.temporal
                && info.layer_sync
                && info.temporal > self.temporal
            {
                self.temporal = info.temporal.min(self.target_temporal);
            }
            self.open = info.opens_upper && info.temporal <= self.temporal;
        }
        if let Some(layer) = info.layer
            && layer.begins
            && layer.spatial <= self.target_spatial
            && self.spatial.checked_add(1) == Some(layer.spatial)
        {
            self.spatial = layer.spatial;
        }
        let within = info.layer.is_none_or(|layer| layer.spatial <= self.spatial);
        if info.temporal <= self.temporal && within {
            Decision::Forward
        } else {
            Decision::Drop
        }
    }
}

/// One step of a consumer's ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) layer: Layer,
    /// Measured, bit/s, with everything below included.
    pub(crate) bitrate: u64,
}

/// What one consumer could be sent, lowest first, and what it got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demand {
    pub(crate) consumer: usize,
    pub(crate) steps: Vec<Step>,
    /// Index of the step that is being sent; up to it no margin is needed.
    pub(crate) current: Option<usize>,
    pub(crate) granted: Option<usize>,
}

/// How a budget is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// bit/s; none means no limit.
    pub(crate) bitrate: Option<u64>,
    /// Percent that a step above the current one must leave free.
    pub(crate) margin_percent: u64,
}

/// What an allocation comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocation {
    pub(crate) used: u64,
    /// Rate at which the next refused step would fit; none when everybody has the top.
    pub(crate) next: Option<u64>,
}

/// The current step may exceed the budget by this before it is given up: rates are measured and move.
const KEEP_PERCENT: u64 = 8;

/// Divides `budget` after `reserved` bit/s (audio): everybody's lowest step first, then rounds of one step each. The first
/// demand gets its lowest step in any case.
pub(crate) fn allocate(budget: Budget, reserved: u64, demands: &mut [Demand]) -> Allocation {
    let mut used = reserved;
    for (position, demand) in demands.iter_mut().enumerate() {
        demand.granted = None;
        let Some(step) = demand.steps.first() else {
            continue;
        };
        if position == 0 || fits(budget, used + step.bitrate, demand.current.is_some()) {
            demand.granted = Some(0);
            used += step.bitrate;
        }
    }
    loop {
        let mut raised = false;
        for demand in demands.iter_mut() {
            let Some(granted) = demand
                .granted
                .filter(|granted| granted + 1 < demand.steps.len())
            else {
                continue;
            };
            let cost = demand.steps[granted + 1]
                .bitrate
                .saturating_sub(demand.steps[granted].bitrate);
            let keeps = demand.current.is_some_and(|current| granted < current);
            if fits(budget, used + cost, keeps) {
                demand.granted = Some(granted + 1);
                used += cost;
                raised = true;
            }
        }
        if !raised {
            break;
        }
    }
    let next = demands
        .iter()
        .filter_map(|demand| match demand.granted {
            None => demand.steps.first().map(|step| step.bitrate),
            Some(at) => demand
                .steps
                .get(at + 1)
                .map(|step| step.bitrate.saturating_sub(demand.steps[at].bitrate)),
        })
        .min()
        .map(|cost| used + cost);
    Allocation { used, next }
}

fn fits(budget: Budget, total: u64, keeps: bool) -> bool {
    let Some(bitrate) = budget.bitrate else {
        return true;
    };
    if keeps {
        total * 100 <= bitrate * (100 + KEEP_PERCENT)
    } else {
        total * (100 + budget.margin_percent) <= bitrate * 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: PacketInfo = PacketInfo {
        entry: true,
        frame_start: true,
        temporal: 0,
        layer_sync: false,
        opens_upper: false,
        layer: None,
    };
    const DELTA: PacketInfo = PacketInfo {
        entry: false,
        frame_start: true,
        temporal: 0,
        layer_sync: false,
        opens_upper: false,
        layer: None,
    };

    fn layer(spatial: u8) -> Option<Layer> {
        Some(Layer {
            spatial,
            temporal: u8::MAX,
        })
    }

    #[test]
    fn switches_only_at_key_frames_of_the_wanted_layer() {
        let mut selector = Selector::default();
        selector.set_target(layer(1), None);
        assert_eq!(selector.decide(1, &DELTA), Decision::Ignore);
        assert_eq!(selector.decide(1, &KEY), Decision::Switch);
        assert_eq!(selector.decide(1, &DELTA), Decision::Forward);
        selector.set_target(layer(0), None);
        assert_eq!(selector.awaited(), Some(0));
        assert_eq!(selector.decide(0, &DELTA), Decision::Ignore);
        assert_eq!(selector.decide(1, &DELTA), Decision::Forward);
        assert_eq!(selector.decide(2, &KEY), Decision::Ignore);
        assert_eq!(selector.decide(0, &KEY), Decision::Switch);
        assert_eq!(selector.decide(1, &DELTA), Decision::Ignore);
    }

    #[test]
    fn takes_a_lower_layer_while_the_wanted_one_is_missing() {
        let mut selector = Selector::default();
        selector.set_target(layer(2), None);
        assert_eq!(selector.decide(0, &KEY), Decision::Switch);
        assert_eq!(selector.decide(1, &KEY), Decision::Switch);
        assert_eq!(selector.decide(0, &KEY), Decision::Ignore);
        assert_eq!(selector.awaited(), Some(2));
        selector.set_stale(true);
        assert_eq!(selector.decide(0, &KEY), Decision::Switch);
    }

    #[test]
    fn drops_packets_of_unselected_temporal_layers_and_rises_at_a_sync_point() {
        let mut selector = Selector::default();
        let temporal = |temporal| {
            Some(Layer {
                spatial: 0,
                temporal,
            })
        };
        selector.set_target(temporal(0), None);
        selector.decide(0, &KEY);
        let upper = PacketInfo {
            temporal: 2,
            ..DELTA
        };
        assert_eq!(selector.decide(0, &upper), Decision::Drop);
        selector.set_target(temporal(2), None);
        assert_eq!(selector.decide(0, &upper), Decision::Drop);
        let sync = PacketInfo {
            layer_sync: true,
            ..upper
        };
        assert_eq!(selector.decide(0, &sync), Decision::Forward);
        assert_eq!(selector.decide(0, &upper), Decision::Forward);
    }

    fn ladder(rates: &[u64], current: Option<usize>) -> Demand {
        let steps = (0u8..)
            .zip(rates)
            .map(|(spatial, bitrate)| Step {
                layer: Layer {
                    spatial,
                    temporal: u8::MAX,
                },
                bitrate: *bitrate,
            })
            .collect();
        Demand {
            steps,
            current,
            ..Demand::default()
        }
    }

    const RATES: [u64; 3] = [150_000, 500_000, 2_500_000];

    #[test]
    fn gives_everything_without_a_limit() {
        let mut demands = [ladder(&RATES, None), ladder(&RATES, None)];
        let allocation = allocate(
            Budget {
                bitrate: None,
                margin_percent: 5,
            },
            0,
            &mut demands,
        );
        assert_eq!(
            allocation,
            Allocation {
                used: 5_000_000,
                next: None
            }
        );
        assert!(demands.iter().all(|demand| demand.granted == Some(2)));
    }

    #[test]
    fn divides_in_rounds_and_tells_what_the_next_step_costs() {
        let mut demands = [ladder(&RATES, None), ladder(&RATES, None)];
        let budget = Budget {
            bitrate: Some(1_200_000),
            margin_percent: 5,
        };
        let allocation = allocate(budget, 40_000, &mut demands);
        assert_eq!(
            allocation,
            Allocation {
                used: 1_040_000,
                next: Some(3_040_000)
            }
        );
        assert!(demands.iter().all(|demand| demand.granted == Some(1)));
    }

    #[test]
    fn the_first_picture_is_never_starved_but_others_are() {
        let mut demands = [ladder(&RATES, Some(0)), ladder(&RATES, Some(0))];
        allocate(
            Budget {
                bitrate: Some(100_000),
                margin_percent: 5,
            },
            0,
            &mut demands,
        );
        assert_eq!((demands[0].granted, demands[1].granted), (Some(0), None));
    }

    #[test]
    fn a_step_up_needs_a_margin_and_a_step_kept_does_not() {
        let budget = Budget {
            bitrate: Some(510_000),
            margin_percent: 15,
        };
        let mut up = [ladder(&RATES, Some(0))];
        allocate(budget, 0, &mut up);
        assert_eq!(up[0].granted, Some(0));
        let mut kept = [ladder(&RATES, Some(1))];
        allocate(budget, 0, &mut kept);
        assert_eq!(kept[0].granted, Some(1));
    }
}
