//! Certificate fingerprints (RFC 8122): ours to show, the peer's to hold its certificate against. Refuses to know certificates' content.

use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::Error;
use crate::params::DtlsFingerprint;

/// Accepted fingerprints of a peer: those of its strongest hash function (RFC 8122 section 5).
#[derive(Clone, Debug)]
pub struct PeerFingerprints {
    hash: Hash,
    values: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        [
            ("sha-256", Self::Sha256),
            ("sha-384", Self::Sha384),
            ("sha-512", Self::Sha512),
        ]
        .into_iter()
        .find_map(|(known, hash)| known.eq_ignore_ascii_case(name).then_some(hash))
    }

    fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn of(self, der: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(der).to_vec(),
            Self::Sha384 => Sha384::digest(der).to_vec(),
            Self::Sha512 => Sha512::digest(der).to_vec(),
        }
    }
}

impl PeerFingerprints {
    /// # Errors
    /// When none has a hash function that we know, or one that has is malformed.
    pub fn new(fingerprints: &[DtlsFingerprint]) -> Result<Self, Error> {
        let mut best: Option<Self> = None;
        for fingerprint in fingerprints {
            let Some(hash) = Hash::named(&fingerprint.algorithm) else {
                continue;
            };
            let value = bytes(&fingerprint.value)
                .filter(|value| value.len() == hash.len())
                .ok_or_else(|| Error::Parameters("malformed fingerprint".into()))?;
            match &mut best {
                Some(best) if best.hash == hash => best.values.push(value),
                Some(best) if best.hash > hash => {}
                _ => {
                    best = Some(Self {
                        hash,
                        values: vec![value],
                    })
                }
            }
        }
        best.ok_or_else(|| Error::Parameters("no sha-256, sha-384 or sha-512 fingerprint".into()))
    }

    pub fn matches(&self, der: &[u8]) -> bool {
        self.values.contains(&self.hash.of(der))
    }
}

/// SHA-256 of a certificate.
pub fn of_certificate(der: &[u8]) -> DtlsFingerprint {
    let hex: Vec<String> = Sha256::digest(der)
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    DtlsFingerprint {
        algorithm: "sha-256".into(),
        value: hex.join(":"),
    }
}

fn bytes(value: &str) -> Option<Vec<u8>> {
    value
        .split(':')
        .map(
            |pair| match pair.len() == 2 && pair.bytes().all(|c| c.is_ascii_hexdigit()) {
                true => u8::from_str_radix(pair, 16).ok(),
                false => None,
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_without_case_and_takes_the_strongest_hash() {
        let own = of_certificate(b"certificate");
        let lower = DtlsFingerprint {
            algorithm: "SHA-256".into(),
            value: own.value.to_lowercase(),
        };
        assert!(
            PeerFingerprints::new(std::slice::from_ref(&lower))
                .unwrap()
                .matches(b"certificate")
        );
        let wrong = DtlsFingerprint {
            algorithm: "sha-512".into(),
            value: ["00"; 64].join(":"),
        };
        assert!(
            !PeerFingerprints::new(&[lower, wrong])
                .unwrap()
                .matches(b"certificate")
        );
    }

    #[test]
    fn refuses_what_it_cannot_check() {
        for (algorithm, value) in [
            ("sha-1", ["00"; 20].join(":")),
            ("sha-256", "00:+1".into()),
            ("sha-256", String::new()),
        ] {
            assert!(
                PeerFingerprints::new(&[DtlsFingerprint {
                    algorithm: algorithm.into(),
                    value
                }])
                .is_err()
            );
        }
        assert!(PeerFingerprints::new(&[]).is_err());
    }
}
