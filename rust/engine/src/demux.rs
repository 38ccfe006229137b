//! Whose datagram is it? Owns the map from 4-tuples to transports and the meaning of our username fragments; refuses to bind a tuple
//! before the transport has verified a check.

use ahash::AHashMap;
use medianode_webrtc::params::TransportTuple;

/// Where a transport lives: its slot in the worker, and which of the slot's tenants it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub worker: u8,
    pub slot: u32,
    pub epoch: u32,
}

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits that hold 64 bits: worker, 24 bits of slot, epoch.
const PLACE_DIGITS: usize = 11;
/// Slots that a username fragment can name.
pub const MAX_SLOT: u32 = (1 << 24) - 1;

impl Place {
    /// The fixed front of a username fragment; random characters follow it.
    pub fn to_ufrag(self) -> String {
        let slot = u64::from(self.slot & MAX_SLOT);
        let mut rest = u64::from(self.worker) << 56 | slot << 32 | u64::from(self.epoch);
        let mut digits = [0; PLACE_DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[(rest % 62) as usize];
            rest /= 62;
        }
        digits.iter().map(|digit| char::from(*digit)).collect()
    }

    /// What a username fragment says; none when it is not one of ours.
    pub fn from_ufrag(ufrag: &str) -> Option<Self> {
        let mut number = 0u64;
        for digit in ufrag.as_bytes().get(..PLACE_DIGITS)? {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'A'..=b'Z' => digit - b'A' + 10,
                b'a'..=b'z' => digit - b'a' + 36,
                _ => return None,
            };
            number = number.checked_mul(62)?.checked_add(u64::from(value))?;
        }
        Some(Self {
            worker: (number >> 56) as u8,
            slot: (number >> 32) as u32 & MAX_SLOT,
            epoch: number as u32,
        })
    }
}

/// Tuples that a verified check has bound. The seed of its hash is random: senders cannot choose addresses that collide.
#[derive(Default)]
pub struct Tuples {
    slots: AHashMap<TransportTuple, u32>,
    last: Option<(TransportTuple, u32)>,
}

impl Tuples {
    /// The transport that `tuple` belongs to.
    #[inline]
    pub fn find(&mut self, tuple: &TransportTuple) -> Option<u32> {
        if let Some((last, slot)) = &self.last
            && last == tuple
        {
            return Some(*slot);
        }
        let slot = *self.slots.get(tuple)?;
        self.last = Some((*tuple, slot));
        Some(slot)
    }

    /// Binds a tuple; the last one who verified a check has it.
    pub fn insert(&mut self, tuple: TransportTuple, slot: u32) {
        self.last = None;
        self.slots.insert(tuple, slot);
    }

    /// Unbinds a tuple if `slot` still has it.
    pub fn remove(&mut self, tuple: &TransportTuple, slot: u32) {
        self.last = None;
        if self.slots.get(tuple) == Some(&slot) {
            self.slots.remove(tuple);
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use medianode_webrtc::params::Protocol;

    use super::*;

    #[test]
    fn a_username_fragment_names_its_place() {
        for (worker, slot, epoch) in [(0, 0, 0), (255, MAX_SLOT, u32::MAX), (3, 70_000, 9)] {
            let place = Place {
                worker,
                slot,
                epoch,
            };
            let ufrag = place.to_ufrag() + "x/+y";
            assert_eq!(Place::from_ufrag(&ufrag), Some(place));
        }
        for bad in ["", "short", "zzzzzzzzzzz", "00000000 00"] {
            assert_eq!(Place::from_ufrag(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_the_present_owner_unbinds_a_tuple() {
        let address = "192.0.2.1:5".parse().unwrap();
        let tuple = TransportTuple {
            protocol: Protocol::Udp,
            local: address,
            remote: address,
        };
        let mut tuples = Tuples::default();
        assert_eq!(tuples.find(&tuple), None);
        tuples.insert(tuple, 1);
        assert_eq!(tuples.find(&tuple), Some(1));
        tuples.insert(tuple, 2);
        tuples.remove(&tuple, 1);
        assert_eq!(tuples.find(&tuple), Some(2));
        tuples.remove(&tuple, 2);
        assert_eq!((tuples.find(&tuple), tuples.len()), (None, 0));
    }
}
