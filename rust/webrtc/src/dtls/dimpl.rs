//! [`DtlsSession`] by `dimpl`: its configurations, built once, and one association of it. The one file that names `dimpl`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::crypto::Dtls12CipherSuite;
use dimpl::{Config, Dtls, DtlsCertificate, Output, ProtocolVersion};
use zeroize::Zeroizing;

use super::hello::ClientHello;
use super::session::{DtlsFault, DtlsOutput, DtlsSession};
use crate::Error;
use crate::params::SrtpProfile;

/// First retransmission; `dimpl` doubles it. Measured with browsers at 30 % loss: p95 1.35 s instead of 8.5 s with 1 s.
const START_RTO: Duration = Duration::from_millis(200);
const RETRIES: usize = 8;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// n random 64-bit nonces collide with probability of about n²/2^65: 2^-19 here.
const RANDOM_NONCE_RECORDS: u64 = 1 << 23;

/// A certificate with its key.
pub struct Identity(DtlsCertificate);

impl Identity {
    /// # Errors
    /// When no key can be generated.
    pub fn generate() -> Result<Self, Error> {
        dimpl::certificate::generate_self_signed_certificate()
            .map(Self)
            .map_err(|error| Error::Parameters(format!("certificate: {error}")))
    }

    /// DER.
    pub fn certificate(&self) -> &[u8] {
        &self.0.certificate
    }
}

/// The configurations of a process; building one tests the crypto provider.
pub struct Context {
    identity: Identity,
    any: Arc<Config>,
    chacha20: Arc<Config>,
}

impl Context {
    /// # Errors
    /// When the crypto provider lacks what we configure.
    pub fn new(identity: Identity) -> Result<Self, Error> {
        let build = |chacha20_only: bool| {
            let mut builder = Config::builder()
                // ICE has proved the address already; a cookie would cost a round trip.
                .use_server_cookie(false)
                .flight_start_rto(START_RTO)
                .flight_retries(RETRIES)
                .handshake_timeout(HANDSHAKE_TIMEOUT);
            if chacha20_only {
                builder = builder.dtls12_cipher_suites(&[
                    Dtls12CipherSuite::ECDHE_ECDSA_CHACHA20_POLY1305_SHA256,
                ]);
            }
            builder
                .build()
                .map(Arc::new)
                .map_err(|error| Error::Parameters(format!("dtls: {error}")))
        };
        Ok(Self {
            identity,
            any: build(false)?,
            chacha20: build(true)?,
        })
    }

    /// The server for a client: 1.2, whose profile is our choice, unless the client's own choice in 1.3 is as good.
    pub fn server(&self, now: Instant, hello: &ClientHello) -> Result<Session, DtlsFault> {
        let certificate = self.identity.0.clone();
        if hello.prefers_aead_in_dtls13() {
            let config = self.any.clone();
            return Session::new(now, Some(RANDOM_NONCE_RECORDS), || {
                Dtls::new_auto(config, certificate, now)
            });
        }
        // ChaCha20 takes its nonces from the sequence number, GCM of this library at random.
        let (config, limit) = match hello.chacha20 {
            true => (self.chacha20.clone(), None),
            false => (self.any.clone(), Some(RANDOM_NONCE_RECORDS)),
        };
        Session::new(now, limit, || Dtls::new_12(config, certificate, now))
    }

    /// A client, of version 1.2: so the server has the choice of the profile.
    pub fn client(&self, now: Instant) -> Result<Session, DtlsFault> {
        let (config, certificate) = (self.any.clone(), self.identity.0.clone());
        Session::new(now, Some(RANDOM_NONCE_RECORDS), || {
            let mut dtls = Dtls::new_12(config, certificate, now);
            dtls.set_active(true);
            dtls
        })
    }
}

#[cfg(test)]
impl Context {
    /// A client of both versions that lists AEAD profiles first, as Firefox does.
    pub(crate) fn client_of_both_versions(&self, now: Instant) -> Result<Session, DtlsFault> {
        let (config, certificate) = (self.any.clone(), self.identity.0.clone());
        Session::new(now, None, || {
            let mut dtls = Dtls::new_auto(config, certificate, now);
            dtls.set_active(true);
            dtls
        })
    }
}

/// One association.
pub struct Session {
    dtls: Box<Dtls>,
    record_limit: Option<u64>,
}

impl Session {
    fn new(
        now: Instant,
        record_limit: Option<u64>,
        make: impl FnOnce() -> Dtls,
    ) -> Result<Self, DtlsFault> {
        let dtls = guarded(|| Ok(make()))?;
        let mut session = Self {
            dtls: Box::new(dtls),
            record_limit,
        };
        session.handle_timeout(now)?;
        Ok(session)
    }
}

impl DtlsSession for Session {
    fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Result<(), DtlsFault> {
        guarded(|| {
            self.dtls.handle_timeout(now)?;
            self.dtls.handle_packet(datagram)
        })
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsFault> {
        guarded(|| self.dtls.handle_timeout(now))
    }

    fn poll<'a>(&mut self, buffer: &'a mut [u8]) -> Result<DtlsOutput<'a>, DtlsFault> {
        let dtls = &mut self.dtls;
        let call = AssertUnwindSafe(move || {
            let buffer = buffer;
            dtls.poll_output(buffer)
        });
        let output = catch_unwind(call).map_err(|_| DtlsFault::Panic)?;
        Ok(match output {
            Output::Packet(packet) => DtlsOutput::Packet(packet),
            Output::BufferTooSmall { needed } => DtlsOutput::BufferTooSmall(needed),
            Output::Timeout(at) => DtlsOutput::Idle(at),
            Output::Connected => DtlsOutput::Connected,
            Output::PeerCert(der) => DtlsOutput::PeerCertificate(der),
            Output::KeyingMaterial(material, profile) => DtlsOutput::Keys {
                profile: srtp_profile(profile).ok_or(DtlsFault::Protocol)?,
                material: Zeroizing::new(material.to_vec()),
            },
            Output::ApplicationData(data) => DtlsOutput::Data(data),
            Output::CloseNotify => DtlsOutput::PeerClosed,
            // The enum is open; an output that we do not know cannot be skipped safely.
            _ => return Err(DtlsFault::Protocol),
        })
    }

    fn send(&mut self, data: &[u8]) -> Result<(), DtlsFault> {
        match guarded(|| self.dtls.send_application_data(data))? {
            accepted if accepted == data.len() => Ok(()),
            _ => Err(DtlsFault::Protocol),
        }
    }

    fn close(&mut self) -> Result<(), DtlsFault> {
        guarded(|| self.dtls.close())
    }

    fn version(&self) -> Option<&'static str> {
        match self.dtls.protocol_version()? {
            ProtocolVersion::DTLS1_2 => Some("1.2"),
            ProtocolVersion::DTLS1_3 => Some("1.3"),
            _ => None,
        }
    }

    fn record_limit(&self) -> Option<u64> {
        // 1.3 counts its nonces and limits itself.
        (self.version() != Some("1.3")).then_some(self.record_limit)?
    }
}

fn guarded<T>(call: impl FnOnce() -> Result<T, dimpl::Error>) -> Result<T, DtlsFault> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| {
            tracing::debug!(%error, "dtls failed");
            DtlsFault::Protocol
        }),
        Err(_) => Err(DtlsFault::Panic),
    }
}

fn srtp_profile(profile: dimpl::SrtpProfile) -> Option<SrtpProfile> {
    match profile {
        dimpl::SrtpProfile::AEAD_AES_128_GCM => Some(SrtpProfile::AeadAes128Gcm),
        dimpl::SrtpProfile::AEAD_AES_256_GCM => Some(SrtpProfile::AeadAes256Gcm),
        dimpl::SrtpProfile::AES128_CM_SHA1_80 => Some(SrtpProfile::AesCm128HmacSha1_80),
        _ => None,
    }
}
