//! Is the queue on the way growing? The trendline detector of draft-ietf-rmcat-gcc-02 with the line fit that libwebrtc uses.
//! Owns delays between groups of packets; refuses to know rates.

/// Packets sent within this time form one group.
const BURST_US: i64 = 5_000;
/// Groups in the line fit.
const WINDOW: usize = 20;
/// Divides [`WINDOW`].
const LANES: usize = 4;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;
const THRESHOLD_RANGE: (f64, f64) = (6.0, 600.0);
/// Overuse must last this long.
const OVERUSE_MS: f64 = 10.0;

/// What the delay says about the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Usage {
    #[default]
    Normal,
    /// The queue grows.
    Over,
    /// The queue drains: wait until it is empty.
    Under,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    last_arrived: i64,
}

#[derive(Debug)]
pub(crate) struct TrendDetector {
    group: Option<Group>,
    before: Option<Group>,
    /// Arrival ms since the first.
    arrivals: [f64; WINDOW],
    /// Smoothed, ms.
    delays: [f64; WINDOW],
    count: usize,
    accumulated: f64,
    smoothed: f64,
    first_arrival: Option<i64>,
    threshold: f64,
    last_threshold_at: Option<i64>,
    over_since: f64,
    over_count: u32,
    trend_before: f64,
    usage: Usage,
}

impl Default for TrendDetector {
    fn default() -> Self {
        Self {
            group: None,
            before: None,
            arrivals: [0.0; WINDOW],
            delays: [0.0; WINDOW],
            count: 0,
            accumulated: 0.0,
            smoothed: 0.0,
            first_arrival: None,
            threshold: 12.5,
            last_threshold_at: None,
            over_since: -1.0,
            over_count: 0,
            trend_before: 0.0,
            usage: Usage::Normal,
        }
    }
}

impl TrendDetector {
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// One packet that arrived; times in microseconds on the sender's and on the receiver's clock.
    pub(crate) fn packet(&mut self, sent: i64, arrived: i64) {
        let Some(group) = &mut self.group else {
            self.group = Some(Group {
                first_sent: sent,
                last_sent: sent,
                last_arrived: arrived,
            });
            return;
        };
        if sent < group.first_sent {
            // Reordered: belongs to a group that is closed.
            return;
        }
        if sent - group.first_sent <= BURST_US {
            group.last_sent = group.last_sent.max(sent);
            group.last_arrived = group.last_arrived.max(arrived);
            return;
        }
        let closed = *group;
        *group = Group {
            first_sent: sent,
            last_sent: sent,
            last_arrived: arrived,
        };
        if let Some(before) = self.before {
            let sent_delta = closed.last_sent - before.last_sent;
            let arrival_delta = closed.last_arrived - before.last_arrived;
            if !(-3_000_000..=3_000_000).contains(&arrival_delta) {
                // The receiver's clock jumped.
                *self = Self {
                    threshold: self.threshold,
                    ..Self::default()
                };
                return;
            }
            self.delta(
                sent_delta as f64 / 1000.0,
                arrival_delta as f64 / 1000.0,
                closed.last_arrived,
            );
        }
        self.before = Some(closed);
    }

    fn delta(&mut self, sent_ms: f64, arrival_ms: f64, arrived: i64) {
        let first = *self.first_arrival.get_or_insert(arrived);
        self.accumulated += arrival_ms - sent_ms;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        let at = (arrived - first) as f64 / 1000.0;
        self.arrivals[self.count % WINDOW] = at;
        self.delays[self.count % WINDOW] = self.smoothed;
        self.count += 1;
        if self.count < WINDOW {
            return;
        }
        let trend = self.slope();
        let modified = (self.count.min(60) as f64) * trend * GAIN;
        self.detect(modified, trend, sent_ms, arrived);
    }

    fn slope(&self) -> f64 {
        let n = WINDOW as f64;
        let (x, y) = (&self.arrivals, &self.delays);
        let (mean_x, mean_y) = (sum(|at| x[at]) / n, sum(|at| y[at]) / n);
        let above = sum(|at| (x[at] - mean_x) * (y[at] - mean_y));
        let below = sum(|at| (x[at] - mean_x) * (x[at] - mean_x));
        if below > 0.0 { above / below } else { 0.0 }
    }

    fn detect(&mut self, modified: f64, trend: f64, sent_ms: f64, arrived: i64) {
        if modified > self.threshold {
            self.over_since = if self.over_since < 0.0 {
                sent_ms / 2.0
            } else {
                self.over_since + sent_ms
            };
            self.over_count += 1;
            if self.over_since > OVERUSE_MS && self.over_count > 1 && trend >= self.trend_before {
                self.over_since = 0.0;
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_since = -1.0;
            self.over_count = 0;
            self.usage = if modified < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.trend_before = trend;
        self.adapt(modified, arrived);
    }

    /// The threshold follows the trend slowly, so that a competing flow does not starve us.
    fn adapt(&mut self, modified: f64, arrived: i64) {
        let last = *self.last_threshold_at.get_or_insert(arrived);
        self.last_threshold_at = Some(arrived);
        let distance = modified.abs();
        if distance > self.threshold + 15.0 {
            return;
        }
        let k = if distance < self.threshold {
            THRESHOLD_DOWN
        } else {
            THRESHOLD_UP
        };
        let elapsed = ((arrived - last) as f64 / 1000.0).clamp(0.0, 100.0);
        self.threshold += k * (distance - self.threshold) * elapsed;
        self.threshold = self.threshold.clamp(THRESHOLD_RANGE.0, THRESHOLD_RANGE.1);
    }
}

/// Over the window, in lanes that the core adds side by side.
#[inline]
fn sum(term: impl Fn(usize) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    for first in (0..WINDOW).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(first + lane);
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(
        detector: &mut TrendDetector,
        from_ms: i64,
        to_ms: i64,
        delay_us: impl Fn(i64) -> i64,
    ) -> bool {
        let mut over = false;
        for ms in (from_ms..to_ms).step_by(10) {
            detector.packet(ms * 1000, ms * 1000 + 20_000 + delay_us(ms));
            over |= detector.usage() == Usage::Over;
        }
        over
    }

    #[test]
    fn a_steady_link_is_normal() {
        let mut detector = TrendDetector::default();
        assert!(!feed(&mut detector, 0, 10_000, |ms| (ms * 7919 % 3000).abs()));
    }

    #[test]
    fn a_growing_queue_is_overuse_within_half_a_second() {
        let mut detector = TrendDetector::default();
        feed(&mut detector, 0, 3000, |_| 0);
        assert!(feed(&mut detector, 3000, 3500, |ms| (ms - 3000) * 500));
    }

    #[test]
    fn survives_reordering_and_clock_jumps() {
        let mut detector = TrendDetector::default();
        feed(&mut detector, 0, 1000, |_| 0);
        detector.packet(0, i64::MAX / 4);
        detector.packet(2_000_000, i64::MAX / 4);
        detector.packet(3_000_000, 5);
        feed(&mut detector, 4000, 5000, |_| 0);
        assert_eq!(detector.usage(), Usage::Normal);
    }
}
