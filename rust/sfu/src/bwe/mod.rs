//! What a peer's downlink carries. Owns the send-side estimate from transport-cc reports, the receiver's REMB and probing;
//! refuses to know how the budget is divided.

mod history;
mod probe;
mod trend;

use crate::feedback::{Arrival, TransportCc};
use crate::prefetch::prefetch_span;
use crate::rate::RateMeter;

use history::SentHistory;
use probe::Prober;
use trend::{TrendDetector, Usage};

/// Factor on the acknowledged rate after overuse (draft-ietf-rmcat-gcc-02 section 5.5).
const DECREASE: f64 = 0.85;
/// Multiplicative growth per second.
const INCREASE_PER_SECOND: f64 = 1.08;
const FLOOR: u64 = 30_000;
/// Losses above this lower the estimate, below [`LOSS_LOW`] it may grow.
const LOSS_HIGH: f64 = 0.10;
const LOSS_LOW: f64 = 0.02;
/// The acknowledged rate is far below what is sent: the loss is no noise.
const LOSS_HEAVY: f64 = 0.25;
/// Without any report for this long while packets are on their way, the path is taken for blocked.
const SILENCE_US: u64 = 1_500_000;
/// Packets that one report usually speaks of.
const REPORTED: u16 = 32;
/// REMB is ignored while transport-cc reports are younger than this.
const REPORTS_FRESH_US: u64 = 5_000_000;

/// Estimate for one transport. Optimistic until the first sign of congestion. In memory as written here: what sending needs comes
/// first.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Estimator {
    history: SentHistory,
    next_seq: u16,
    /// Send time of the oldest packet that no report has spoken of since the last report.
    waiting_since_us: Option<u64>,
    prober: Prober,
    trend: TrendDetector,
    estimate: Option<u64>,
    remb: Option<u64>,
    acked: RateMeter<60_000>,
    /// Receiver's clock: last reference time in 64 ms units, extended.
    reference: Option<i64>,
    acked_now_us: u64,
    loss: LossWindow,
    link_capacity: Option<f64>,
    last_report_us: Option<u64>,
    last_update_us: u64,
    last_decrease_us: Option<u64>,
}

#[derive(Debug, Default)]
struct LossWindow {
    received: u32,
    lost: u32,
    since_us: u64,
}

impl Estimator {
    /// bit/s; none while there is no reason for a limit.
    pub(crate) fn estimate(&self) -> Option<u64> {
        match (self.estimate, self.remb) {
            (Some(own), _) => Some(own),
            (None, remb) => remb,
        }
    }

    /// What statistics show: the estimate, or what the receiver is known to get.
    pub(crate) fn known_bitrate(&self) -> Option<u64> {
        self.estimate().or_else(|| {
            self.last_report_us
                .map(|_| self.acked.bitrate(self.acked_now_us))
                .filter(|rate| *rate > 0)
        })
    }

    pub(crate) fn last_decrease_us(&self) -> Option<u64> {
        self.last_decrease_us
    }

    /// What [`Estimator::sent`] needs here.
    #[inline]
    pub(crate) fn prefetch_sending(&self) {
        prefetch_span(&self.history, &self.prober);
    }

    /// What it needs beyond that, for `packets` of them.
    pub(crate) fn prefetch_sent(&self, packets: usize) {
        self.history.prefetch(self.next_seq, packets);
    }

    /// What [`Estimator::transport_cc`] needs beyond the estimator itself, for the packets of the last while.
    pub(crate) fn prefetch_reported(&self) {
        let first = self.next_seq.wrapping_sub(REPORTED);
        self.history.prefetch(first, usize::from(REPORTED));
    }

    /// Number for the next packet. It is used up by [`Estimator::sent`].
    pub(crate) fn next_seq(&self) -> u16 {
        self.next_seq
    }

    /// The packet with the number [`Estimator::next_seq`] went out.
    pub(crate) fn sent(&mut self, now_us: u64, bytes: usize) {
        let cluster = self.prober.current(now_us);
        self.history.push(now_us, self.next_seq, bytes, cluster);
        self.prober.sent(cluster, bytes);
        self.next_seq = self.next_seq.wrapping_add(1);
        self.waiting_since_us.get_or_insert(now_us);
    }

    /// A packet without transport-wide number went out (the peer did not negotiate it).
    pub(crate) fn sent_unnumbered(&mut self, now_us: u64, bytes: usize) {
        let cluster = self.prober.current(now_us);
        self.prober.sent(cluster, bytes);
    }

    /// The packet with this number goes out once more under it: when it arrives tells nothing.
    pub(crate) fn repeated(&mut self, now_us: u64, number: u16) {
        self.history.take(now_us, number);
    }

    pub(crate) fn transport_cc(&mut self, now_us: u64, report: &TransportCc, rtt_us: u64) {
        self.last_report_us = Some(now_us);
        self.waiting_since_us = None;
        self.remb = None;
        let reference = self.extend_reference(report.reference_time);
        let mut arrived_us = reference * 64_000;
        let mut over = false;
        for (seq, arrival) in (0u16..).zip(&report.arrivals) {
            let seq = report.base_seq.wrapping_add(seq);
            match arrival {
                Arrival::Lost => {
                    if self.history.peek(seq).is_some() {
                        self.loss.lost += 1;
                    }
                }
                Arrival::Untimed => {
                    if self.history.take(now_us, seq).is_some() {
                        self.loss.received += 1;
                    }
                }
                Arrival::Delta(delta) => {
                    arrived_us += i64::from(*delta) * 250;
                    let Some((sent, sent_at)) = self.history.take(now_us, seq) else {
                        continue;
                    };
                    self.loss.received += 1;
                    let bytes = usize::from(sent.bytes);
                    // The receiver's clock may start anywhere; the meter wants it positive.
                    self.acked_now_us = self.acked_now_us.max(arrived_us.max(0) as u64);
                    self.acked.add(arrived_us.max(0) as u64, bytes);
                    self.prober.acked(sent.cluster, arrived_us, bytes);
                    self.trend.packet(sent_at as i64, arrived_us);
                    over |= self.trend.usage() == Usage::Over;
                }
            }
        }
        self.update(now_us, over, rtt_us);
    }

    pub(crate) fn remb(&mut self, now_us: u64, bitrate: u64) {
        if self
            .last_report_us
            .is_some_and(|at| now_us.saturating_sub(at) < REPORTS_FRESH_US)
        {
            return;
        }
        let bitrate = bitrate.max(FLOOR);
        if let Some(before) = self.remb {
            if bitrate * 100 < before * 85 {
                self.last_decrease_us = Some(now_us);
                self.prober.congested(now_us);
            } else if bitrate * 100 > before * 110 {
                self.prober.proven(now_us);
            }
        }
        self.remb = Some(bitrate);
        self.estimate = None;
    }

    /// Looks at silence and at finished probes. True when the estimate changed.
    pub(crate) fn poll(&mut self, now_us: u64) -> bool {
        let mut changed = false;
        if self.remb.is_some() {
            self.prober.expire(now_us);
        } else if let Some(proven) = self.prober.result(now_us)
            && let Some(estimate) = self.estimate.filter(|estimate| proven > *estimate)
        {
            tracing::trace!(estimate, proven, "probe");
            self.estimate = Some(proven);
            changed = true;
        }
        let silent = self
            .last_report_us
            .is_some_and(|at| now_us.saturating_sub(at) > SILENCE_US)
            && self
                .waiting_since_us
                .is_some_and(|at| now_us.saturating_sub(at) > SILENCE_US);
        if silent {
            self.waiting_since_us = Some(now_us);
            let base = self
                .estimate
                .unwrap_or_else(|| self.acked.bitrate(self.acked_now_us));
            self.decrease(now_us, base as f64 * 0.5);
            changed = true;
        }
        changed
    }

    /// Wants to know whether `goal` bit/s would fit. True when a cluster began.
    pub(crate) fn probe(&mut self, now_us: u64, goal: u64) -> bool {
        self.estimate().is_some_and(|estimate| estimate < goal) && self.prober.start(now_us, goal)
    }

    /// Bytes of padding that shall be sent now.
    pub(crate) fn padding_due(&self, now_us: u64) -> usize {
        self.prober.due(now_us)
    }

    pub(crate) fn probe_deadline(&self, now_us: u64) -> Option<u64> {
        self.prober.deadline(now_us)
    }

    fn update(&mut self, now_us: u64, over: bool, rtt_us: u64) {
        let acked = self.acked.bitrate(self.acked_now_us);
        let loss = self.loss.take(now_us);
        let settled = self
            .last_decrease_us
            .is_none_or(|at| now_us.saturating_sub(at) > rtt_us.clamp(200_000, 1_000_000));
        let elapsed = now_us.saturating_sub(self.last_update_us).min(1_000_000) as f64 / 1e6;
        self.last_update_us = now_us;
        if over {
            if settled || self.estimate.is_none_or(|estimate| acked * 2 < estimate) {
                self.observe_capacity(acked as f64);
                self.decrease(now_us, acked as f64 * DECREASE);
            }
            return;
        }
        match loss {
            Some(loss) if loss > LOSS_HIGH && settled => {
                let sent = acked as f64 / (1.0 - loss).max(0.05);
                let base = self
                    .estimate
                    .map_or(sent, |estimate| (estimate as f64).min(sent));
                let mut target = base * (1.0 - 0.5 * loss);
                if loss > LOSS_HEAVY {
                    target = target.min(acked as f64 * 0.95);
                }
                self.decrease(now_us, target);
                return;
            }
            Some(loss) if loss > LOSS_LOW => return,
            _ => {}
        }
        if self.trend.usage() == Usage::Normal {
            self.increase(acked, elapsed, rtt_us);
        }
    }

    fn increase(&mut self, acked: u64, elapsed: f64, rtt_us: u64) {
        let Some(estimate) = self.estimate else {
            return;
        };
        let near = self
            .link_capacity
            .is_some_and(|capacity| (0.85..1.15).contains(&(acked as f64 / capacity.max(1.0))));
        let step = if near {
            // About one packet per response time.
            9_600.0 * elapsed / ((rtt_us as f64 / 1e6) + 0.1)
        } else {
            estimate as f64 * (INCREASE_PER_SECOND.powf(elapsed) - 1.0)
        };
        // Growth beyond what is sent proves nothing; probes do that.
        let ceiling = acked + acked / 2 + 10_000;
        if estimate < ceiling {
            self.estimate = Some(((estimate as f64 + step) as u64).min(ceiling));
        }
    }

    fn decrease(&mut self, now_us: u64, target: f64) {
        let target = (target as u64).max(FLOOR);
        let new = self
            .estimate
            .map_or(target, |estimate| estimate.min(target));
        tracing::trace!(from = ?self.estimate, to = new, "congested");
        self.estimate = Some(new);
        self.last_decrease_us = Some(now_us);
        self.prober.congested(now_us);
    }

    fn observe_capacity(&mut self, acked: f64) {
        self.link_capacity = Some(self.link_capacity.map_or(acked, |old| {
            if (0.5..2.0).contains(&(acked / old.max(1.0))) {
                old * 0.95 + acked * 0.05
            } else {
                acked
            }
        }));
    }

    /// The reference time is a signed 24-bit number that wraps every 12 days; time starts with the first report.
    fn extend_reference(&mut self, raw: i32) -> i64 {
        let raw = i64::from(raw);
        let extended = match self.reference {
            // Room for a report that is older than the first one.
            None => (raw & 0xff_ffff) + (1 << 24),
            Some(last) => {
                let step = ((raw - last) << 40) >> 40;
                (last + step).max(0)
            }
        };
        self.reference = Some(extended);
        extended
    }
}

impl LossWindow {
    /// Fraction lost since the last answer, once there is enough to tell.
    fn take(&mut self, now_us: u64) -> Option<f64> {
        let total = self.received + self.lost;
        if total < 20 || now_us.saturating_sub(self.since_us) < 300_000 {
            return None;
        }
        let fraction = f64::from(self.lost) / f64::from(total);
        *self = Self {
            since_us: now_us,
            ..Self::default()
        };
        Some(fraction)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A link with a rate, a drop-tail queue and a receiver that reports every 50 ms.
    struct Link {
        rate: u64,
        queue_us: u64,
        free_at: u64,
        arrivals: VecDeque<(u16, Option<u64>)>,
        now: u64,
        next_report: u64,
    }

    impl Link {
        fn new() -> Self {
            Self {
                rate: 100_000_000,
                queue_us: 300_000,
                free_at: 0,
                arrivals: VecDeque::new(),
                now: 0,
                next_report: 50_000,
            }
        }

        fn send(&mut self, bwe: &mut Estimator, bytes: usize) {
            let seq = bwe.next_seq();
            bwe.sent(self.now, bytes);
            let start = self.free_at.max(self.now);
            if start - self.now > self.queue_us {
                self.arrivals.push_back((seq, None));
                return;
            }
            self.free_at = start + bytes as u64 * 8_000_000 / self.rate;
            self.arrivals.push_back((seq, Some(self.free_at + 20_000)));
        }

        fn report(&mut self, bwe: &mut Estimator) {
            let Some(&(base_seq, _)) = self.arrivals.front() else {
                return;
            };
            let due = |at: &Option<u64>| at.is_none_or(|at| at <= self.now);
            let count = self.arrivals.iter().take_while(|(_, at)| due(at)).count();
            let first = self
                .arrivals
                .iter()
                .take(count)
                .find_map(|(_, at)| *at)
                .unwrap_or(self.now);
            let reference = first / 64_000;
            let mut last = reference * 64_000 / 250;
            let arrivals = self
                .arrivals
                .drain(..count)
                .map(|(_, at)| match at {
                    None => Arrival::Lost,
                    Some(at) => {
                        let delta = (at / 250) as i64 - last as i64;
                        last = at / 250;
                        Arrival::Delta(delta as i16)
                    }
                })
                .collect();
            let report = TransportCc {
                sender_ssrc: 1,
                media_ssrc: 2,
                base_seq,
                reference_time: reference as i32,
                feedback_count: 0,
                arrivals,
            };
            bwe.transport_cc(self.now, &report, 40_000);
        }

        /// Sends frames at 30/s of `bitrate` for `ms`.
        fn run(&mut self, bwe: &mut Estimator, bitrate: u64, ms: u64) {
            let end = self.now + ms * 1000;
            let mut next_frame = self.now;
            while self.now < end {
                if self.now >= next_frame {
                    next_frame += 33_000;
                    let mut left = bitrate as usize / 8 / 30;
                    while left > 0 {
                        let bytes = left.min(1200);
                        self.send(bwe, bytes);
                        left -= bytes;
                    }
                }
                let mut padding = bwe.padding_due(self.now);
                while padding > 0 {
                    self.send(bwe, padding.clamp(100, 1200));
                    padding = padding.saturating_sub(1200);
                }
                if self.now >= self.next_report {
                    self.next_report += 50_000;
                    self.report(bwe);
                }
                bwe.poll(self.now);
                self.now += 5_000;
            }
        }
    }

    #[test]
    fn is_unlimited_while_nothing_is_wrong() {
        let (mut bwe, mut link) = (Estimator::default(), Link::new());
        link.run(&mut bwe, 2_500_000, 10_000);
        assert_eq!(bwe.estimate(), None);
        let known = bwe.known_bitrate().unwrap();
        assert!((2_000_000..3_200_000).contains(&known), "{known}");
    }

    #[test]
    fn finds_a_throttled_link_within_a_second() {
        let (mut bwe, mut link) = (Estimator::default(), Link::new());
        link.run(&mut bwe, 2_500_000, 5_000);
        link.rate = 600_000;
        link.run(&mut bwe, 2_500_000, 1_000);
        let estimate = bwe.estimate().expect("congestion");
        assert!((300_000..1_000_000).contains(&estimate), "{estimate}");
    }

    #[test]
    fn a_probe_proves_more_and_a_failed_one_does_not() {
        let (mut bwe, mut link) = (Estimator::default(), Link::new());
        link.run(&mut bwe, 2_500_000, 3_000);
        link.rate = 600_000;
        link.run(&mut bwe, 2_500_000, 1_500);
        link.run(&mut bwe, 150_000, 3_500);
        let low = bwe.estimate().unwrap();
        assert!(low < 700_000, "{low}");
        assert!(bwe.probe(link.now, 3_000_000));
        link.run(&mut bwe, 150_000, 1_500);
        assert!(bwe.estimate().unwrap() < 700_000, "{:?}", bwe.estimate());
        link.rate = 100_000_000;
        link.run(&mut bwe, 150_000, 6_000);
        assert!(bwe.probe(link.now, 3_000_000));
        link.run(&mut bwe, 150_000, 1_500);
        assert!(bwe.estimate().unwrap() > 2_400_000, "{:?}", bwe.estimate());
    }

    #[test]
    fn total_loss_is_noticed_without_any_report() {
        let (mut bwe, mut link) = (Estimator::default(), Link::new());
        link.run(&mut bwe, 1_000_000, 2_000);
        link.next_report = u64::MAX;
        link.run(&mut bwe, 1_000_000, 2_500);
        assert!(
            bwe.estimate().is_some_and(|estimate| estimate < 700_000),
            "{:?}",
            bwe.estimate()
        );
    }

    #[test]
    fn remb_counts_unless_there_are_transport_wide_reports() {
        let mut bwe = Estimator::default();
        bwe.remb(0, 500_000);
        assert_eq!(bwe.estimate(), Some(500_000));
        let (mut bwe, mut link) = (Estimator::default(), Link::new());
        link.run(&mut bwe, 1_000_000, 1_000);
        bwe.remb(link.now, 500_000);
        assert_eq!(bwe.estimate(), None);
    }

    #[test]
    fn malformed_reports_do_no_harm() {
        let mut bwe = Estimator::default();
        for n in 0..200i32 {
            bwe.sent(n as u64 * 1000, 1200);
            let report = TransportCc {
                sender_ssrc: 0,
                media_ssrc: 0,
                base_seq: (n * 7919) as u16,
                reference_time: if n % 2 == 0 { i32::MIN } else { i32::MAX },
                feedback_count: 0,
                arrivals: vec![Arrival::Delta(if n % 3 == 0 { i16::MIN } else { i16::MAX }); 400],
            };
            bwe.transport_cc(n as u64 * 1000, &report, u64::MAX);
            bwe.remb(n as u64 * 1000, u64::MAX / 200);
        }
        bwe.poll(u64::MAX / 4);
    }
}
