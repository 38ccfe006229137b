//! What all associations of a process have in common: certificate and DTLS configurations.

use std::sync::Arc;

use crate::Error;
use crate::dtls::dimpl;
use crate::dtls::fingerprint;
use crate::params::DtlsFingerprint;
use crate::stun::RtcStun;

/// A self-signed ECDSA P-256 certificate, made at start.
pub struct Certificate {
    identity: dimpl::Identity,
}

impl Certificate {
    /// # Errors
    /// When no key can be generated.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self {
            identity: dimpl::Identity::generate()?,
        })
    }

    /// SHA-256 (RFC 8122).
    pub fn fingerprint(&self) -> DtlsFingerprint {
        fingerprint::of_certificate(self.identity.certificate())
    }
}

/// The few DTLS configurations of a process, built once (building one tests the crypto provider, about 0.6 ms).
pub struct DtlsContext {
    pub(super) sessions: dimpl::Context,
    fingerprint: DtlsFingerprint,
    stun: RtcStun,
}

impl DtlsContext {
    /// # Errors
    /// When the crypto provider lacks what we need.
    pub fn new(certificate: Certificate) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            fingerprint: certificate.fingerprint(),
            sessions: dimpl::Context::new(certificate.identity)?,
            stun: RtcStun::new()?,
        }))
    }

    pub fn fingerprint(&self) -> DtlsFingerprint {
        self.fingerprint.clone()
    }

    pub(crate) fn stun(&self) -> RtcStun {
        self.stun.clone()
    }
}
