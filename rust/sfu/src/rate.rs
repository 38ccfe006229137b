//! Measured bit rates over a short sliding window. Owns the arithmetic; refuses to know whose bytes they are.

const BUCKETS: usize = 8;

/// Bits per second over the last eight buckets; a bucket is `BUCKET_US` wide.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateMeter<const BUCKET_US: u64 = 125_000> {
    buckets: [u32; BUCKETS],
    /// Number of the newest bucket since the epoch.
    newest: u64,
    /// Number of the first bucket that was ever filled, so that a young stream is not underrated.
    first: Option<u64>,
}

impl<const BUCKET_US: u64> RateMeter<BUCKET_US> {
    pub(crate) fn add(&mut self, now_us: u64, bytes: usize) {
        let bucket = now_us / BUCKET_US;
        self.advance(bucket);
        self.first.get_or_insert(bucket);
        let slot = &mut self.buckets[(bucket % BUCKETS as u64) as usize];
        *slot = slot.saturating_add(bytes as u32);
    }

    /// bit/s; 0 when nothing came within the window.
    pub(crate) fn bitrate(&self, now_us: u64) -> u64 {
        let now = now_us / BUCKET_US;
        let Some(first) = self.first else { return 0 };
        let oldest = (now + 1).saturating_sub(BUCKETS as u64);
        let bytes: u64 = (oldest..=now)
            .filter(|bucket| *bucket <= self.newest && self.newest - *bucket < BUCKETS as u64)
            .map(|bucket| u64::from(self.buckets[(bucket % BUCKETS as u64) as usize]))
            .sum();
        // At least two buckets, so that the first burst of a stream is not taken for its rate.
        let begin = oldest.max(first) * BUCKET_US;
        let span = now_us.saturating_sub(begin).max(2 * BUCKET_US);
        bytes * 8 * 1_000_000 / span
    }

    fn advance(&mut self, bucket: u64) {
        if bucket <= self.newest {
            return;
        }
        let steps = (bucket - self.newest).min(BUCKETS as u64);
        for step in 1..=steps {
            self.buckets[((self.newest + step) % BUCKETS as u64) as usize] = 0;
        }
        if steps == BUCKETS as u64 {
            self.buckets = [0; BUCKETS];
        }
        self.newest = bucket;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_a_constant_stream() {
        let mut meter = RateMeter::<125_000>::default();
        for ms in (0..3000u64).step_by(10) {
            meter.add(ms * 1000, 1250);
        }
        let rate = meter.bitrate(3_000_000);
        assert!((900_000..1_150_000).contains(&rate), "{rate}");
    }

    #[test]
    fn forgets_after_a_second() {
        let mut meter = RateMeter::<125_000>::default();
        meter.add(0, 1000);
        assert!(meter.bitrate(100_000) > 0);
        assert_eq!(meter.bitrate(2_000_000), 0);
    }

    #[test]
    fn survives_a_long_silence_and_time_going_back() {
        let mut meter = RateMeter::<125_000>::default();
        meter.add(5_000_000, 1000);
        meter.add(4_000_000, 1000);
        meter.add(u64::MAX / 2, 1000);
        assert!(meter.bitrate(u64::MAX / 2) > 0);
        assert_eq!(meter.bitrate(0), 0);
    }
}
