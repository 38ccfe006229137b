//! Rollover counter and replay window of one SSRC (RFC 3711 section 3.3). Owns which packet indices were seen; refuses to know keys.

/// Bits that are guaranteed to be remembered behind the highest index: late retransmissions of high-rate video must pass.
pub const WINDOW: u64 = BITS - 64;

const BITS: u64 = 64 * WORDS as u64;
const WORDS: usize = 32;

/// What the window says about an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fresh,
    Replayed,
    TooOld,
}

/// Highest index and a ring of bits behind it (the scheme of RFC 6479: words are cleared as the window enters them).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayWindow {
    highest: u64,
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// A window whose first packet has this index.
    pub fn starting_at(index: u64) -> Self {
        let mut window = Self {
            highest: index,
            seen: [0; WORDS],
        };
        window.mark(index);
        window
    }

    /// Highest index accepted.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// The 48-bit index that `seq` most likely stands for (RFC 3711 section 3.3.1). `None` when that would be beyond 2^48.
    ///
    /// While the rollover counter is 0 there is no cycle before it, so a far higher `seq` means a jump ahead instead.
    pub fn estimate(&self, seq: u16) -> Option<u64> {
        const HALF: u32 = 1 << 15;
        let rollover = self.highest >> 16;
        let last = u32::from(self.highest as u16);
        let seq_wide = u32::from(seq);
        let rollover = if last < HALF {
            match seq_wide > last + HALF {
                true => rollover.saturating_sub(1),
                false => rollover,
            }
        } else if last - HALF > seq_wide {
            rollover + 1
        } else {
            rollover
        };
        (rollover >> 32 == 0).then_some(rollover << 16 | u64::from(seq))
    }

    /// Whether a packet with this index may be opened.
    pub fn check(&self, index: u64) -> Verdict {
        if index > self.highest {
            return Verdict::Fresh;
        }
        if self.highest - index >= WINDOW {
            return Verdict::TooOld;
        }
        match self.seen[word(index)] & bit(index) {
            0 => Verdict::Fresh,
            _ => Verdict::Replayed,
        }
    }

    /// Records the index of an authenticated packet that [`ReplayWindow::check`] found fresh.
    pub fn accept(&mut self, index: u64) {
        if index > self.highest {
            let (old, new) = (self.highest / 64, index / 64);
            for entered in 1..=(new - old).min(WORDS as u64) {
                self.seen[((old + entered) % WORDS as u64) as usize] = 0;
            }
            self.highest = index;
        }
        self.mark(index);
    }

    fn mark(&mut self, index: u64) {
        self.seen[word(index)] |= bit(index);
    }
}

fn word(index: u64) -> usize {
    (index / 64 % WORDS as u64) as usize
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn index_follows_the_cycle() {
        let at = |index: u64, seq: u16| ReplayWindow::starting_at(index).estimate(seq);
        assert_eq!(at(65_530, 3), Some(0x1_0003));
        assert_eq!(at(0x1_0003, 65_530), Some(65_530));
        assert_eq!(at(0x1_0003, 0x8003), Some(0x1_8003));
        assert_eq!(at(0x1_0003, 0x8004), Some(0x8004));
        assert_eq!(at(0x1_c000, 0x4000), Some(0x1_4000));
        assert_eq!(at(0x1_c000, 0x3fff), Some(0x2_3fff));
    }

    #[test]
    fn first_cycle_has_no_predecessor() {
        assert_eq!(ReplayWindow::starting_at(0).estimate(65_535), Some(65_535));
        assert_eq!(ReplayWindow::starting_at(5).estimate(40_000), Some(40_000));
    }

    #[test]
    fn last_cycle_has_no_successor() {
        let last = ReplayWindow::starting_at(0xffff_ffff_ffff);
        assert_eq!(last.estimate(0), None);
        assert_eq!(last.estimate(65_000), Some(0xffff_ffff_fde8));
    }

    #[test]
    fn remembers_at_least_1024_packets() {
        const { assert!(WINDOW >= 1024) };
        let mut window = ReplayWindow::starting_at(10_000);
        window.accept(10_000 + WINDOW - 1);
        assert_eq!(window.check(10_000), Verdict::Replayed);
        assert_eq!(window.check(10_001), Verdict::Fresh);
        assert_eq!(window.check(9_999), Verdict::TooOld);
    }

    proptest! {
        #[test]
        fn agrees_with_a_set_of_everything_seen(
            start in 0u64..1 << 40,
            steps in prop::collection::vec(prop_oneof![
                8 => -200i64..200, 2 => -3_000i64..3_000, 1 => 0i64..200_000,
            ], 1..600),
        ) {
            let mut window = ReplayWindow::starting_at(start);
            let mut seen = BTreeSet::from([start]);
            let mut highest = start;
            for step in steps {
                let index = highest.saturating_add_signed(step);
                let expected = if index > highest {
                    Verdict::Fresh
                } else if highest - index >= WINDOW {
                    Verdict::TooOld
                } else if seen.contains(&index) {
                    Verdict::Replayed
                } else {
                    Verdict::Fresh
                };
                prop_assert_eq!(window.check(index), expected);
                if expected == Verdict::Fresh {
                    window.accept(index);
                    seen.insert(index);
                    highest = highest.max(index);
                }
            }
        }
    }
}
