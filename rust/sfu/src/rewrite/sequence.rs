//! Sequence numbers of one consumer. Owns the map from the current source's numbers to ours; refuses to know packets.

use std::collections::VecDeque;

/// Earlier ranges kept for late packets; a range ends where packets were left out.
const MAX_EARLIER: usize = 127;

/// Input numbers `start..end` go out as `number + offset`.
#[derive(Clone, Copy, Debug)]
struct Range {
    start: u64,
    end: u64,
    offset: u64,
}

impl Range {
    fn empty(start: u64, offset: u64) -> Self {
        Self {
            start,
            end: start,
            offset,
        }
    }
}

/// Maps extended input numbers of one source at a time to extended output numbers.
///
/// Packets that the caller leaves out take no output number; packets that the network lost do, so that the receiver asks
/// for them. A late packet gets the offset that was valid at its place. Used for VP8 picture ids as well.
#[derive(Clone, Debug)]
pub struct SequenceMap {
    /// Where packets in order fall; its `end` is `highest + 1`. Within the map, since every packet needs it.
    open: Option<Range>,
    /// Output number that the next input number in order would get.
    next_out: u64,
    /// The ranges before, oldest first, never overlapping.
    earlier: VecDeque<Range>,
}

impl SequenceMap {
    /// `first_out` is the number of the first packet: random below 2^15 and not 0 or 1, so that a receiver that loses the
    /// first packets does not guess a wrong rollover counter.
    pub fn new(first_out: u64) -> Self {
        Self {
            open: None,
            next_out: first_out,
            earlier: VecDeque::new(),
        }
    }

    /// Continues with another source, whose first packet is `first_in`, `gap` numbers after the last one. Late packets of
    /// the source before are unknown from now on.
    pub fn switch(&mut self, first_in: u64, gap: u64) {
        self.earlier.clear();
        // A gap before the first packet would hide nothing.
        self.next_out = self.next_out.wrapping_add(gap);
        let offset = self.next_out.wrapping_sub(first_in);
        self.open = Some(Range::empty(first_in, offset));
    }

    /// Output number of `input`; none when it was left out, precedes the source's start or is too old. The same input gives
    /// the same output. Without a [`SequenceMap::switch`] the first packet starts the source.
    pub fn accept(&mut self, input: u64) -> Option<u64> {
        let open = self.open(input);
        if input < open.end {
            return self.lookup(input);
        }
        let (end, out) = (input.wrapping_add(1), input.wrapping_add(open.offset));
        open.end = end;
        self.next_out = out.wrapping_add(1);
        Some(out)
    }

    /// `input` will not be sent and takes no number. A packet that comes after its successors leaves its number unused, as
    /// if it were lost.
    pub fn drop(&mut self, input: u64) {
        let open = self.open(input);
        if input < open.end {
            return;
        }
        // Numbers that are missing before `input` may still come: they keep their place in the old range.
        open.end = input;
        let next = Range::empty(input.wrapping_add(1), open.offset.wrapping_sub(1));
        self.begin(next);
        self.next_out = next.start.wrapping_add(next.offset);
    }

    /// A number for a packet of our own after all that were sent; what is missing before it keeps its place.
    pub fn insert(&mut self) -> u64 {
        let number = self.next_out;
        self.next_out = number.wrapping_add(1);
        if let Some(open) = self.open {
            self.begin(Range::empty(open.end, open.offset.wrapping_add(1)));
        }
        number
    }

    /// Output number of an input number that was accepted, or is still missing in order; changes nothing.
    pub fn lookup(&self, input: u64) -> Option<u64> {
        let open = self.open.as_ref().filter(|open| open.start <= input);
        let range = open.or_else(|| {
            let later = self.earlier.partition_point(|range| range.start <= input);
            self.earlier.get(later.checked_sub(1)?)
        })?;
        (input < range.end).then(|| input.wrapping_add(range.offset))
    }

    /// Output number that the next packet in order gets.
    pub fn next_out(&self) -> u64 {
        self.next_out
    }

    fn open(&mut self, first_in: u64) -> &mut Range {
        if self.open.is_none() {
            self.switch(first_in, 0);
        }
        self.open.as_mut().expect("invariant: switch opens a range")
    }

    /// Later packets in order fall into `next`.
    fn begin(&mut self, next: Range) {
        let ended = self.open.replace(next);
        if let Some(ended) = ended.filter(|range| range.start != range.end) {
            if self.earlier.len() == MAX_EARLIER {
                self.earlier.pop_front();
            }
            self.earlier.push_back(ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn left_out_packets_take_no_number() {
        let mut map = SequenceMap::new(100);
        assert_eq!(map.accept(70_000), Some(100));
        map.drop(70_001);
        map.drop(70_002);
        assert_eq!(map.accept(70_003), Some(101));
        assert_eq!(map.accept(70_001), None);
    }

    #[test]
    fn lost_packets_keep_their_number() {
        let mut map = SequenceMap::new(100);
        map.accept(10);
        assert_eq!(map.accept(13), Some(103));
        map.drop(15);
        assert_eq!(map.accept(16), Some(105));
        assert_eq!(map.accept(14), Some(104));
        assert_eq!(map.accept(12), Some(102));
    }

    #[test]
    fn own_packets_take_a_number_and_leave_no_hole() {
        let mut map = SequenceMap::new(100);
        map.accept(10);
        map.drop(11);
        assert_eq!(map.insert(), 101);
        assert_eq!(map.insert(), 102);
        assert_eq!(map.accept(13), Some(104));
        assert_eq!(map.insert(), 105);
        assert_eq!(map.accept(12), Some(103));
        assert_eq!(map.accept(14), Some(106));
    }

    #[test]
    fn switch_continues_after_the_last_number() {
        let mut map = SequenceMap::new(100);
        map.accept(10);
        map.accept(12);
        map.switch(900_000, 0);
        assert_eq!(map.accept(900_000), Some(103));
        assert_eq!(map.accept(12), None);
        map.switch(5, 2);
        assert_eq!(map.accept(5), Some(106));
        assert_eq!(map.accept(4), None);
    }

    #[test]
    fn leaving_out_before_the_first_packet_keeps_the_start() {
        let mut map = SequenceMap::new(100);
        map.drop(10);
        map.drop(11);
        assert_eq!(map.accept(12), Some(100));
    }

    #[test]
    fn memory_is_bounded() {
        let mut map = SequenceMap::new(100);
        for input in 0..10_000 {
            if input % 2 == 0 {
                map.accept(input);
            } else {
                map.drop(input);
            }
        }
        assert!(map.earlier.len() <= MAX_EARLIER);
        assert_eq!(map.accept(2), None);
        assert_eq!(map.next_out(), 5_100);
    }

    #[derive(Clone, Copy, Debug)]
    struct Step {
        lost: bool,
        left_out: bool,
        delay: usize,
        twice: bool,
    }

    prop_compose! {
        fn step()(lost in prop::bool::weighted(0.1), left_out in prop::bool::weighted(0.2),
                  delay in prop_oneof![8 => Just(0usize), 1 => 1usize..40], twice in prop::bool::weighted(0.05)) -> Step {
            Step { lost, left_out, delay, twice }
        }
    }

    /// Order of arrival after loss, delay and duplication.
    fn arrivals(steps: &[Step]) -> Vec<u64> {
        let mut order: Vec<(usize, u64)> = Vec::new();
        for (at, step) in steps.iter().enumerate().filter(|(_, step)| !step.lost) {
            order.push((at + step.delay, at as u64));
            if step.twice {
                order.push((at + step.delay + 3, at as u64));
            }
        }
        order.sort_by_key(|(time, _)| *time);
        order.into_iter().map(|(_, number)| number).collect()
    }

    proptest! {
        /// Model: an output number is the number of inputs before it that were not left out when they came in order.
        #[test]
        fn follows_the_model(steps in proptest::collection::vec(step(), 1..400), start in 0u64..200_000) {
            let mut map = SequenceMap::new(1_000);
            let mut highest: Option<u64> = None;
            let mut first = 0;
            let mut gaps: Vec<u64> = Vec::new();
            let mut seen: HashMap<u64, u64> = HashMap::new();
            for number in arrivals(&steps) {
                let input = start + number;
                let left_out = steps[number as usize].left_out;
                let in_order = highest.is_none_or(|highest| input > highest);
                if highest.is_none() { first = input; }
                if in_order { highest = Some(input); }
                if left_out {
                    map.drop(input);
                    if in_order { gaps.push(input); }
                    continue;
                }
                let out = map.accept(input);
                if input < first {
                    prop_assert_eq!(out, None);
                    continue;
                }
                let closed = gaps.iter().filter(|gap| **gap < input).count() as u64;
                if let Some(out) = out {
                    prop_assert_eq!(out, 1_000 + (input - first) - closed);
                    prop_assert_eq!(*seen.entry(out).or_insert(input), input);
                } else {
                    prop_assert!(gaps.len() > MAX_EARLIER);
                }
            }
        }

        #[test]
        fn output_is_gapless_without_loss(left_out in proptest::collection::vec(any::<bool>(), 1..500), start in any::<u32>()) {
            let mut map = SequenceMap::new(77);
            let mut expected = 77;
            for (at, left_out) in left_out.into_iter().enumerate() {
                let input = u64::from(start) + at as u64;
                if left_out { map.drop(input); continue; }
                prop_assert_eq!(map.accept(input), Some(expected));
                expected += 1;
            }
        }

        #[test]
        fn any_calls_never_panic(calls in proptest::collection::vec((0u8..3, any::<u64>()), 0..300)) {
            let mut map = SequenceMap::new(2);
            for (call, number) in calls {
                match call { 0 => { map.accept(number); } 1 => map.drop(number), _ => map.switch(number, number) }
            }
        }
    }
}
