//! RTP timestamps of one consumer. Owns the offset of the current source and the choice at a switch; refuses to know clocks.

use crate::rtp::seq::diff32;

/// A reference that differs by more than this from the time that has passed is not believed (wrong sender report).
const MAX_REFERENCE_ERROR_US: u64 = 500_000;

/// Maps the timestamps of one source at a time to one continuous output clock.
#[derive(Clone, Debug)]
pub struct TimestampMap {
    clock_rate: u32,
    /// None before the first source.
    offset: Option<u32>,
    /// Highest output timestamp and when its first packet went out; the chosen start before any packet.
    last: Last,
    started: bool,
    behind: Option<Behind>,
}

/// The source was joined in the past: from `first_in` on and for twice `lag` its clock runs at half its speed in the output, which is
/// then where it would be without.
#[derive(Clone, Copy, Debug)]
struct Behind {
    first_in: u32,
    lag: u32,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    out: u32,
    at_us: u64,
}

impl TimestampMap {
    /// `first_out` is the timestamp of the first packet, chosen at random.
    pub fn new(clock_rate: u32, first_out: u32) -> Self {
        Self {
            clock_rate,
            offset: None,
            last: Last {
                out: first_out,
                at_us: 0,
            },
            started: false,
            behind: None,
        }
    }

    /// Continues with another source whose first packet carries `first_in`.
    ///
    /// `reference` is `first_in` on the output clock according to capture times or sender reports, if they are known. It is
    /// taken when it agrees with the time that has passed since the last packet; else that time decides. The result is
    /// always later than everything sent, so a late or wrong report shifts lip sync but never stops the picture.
    pub fn switch(&mut self, first_in: u32, now_us: u64, reference: Option<u32>) {
        let mut first_out = self.last.out;
        if self.started {
            let elapsed = self.ticks(now_us.saturating_sub(self.last.at_us));
            let expected = self.last.out.wrapping_add(elapsed);
            let tolerance = self.ticks(MAX_REFERENCE_ERROR_US);
            first_out = reference
                .filter(|reference| diff32(*reference, expected).unsigned_abs() <= tolerance)
                .unwrap_or(expected);
            // A pause of more than half the circle looks like a step back; the receiver cannot tell them apart either.
            if diff32(first_out, self.last.out) <= 0 {
                first_out = self.last.out.wrapping_add(1);
            }
        }
        self.offset = Some(first_out.wrapping_sub(first_in));
        self.behind = None;
    }

    /// The packets of the source, with which [`TimestampMap::switch`] began at the present (`newest_in`), are sent from `first_in` on,
    /// at twice the speed until they have caught up. A receiver sees a stream that is never ahead of its clock and never behind, so it
    /// shows pictures as they come.
    pub fn catch_up(&mut self, first_in: u32, newest_in: u32) {
        let lag = newest_in.wrapping_sub(first_in);
        self.behind = (lag > 0 && lag < 1 << 28).then_some(Behind { first_in, lag });
    }

    /// Output timestamp of a packet of the current source that is sent at `now_us`.
    pub fn map(&mut self, input: u32, now_us: u64) -> u32 {
        if self.offset.is_none() {
            self.switch(input, now_us, None);
        }
        let out = self.lookup(input).wrapping_add(self.correction(input));
        let passed = self
            .behind
            .map(|behind| (behind, input.wrapping_sub(behind.first_in)));
        if passed.is_some_and(|(behind, passed)| (4 * behind.lag..1 << 31).contains(&passed)) {
            self.behind = None;
        }
        if !self.started || diff32(out, self.last.out) > 0 {
            self.last = Last { out, at_us: now_us };
            self.started = true;
        }
        out
    }

    /// Output timestamp of `input` without taking note of it, as for retransmissions.
    pub fn lookup(&self, input: u32) -> u32 {
        input.wrapping_add(self.offset.unwrap_or(0))
    }

    /// What [`TimestampMap::catch_up`] adds to the timestamp of a packet from the past.
    fn correction(&self, input: u32) -> u32 {
        let Some(Behind { first_in, lag }) = self.behind else {
            return 0;
        };
        let passed = input.wrapping_sub(first_in);
        if passed < 2 * lag {
            lag - passed.div_ceil(2)
        } else {
            0
        }
    }

    /// Highest output timestamp so far; none before the first packet.
    pub fn last_out(&self) -> Option<u32> {
        self.started.then_some(self.last.out)
    }

    fn ticks(&self, us: u64) -> u32 {
        (u128::from(us) * u128::from(self.clock_rate) / 1_000_000) as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_source_starts_at_the_chosen_value() {
        let mut map = TimestampMap::new(90_000, 5_000);
        map.switch(u32::MAX, 0, Some(7));
        assert_eq!(map.map(u32::MAX, 0), 5_000);
        assert_eq!(map.map(2_999, 33_333), 8_000);
    }

    #[test]
    fn switch_without_reference_follows_elapsed_time() {
        let mut map = TimestampMap::new(90_000, 5_000);
        map.map(100, 1_000_000);
        map.switch(777, 1_100_000, None);
        assert_eq!(map.map(777, 1_100_000), 14_000);
    }

    #[test]
    fn believable_reference_wins_and_wrong_one_is_ignored() {
        let mut map = TimestampMap::new(90_000, 5_000);
        map.map(100, 0);
        map.switch(777, 100_000, Some(12_500));
        assert_eq!(map.lookup(777), 12_500);
        map.switch(777, 100_000, Some(12_500 + 900_000));
        assert_eq!(map.lookup(777), 14_000);
    }

    #[test]
    fn switch_never_goes_back() {
        let mut map = TimestampMap::new(90_000, 5_000);
        map.map(100, 0);
        map.switch(777, 10_000, Some(4_000));
        assert_eq!(map.lookup(777), 5_001);
        map.switch(777, 0, None);
        assert_eq!(map.lookup(777), 5_001);
    }

    #[test]
    fn a_source_joined_in_the_past_is_at_the_present_after_as_long() {
        let mut map = TimestampMap::new(90_000, 5_000);
        map.switch(9_000, 0, None);
        map.catch_up(0, 9_000);
        let out = |map: &mut TimestampMap, input| map.map(input, 1);
        assert_eq!((out(&mut map, 0), out(&mut map, 3_000)), (5_000, 6_500));
        assert_eq!(out(&mut map, 17_999), 13_999);
        assert_eq!(out(&mut map, 18_000), 14_000);
        assert_eq!((out(&mut map, 21_000), map.lookup(9_000)), (17_000, 5_000));
        map.switch(70_000, 1, None);
        assert_eq!(map.map(70_001, 1), map.lookup(70_001));
    }

    #[test]
    fn late_packets_do_not_move_the_end() {
        let mut map = TimestampMap::new(90_000, 5_000);
        map.map(10_000, 0);
        map.map(7_000, 1);
        assert_eq!(map.last_out(), Some(5_000));
    }

    proptest! {
        #[test]
        fn every_switch_moves_forward(switches in proptest::collection::vec(
            (any::<u32>(), 0u64..10_000_000, proptest::option::of(any::<u32>())), 1..60), clock in any::<u32>()) {
            let clock = clock.min(200_000);
            let mut map = TimestampMap::new(clock, u32::MAX - 5);
            let mut now = 0u64;
            for (input, pause, reference) in switches {
                now += pause;
                let before = map.last_out();
                map.switch(input, now, reference);
                let out = map.map(input, now);
                if let Some(before) = before { prop_assert!(diff32(out, before) > 0); }
            }
        }
    }
}
