//! When each place of a slab wants to be looked at. Owns the order, side by side: asking costs no visit to what stands there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

const NEVER: u64 = u64::MAX;

/// At most one deadline per place, microseconds.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    at: Vec<u64>,
    /// Earliest first; what `at` no longer says is out of date and skipped.
    order: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Deadlines {
    /// Sets the deadline of `place` unless it has one that is not later.
    pub(crate) fn arm_earlier(&mut self, place: usize, at_us: u64) {
        if place >= self.at.len() {
            self.at.resize(place + 1, NEVER);
        }
        if at_us < self.at[place] {
            self.at[place] = at_us;
            self.order.push(Reverse((at_us, place)));
        }
    }

    pub(crate) fn disarm(&mut self, place: usize) {
        if let Some(at) = self.at.get_mut(place) {
            *at = NEVER;
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&mut self) -> Option<u64> {
        self.first().map(|(at, _)| at)
    }

    /// Moves the places whose deadline has come to `due`, which is emptied before, and disarms them.
    pub(crate) fn take_due(&mut self, now_us: u64, due: &mut Vec<usize>) {
        due.clear();
        while let Some((_, place)) = self.first().filter(|(at, _)| *at <= now_us) {
            self.disarm(place);
            due.push(place);
        }
    }

    fn first(&mut self) -> Option<(u64, usize)> {
        loop {
            let Reverse((at, place)) = *self.order.peek()?;
            if self.at[place] == at {
                return Some((at, place));
            }
            self.order.pop();
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_deadline_of_a_place_stands_until_it_is_taken() {
        let (mut deadlines, mut due) = (Deadlines::default(), vec![7]);
        for (place, at) in [(3, 50), (1, 20), (3, 10), (3, 30), (2, 40)] {
            deadlines.arm_earlier(place, at);
        }
        assert_eq!(deadlines.next(), Some(10));
        deadlines.take_due(20, &mut due);
        assert_eq!(due, [3, 1]);
        deadlines.arm_earlier(3, 60);
        deadlines.disarm(2);
        assert_eq!(deadlines.next(), Some(60));
        deadlines.take_due(100, &mut due);
        assert_eq!(due, [3]);
        assert_eq!(deadlines.next(), None);
    }
}
