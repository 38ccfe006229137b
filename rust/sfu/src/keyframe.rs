//! When a key frame is asked of a publisher. Owns the limit per encoding; refuses to know who wants it and how it is asked.

/// Least time between two requests for one encoding.
const MIN_INTERVAL_US: u64 = 500_000;
/// A request that brought no key frame is repeated after this.
const REPEAT_US: u64 = 1_000_000;
/// Repeats without an answer; after that only a new wish asks again.
const MAX_REPEATS: u8 = 10;

/// Merges the wishes of all consumers of one encoding into few requests: the first at once, then at most one per 500 ms,
/// repeated after a second until the key frame comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyframeRequester {
    last_asked: Option<u64>,
    /// A key frame is wanted and has not come.
    pending: bool,
    /// Somebody asked after the last request went out.
    renewed: bool,
    repeats: u8,
}

impl KeyframeRequester {
    /// Somebody cannot decode without a key frame.
    pub(crate) fn want(&mut self) {
        self.renewed = true;
        if !self.pending {
            self.pending = true;
            self.repeats = 0;
        }
    }

    /// The first packet of a key frame came.
    pub(crate) fn arrived(&mut self) {
        self.pending = false;
        self.renewed = false;
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending
    }

    /// True when a request shall go out now.
    pub(crate) fn poll(&mut self, now_us: u64) -> bool {
        match self.deadline() {
            Some(at) if at <= now_us => {}
            _ => return false,
        }
        if self.renewed {
            self.repeats = 0;
        } else {
            self.repeats = self.repeats.saturating_add(1);
        }
        self.renewed = false;
        self.last_asked = Some(now_us);
        if self.repeats >= MAX_REPEATS {
            self.pending = false;
        }
        true
    }

    /// When [`KeyframeRequester::poll`] will say yes; none while nothing is wanted.
    pub(crate) fn deadline(&self) -> Option<u64> {
        if !self.pending {
            return None;
        }
        let Some(last) = self.last_asked else {
            return Some(0);
        };
        Some(
            last + if self.renewed {
                MIN_INTERVAL_US
            } else {
                REPEAT_US
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wish_is_asked_at_once() {
        let mut requester = KeyframeRequester::default();
        assert!(!requester.poll(0));
        requester.want();
        assert!(requester.poll(5));
        assert!(!requester.poll(5));
    }

    #[test]
    fn a_storm_becomes_two_requests_a_second() {
        let mut requester = KeyframeRequester::default();
        let mut asked = 0;
        for ms in 0..10_000u64 {
            requester.want();
            asked += u32::from(requester.poll(ms * 1000));
            if ms % 100 == 0 {
                requester.arrived();
            }
        }
        assert!((19..=21).contains(&asked), "{asked}");
    }

    #[test]
    fn asks_again_until_the_key_frame_comes_and_not_for_ever() {
        let mut requester = KeyframeRequester::default();
        requester.want();
        assert!(requester.poll(0));
        assert!(!requester.poll(999_999));
        assert!(requester.poll(1_000_000));
        requester.arrived();
        assert_eq!(requester.deadline(), None);
        requester.want();
        let asked = (0..60_000u64)
            .filter(|ms| requester.poll(ms * 1000))
            .count();
        assert!(asked < 15, "{asked}");
    }
}
