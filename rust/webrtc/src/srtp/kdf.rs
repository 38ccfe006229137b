//! From the DTLS exporter's block to session keys (RFC 5764 section 4.2, RFC 3711 section 4.3). Owns key lengths and erases keys.

use zeroize::Zeroizing;

use super::ctr::Keystream;
use crate::params::SrtpProfile;

const MAX_KEY_LEN: usize = 32;
const MAX_SALT_LEN: usize = 14;
const AUTH_KEY_LEN: usize = 20;

impl SrtpProfile {
    /// Length of master and session key in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Length of master and session salt in bytes.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::AesCm128HmacSha1_80 => 14,
        }
    }

    /// What the DTLS exporter must yield for both sides (RFC 5764 section 4.2).
    pub const fn keying_material_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }
}

/// Master key and salt of one direction. Erased on drop, never printed.
#[derive(Clone)]
pub struct MasterKey {
    key: Zeroizing<[u8; MAX_KEY_LEN]>,
    key_len: usize,
    salt: Zeroizing<[u8; MAX_SALT_LEN]>,
    salt_len: usize,
}

impl MasterKey {
    /// `None` when the lengths are not the profile's.
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Option<Self> {
        if key.len() != profile.key_len() || salt.len() != profile.salt_len() {
            return None;
        }
        let mut master = Self {
            key: Zeroizing::default(),
            key_len: key.len(),
            salt: Zeroizing::default(),
            salt_len: salt.len(),
        };
        master.key[..key.len()].copy_from_slice(key);
        master.salt[..salt.len()].copy_from_slice(salt);
        Some(master)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKey").finish_non_exhaustive()
    }
}

/// Both directions of one DTLS association.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Seals what we send.
    pub local: MasterKey,
    /// Opens what the peer sends.
    pub remote: MasterKey,
}

impl Keys {
    /// Splits the exporter's block: client key, server key, client salt, server salt. `is_client` is our DTLS role.
    /// `None` when the block is shorter than the profile needs.
    pub fn from_dtls(profile: SrtpProfile, material: &[u8], is_client: bool) -> Option<Self> {
        let (key_len, salt_len) = (profile.key_len(), profile.salt_len());
        let block = material.get(..profile.keying_material_len())?;
        let (keys, salts) = block.split_at(2 * key_len);
        let client = MasterKey::new(profile, &keys[..key_len], &salts[..salt_len])?;
        let server = MasterKey::new(profile, &keys[key_len..], &salts[salt_len..])?;
        Some(match is_client {
            true => Self {
                local: client,
                remote: server,
            },
            false => Self {
                local: server,
                remote: client,
            },
        })
    }
}

/// Which of the two flows under a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Rtp,
    Rtcp,
}

/// Session keys of one flow (RFC 3711 section 4.3.2). Erased on drop, never printed.
pub struct SessionKeys {
    key: Zeroizing<[u8; MAX_KEY_LEN]>,
    key_len: usize,
    salt: Zeroizing<[u8; MAX_SALT_LEN]>,
    salt_len: usize,
    /// HMAC key; unused by the AEAD profiles.
    auth_key: Zeroizing<[u8; AUTH_KEY_LEN]>,
}

impl SessionKeys {
    /// `None` when the master key is another profile's.
    pub fn derive(profile: SrtpProfile, master: &MasterKey, flow: Flow) -> Option<Self> {
        if master.key_len != profile.key_len() || master.salt_len != profile.salt_len() {
            return None;
        }
        // RFC 3711 section 4.3.2: labels of cipher key, authentication key and salt.
        let [key_label, auth_label, salt_label] = match flow {
            Flow::Rtp => [0, 1, 2],
            Flow::Rtcp => [3, 4, 5],
        };
        let mut keys = Self {
            key: Zeroizing::default(),
            key_len: master.key_len,
            salt: Zeroizing::default(),
            salt_len: master.salt_len,
            auth_key: Zeroizing::default(),
        };
        prf(master, key_label, &mut keys.key[..master.key_len]);
        prf(master, auth_label, keys.auth_key.as_mut_slice());
        prf(master, salt_label, &mut keys.salt[..master.salt_len]);
        Some(keys)
    }

    /// Takes session keys as they are. `None` when a length is not the profile's; `auth_key` is empty for the AEAD profiles.
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8], auth_key: &[u8]) -> Option<Self> {
        let auth_key_len = match profile {
            SrtpProfile::AesCm128HmacSha1_80 => AUTH_KEY_LEN,
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => 0,
        };
        let master = MasterKey::new(profile, key, salt)?;
        if auth_key.len() != auth_key_len {
            return None;
        }
        let mut keys = Self {
            key: master.key,
            key_len: master.key_len,
            salt: master.salt,
            salt_len: master.salt_len,
            auth_key: Zeroizing::default(),
        };
        keys.auth_key[..auth_key_len].copy_from_slice(auth_key);
        Some(keys)
    }

    pub fn key(&self) -> &[u8] {
        &self.key[..self.key_len]
    }

    pub fn salt(&self) -> &[u8] {
        &self.salt[..self.salt_len]
    }

    pub fn auth_key(&self) -> &[u8; AUTH_KEY_LEN] {
        &self.auth_key
    }
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionKeys").finish_non_exhaustive()
    }
}

/// AES-CM PRF of RFC 3711 section 4.3.3 with a key derivation rate of zero; AES-256 by RFC 6188 section 3. A 96-bit salt is padded
/// with zeros on the right (RFC 7714 section 11).
fn prf(master: &MasterKey, label: u8, out: &mut [u8]) {
    let mut block = [0; 16];
    block[..master.salt_len].copy_from_slice(&master.salt[..master.salt_len]);
    block[7] ^= label;
    out.fill(0);
    Keystream::new(&master.key[..master.key_len])
        .and_then(|key| key.apply(u128::from_be_bytes(block), out))
        .expect("invariant: a master key has 16 or 32 bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn rfc_6188_section_7_2_derivation_from_a_256_bit_key() {
        let master = MasterKey {
            key: bytes("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6").into(),
            key_len: 32,
            salt: bytes("3b04803de51ee7c96423ab5b78d2").into(),
            salt_len: 14,
        };
        let mut key = [0; 32];
        prf(&master, 0, &mut key);
        assert_eq!(
            key,
            bytes("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4")
        );
        let mut auth_key = [0; 20];
        prf(&master, 1, &mut auth_key);
        assert_eq!(auth_key, bytes("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
        let mut salt = [0; 14];
        prf(&master, 2, &mut salt);
        assert_eq!(salt, bytes("fa31791685ca444a9e07c6c64e93"));
    }
}
