//! AEAD_AES_128_GCM and AEAD_AES_256_GCM (RFC 7714). Owns nonces and associated data; refuses to know streams.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::kdf::SessionKeys;
use super::srtcp::{self, HEADER_LEN, INDEX_LEN, Trailer};
use crate::params::SrtpProfile;

pub const TAG_LEN: usize = 16;

/// One session key with its schedule.
pub struct Gcm {
    key: LessSafeKey,
    /// As the low 96 bits of a number.
    salt: u128,
}

impl Gcm {
    pub fn new(profile: SrtpProfile, keys: &SessionKeys) -> Option<Self> {
        let algorithm = match profile {
            SrtpProfile::AeadAes128Gcm => &AES_128_GCM,
            SrtpProfile::AeadAes256Gcm => &AES_256_GCM,
            SrtpProfile::AesCm128HmacSha1_80 => return None,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, keys.key()).ok()?);
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
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(header), payload)
            .ok()?;
        room.get_mut(..TAG_LEN)?.copy_from_slice(tag.as_ref());
        Some(len + TAG_LEN)
    }

    /// `None`: the tag is wrong.
    pub fn open_rtp(&self, packet: &mut [u8], header_len: usize, index: u64) -> Option<usize> {
        let (header, sealed) = packet.split_at_mut_checked(header_len)?;
        let nonce = self.rtp_nonce(super::rtp_ssrc(header), index);
        let payload = self
            .key
            .open_in_place(nonce, Aad::from(header), sealed)
            .ok()?;
        Some(header_len + payload.len())
    }

    /// `buffer` has room for tag and index word behind `len`, which is at least [`HEADER_LEN`].
    pub fn seal_rtcp(&self, buffer: &mut [u8], len: usize, index: u32) -> Option<usize> {
        let nonce = self.rtcp_nonce(srtcp::ssrc(buffer)?, index);
        let word = srtcp::index_word(index);
        let aad = Aad::from(rtcp_aad(buffer, word)?);
        let (plain, room) = buffer.split_at_mut_checked(len)?;
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, aad, plain.get_mut(HEADER_LEN..)?)
            .ok()?;
        room.get_mut(..TAG_LEN)?.copy_from_slice(tag.as_ref());
        room.get_mut(TAG_LEN..TAG_LEN + INDEX_LEN)?
            .copy_from_slice(&word);
        Some(len + TAG_LEN + INDEX_LEN)
    }

    /// `None`: the tag is wrong.
    pub fn open_rtcp(&self, packet: &mut [u8], trailer: &Trailer) -> Option<usize> {
        let nonce = self.rtcp_nonce(trailer.ssrc, trailer.index);
        let aad = Aad::from(rtcp_aad(packet, srtcp::index_word(trailer.index))?);
        let sealed = packet.get_mut(HEADER_LEN..trailer.len + TAG_LEN)?;
        self.key.open_in_place(nonce, aad, sealed).ok()?;
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
        Nonce::assume_unique_for_key(nonce)
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
