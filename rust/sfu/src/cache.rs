//! Recent packets of one encoding, for fan-out and retransmission. Owns their bytes in one block; refuses to know layers.

/// Largest packet that is kept; above any MTU that media meets.
pub const SLOT_BYTES: usize = 1536;

/// What [`Ring::insert`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    New,
    /// Here already; the first copy stays.
    Duplicate,
    /// Its slot belongs to a newer packet.
    TooOld,
    /// More than [`SLOT_BYTES`].
    TooLong,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// `EMPTY`, or the number of the packet inside: a slot answers for no other.
    number: u64,
    arrival_us: u64,
    len: u16,
}

const EMPTY: Slot = Slot {
    number: u64::MAX,
    arrival_us: 0,
    len: 0,
};

/// Plaintext packets by extended sequence number. Memory is taken once; the system provides pages as they are first used.
#[derive(Debug)]
pub struct Ring {
    slots: Box<[Slot]>,
    bytes: Box<[u8]>,
}

impl Ring {
    /// `packets` is rounded up to a power of two, within 1 to 2^14.
    pub fn new(packets: usize) -> Self {
        let packets = packets.clamp(1, 1 << 14).next_power_of_two();
        Self {
            slots: vec![EMPTY; packets].into_boxed_slice(),
            bytes: vec![0; packets * SLOT_BYTES].into_boxed_slice(),
        }
    }

    /// Number of slots.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Copies `packet` into its slot unless it is there, too old or too long.
    pub fn insert(&mut self, number: u64, packet: &[u8], now_us: u64) -> Inserted {
        let index = self.index(number);
        let start = index * SLOT_BYTES;
        let (Some(slot), Some(bytes)) = (
            self.slots.get_mut(index),
            self.bytes
                .get_mut(start..start + packet.len().min(SLOT_BYTES)),
        ) else {
            return Inserted::TooOld;
        };
        if packet.len() > SLOT_BYTES {
            return Inserted::TooLong;
        }
        if slot.number != EMPTY.number && slot.number >= number {
            return if slot.number == number {
                Inserted::Duplicate
            } else {
                Inserted::TooOld
            };
        }
        bytes.copy_from_slice(packet);
        *slot = Slot {
            number,
            arrival_us: now_us,
            len: packet.len() as u16,
        };
        Inserted::New
    }

    /// The packet with exactly this number, while its slot has not been taken by a newer one.
    pub fn get(&self, number: u64) -> Option<&[u8]> {
        let slot = self.slot(number)?;
        let start = self.index(number) * SLOT_BYTES;
        self.bytes.get(start..start + usize::from(slot.len))
    }

    /// When the packet was inserted, microseconds on the caller's clock.
    pub fn arrival_us(&self, number: u64) -> Option<u64> {
        self.slot(number).map(|slot| slot.arrival_us)
    }

    /// Forgets every packet.
    pub fn clear(&mut self) {
        self.slots.fill(EMPTY);
    }

    fn slot(&self, number: u64) -> Option<&Slot> {
        let slot = self.slots.get(self.index(number))?;
        (slot.number == number && number != EMPTY.number).then_some(slot)
    }

    fn index(&self, number: u64) -> usize {
        // The length is a power of two.
        number as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn newer_packets_take_over_and_older_ones_do_not() {
        let mut ring = Ring::new(3);
        assert_eq!(ring.capacity(), 4);
        assert_eq!(ring.insert(10, b"a", 1), Inserted::New);
        assert_eq!(ring.insert(10, b"x", 2), Inserted::Duplicate);
        assert_eq!(
            (ring.get(10), ring.arrival_us(10)),
            (Some(&b"a"[..]), Some(1))
        );
        assert_eq!(ring.insert(14, b"bb", 3), Inserted::New);
        assert_eq!((ring.get(10), ring.get(14)), (None, Some(&b"bb"[..])));
        assert_eq!(ring.insert(10, b"a", 4), Inserted::TooOld);
    }

    #[test]
    fn keeps_packets_up_to_the_slot_size() {
        let mut ring = Ring::new(2);
        assert_eq!(ring.insert(1, &[7; SLOT_BYTES], 0), Inserted::New);
        assert_eq!(ring.insert(2, &[7; SLOT_BYTES + 1], 0), Inserted::TooLong);
        assert_eq!(ring.get(1).map(<[u8]>::len), Some(SLOT_BYTES));
        ring.clear();
        assert_eq!(ring.get(1), None);
    }

    proptest! {
        #[test]
        fn never_returns_another_packet(inserts in proptest::collection::vec((0u64..200, 1usize..20), 0..400)) {
            let mut ring = Ring::new(16);
            let mut model: HashMap<u64, Vec<u8>> = HashMap::new();
            for (number, len) in inserts {
                let packet = vec![number as u8; len];
                if ring.insert(number, &packet, number) == Inserted::New { model.insert(number, packet); }
                for number in 0..200 {
                    if let Some(found) = ring.get(number) { prop_assert_eq!(found, &model[&number][..]); }
                }
                prop_assert_eq!(ring.get(u64::MAX), None);
            }
        }
    }
}
