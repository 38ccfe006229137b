//! AES in counter mode, for packets (RFC 3711 section 4.1.1) and for the derivation of keys (section 4.3.3). Refuses to know either.

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

/// One key with its schedule.
pub struct Keystream(EncryptingKey);

impl Keystream {
    /// `None` unless the key has 16 or 32 bytes.
    pub fn new(key: &[u8]) -> Option<Self> {
        let algorithm = match key.len() {
            16 => &AES_128,
            32 => &AES_256,
            _ => return None,
        };
        let key = UnboundCipherKey::new(algorithm, key).ok()?;
        EncryptingKey::ctr(key).ok().map(Self)
    }

    /// Exclusive-or of `data` and the keystream that begins at the counter block `first`. `None`: `data` must not be used.
    pub fn apply(&self, first: u128, data: &mut [u8]) -> Option<()> {
        let context = EncryptionContext::Iv128(FixedLength::from(first.to_be_bytes()));
        self.0.less_safe_encrypt(data, context).ok().map(drop)
    }
}
