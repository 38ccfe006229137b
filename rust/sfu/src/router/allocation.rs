//! The division of a leg's bitrate among its consumers: what each could be sent, and the probe for the step that does not fit yet.

use super::Router;
use crate::Layer;
use crate::leg::Taker;
use crate::params::MediaKind;
use crate::producer::{Producer, ProducerEncoding};
use crate::rate::RateMeter;
use crate::select::{Budget, Demand, Step, allocate};

const ALLOCATION_US: u64 = 200_000;
/// After a drop, steps up need more room for this long.
const CAUTIOUS_US: u64 = 10_000_000;
const CAUTIOUS_MARGIN: u64 = 15;
const MARGIN: u64 = 5;
/// A probe aims this much above the next step, percent.
const PROBE_OVERSHOOT: u64 = 120;

impl Router {
    /// Divides the budget of a leg among its consumers and asks for the key frames that the result needs.
    pub(crate) fn allocate(&mut self, now_us: u64, index: usize) {
        let leg = &mut self.legs[index];
        // Audio that is sent already is never divided again.
        let mut settled = true;
        let mut reserved = 0;
        let mut demands = std::mem::take(&mut self.demands);
        demands.clear();
        for &Taker { consumer: at, .. } in &leg.consumers {
            let consumer = &mut self.consumers[at];
            let Some(producer) = consumer.producer.map(|producer| &self.producers[producer]) else {
                continue;
            };
            if consumer.paused {
                continue;
            }
            let can_send = consumer.can_send(producer);
            settled &= can_send && consumer.kind == MediaKind::Audio;
            if !can_send {
                continue;
            }
            if consumer.kind == MediaKind::Audio {
                let all = Layer {
                    spatial: 0,
                    ..Layer::TOP
                };
                consumer.selector.set_target(Some(all), None);
                reserved += consumer.rate.bitrate(now_us);
                continue;
            }
            let steps = ladder(now_us, producer, consumer.bound.unwrap_or(Layer::TOP));
            let current = consumer.selector.current().and_then(|now| {
                let single = producer.encodings.len() == 1;
                let top = steps.last().map_or(0, |step| step.layer.spatial);
                let spatial = if single {
                    now.spatial.min(top)
                } else {
                    now.spatial
                };
                let same = |step: &Step| step.layer.spatial == spatial;
                let sent = steps
                    .iter()
                    .rposition(|step| same(step) && step.layer.temporal <= now.temporal);
                sent.or_else(|| steps.iter().position(same))
            });
            demands.push(Demand {
                consumer: at,
                steps,
                current,
                granted: None,
            });
        }
        leg.schedule.allocation = if settled {
            u64::MAX
        } else {
            now_us + ALLOCATION_US
        };
        let cautious = leg
            .estimator
            .last_decrease_us()
            .is_some_and(|at| now_us.saturating_sub(at) < CAUTIOUS_US);
        let margin_percent = if cautious { CAUTIOUS_MARGIN } else { MARGIN };
        let allocation = allocate(
            Budget {
                bitrate: leg.budget(),
                margin_percent,
            },
            reserved,
            &mut demands,
        );
        if let Some(next) = allocation
            .next
            .map(|next| next * PROBE_OVERSHOOT / 100)
            .filter(|_| leg.ready)
        {
            let allowed = leg.cap.is_none_or(|cap| next <= cap);
            if allowed && leg.estimator.probe(now_us, next) {
                self.dirty_legs.insert(index);
                self.wake_leg(index, now_us);
            }
        }
        for demand in &demands {
            self.apply(now_us, demand);
        }
        self.demands = demands;
    }

    fn apply(&mut self, now_us: u64, demand: &Demand) {
        let consumer = &mut self.consumers[demand.consumer];
        let Some(producer) = consumer.producer.map(|producer| &self.producers[producer]) else {
            return;
        };
        let layer = demand
            .granted
            .and_then(|at| demand.steps.get(at))
            .map(|step| step.layer);
        let before = (consumer.selector.target(), consumer.selector.awaited());
        let layers = match producer.encodings.as_slice() {
            [only] => Some(only.layers_now(now_us)),
            _ => None,
        };
        consumer.selector.set_target(layer, layers);
        let current = consumer
            .selector
            .encoding()
            .and_then(|now| producer.encodings.get(usize::from(now)));
        let stale =
            producer.encodings.len() > 1 && current.is_some_and(|current| !current.is_live(now_us));
        consumer.selector.set_stale(stale);
        let awaited = consumer.selector.awaited();
        let asked = awaited
            .and_then(|awaited| producer.encodings.get(usize::from(awaited)))
            .is_none_or(|encoding| encoding.keyframe.is_pending() || !encoding.live);
        if awaited.is_some()
            && ((before.0, before.1) != (consumer.selector.target(), awaited) || !asked)
        {
            self.want_keyframe(now_us, demand.consumer);
        }
        self.tell_layer(demand.consumer);
    }
}

/// What a consumer of `producer` could be sent within `bound`, lowest first.
fn ladder(now_us: u64, producer: &Producer, bound: Layer) -> Vec<Step> {
    let encodings = &producer.encodings;
    if let [only] = encodings.as_slice() {
        return layer_ladder(now_us, only, bound);
    }
    let live = |at: usize| encodings[at].is_live(now_us);
    let within = |at: usize| at <= usize::from(bound.spatial);
    let mut chosen: Vec<usize> = (0..encodings.len())
        .filter(|at| live(*at) && within(*at))
        .collect();
    if chosen.is_empty() {
        // Nothing within the bound is sent: better the next one above than nothing; before the first packet, what may come.
        chosen.extend((0..encodings.len()).find(|at| live(*at)));
    }
    if chosen.is_empty() {
        chosen.extend((0..encodings.len()).filter(|at| within(*at)));
    }
    let mut steps: Vec<Step> = Vec::with_capacity(chosen.len() + 3);
    for (position, at) in chosen.into_iter().enumerate() {
        let encoding = &encodings[at];
        let top = encoding
            .temporal_layers
            .saturating_sub(1)
            .min(bound.temporal);
        let mut rate = 0;
        for temporal in 0..=top {
            rate += encoding.temporal_rates[usize::from(temporal)].bitrate(now_us);
            // Fewer pictures a second only where there is no smaller picture to fall back to.
            if position > 0 && temporal < top {
                continue;
            }
            let floor = steps.last().map_or(0, |step| step.bitrate);
            let temporal = if temporal == top {
                bound.temporal
            } else {
                temporal
            };
            steps.push(Step {
                layer: Layer {
                    spatial: at as u8,
                    temporal,
                },
                bitrate: rate.max(floor),
            });
        }
    }
    steps
}

/// The same within one encoding, whose spatial layers are sent with all layers below.
fn layer_ladder(now_us: u64, encoding: &ProducerEncoding, bound: Layer) -> Vec<Step> {
    let layers = encoding.layers_now(now_us);
    let mut steps: Vec<Step> = Vec::with_capacity(usize::from(layers) + 3);
    let top = encoding
        .temporal_layers
        .saturating_sub(1)
        .min(bound.temporal);
    let temporal_rate = |temporal: u8| {
        let rates = encoding
            .temporal_rates
            .iter()
            .take(usize::from(temporal) + 1);
        rates.map(|meter| meter.bitrate(now_us)).sum::<u64>()
    };
    let all = temporal_rate(u8::MAX);
    let mut rate = 0;
    for spatial in 0..layers.min(bound.spatial.saturating_add(1)) {
        rate += encoding.spatial_rates[usize::from(spatial)].bitrate(now_us);
        let rate = if layers == 1 { all } else { rate };
        // Fewer pictures a second only where there is no smaller picture to fall back to.
        let lowest = if spatial == 0 { 0 } else { top };
        for temporal in lowest..=top {
            let share = rate.saturating_mul(temporal_rate(temporal)) / all.max(1);
            let floor = steps.last().map_or(0, |step| step.bitrate);
            steps.push(Step {
                layer: Layer {
                    // A stream that shows no layers is taken as it is.
                    spatial: if layers == 1 { bound.spatial } else { spatial },
                    temporal: if temporal == top {
                        bound.temporal
                    } else {
                        temporal
                    },
                },
                bitrate: share.max(floor),
            });
        }
    }
    steps
}

impl ProducerEncoding {
    /// Spatial layers that come at present, at least one.
    fn layers_now(&self, now_us: u64) -> u8 {
        let live = |meter: &RateMeter| meter.bitrate(now_us) > 0;
        let highest = self.spatial_rates.iter().rposition(live);
        highest.unwrap_or(0) as u8 + 1
    }
}
