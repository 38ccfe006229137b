//! What was sent under which transport-wide number. Owns a bounded ring; refuses to draw conclusions.

use crate::prefetch::prefetch;

const INITIAL: usize = 256;
const LIMIT: usize = 8192;
/// Slots younger than this are not overwritten while the ring may still grow.
const KEEP_US: u64 = 1_500_000;

/// One packet on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Low 32 bits of the send time in microseconds: good for 71 minutes, entries live for seconds.
    at_us: u32,
    pub(crate) seq: u16,
    pub(crate) bytes: u16,
    /// Probe cluster, 0 for media.
    pub(crate) cluster: u8,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    Waiting,
    Answered,
}

const EMPTY: Sent = Sent {
    at_us: 0,
    seq: 0,
    bytes: 0,
    cluster: 0,
    state: State::Empty,
};

/// Packets by transport-wide sequence number.
#[derive(Debug, Default)]
pub(crate) struct SentHistory {
    slots: Vec<Sent>,
}

impl SentHistory {
    pub(crate) fn push(&mut self, now_us: u64, seq: u16, bytes: usize, cluster: u8) {
        if self.slots.is_empty() {
            self.slots.resize(INITIAL, EMPTY);
        }
        let mask = self.slots.len() - 1;
        let old = self.slots[usize::from(seq) & mask];
        if old.state == State::Waiting
            && self.slots.len() < LIMIT
            && u64::from((now_us as u32).wrapping_sub(old.at_us)) < KEEP_US
        {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        self.slots[usize::from(seq) & mask] = Sent {
            at_us: now_us as u32,
            seq,
            bytes: bytes.min(usize::from(u16::MAX)) as u16,
            cluster,
            state: State::Waiting,
        };
    }

    /// The places of `count` packets from `seq` on.
    pub(crate) fn prefetch(&self, seq: u16, count: usize) {
        let at = usize::from(seq) & self.slots.len().wrapping_sub(1);
        let end = self.slots.len().min(at + count);
        if let Some(slots) = self.slots.get(at..end) {
            prefetch(slots);
        }
    }

    /// The packet with this number, once, and when it was sent. A number reported again yields nothing.
    pub(crate) fn take(&mut self, now_us: u64, seq: u16) -> Option<(Sent, u64)> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let slot = &mut self.slots[usize::from(seq) & mask];
        if slot.state != State::Waiting || slot.seq != seq {
            return None;
        }
        slot.state = State::Answered;
        let age = (now_us as u32).wrapping_sub(slot.at_us);
        Some((*slot, now_us.saturating_sub(u64::from(age))))
    }

    /// As [`SentHistory::take`] for a packet reported lost, which a later report may still revoke: it stays.
    pub(crate) fn peek(&self, seq: u16) -> Option<Sent> {
        let slot = *self
            .slots
            .get(usize::from(seq) & self.slots.len().wrapping_sub(1))?;
        (slot.state == State::Waiting && slot.seq == seq).then_some(slot)
    }

    fn grow(&mut self) {
        let mut slots = vec![EMPTY; self.slots.len() * 2];
        let mask = slots.len() - 1;
        for slot in self.slots.iter().filter(|slot| slot.state != State::Empty) {
            slots[usize::from(slot.seq) & mask] = *slot;
        }
        self.slots = slots;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_answered_once() {
        let mut history = SentHistory::default();
        history.push(1000, 65_535, 1200, 0);
        history.push(2000, 0, 1100, 3);
        assert!(history.peek(65_535).is_some());
        let (sent, at) = history.take(9000, 0).unwrap();
        assert_eq!((sent.bytes, sent.cluster, at), (1100, 3, 2000));
        assert!(history.take(9000, 0).is_none());
        assert!(history.take(9000, 77).is_none());
        assert_eq!(history.take(9000, 65_535).unwrap().1, 1000);
    }

    #[test]
    fn grows_for_what_is_in_flight_and_no_further() {
        let mut history = SentHistory::default();
        for n in 0..20_000u32 {
            history.push(u64::from(n) * 10, n as u16, 100, 0);
        }
        assert_eq!(history.slots.len(), LIMIT);
        assert!(history.take(200_000, (20_000 - 8000) as u16).is_some());
        let mut slow = SentHistory::default();
        for n in 0..20_000u32 {
            slow.push(u64::from(n) * 10_000, n as u16, 100, 0);
        }
        assert_eq!(slow.slots.len(), INITIAL);
    }
}
