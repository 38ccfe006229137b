//! Header extensions of one leg. Owns which id means what and which values are carried over; refuses to know their contents.

use crate::error::Error;
use crate::params::{HeaderExtension, extension_uri};
use crate::rtp::RtpView;

/// Extensions of one side.
const MAX_EXTENSIONS: usize = 32;

/// Values that go from a publisher's packet into every copy of it, in this order.
pub(crate) const CARRIED: [&str; 5] = [
    extension_uri::AUDIO_LEVEL,
    extension_uri::VIDEO_ORIENTATION,
    extension_uri::PLAYOUT_DELAY,
    extension_uri::ABS_CAPTURE_TIME,
    extension_uri::DEPENDENCY_DESCRIPTOR,
];

/// Index of the dependency descriptor in [`CARRIED`].
pub(crate) const DEPENDENCY_DESCRIPTOR: usize = 4;

/// Negotiated ids; 0 where an extension was not negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) mid: u8,
    pub(crate) rid: u8,
    pub(crate) repaired_rid: u8,
    pub(crate) transport_cc: u8,
    pub(crate) abs_send_time: u8,
    pub(crate) carried: [u8; CARRIED.len()],
}

impl Ids {
    pub(crate) fn new(extensions: &[HeaderExtension]) -> Result<Self, Error> {
        if extensions.len() > MAX_EXTENSIONS {
            return Err(Error::Limit("header extensions"));
        }
        let mut ids = Self::default();
        for (at, extension) in extensions.iter().enumerate() {
            if extension.id == 0
                || extensions[..at]
                    .iter()
                    .any(|before| before.id == extension.id)
            {
                return Err(Error::Invalid(format!(
                    "header extension id {}",
                    extension.id
                )));
            }
            let slot = match extension.uri.as_str() {
                extension_uri::MID => Some(&mut ids.mid),
                extension_uri::RID => Some(&mut ids.rid),
                extension_uri::REPAIRED_RID => Some(&mut ids.repaired_rid),
                extension_uri::TRANSPORT_CC => Some(&mut ids.transport_cc),
                extension_uri::ABS_SEND_TIME => Some(&mut ids.abs_send_time),
                uri => CARRIED
                    .iter()
                    .position(|known| *known == uri)
                    .map(|at| &mut ids.carried[at]),
            };
            if let Some(slot) = slot {
                *slot = extension.id;
            }
        }
        Ok(ids)
    }

    /// Adds what `other`, a leg of the same bundle, negotiated. An id means the same on all of them (RFC 8843 section 9.1).
    pub(crate) fn merge(&mut self, other: &Self) {
        let fill = |mine: &mut u8, theirs: u8| {
            if *mine == 0 {
                *mine = theirs;
            }
        };
        fill(&mut self.mid, other.mid);
        fill(&mut self.rid, other.rid);
        fill(&mut self.repaired_rid, other.repaired_rid);
        fill(&mut self.transport_cc, other.transport_cc);
        fill(&mut self.abs_send_time, other.abs_send_time);
        for (mine, theirs) in self.carried.iter_mut().zip(other.carried) {
            fill(mine, theirs);
        }
    }
}

/// Where the carried values lie in a kept packet: start and length, length 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    parts: [(u16, u8); CARRIED.len()],
    present: u8,
}

impl Carried {
    /// `packet` is what `view` was made from; `ids` are the publisher's.
    pub(crate) fn find(packet: &[u8], view: &RtpView<'_>, ids: &Ids) -> Self {
        let mut found = Self::default();
        for (id, value) in view.extensions() {
            let Some(at) = ids.carried.iter().position(|carried| *carried == id) else {
                continue;
            };
            // The value is a part of the packet, so the distance of their starts is its offset.
            let start = (value.as_ptr() as usize).wrapping_sub(packet.as_ptr() as usize);
            let (Ok(start), Ok(len)) = (u16::try_from(start), u8::try_from(value.len())) else {
                continue;
            };
            if len > 0 {
                found.parts[at] = (start, len);
                found.present |= 1 << at;
            }
        }
        found
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.present == 0
    }

    pub(crate) fn value<'a>(&self, at: usize, packet: &'a [u8]) -> Option<&'a [u8]> {
        let (start, len) = self.parts[at];
        if len == 0 {
            return None;
        }
        packet.get(usize::from(start)..usize::from(start) + usize::from(len))
    }
}
