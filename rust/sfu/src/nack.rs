//! Repeat requests in both directions. Owns which packets are missing and what may be answered; refuses to know RTCP bytes.

use std::collections::VecDeque;

use crate::rate::RateMeter;

/// A gap may be reordering for this long.
const REORDER_WAIT_US: u64 = 20_000;
const MIN_RETRY_US: u64 = 20_000;
const MAX_RETRY_US: u64 = 400_000;
const MAX_TRIES: u32 = 5;
const MAX_PENDING: usize = 100;

#[derive(Clone, Copy, Debug)]
struct Missing {
    number: u64,
    due_us: u64,
    tries: u32,
}

/// Finds what a publisher's packets lack and when to ask for it.
#[derive(Clone, Debug, Default)]
pub struct NackGenerator {
    highest: Option<u64>,
    /// Ascending by number.
    missing: VecDeque<Missing>,
    /// Lower bound of the due times.
    next_due_us: Option<u64>,
    gave_up: bool,
}

impl NackGenerator {
    /// A packet arrived, first-hand or as a retransmission. True when it had been missing.
    pub fn handle(&mut self, number: u64, now_us: u64) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(number);
            return false;
        };
        if number <= highest {
            let found = self
                .missing
                .binary_search_by_key(&number, |missing| missing.number);
            return found.is_ok_and(|at| self.missing.remove(at).is_some());
        }
        self.highest = Some(number);
        let gap = number - highest - 1;
        if gap == 0 {
            return false;
        }
        if gap > (MAX_PENDING.saturating_sub(self.missing.len())) as u64 {
            // Cheaper for everybody to start anew.
            self.give_up();
            return false;
        }
        let due_us = now_us.saturating_add(REORDER_WAIT_US);
        let lost = (highest + 1..number).map(|number| Missing {
            number,
            due_us,
            tries: 0,
        });
        self.missing.extend(lost);
        self.next_due_us = Some(self.next_due_us.map_or(due_us, |next| next.min(due_us)));
        false
    }

    /// Sequence numbers to ask for now, ascending; empty (without allocation) when nothing is due.
    pub fn poll(&mut self, now_us: u64, rtt_us: u64) -> Vec<u16> {
        let mut ask = Vec::new();
        if self.next_due_us.is_none_or(|due| due > now_us) {
            return ask;
        }
        let mut next_due_us: Option<u64> = None;
        let mut gave_up = false;
        self.missing.retain_mut(|missing| {
            if missing.due_us <= now_us {
                if missing.tries >= MAX_TRIES {
                    gave_up = true;
                    return false;
                }
                missing.due_us = now_us.saturating_add(retry_after_us(rtt_us, missing.tries));
                missing.tries += 1;
                ask.push(missing.number as u16);
            }
            next_due_us = Some(next_due_us.map_or(missing.due_us, |due| due.min(missing.due_us)));
            true
        });
        self.next_due_us = next_due_us;
        self.gave_up |= gave_up;
        ask
    }

    /// True once after packets were given up: only a key frame repairs the picture.
    pub fn take_gave_up(&mut self) -> bool {
        std::mem::take(&mut self.gave_up)
    }

    /// A key frame that starts at `number` came: nothing before it is worth asking for.
    pub fn forget_before(&mut self, number: u64) {
        let keep_from = self
            .missing
            .partition_point(|missing| missing.number < number);
        self.missing.drain(..keep_from);
        if self.missing.is_empty() {
            self.next_due_us = None;
        }
    }

    /// When to poll next; may be early, never late.
    pub fn next_timeout(&self) -> Option<u64> {
        self.next_due_us.filter(|_| !self.missing.is_empty())
    }

    fn give_up(&mut self) {
        self.missing.clear();
        self.next_due_us = None;
        self.gave_up = true;
    }
}

/// 1.25 round trips after the first request, growing by as much with each further one.
fn retry_after_us(rtt_us: u64, tries: u32) -> u64 {
    let grown = (0..=tries).fold(rtt_us.min(MAX_RETRY_US), |us, _| us * 5 / 4);
    grown.clamp(MIN_RETRY_US, MAX_RETRY_US)
}

/// Share of the media rate that retransmissions may take, percent.
const RTX_SHARE: u64 = 20;
/// Always allowed, so that slow streams and first packets are repaired too. bit/s.
const RTX_FLOOR: u64 = 64_000;
/// A repeated request within this, or within a round trip if that is less, crossed our answer.
const MAX_REPEAT_WAIT_US: u64 = 100_000;
const ANSWERS: usize = 256;

/// Decides which of a subscriber's repeat requests are answered, so that loss cannot be made worse by answers.
#[derive(Clone, Debug, Default)]
pub struct AnswerGate {
    /// Number and time of answers, by the number's low bits; memory is taken with the first request.
    answers: Vec<(u64, u64)>,
    retransmitted: RateMeter,
}

impl AnswerGate {
    /// Whether packet `number` of `bytes` may be sent again beside media of `bitrate` bit/s; counts it as sent when true.
    pub fn allow(
        &mut self,
        number: u64,
        bytes: usize,
        bitrate: u64,
        now_us: u64,
        rtt_us: u64,
    ) -> bool {
        if self.answers.is_empty() {
            self.answers.resize(ANSWERS, (u64::MAX, 0));
        }
        let Some(answer) = self.answers.get_mut((number % ANSWERS as u64) as usize) else {
            return false;
        };
        let wait_us = rtt_us.min(MAX_REPEAT_WAIT_US);
        if answer.0 == number && now_us.saturating_sub(answer.1) < wait_us {
            return false;
        }
        let budget = (bitrate * RTX_SHARE / 100).max(RTX_FLOOR);
        if self.retransmitted.bitrate(now_us) >= budget {
            return false;
        }
        *answer = (number, now_us);
        self.retransmitted.add(now_us, bytes);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000;
    const RTT: u64 = 40 * MS;

    #[test]
    fn waits_for_reordering_before_asking() {
        let mut nack = NackGenerator::default();
        nack.handle(65_600, 0);
        nack.handle(65_603, 0);
        assert!(nack.poll(19 * MS, RTT).is_empty());
        assert!(nack.handle(65_601, 19 * MS));
        assert_eq!(nack.next_timeout(), Some(20 * MS));
        assert_eq!(nack.poll(20 * MS, RTT), [66]);
        assert!(nack.handle(65_602, 21 * MS));
        assert_eq!(nack.next_timeout(), None);
        assert!(!nack.take_gave_up());
    }

    #[test]
    fn asks_five_times_with_growing_pauses_and_then_wants_a_key_frame() {
        let mut nack = NackGenerator::default();
        nack.handle(1, 0);
        nack.handle(3, 0);
        let mut times = Vec::new();
        while let Some(at) = nack.next_timeout() {
            if !nack.poll(at, RTT).is_empty() {
                times.push(at / MS);
            }
        }
        assert_eq!(times, [20, 70, 132, 210, 308]);
        assert!(nack.take_gave_up());
        assert!(!nack.take_gave_up());
    }

    #[test]
    fn pauses_lie_between_20_and_400_ms() {
        assert_eq!(retry_after_us(0, 0), 20 * MS);
        assert_eq!(retry_after_us(u64::MAX, 4), 400 * MS);
    }

    #[test]
    fn huge_jump_resets() {
        let mut nack = NackGenerator::default();
        nack.handle(1, 0);
        nack.handle(1_000_000, 0);
        assert!(nack.take_gave_up());
        assert!(nack.poll(MS * 1_000, RTT).is_empty());
        nack.handle(1_000_002, 0);
        assert_eq!(nack.poll(MS * 1_000, RTT).len(), 1);
    }

    #[test]
    fn nothing_before_a_key_frame_is_asked_for() {
        let mut nack = NackGenerator::default();
        nack.handle(1, 0);
        nack.handle(5, 0);
        nack.forget_before(4);
        assert_eq!(nack.poll(MS * 50, RTT), [4]);
    }

    #[test]
    fn repeated_requests_within_a_round_trip_are_ignored() {
        let mut gate = AnswerGate::default();
        assert!(gate.allow(7, 100, 0, 0, RTT));
        assert!(!gate.allow(7, 100, 0, 39 * MS, RTT));
        assert!(gate.allow(7, 100, 0, 40 * MS, RTT));
        assert!(gate.allow(7, 100, 0, 140 * MS, 900 * MS));
    }

    #[test]
    fn retransmissions_keep_to_their_share() {
        let mut gate = AnswerGate::default();
        let (mut media, mut repeated) = (0usize, 0usize);
        for number in 0..5_000u64 {
            let now = number * 4 * MS;
            media += 1_200;
            for again in 0..3 {
                if gate.allow(number * 3 + again, 1_200, 2_400_000, now, RTT) {
                    repeated += 1_200;
                }
            }
        }
        assert!(repeated * 100 <= media * 23, "{repeated} of {media}");
        assert!(repeated * 100 >= media * 15, "{repeated} of {media}");
    }

    proptest! {
        #[test]
        fn asks_only_for_missing_numbers(steps in proptest::collection::vec((0u64..140, 0u64..30 * MS), 1..300), start in any::<u32>()) {
            let mut nack = NackGenerator::default();
            let start = u64::from(start);
            let mut arrived = std::collections::HashSet::new();
            let (mut now, mut base) = (0, start);
            for (ahead, pause) in steps {
                now += pause;
                base += 1;
                let number = (base + ahead).saturating_sub(70);
                arrived.insert(number as u16);
                nack.handle(number, now);
                let asked = nack.poll(now, RTT);
                prop_assert!(asked.len() <= MAX_PENDING);
                prop_assert!(asked.iter().all(|number| !arrived.contains(number)));
                if let Some(next) = nack.next_timeout() { prop_assert!(next > now); }
            }
        }

        #[test]
        fn any_numbers_never_panic(numbers in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..100)) {
            let mut nack = NackGenerator::default();
            for (number, now) in numbers {
                nack.handle(number, now);
                nack.poll(now, number);
            }
        }
    }
}
