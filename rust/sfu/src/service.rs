//! Periodic work of each leg: reports, repeat and key-frame requests, the division of its budget. Owns the deadlines; refuses
//! to know packets.

use std::time::Instant;

use crate::feedback::Feedback;
use crate::leg::Leg;
use crate::params::MediaKind;
use crate::producer::{Producer, ProducerEncoding};
use crate::rate::RateMeter;
use crate::report;
use crate::router::{Router, RouterEvent};
use crate::select::{Budget, Demand, Step, allocate};
use crate::{Layer, TransportKey};

const REPORT_US: u64 = 1_000_000;
const SENDER_REPORT_US: u64 = 2_000_000;
const ALLOCATION_US: u64 = 200_000;
/// Events may be late by this, so that a busy router does not wake for each.
const GRANULARITY_US: u64 = 5_000;
/// Told to publishers that understand only REMB; above what any browser sends.
pub(crate) const REMB_BITRATE: u64 = 20_000_000;
/// Blocks of one report (RFC 3550 section 6.4.1).
const MAX_REPORT_BLOCKS: usize = 31;
/// After a drop, steps up need more room for this long.
const CAUTIOUS_US: u64 = 10_000_000;
const CAUTIOUS_MARGIN: u64 = 15;
const MARGIN: u64 = 5;
/// A probe aims this much above the next step, percent.
const PROBE_OVERSHOOT: u64 = 120;
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
            due.clear();
            while let Some((_, index)) = self.next_deadline().filter(|(at, _)| *at <= now_us) {
                // Whatever else is listed for the leg is out of date from here on.
                self.legs[index].schedule.next = None;
                due.push(index);
            }
            for leg in &due {
                self.service(now_us, *leg);
            }
            self.due = due;
            let next = self.next_deadline().map(|(at, _)| at);
            self.wake = next.map(|next| next.max(now_us + GRANULARITY_US));
        }
        self.listen(now_us);
    }

    /// Time and leg of the earliest deadline that still stands.
    fn next_deadline(&mut self) -> Option<(u64, usize)> {
        loop {
            let std::cmp::Reverse((at, index)) = *self.deadlines.peek()?;
            let stands = |leg: &Leg| leg.schedule.next == Some(at);
            if self.legs.get(index).is_some_and(stands) {
                return Some((at, index));
            }
            self.deadlines.pop();
        }
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
        let sends = leg.replays || leg.estimator.padding_due(now_us) > 0;
        if sends && !std::mem::replace(&mut leg.dirty, true) {
            self.dirty_legs.push(index);
        }
        if let Some(at) = leg.estimator.probe_deadline(now_us) {
            leg.schedule.at(at);
        }
        if active {
            if !leg.producers.is_empty() {
                let at = leg.schedule.receiver_report.min(leg.schedule.allocation);
                leg.schedule.at(at);
            }
            if leg.ready && !leg.consumers.is_empty() {
                let at = leg.schedule.sender_report.min(leg.schedule.allocation);
                leg.schedule.at(at);
            }
        }
        if let Some(at) = leg.schedule.next {
            self.deadlines.push(std::cmp::Reverse((at, index)));
        }
        if let Some(packets) = leg.take_feedback() {
            self.outbox.push_back((leg.key, packets));
        }
    }

    fn report_arrivals(&mut self, now_us: u64, index: usize) {
        let leg = &mut self.legs[index];
        let Some(recorder) = &mut leg.recorder else {
            return;
        };
        while let Some(report) = recorder.poll(now_us) {
            leg.feedback.push(Feedback::TransportCc(report));
        }
        if let Some(at) = recorder.next_timeout() {
            leg.schedule.at(at);
        }
    }

    /// NACK and key-frame requests for what this leg publishes, and which of its encodings are alive.
    fn ask_publisher(&mut self, now_us: u64, index: usize) {
        let mut changed = Vec::new();
        let leg = &mut self.legs[index];
        let rtt_us = leg.rtt_us();
        for &at in &leg.producers {
            let producer = &mut self.producers[at];
            let codec = producer.current_codec();
            let (pli, fir) = (codec.pli, codec.fir);
            let video = producer.kind == MediaKind::Video;
            for encoding in &mut producer.encodings {
                if encoding.live && !encoding.is_live(now_us) {
                    encoding.live = false;
                    changed.push(at);
                }
                let Some(ssrc) = encoding.ssrc else { continue };
                let seqs = encoding.nack.poll(now_us, rtt_us);
                if !seqs.is_empty() {
                    encoding.stats.nack_count += 1;
                    leg.feedback.push(Feedback::Nack {
                        sender_ssrc: leg.ssrc,
                        media_ssrc: ssrc,
                        seqs,
                    });
                }
                if encoding.nack.take_gave_up() && video && !producer.consumers.is_empty() {
                    encoding.keyframe.want();
                }
                if let Some(at) = encoding.nack.next_timeout() {
                    leg.schedule.at(at);
                }
                // A request that cannot go out yet is not used up.
                if !leg.ready || !(pli || fir) {
                    continue;
                }
                if encoding.keyframe.poll(now_us) {
                    if pli {
                        encoding.stats.pli_count += 1;
                        leg.feedback.push(Feedback::Pli {
                            sender_ssrc: leg.ssrc,
                            media_ssrc: ssrc,
                        });
                    } else {
                        encoding.stats.fir_count += 1;
                        leg.fir_seq = leg.fir_seq.wrapping_add(1);
                        leg.feedback.push(Feedback::Fir {
                            sender_ssrc: leg.ssrc,
                            media_ssrc: ssrc,
                            seq: leg.fir_seq,
                        });
                    }
                }
                if let Some(at) = encoding.keyframe.deadline() {
                    leg.schedule.at(at);
                }
            }
        }
        for producer in changed {
            self.layers_changed(now_us, producer);
        }
    }

    fn report_reception(&mut self, now_us: u64, index: usize) {
        let leg = &mut self.legs[index];
        if now_us >= leg.active_until_us
            || now_us < leg.schedule.receiver_report
            || leg.producers.is_empty()
        {
            return;
        }
        leg.schedule.receiver_report = now_us + REPORT_US;
        let mut blocks = Vec::new();
        let mut ssrcs = Vec::new();
        for &at in &leg.producers {
            for encoding in &mut self.producers[at].encodings {
                let Some(ssrc) = encoding.ssrc.filter(|_| encoding.reception.received > 0) else {
                    continue;
                };
                let mut block = encoding.reception.report(ssrc);
                if let Some(clock) = &encoding.clock {
                    block.last_sender_report = clock.ntp_middle;
                    block.delay_since_last =
                        report::delay_units(now_us.saturating_sub(clock.at_us));
                }
                blocks.push(block);
                ssrcs.push(ssrc);
            }
        }
        for chunk in blocks.chunks(MAX_REPORT_BLOCKS) {
            leg.feedback.push(Feedback::ReceiverReport {
                sender_ssrc: leg.ssrc,
                reports: chunk.to_vec(),
            });
        }
        if leg.sends_remb && leg.recorder.is_none() && !ssrcs.is_empty() {
            leg.feedback.push(Feedback::Remb {
                sender_ssrc: leg.ssrc,
                bitrate: REMB_BITRATE,
                ssrcs,
            });
        }
    }

    fn report_sending(&mut self, now_us: u64, index: usize) {
        let leg = &mut self.legs[index];
        let active = now_us < leg.active_until_us && leg.ready;
        let all = active && now_us >= leg.schedule.sender_report;
        if all {
            leg.schedule.sender_report = now_us + SENDER_REPORT_US;
        }
        for &at in &leg.consumers {
            let consumer = &mut self.consumers[at];
            if !all && !consumer.report_due {
                continue;
            }
            consumer.report_due = false;
            let Some(producer) = consumer.producer.map(|producer| &self.producers[producer]) else {
                continue;
            };
            if let Some(sent) = consumer.sender_report(now_us, producer) {
                leg.feedback.push(sent);
                leg.feedback.push(Feedback::Sdes {
                    ssrc: consumer.ssrc,
                    cname: leg.cname.clone(),
                });
            }
        }
    }

    /// The number of live encodings changed, or the first packet came.
    pub(crate) fn layers_changed(&mut self, now_us: u64, index: usize) {
        let producer = &mut self.producers[index];
        let live = producer.live_encodings(now_us);
        if producer.live_told != Some(live) {
            producer.live_told = Some(live);
            self.events.push_back(RouterEvent::ProducerLayers {
                producer: producer.id,
                live,
            });
        }
        if producer.kind == MediaKind::Audio {
            return;
        }
        // A request that waited for the SSRC can go out now.
        let publisher = self.producers[index].leg;
        self.wake_leg(publisher, now_us);
        let consumers = std::mem::take(&mut self.producers[index].consumers);
        for consumer in &consumers {
            let leg = self.consumers[*consumer].leg;
            self.legs[leg].schedule.allocation = now_us;
            self.wake_leg(leg, now_us);
        }
        self.producers[index].consumers = consumers;
    }

    /// Divides the budget of a leg among its consumers and asks for the key frames that the result needs.
    pub(crate) fn allocate(&mut self, now_us: u64, index: usize) {
        let leg = &mut self.legs[index];
        leg.schedule.allocation = now_us + ALLOCATION_US;
        let mut reserved = 0;
        let mut demands = std::mem::take(&mut self.demands);
        demands.clear();
        for &at in &leg.consumers {
            let consumer = &mut self.consumers[at];
            let Some(producer) = consumer.producer.map(|producer| &self.producers[producer]) else {
                continue;
            };
            if consumer.paused || !consumer.can_send(producer) {
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
                if !std::mem::replace(&mut leg.dirty, true) {
                    self.dirty_legs.push(index);
                }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::params::{CodecParameters, Encoding, RtpParameters};
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

    #[test]
    fn a_timer_looks_only_at_legs_that_are_due() {
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
        for seq in 0..1000u16 {
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
            router.handle_timeout(now);
            router.flush(now, &mut Nowhere);
            while router.poll_feedback().is_some() {}
            if seq > 0 {
                assert!(router.due.len() <= 10, "{}", router.due.len());
            }
            assert!(router.deadlines.len() <= 1100);
        }
        assert!(router.deadlines.len() <= 40, "{}", router.deadlines.len());
    }
}
