//! SRTP and SRTCP of one transport (RFC 3711, RFC 7714): seals and opens packets in place, guesses rollover counters, refuses replays.
//! Refuses to know who the peer is, what a packet carries, and where keys come from beyond the DTLS exporter's block.

mod aead;
mod cm;
mod ctr;
mod gcm;
pub mod kdf;
pub mod replay;
mod srtcp;

use std::collections::HashMap;

use ahash::RandomState;
use medianode_sfu::prefetch;

use crate::params::SrtpProfile;
use cm::Cm;
use gcm::Gcm;
use kdf::{Flow, SessionKeys};
use replay::{ReplayWindow, Verdict};

pub use kdf::{Keys, MasterKey};

/// Room that sealing an RTP packet needs behind it, whatever the profile.
pub const MAX_RTP_OVERHEAD: usize = 16;
/// Room that sealing an RTCP compound needs behind it, whatever the profile: tag and index word.
pub const MAX_RTCP_OVERHEAD: usize = 20;

/// Why a packet was not opened. Each is the peer's or a forger's doing, none changes state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SrtpError {
    /// Shorter than header, tag and trailer, or the header claims more than there is.
    #[error("malformed packet")]
    Malformed,
    #[error("authentication failed")]
    Authentication,
    #[error("replayed packet")]
    Replayed,
    #[error("packet is older than the replay window")]
    TooOld,
    /// RFC 3711 section 9.2: no index is left under this key.
    #[error("packet index exhausted")]
    IndexExhausted,
    /// The table of authenticated SSRCs is full and this one is not in it.
    #[error("too many ssrcs")]
    TooManySsrcs,
    /// Authenticated-only SRTCP (E bit clear), which WebRTC never negotiates (RFC 8827 section 6.5).
    #[error("srtcp packet is not encrypted")]
    NotEncrypted,
}

/// Seals what we send. Holds no state per SSRC: the caller owns sequence numbers and rollover counters.
#[derive(Debug)]
pub struct TxSrtp {
    rtp: Cipher,
    rtcp: Cipher,
    /// Next SRTCP index; one counter for all SSRCs keeps every nonce of the key unique.
    rtcp_index: u32,
    #[cfg(debug_assertions)]
    nonces: NonceLog,
}

impl TxSrtp {
    /// `None` when the key does not fit the profile.
    pub fn new(profile: SrtpProfile, key: &MasterKey) -> Option<Self> {
        Self::with_session_keys(
            profile,
            &SessionKeys::derive(profile, key, Flow::Rtp)?,
            &SessionKeys::derive(profile, key, Flow::Rtcp)?,
        )
    }

    /// Skips the key derivation: for keys that are session keys already.
    pub fn with_session_keys(
        profile: SrtpProfile,
        rtp: &SessionKeys,
        rtcp: &SessionKeys,
    ) -> Option<Self> {
        Some(Self {
            rtp: Cipher::new(profile, rtp)?,
            rtcp: Cipher::new(profile, rtcp)?,
            rtcp_index: 0,
            #[cfg(debug_assertions)]
            nonces: NonceLog::default(),
        })
    }

    /// Seals the RTP packet in `buffer[..len]` in place and returns the sealed length. `index` is the 48-bit packet index
    /// (rollover counter and sequence number, RFC 3711 section 3.3.1); one index must never seal two different packets of an SSRC.
    /// `None`: the header is malformed, the index is spent, or fewer than [`MAX_RTP_OVERHEAD`] bytes of room follow.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], len: usize, index: u64) -> Option<usize> {
        let packet = buffer.get(..len)?;
        let header_len = rtp_header_len(packet)?;
        if index >> 48 != 0 || buffer.len() < len.checked_add(MAX_RTP_OVERHEAD)? {
            return None;
        }
        debug_assert_eq!(
            index as u16,
            rtp_seq(packet),
            "packet index and header disagree"
        );
        #[cfg(debug_assertions)]
        self.nonces.assert_unique(rtp_ssrc(packet), index, packet);
        match &self.rtp {
            Cipher::Gcm(gcm) => gcm.seal_rtp(buffer, len, header_len, index),
            Cipher::Cm(cm) => cm.seal_rtp(buffer, len, header_len, index),
        }
    }

    /// Seals the RTCP compound in `buffer[..len]` in place and returns the sealed length. `None`: too short for RTCP, fewer than
    /// [`MAX_RTCP_OVERHEAD`] bytes of room follow, or all 2^31 indices of the key are spent.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Option<usize> {
        if len < srtcp::HEADER_LEN || buffer.len() < len.checked_add(MAX_RTCP_OVERHEAD)? {
            return None;
        }
        let index = self.rtcp_index;
        if index > srtcp::MAX_INDEX {
            return None;
        }
        let sealed = match &self.rtcp {
            Cipher::Gcm(gcm) => gcm.seal_rtcp(buffer, len, index),
            Cipher::Cm(cm) => cm.seal_rtcp(buffer, len, index),
        }?;
        self.rtcp_index = index + 1;
        Some(sealed)
    }

    /// What [`TxSrtp::protect_rtp`] needs beyond this.
    #[inline]
    pub fn prefetch_rtp(&self) {
        self.rtp.prefetch();
    }

    /// Continues SRTCP at `index`, for a key that has been in use.
    pub fn set_rtcp_index(&mut self, index: u32) {
        self.rtcp_index = index;
    }
}

/// Opens what we receive. Keeps a rollover counter and replay window for each SSRC whose first packet was genuine.
#[derive(Debug)]
pub struct RxSrtp {
    rtp: Cipher,
    rtcp: Cipher,
    rtp_streams: HashMap<u32, ReplayWindow, RandomState>,
    rtcp_streams: HashMap<u32, ReplayWindow, RandomState>,
    max_ssrcs: usize,
    refused_ssrcs: u64,
}

impl RxSrtp {
    /// `max_ssrcs` bounds SRTP and SRTCP senders each. `None` when the key does not fit the profile.
    pub fn new(profile: SrtpProfile, key: &MasterKey, max_ssrcs: usize) -> Option<Self> {
        Self::with_session_keys(
            profile,
            &SessionKeys::derive(profile, key, Flow::Rtp)?,
            &SessionKeys::derive(profile, key, Flow::Rtcp)?,
            max_ssrcs,
        )
    }

    /// Skips the key derivation: for keys that are session keys already.
    pub fn with_session_keys(
        profile: SrtpProfile,
        rtp: &SessionKeys,
        rtcp: &SessionKeys,
        max_ssrcs: usize,
    ) -> Option<Self> {
        Some(Self {
            rtp: Cipher::new(profile, rtp)?,
            rtcp: Cipher::new(profile, rtcp)?,
            rtp_streams: HashMap::default(),
            rtcp_streams: HashMap::default(),
            max_ssrcs,
            refused_ssrcs: 0,
        })
    }

    /// Opens an SRTP packet in place and returns the plaintext length, header included. After an error the packet's bytes are
    /// worthless and the state is as before.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let header_len = rtp_header_len(packet).ok_or(SrtpError::Malformed)?;
        if packet.len() < header_len + self.rtp.tag_len() {
            return Err(SrtpError::Malformed);
        }
        let ssrc = rtp_ssrc(packet);
        let seq = rtp_seq(packet);
        let full = self.rtp_streams.len() >= self.max_ssrcs;
        let stream = self.rtp_streams.get_mut(&ssrc);
        let index = match &stream {
            Some(window) => {
                let index = window.estimate(seq).ok_or(SrtpError::IndexExhausted)?;
                check(window, index)?;
                index
            }
            None if full => {
                self.refused_ssrcs = self.refused_ssrcs.saturating_add(1);
                return Err(SrtpError::TooManySsrcs);
            }
            None => u64::from(seq),
        };
        let len = match &self.rtp {
            Cipher::Gcm(gcm) => gcm.open_rtp(packet, header_len, index),
            Cipher::Cm(cm) => cm.open_rtp(packet, header_len, index),
        }
        .ok_or(SrtpError::Authentication)?;
        match stream {
            Some(window) => window.accept(index),
            None => {
                self.rtp_streams
                    .insert(ssrc, ReplayWindow::starting_at(index));
            }
        }
        Ok(len)
    }

    /// Opens an SRTCP packet in place and returns the length of the RTCP compound. After an error the packet's bytes are worthless
    /// and the state is as before.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let trailer = srtcp::Trailer::read(packet, self.rtcp.srtcp_layout())?;
        let full = self.rtcp_streams.len() >= self.max_ssrcs;
        let stream = self.rtcp_streams.get_mut(&trailer.ssrc);
        match &stream {
            Some(window) => check(window, u64::from(trailer.index))?,
            None if full => {
                self.refused_ssrcs = self.refused_ssrcs.saturating_add(1);
                return Err(SrtpError::TooManySsrcs);
            }
            None => {}
        }
        let len = match &self.rtcp {
            Cipher::Gcm(gcm) => gcm.open_rtcp(packet, &trailer),
            Cipher::Cm(cm) => cm.open_rtcp(packet, &trailer),
        }
        .ok_or(SrtpError::Authentication)?;
        let index = u64::from(trailer.index);
        match stream {
            Some(window) => window.accept(index),
            None => {
                self.rtcp_streams
                    .insert(trailer.ssrc, ReplayWindow::starting_at(index));
            }
        }
        Ok(len)
    }

    /// What [`RxSrtp::unprotect_rtcp`] needs beyond this, for a peer that reports under one SSRC.
    pub fn prefetch_rtcp(&self) {
        self.rtcp.prefetch();
        if let Some(window) = self.rtcp_streams.values().next() {
            prefetch(window);
        }
    }

    /// SSRCs with SRTP state.
    pub fn ssrcs(&self) -> usize {
        self.rtp_streams.len()
    }

    /// SSRCs with SRTCP state.
    pub fn rtcp_ssrcs(&self) -> usize {
        self.rtcp_streams.len()
    }

    /// Packets refused because the table of SSRCs was full.
    pub fn refused_ssrcs(&self) -> u64 {
        self.refused_ssrcs
    }

    /// Rollover counter of an SSRC that has sent a genuine packet.
    pub fn rollover_counter(&self, ssrc: u32) -> Option<u32> {
        self.rtp_streams
            .get(&ssrc)
            .map(|window| (window.highest() >> 16) as u32)
    }
}

/// One direction's key of one flow, its schedule cached.
#[derive(Debug)]
enum Cipher {
    Gcm(Gcm),
    Cm(Box<Cm>),
}

impl Cipher {
    fn new(profile: SrtpProfile, keys: &SessionKeys) -> Option<Self> {
        match profile {
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => {
                Gcm::new(profile, keys).map(Self::Gcm)
            }
            SrtpProfile::AesCm128HmacSha1_80 => Cm::new(keys).map(|cm| Self::Cm(Box::new(cm))),
        }
    }

    /// The key that browsers choose is asked for; a rare one is waited for.
    #[inline]
    fn prefetch(&self) {
        if let Self::Gcm(gcm) = self {
            gcm.prefetch();
        }
    }

    fn tag_len(&self) -> usize {
        match self {
            Self::Gcm(_) => gcm::TAG_LEN,
            Self::Cm(_) => cm::TAG_LEN,
        }
    }

    fn srtcp_layout(&self) -> srtcp::Layout {
        match self {
            Self::Gcm(_) => srtcp::Layout::IndexLast {
                tag_len: gcm::TAG_LEN,
            },
            Self::Cm(_) => srtcp::Layout::TagLast {
                tag_len: cm::TAG_LEN,
            },
        }
    }
}

fn check(window: &ReplayWindow, index: u64) -> Result<(), SrtpError> {
    match window.check(index) {
        Verdict::Fresh => Ok(()),
        Verdict::Replayed => Err(SrtpError::Replayed),
        Verdict::TooOld => Err(SrtpError::TooOld),
    }
}

const RTP_FIXED_HEADER_LEN: usize = 12;

/// Header with CSRCs and extension (RFC 3550 section 5.1), which SRTP authenticates and leaves in the clear. `None` when the packet
/// is not RTP version 2 or ends before its header does.
fn rtp_header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    if first >> 6 != 2 {
        return None;
    }
    let mut len = RTP_FIXED_HEADER_LEN + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let words = packet.get(len + 2..len + 4)?;
        len += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (packet.len() >= len).then_some(len)
}

/// The packet has passed [`rtp_header_len`].
fn rtp_seq(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[2], packet[3]])
}

/// The packet has passed [`rtp_header_len`].
fn rtp_ssrc(packet: &[u8]) -> u32 {
    u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]])
}

/// Remembers the latest packets by nonce, to catch a nonce that would protect two different packets.
#[cfg(debug_assertions)]
#[derive(Debug)]
struct NonceLog {
    slots: Vec<Option<(u32, u64, u64)>>,
    hasher: RandomState,
}

#[cfg(debug_assertions)]
impl Default for NonceLog {
    fn default() -> Self {
        Self {
            slots: vec![None; 1024],
            hasher: RandomState::new(),
        }
    }
}

#[cfg(debug_assertions)]
impl NonceLog {
    fn assert_unique(&mut self, ssrc: u32, index: u64, packet: &[u8]) {
        let slot = self.hasher.hash_one((ssrc, index)) as usize % self.slots.len();
        let digest = self.hasher.hash_one(packet);
        if let Some((old_ssrc, old_index, old_digest)) = self.slots[slot] {
            debug_assert!(
                (old_ssrc, old_index) != (ssrc, index) || old_digest == digest,
                "two packets under one nonce: ssrc {ssrc:#x}, index {index:#x}"
            );
        }
        self.slots[slot] = Some((ssrc, index, digest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_length_covers_csrcs_and_extension() {
        let mut packet = vec![0x80; 12];
        assert_eq!(rtp_header_len(&packet), Some(12));
        packet[0] = 0x82;
        assert_eq!(rtp_header_len(&packet), None);
        packet.resize(20, 0);
        assert_eq!(rtp_header_len(&packet), Some(20));
        packet[0] = 0x92;
        assert_eq!(rtp_header_len(&packet), None);
        packet.extend([0xbe, 0xde, 0, 1, 0, 0, 0]);
        assert_eq!(rtp_header_len(&packet), None);
        packet.push(0);
        assert_eq!(rtp_header_len(&packet), Some(28));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "two packets under one nonce")]
    fn debug_builds_catch_a_reused_nonce() {
        let mut log = NonceLog::default();
        log.assert_unique(1, 2, &[0]);
        log.assert_unique(1, 2, &[0]);
        log.assert_unique(1, 2, &[1]);
    }
}
