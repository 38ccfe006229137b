//! SRTP keys of the benches. Owns the names that results carry.

use medianode_webrtc::params::SrtpProfile;
use medianode_webrtc::srtp::MasterKey;

/// Every profile with its name in results.
pub const PROFILES: [(&str, SrtpProfile); 3] = [
    ("aes128_gcm", SrtpProfile::AeadAes128Gcm),
    ("aes256_gcm", SrtpProfile::AeadAes256Gcm),
    ("aes128_cm_sha1_80", SrtpProfile::AesCm128HmacSha1_80),
];

/// A key of its own for each `number`.
///
/// # Panics
/// Never: the lengths are the profile's.
pub fn master_key(profile: SrtpProfile, number: u32) -> MasterKey {
    let mut key = [0x5a; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    MasterKey::new(
        profile,
        &key[..profile.key_len()],
        &[0x3c; 14][..profile.salt_len()],
    )
    .expect("invariant: the lengths are the profile's")
}
