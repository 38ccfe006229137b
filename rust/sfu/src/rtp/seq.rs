//! Numbers that wrap. Owns their extension and comparison; refuses to know what they count.

/// Extends numbers of 1 to 32 bits to `u64`.
///
/// The first number, whatever its value, lies in cycle 1 (`first + 2^bits`), so that packets from before it stay
/// positive. A number counts as late when it lies in the half of the circle behind the highest one.
#[derive(Clone, Debug)]
pub struct Unwrapper {
    bits: u32,
    highest: Option<u64>,
}

impl Unwrapper {
    /// `bits` is brought into 1..=32.
    pub fn new(bits: u32) -> Self {
        Self {
            bits: bits.clamp(1, 32),
            highest: None,
        }
    }

    /// Extended value of `number`, of which only the low bits count. Late numbers give lower values.
    pub fn unwrap(&mut self, number: u32) -> u64 {
        let extended = self.peek(number);
        if self.highest.is_none_or(|highest| extended > highest) {
            self.highest = Some(extended);
        }
        extended
    }

    /// What [`Unwrapper::unwrap`] would return, without taking note of it.
    pub fn peek(&self, number: u32) -> u64 {
        let cycle = 1u64 << self.bits;
        let number = u64::from(number) & (cycle - 1);
        let Some(highest) = self.highest else {
            return cycle + number;
        };
        let ahead = number.wrapping_sub(highest) & (cycle - 1);
        if ahead < cycle / 2 {
            highest.wrapping_add(ahead)
        } else {
            highest.wrapping_sub(cycle - ahead)
        }
    }

    /// Highest value so far.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Forgets everything; the next number is a first one.
    pub fn reset(&mut self) {
        self.highest = None;
    }
}

/// `a - b` on the 16-bit circle: positive when `a` is newer.
pub fn diff16(a: u16, b: u16) -> i16 {
    a.wrapping_sub(b) as i16
}

/// `a - b` on the 32-bit circle: positive when `a` is newer.
pub fn diff32(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wraps_forward_and_takes_late_numbers_back() {
        let mut seq = Unwrapper::new(16);
        assert_eq!(seq.unwrap(65_535), 131_071);
        assert_eq!(seq.unwrap(1), 131_073);
        assert_eq!(seq.unwrap(65_534), 131_070);
        assert_eq!(seq.highest(), Some(131_073));
    }

    #[test]
    fn packets_from_before_the_first_stay_positive() {
        let mut seq = Unwrapper::new(7);
        assert_eq!(seq.unwrap(0), 128);
        assert_eq!(seq.unwrap(127), 127);
        assert_eq!(seq.unwrap(64), 64);
    }

    #[test]
    fn compares_on_the_circle() {
        assert_eq!(diff16(2, 65_535), 3);
        assert_eq!(diff32(u32::MAX, 1), -2);
    }

    proptest! {
        #[test]
        fn follows_any_walk_within_half_a_circle(bits in prop::sample::select(vec![7u32, 8, 15, 16, 32]),
                                                 start in any::<u32>(),
                                                 steps in proptest::collection::vec(-40i64..60, 1..300)) {
            let cycle = 1u64 << bits;
            let mut seq = Unwrapper::new(bits);
            let mut highest = cycle + u64::from(start) % cycle;
            prop_assert_eq!(seq.unwrap(start), highest);
            for step in steps {
                let truth = highest.wrapping_add_signed(step);
                prop_assert_eq!(seq.unwrap(truth as u32), truth);
                highest = highest.max(truth);
            }
        }

        #[test]
        fn any_numbers_never_panic(bits in any::<u32>(), numbers in proptest::collection::vec(any::<u32>(), 0..200)) {
            let mut seq = Unwrapper::new(bits);
            for number in numbers {
                let extended = seq.unwrap(number);
                prop_assert!(seq.highest().unwrap() >= extended);
            }
        }
    }
}
