//! What one consumer was sent lately, to send it again. Owns how each packet was rewritten, not its bytes: those are in the
//! producer's ring.

use crate::prefetch::prefetch;
use crate::rewrite::Vp8Prefix;

/// How one packet was rewritten. 28 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    /// Low 32 bits of the number that the consumer saw, plus one; 0 for nothing.
    out: u32,
    /// Low 32 bits of the publisher's extended number.
    pub(crate) input: u32,
    pub(crate) timestamp: u32,
    generation: u16,
    pub(crate) encoding: u8,
    /// Index among the consumer's codecs.
    pub(crate) codec: u8,
    prefix: [u8; 6],
    prefix_len: u8,
    /// Payload bytes that the prefix stands for.
    pub(crate) replaces: u8,
    /// Added to the frame number of the dependency descriptor.
    pub(crate) frame_offset: u16,
    pub(crate) marker: bool,
}

/// What else a repeat under the same sequence number needs to be the same packet, byte for byte: the SRTP index is used again, and
/// other bytes under it would give the keys away (RFC 3711 section 9.1, RFC 7714 section 8.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) transport_cc: u16,
    pub(crate) abs_send_time: [u8; 3],
    /// The packet went out with these values.
    sent: bool,
}

impl Stamp {
    pub(crate) fn new(transport_cc: u16, abs_send_time: [u8; 3]) -> Self {
        Self {
            transport_cc,
            abs_send_time,
            sent: true,
        }
    }
}

impl Entry {
    pub(crate) fn new(
        input: u64,
        timestamp: u32,
        generation: u32,
        encoding: u8,
        codec: u8,
    ) -> Self {
        Self {
            out: 0,
            input: input as u32,
            timestamp,
            generation: generation as u16,
            encoding,
            codec,
            ..Self::default()
        }
    }

    pub(crate) fn with_prefix(mut self, prefix: &Vp8Prefix) -> Self {
        let bytes = prefix.bytes();
        if let Some(target) = self.prefix.get_mut(..bytes.len()) {
            target.copy_from_slice(bytes);
            self.prefix_len = bytes.len() as u8;
            self.replaces = prefix.replaces as u8;
        }
        self
    }

    pub(crate) fn prefix(&self) -> &[u8] {
        self.prefix
            .get(..usize::from(self.prefix_len))
            .unwrap_or_default()
    }

    /// The publisher's number, given the highest one of its encoding.
    pub(crate) fn input_number(&self, highest: u64) -> u64 {
        highest.wrapping_sub(u64::from((highest as u32).wrapping_sub(self.input)))
    }

    pub(crate) fn is_from(&self, generation: u32) -> bool {
        self.generation == generation as u16
    }
}

/// The last packets by output number.
#[derive(Debug)]
pub(crate) struct History {
    entries: Vec<Entry>,
    /// Beside the entries, only for a consumer that repeats packets under their own numbers.
    stamps: Vec<Stamp>,
    stamped: bool,
    capacity: usize,
    newest: Option<u64>,
}

impl History {
    /// `capacity` is a power of two; memory is taken with the first packet.
    pub(crate) fn new(capacity: usize, stamped: bool) -> Self {
        Self {
            entries: Vec::new(),
            stamps: Vec::new(),
            stamped,
            capacity,
            newest: None,
        }
    }

    pub(crate) fn push(&mut self, out: u64, mut entry: Entry) {
        if self.entries.is_empty() {
            self.entries.resize(self.capacity, Entry::default());
            if self.stamped {
                self.stamps.resize(self.capacity, Stamp::default());
            }
        }
        entry.out = (out as u32).wrapping_add(1);
        let at = out as usize & (self.capacity - 1);
        self.entries[at] = entry;
        if let Some(stamp) = self.stamps.get_mut(at) {
            *stamp = Stamp::default();
        }
        self.newest = Some(self.newest.map_or(out, |newest| newest.max(out)));
    }

    /// The packet that the consumer knows by these 16 bits, and its full number.
    pub(crate) fn find(&self, seq: u16) -> Option<(u64, Entry)> {
        let newest = self.newest?;
        let out = newest.checked_sub(u64::from((newest as u16).wrapping_sub(seq)))?;
        self.at(out).map(|entry| (out, entry))
    }

    pub(crate) fn at(&self, out: u64) -> Option<Entry> {
        let entry = *self.entries.get(out as usize & (self.capacity - 1))?;
        (entry.out == (out as u32).wrapping_add(1)).then_some(entry)
    }

    /// The packet that was pushed under `out` (others are not kept) went out with these values.
    pub(crate) fn stamp(&mut self, out: u64, stamp: Stamp) {
        let at = out as usize & (self.capacity - 1);
        let ours = |entry: &Entry| entry.out == (out as u32).wrapping_add(1);
        if let Some(slot) = self.stamps.get_mut(at).filter(|_| ours(&self.entries[at])) {
            *slot = stamp;
        }
    }

    /// Values of the packet that [`History::at`] finds; none when it never went out or stamps are not kept.
    pub(crate) fn stamp_of(&self, out: u64) -> Option<Stamp> {
        let stamp = *self.stamps.get(out as usize & (self.capacity - 1))?;
        stamp.sent.then_some(stamp)
    }

    /// The places of `count` packets from `out` on.
    pub(crate) fn prefetch(&self, out: u64, count: usize) {
        let at = out as usize & (self.capacity - 1);
        let end = self.entries.len().min(at + count);
        if let Some(entries) = self.entries.get(at..end) {
            prefetch(entries);
        }
    }

    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_still_there_across_the_wrap() {
        let mut history = History::new(64, false);
        for out in 65_500..65_600u64 {
            history.push(out, Entry::new(out + 7, 0, 1, 0, 0));
        }
        let (out, entry) = history.find(65_590u64 as u16).unwrap();
        assert_eq!((out, entry.input_number(65_700)), (65_590, 65_597));
        assert!(history.find(65_510u64 as u16).is_none());
        assert!(history.find(65_600u64 as u16).is_none());
        assert_eq!(std::mem::size_of::<Entry>(), 28);
    }

    #[test]
    fn a_stamp_belongs_to_one_packet_only() {
        let mut history = History::new(64, true);
        history.push(5, Entry::default());
        assert_eq!(history.stamp_of(5), None);
        history.stamp(5, Stamp::new(9, [1, 2, 3]));
        assert_eq!(history.stamp_of(5), Some(Stamp::new(9, [1, 2, 3])));
        history.stamp(69, Stamp::new(10, [4, 5, 6]));
        assert_eq!(history.stamp_of(5), Some(Stamp::new(9, [1, 2, 3])));
        history.push(69, Entry::default());
        assert_eq!(history.stamp_of(69), None);
    }
}
