//! AEAD_AES_128_GCM and AEAD_AES_256_GCM (RFC 7714). Owns nonces and associated data; refuses to know streams.

use super::aead::{AesGcm, Nonce};
use super::kdf::SessionKeys;
use super::srtcp::{self, HEADER_LEN, INDEX_LEN, Trailer};
use crate::params::SrtpProfile;

pub use super::aead::TAG_LEN;

/// One session key with its schedule.
pub struct Gcm {
    key: AesGcm,
    /// As the low 96 bits of a number.
    salt: u128,
}

impl Gcm {
    pub fn new(profile: SrtpProfile, keys: &SessionKeys) -> Option<Self> {
        let key = keys.key();
        let key = AesGcm::new(key).filter(|_| key.len() == profile.key_len())?;
        let salt: &[u8; 12] = keys.salt().try_into().ok()?;
        let number = |salt: u128, byte: &u8| salt << 8 | u128::from(*byte);
        let salt = salt.iter().fold(0, number);
        Some(Self { key, salt })
    }

    /// `buffer` has room for the tag behind `len`, and a checked header of `header_len` bytes.
    pub fn seal_rtp(
        &self,
        buffer: &mut [u8],
        len: usize,
        header_len: usize,
        index: u64,
    ) -> Option<usize> {
        let (header, rest) = buffer.split_at_mut_checked(header_len)?;
        let (payload, room) = rest.split_at_mut_checked(len.checked_sub(header_len)?)?;
        let nonce = self.rtp_nonce(super::rtp_ssrc(header), index);
        let tag = self.key.seal(&nonce, header, payload)?;
        room.get_mut(..TAG_LEN)?.copy_from_slice(&tag);
        Some(len + TAG_LEN)
    }

    /// `None`: the tag is wrong.
    pub fn open_rtp(&self, packet: &mut [u8], header_len: usize, index: u64) -> Option<usize> {
        let (header, sealed) = packet.split_at_mut_checked(header_len)?;
        let nonce = self.rtp_nonce(super::rtp_ssrc(header), index);
        let (payload, tag) = sealed.split_last_chunk_mut()?;
        self.key.open(&nonce, header, payload, tag)?;
        Some(header_len + payload.len())
    }

    /// `buffer` has room for tag and index word behind `len`, which is at least [`HEADER_LEN`].
    pub fn seal_rtcp(&self, buffer: &mut [u8], len: usize, index: u32) -> Option<usize> {
        let nonce = self.rtcp_nonce(srtcp::ssrc(buffer)?, index);
        let word = srtcp::index_word(index);
        let aad = rtcp_aad(buffer, word)?;
        let (plain, room) = buffer.split_at_mut_checked(len)?;
        let tag = self.key.seal(&nonce, &aad, plain.get_mut(HEADER_LEN..)?)?;
        room.get_mut(..TAG_LEN)?.copy_from_slice(&tag);
        room.get_mut(TAG_LEN..TAG_LEN + INDEX_LEN)?
            .copy_from_slice(&word);
        Some(len + TAG_LEN + INDEX_LEN)
    }

    /// `None`: the tag is wrong.
    pub fn open_rtcp(&self, packet: &mut [u8], trailer: &Trailer) -> Option<usize> {
        let nonce = self.rtcp_nonce(trailer.ssrc, trailer.index);
        let aad = rtcp_aad(packet, srtcp::index_word(trailer.index))?;
        let sealed = packet.get_mut(HEADER_LEN..trailer.len + TAG_LEN)?;
        let (text, tag) = sealed.split_last_chunk_mut()?;
        self.key.open(&nonce, &aad, text, tag)?;
        Some(trailer.len)
    }

    /// RFC 7714 section 8.1: 00 00, SSRC, rollover counter, sequence number, exclusive-or salt.
    fn rtp_nonce(&self, ssrc: u32, index: u64) -> Nonce {
        self.nonce(u128::from(ssrc) << 48 | u128::from(index))
    }

    /// RFC 7714 section 9.1: 00 00, SSRC, 00 00, index, exclusive-or salt.
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> Nonce {
        self.nonce(u128::from(ssrc) << 48 | u128::from(index))
    }

    fn nonce(&self, value: u128) -> Nonce {
        let bytes = (value ^ self.salt).to_be_bytes();
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&bytes[4..]);
        nonce
    }

    /// Sealing or opening follows soon.
    #[inline]
    pub fn prefetch(&self) {
        self.key.prefetch();
    }
}

impl std::fmt::Debug for Gcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gcm").finish_non_exhaustive()
    }
}

impl Drop for Gcm {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.salt);
    }
}

/// RFC 7714 section 9.2: header, sender SSRC and index word.
fn rtcp_aad(packet: &[u8], word: [u8; INDEX_LEN]) -> Option<[u8; HEADER_LEN + INDEX_LEN]> {
    let mut aad = [0; HEADER_LEN + INDEX_LEN];
    aad[..HEADER_LEN].copy_from_slice(packet.get(..HEADER_LEN)?);
    aad[HEADER_LEN..].copy_from_slice(&word);
    Some(aad)
}
