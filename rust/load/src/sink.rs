//! What a synthetic subscriber makes of what it receives: integrity, loss, order, delay. Owns the judgement, not sockets.

use std::collections::VecDeque;

use serde::Serialize;

use crate::pattern::{Pattern, Shape};

/// Counters of many streams, added up.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    pub packets: u64,
    pub bytes: u64,
    /// Payload whose checksum or frame does not fit.
    pub integrity_errors: u64,
    /// Numbers of the pattern that never came, apart from those before the first and after a layer switch.
    pub lost: u64,
    pub duplicated: u64,
    pub reordered: u64,
    pub layer_switches: u64,
    /// Gaps in the forwarded sequence numbers that the pattern does not explain.
    pub sequence_errors: u64,
}

/// One received media stream.
pub struct Sink {
    pub shape: Shape,
    stream: Option<u32>,
    highest: u64,
    /// RTP sequence number minus pattern number, constant while one layer is forwarded.
    offset: u16,
    recent: VecDeque<u64>,
    pub tally: Tally,
}

const RECENT: usize = 512;

impl Sink {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            stream: None,
            highest: 0,
            offset: 0,
            recent: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    /// Takes one decrypted packet; the forwarding delay in ns when it is a genuine one.
    pub fn receive(&mut self, seq: u16, payload: &[u8], now_ns: u64) -> Option<u64> {
        let pattern = payload
            .get(self.shape.header_len()..)
            .and_then(Pattern::read);
        let Some(pattern) = pattern else {
            self.tally.integrity_errors += 1;
            return None;
        };
        self.tally.packets += 1;
        self.tally.bytes += payload.len() as u64;
        let offset = seq.wrapping_sub(pattern.number as u16);
        match self.stream {
            Some(stream) if stream == pattern.stream => self.follow(pattern.number, offset),
            before => {
                self.tally.layer_switches += u64::from(before.is_some());
                self.stream = Some(pattern.stream);
                self.highest = pattern.number;
                self.offset = offset;
                self.recent.clear();
                self.remember(pattern.number);
            }
        }
        Some(now_ns.saturating_sub(pattern.sent_at))
    }

    fn follow(&mut self, number: u64, offset: u16) {
        if self.recent.contains(&number) {
            self.tally.duplicated += 1;
            return;
        }
        if offset != self.offset {
            self.tally.sequence_errors += 1;
            self.offset = offset;
        }
        if number > self.highest {
            self.tally.lost += number - self.highest - 1;
            self.highest = number;
        } else {
            self.tally.reordered += 1;
            self.tally.lost = self.tally.lost.saturating_sub(1);
        }
        self.remember(number);
    }

    fn remember(&mut self, number: u64) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(number);
    }
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.integrity_errors += other.integrity_errors;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.layer_switches += other.layer_switches;
        self.sequence_errors += other.sequence_errors;
    }

    /// What came since `before`.
    pub fn since(&self, before: &Tally) -> Tally {
        Tally {
            packets: self.packets - before.packets,
            bytes: self.bytes - before.bytes,
            integrity_errors: self.integrity_errors - before.integrity_errors,
            lost: self.lost.saturating_sub(before.lost),
            duplicated: self.duplicated - before.duplicated,
            reordered: self.reordered - before.reordered,
            layer_switches: self.layer_switches - before.layer_switches,
            sequence_errors: self.sequence_errors - before.sequence_errors,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(number: u64) -> Vec<u8> {
        let mut bytes = vec![0xfc; 60];
        Pattern {
            stream: 1,
            number,
            sent_at: 10,
        }
        .write(&mut bytes[1..]);
        bytes
    }

    #[test]
    fn counts_loss_order_duplicates_and_damage() {
        let mut sink = Sink::new(Shape::Opus);
        for number in [5u64, 6, 9, 8, 8, 10] {
            sink.receive(number as u16, &payload(number), 30);
        }
        let mut damaged = payload(11);
        damaged[40] ^= 1;
        assert_eq!(sink.receive(11, &damaged, 30), None);
        let tally = &sink.tally;
        assert_eq!((tally.lost, tally.reordered, tally.duplicated), (1, 1, 1));
        assert_eq!((tally.integrity_errors, tally.sequence_errors), (1, 0));
    }

    #[test]
    fn notices_forwarded_numbers_that_jump() {
        let mut sink = Sink::new(Shape::Opus);
        sink.receive(100, &payload(5), 30);
        sink.receive(102, &payload(6), 30);
        assert_eq!(sink.tally.sequence_errors, 1);
    }
}
