//! One AES-GCM key in memory that can be asked for ahead. Owns the calls into AWS-LC beside its Rust interface, and every `unsafe` of
//! this crate; refuses to know what is sealed.
//!
//! `aws_lc_rs::aead` keeps a key's schedule behind a pointer that it does not show. A worker that serves a hundred peers waits for all
//! of their keys, one after the other, unless it can ask for several at a time.

use std::mem::MaybeUninit;
use std::ptr;

use aws_lc_sys::{
    EVP_AEAD, EVP_AEAD_CTX, EVP_AEAD_CTX_cleanup, EVP_AEAD_CTX_init, EVP_AEAD_CTX_open_gather,
    EVP_AEAD_CTX_seal_scatter, EVP_aead_aes_128_gcm, EVP_aead_aes_256_gcm,
};
use medianode_sfu::prefetch;
use zeroize::Zeroize;

pub const TAG_LEN: usize = 16;
const NONCE_LEN: usize = 12;

/// Unique under its key for each message that is sealed.
pub type Nonce = [u8; NONCE_LEN];

/// An AES-128-GCM or AES-256-GCM key with its schedule.
pub struct AesGcm {
    /// Always initialised; stays where it is, as C expects.
    context: Box<MaybeUninit<EVP_AEAD_CTX>>,
}

// SAFETY: the context's only pointer names a constant of the library; after its initialisation only `Drop` changes it.
unsafe impl Send for AesGcm {}
// SAFETY: as above; sealing and opening read it.
unsafe impl Sync for AesGcm {}

impl AesGcm {
    /// `None` unless the key has 16 or 32 bytes.
    pub fn new(key: &[u8]) -> Option<Self> {
        aws_lc_rs::init();
        // SAFETY: no arguments; the results are constants.
        let algorithm: *const EVP_AEAD = unsafe {
            match key.len() {
                16 => EVP_aead_aes_128_gcm(),
                32 => EVP_aead_aes_256_gcm(),
                _ => return None,
            }
        };
        let mut context = Box::new(MaybeUninit::uninit());
        // SAFETY: the context is writable memory of its type, the key is readable for its length, and no engine is needed.
        let made = unsafe {
            EVP_AEAD_CTX_init(
                context.as_mut_ptr(),
                algorithm,
                key.as_ptr(),
                key.len(),
                TAG_LEN,
                ptr::null_mut(),
            )
        };
        if made != 1 {
            // Memory that `Drop` may not touch.
            return None;
        }
        Some(Self { context })
    }

    /// Encrypts `text` in place; its tag. `None` only for lengths beyond what GCM can seal.
    #[inline]
    pub fn seal(&self, nonce: &Nonce, aad: &[u8], text: &mut [u8]) -> Option<[u8; TAG_LEN]> {
        let mut tag = [0; TAG_LEN];
        let mut tag_len = 0;
        let place = text.as_mut_ptr();
        // SAFETY: the context is initialised; every pointer is valid for the length beside it; input and output are the same memory,
        // which AWS-LC allows, and the tag is apart from both.
        let sealed = unsafe {
            EVP_AEAD_CTX_seal_scatter(
                self.context.as_ptr(),
                place,
                tag.as_mut_ptr(),
                &raw mut tag_len,
                TAG_LEN,
                nonce.as_ptr(),
                NONCE_LEN,
                place,
                text.len(),
                ptr::null(),
                0,
                aad.as_ptr(),
                aad.len(),
            )
        };
        (sealed == 1 && tag_len == TAG_LEN).then_some(tag)
    }

    /// Decrypts `text` in place. `None`: the tag is wrong, and `text` is worthless.
    #[inline]
    pub fn open(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Option<()> {
        let place = text.as_mut_ptr();
        // SAFETY: as in `seal`.
        let opened = unsafe {
            EVP_AEAD_CTX_open_gather(
                self.context.as_ptr(),
                place,
                nonce.as_ptr(),
                NONCE_LEN,
                place,
                text.len(),
                tag.as_ptr(),
                TAG_LEN,
                aad.as_ptr(),
                aad.len(),
            )
        };
        (opened == 1).then_some(())
    }

    /// The schedule will be needed soon.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(&*self.context);
    }
}

impl Drop for AesGcm {
    fn drop(&mut self) {
        // SAFETY: the context is initialised and not used again.
        unsafe { EVP_AEAD_CTX_cleanup(self.context.as_mut_ptr()) };
        self.context.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_aes_128_and_aes_256_are_taken() {
        for len in 0..40 {
            assert_eq!(
                AesGcm::new(&[7; 40][..len]).is_some(),
                [16, 32].contains(&len)
            );
        }
    }

    #[test]
    fn what_was_sealed_opens_with_its_key_nonce_data_and_tag_alone() {
        let (key, other) = (
            AesGcm::new(&[1; 32]).unwrap(),
            AesGcm::new(&[2; 32]).unwrap(),
        );
        for len in [0, 1, 15, 16, 17, 1200] {
            let plain = vec![0x5a; len];
            let mut sealed = plain.clone();
            let tag = key.seal(&[3; 12], b"header", &mut sealed).unwrap();
            let opens = |key: &AesGcm, nonce, aad: &[u8], tag| {
                let mut text = sealed.clone();
                key.open(&nonce, aad, &mut text, tag).map(|()| text)
            };
            assert_eq!(opens(&key, [3; 12], b"header", &tag), Some(plain));
            assert_eq!(opens(&other, [3; 12], b"header", &tag), None);
            assert_eq!(opens(&key, [4; 12], b"header", &tag), None);
            assert_eq!(opens(&key, [3; 12], b"Header", &tag), None);
            assert_eq!(opens(&key, [3; 12], b"header", &[0; TAG_LEN]), None);
        }
    }
}
