//! AES_CM_128_HMAC_SHA1_80 (RFC 3711 sections 4.1.1 and 4.2.1). Owns counter blocks and tags; refuses to know streams.

use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::ctr::Keystream;
use super::kdf::SessionKeys;
use super::srtcp::{self, HEADER_LEN, INDEX_LEN, Trailer};

pub const TAG_LEN: usize = 10;

/// One session key: cipher schedule, and the HMAC's inner and outer state.
pub struct Cm {
    cipher: Keystream,
    mac: Hmac<Sha1>,
    /// As the high 112 bits of a number.
    salt: u128,
}

impl Cm {
    pub fn new(keys: &SessionKeys) -> Option<Self> {
        let mut salt = [0; 16];
        salt[..14].copy_from_slice(keys.salt().get(..14)?);
        Some(Self {
            cipher: Keystream::new(keys.key())?,
            mac: <Hmac<Sha1> as Mac>::new_from_slice(keys.auth_key()).ok()?,
            salt: u128::from_be_bytes(salt),
        })
    }

    /// `buffer` has room for the tag behind `len`, and a checked header of `header_len` bytes.
    pub fn seal_rtp(
        &self,
        buffer: &mut [u8],
        len: usize,
        header_len: usize,
        index: u64,
    ) -> Option<usize> {
        let (packet, room) = buffer.split_at_mut_checked(len)?;
        self.apply_keystream(
            super::rtp_ssrc(packet),
            index,
            packet.get_mut(header_len..)?,
        )?;
        let tag = self.tag(packet, rollover(index));
        room.get_mut(..TAG_LEN)?.copy_from_slice(&tag);
        Some(len + TAG_LEN)
    }

    /// `None`: the tag is wrong; the packet is as before.
    pub fn open_rtp(&self, packet: &mut [u8], header_len: usize, index: u64) -> Option<usize> {
        let len = packet.len().checked_sub(TAG_LEN)?;
        let (packet, tag) = packet.split_at_mut_checked(len)?;
        self.verify(packet, rollover(index), tag)?;
        self.apply_keystream(
            super::rtp_ssrc(packet),
            index,
            packet.get_mut(header_len..)?,
        )?;
        Some(len)
    }

    /// `buffer` has room for index word and tag behind `len`, which is at least [`HEADER_LEN`].
    pub fn seal_rtcp(&self, buffer: &mut [u8], len: usize, index: u32) -> Option<usize> {
        let ssrc = srtcp::ssrc(buffer)?;
        let (packet, room) = buffer.split_at_mut_checked(len)?;
        self.apply_keystream(ssrc, u64::from(index), packet.get_mut(HEADER_LEN..)?)?;
        let word = srtcp::index_word(index);
        let tag = self.tag(packet, word);
        room.get_mut(..INDEX_LEN)?.copy_from_slice(&word);
        room.get_mut(INDEX_LEN..INDEX_LEN + TAG_LEN)?
            .copy_from_slice(&tag);
        Some(len + INDEX_LEN + TAG_LEN)
    }

    /// `None`: the tag is wrong; the packet is as before.
    pub fn open_rtcp(&self, packet: &mut [u8], trailer: &Trailer) -> Option<usize> {
        let (packet, rest) = packet.split_at_mut_checked(trailer.len)?;
        self.verify(
            packet,
            srtcp::index_word(trailer.index),
            rest.get(INDEX_LEN..)?,
        )?;
        self.apply_keystream(
            trailer.ssrc,
            trailer.index.into(),
            packet.get_mut(HEADER_LEN..)?,
        )?;
        Some(trailer.len)
    }

    /// RFC 3711 section 4.1.1: IV = salt * 2^16 xor SSRC * 2^64 xor index * 2^16. A packet is far below 2^16 blocks.
    fn apply_keystream(&self, ssrc: u32, index: u64, data: &mut [u8]) -> Option<()> {
        let block = u128::from(ssrc) << 64 | u128::from(index) << 16;
        self.cipher.apply(block ^ self.salt, data)
    }

    /// HMAC over the packet and what is implicit (rollover counter) or explicit (index word) behind it.
    fn tag(&self, packet: &[u8], suffix: [u8; 4]) -> [u8; TAG_LEN] {
        let mut mac = self.mac.clone();
        mac.update(packet);
        mac.update(&suffix);
        let full = mac.finalize().into_bytes();
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&full[..TAG_LEN]);
        tag
    }

    fn verify(&self, packet: &[u8], suffix: [u8; 4], tag: &[u8]) -> Option<()> {
        bool::from(self.tag(packet, suffix).as_slice().ct_eq(tag)).then_some(())
    }
}

impl std::fmt::Debug for Cm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cm").finish_non_exhaustive()
    }
}

impl Drop for Cm {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.salt);
    }
}

fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}
