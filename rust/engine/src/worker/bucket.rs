//! A bound on how often something may happen, with as much at once.

use std::time::Instant;

/// New handshakes per second.
pub(super) struct Bucket {
    rate: f64,
    level: f64,
    filled: Instant,
}

impl Bucket {
    pub(super) fn new(rate: usize, now: Instant) -> Self {
        Self {
            rate: rate as f64,
            level: rate as f64,
            filled: now,
        }
    }

    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.level = (self.level + since * self.rate).min(self.rate);
        self.filled = now;
        let taken = self.level >= 1.0;
        if taken {
            self.level -= 1.0;
        }
        taken
    }
}
