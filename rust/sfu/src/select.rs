//! Which layer a consumer is sent. Owns the choice packet by packet ([`Selector`]) and the division of a transport's budget
//! ([`allocate`]); refuses to know numbers, timestamps and bytes.

use crate::Layer;

/// What the choice depends on, described once per incoming packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PacketInfo {
    /// A decoder can start here: first packet of a key frame, or any packet of an opaque codec.
    pub(crate) entry: bool,
    /// First packet of a frame.
    pub(crate) frame_start: bool,
    pub(crate) temporal: u8,
    /// The frame depends on nothing above the base layer, so a receiver can be raised here.
    pub(crate) layer_sync: bool,
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
    /// The current encoding brings nothing any more, or its quality was refused: anything wanted is better.
    stale: bool,
}

impl Selector {
    pub(crate) fn current(&self) -> Option<Layer> {
        self.current.map(|spatial| Layer {
            spatial,
            temporal: self.temporal,
        })
    }

    pub(crate) fn target(&self) -> Option<u8> {
        self.target
    }

    /// The encoding of which a key frame must be asked, while the wish is not met.
    pub(crate) fn awaited(&self) -> Option<u8> {
        self.target.filter(|target| self.current != Some(*target))
    }

    /// Nothing is forwarded until an entry of the (possibly new) source comes.
    pub(crate) fn reset(&mut self) {
        self.current = None;
        self.stale = false;
    }

    /// None pauses at once.
    pub(crate) fn set_target(&mut self, target: Option<Layer>) {
        self.target = target.map(|layer| layer.spatial);
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
            return self.decide_temporal(info);
        }
        if info.entry && self.wants(encoding) {
            self.current = Some(encoding);
            self.stale = false;
            self.temporal = self.target_temporal;
            return Decision::Switch;
        }
        Decision::Ignore
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

    fn decide_temporal(&mut self, info: &PacketInfo) -> Decision {
        if info.entry {
            self.temporal = self.target_temporal;
        } else if info.frame_start {
            if self.target_temporal < self.temporal {
                self.temporal = self.target_temporal;
            } else if self.target_temporal > self.temporal
                && info.layer_sync
                && info.temporal > self.temporal
            {
                self.temporal = info.temporal.min(self.target_temporal);
            }
        }
        if info.temporal <= self.temporal {
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
    };
    const DELTA: PacketInfo = PacketInfo {
        entry: false,
        frame_start: true,
        temporal: 0,
        layer_sync: false,
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
        selector.set_target(layer(1));
        assert_eq!(selector.decide(1, &DELTA), Decision::Ignore);
        assert_eq!(selector.decide(1, &KEY), Decision::Switch);
        assert_eq!(selector.decide(1, &DELTA), Decision::Forward);
        selector.set_target(layer(0));
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
        selector.set_target(layer(2));
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
        selector.set_target(Some(Layer {
            spatial: 0,
            temporal: 0,
        }));
        selector.decide(0, &KEY);
        let upper = PacketInfo {
            temporal: 2,
            ..DELTA
        };
        assert_eq!(selector.decide(0, &upper), Decision::Drop);
        selector.set_target(Some(Layer {
            spatial: 0,
            temporal: 2,
        }));
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
