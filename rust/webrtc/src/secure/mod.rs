//! What runs above an ICE path: DTLS, then SRTP and SCTP. Shared by the node's transports and the load generator's clients.

mod channels;
mod context;
mod handshake;
mod media;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::classify::{Kind, classify};
use crate::dtls::fingerprint::PeerFingerprints;
use crate::dtls::hello::HelloBuffer;
use crate::dtls::session::DtlsSession;
use crate::params::{ChannelParameters, DtlsFingerprint, DtlsRole, SctpParameters, SrtpProfile};
use crate::sctp::{self, DataChannels, DataLimits};
use crate::srtp::{RxSrtp, TxSrtp};
use crate::{Error, TransportCounters};
use handshake::REPEAT;

pub use context::{Certificate, DtlsContext};

/// What a datagram turned out to be, after authentication.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Nothing for the caller (handshake, data channel, or dropped and counted).
    None,
    /// A decrypted RTP packet, in place.
    Rtp(&'a [u8]),
    /// A decrypted RTCP compound, in place; parse with [`crate::rtcp::read`].
    Rtcp(&'a [u8]),
}

/// Facts above the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecureEvent {
    Connected {
        profile: SrtpProfile,
        dtls_version: &'static str,
    },
    ChannelOpened {
        stream_id: u16,
        channel: ChannelParameters,
    },
    ChannelClosed {
        stream_id: u16,
    },
    /// `text` tells strings from binary (RFC 8831 section 8).
    Message {
        stream_id: u16,
        text: bool,
        data: Vec<u8>,
    },
    Closed {
        cause: SecureClose,
    },
}

/// Why the association ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureClose {
    PeerClosed,
    DtlsFailed,
    FingerprintMismatch,
    /// A caught panic of a protocol library: our bug, counted.
    Panic,
}

/// Bounds of one association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecureLimits {
    /// SSRCs with SRTP state.
    pub ssrcs: usize,
    pub data_channels: usize,
    /// Bytes queued in data channels.
    pub data_bytes: usize,
}

impl Default for SecureLimits {
    fn default() -> Self {
        Self {
            ssrcs: 256,
            data_channels: 256,
            data_bytes: 1 << 20,
        }
    }
}

/// DTLS, SRTP and SCTP of one peer over whatever path the caller chooses.
pub struct SecureTransport {
    context: Arc<DtlsContext>,
    role: DtlsRole,
    limits: SecureLimits,
    /// The peer's, from [`SecureTransport::connect`] on.
    peer: Option<PeerFingerprints>,
    hello: HelloBuffer,
    dtls: Option<Box<dyn DtlsSession>>,
    /// The certificate matched and the handshake is done.
    completed: bool,
    verified: bool,
    over: bool,
    tx: Option<TxSrtp>,
    rx: Option<RxSrtp>,
    data: Option<Box<DataChannels>>,
    /// Pre-negotiated channels that were opened before [`SecureTransport::connect`].
    planned: Vec<(u16, ChannelParameters)>,
    records_sent: u64,
    timeout: Option<Instant>,
    /// Our last flight and when to repeat it, while the handshake runs.
    flight: Vec<Vec<u8>>,
    repeat_at: Option<Instant>,
    packets: VecDeque<Vec<u8>>,
    events: VecDeque<SecureEvent>,
    pub(crate) counters: TransportCounters,
}

/// SCTP on our side (RFC 8841).
pub const LOCAL_SCTP: SctpParameters = SctpParameters {
    port: 5000,
    max_message_size: 262_144,
};
/// Packets of the SCTP goodbye sent at once.
const GOODBYE_PACKETS: usize = 4;

impl SecureTransport {
    /// `role` is ours: `Server` waits for a ClientHello, `Client` sends one once [`SecureTransport::connect`] was called and a path exists.
    pub fn new(now: Instant, dtls: Arc<DtlsContext>, role: DtlsRole) -> Self {
        Self::with_limits(now, dtls, role, SecureLimits::default())
    }

    /// As [`SecureTransport::new`], with other bounds than the defaults.
    pub fn with_limits(
        _now: Instant,
        dtls: Arc<DtlsContext>,
        role: DtlsRole,
        limits: SecureLimits,
    ) -> Self {
        Self {
            context: dtls,
            role,
            limits,
            peer: None,
            hello: HelloBuffer::default(),
            dtls: None,
            completed: false,
            verified: false,
            over: false,
            tx: None,
            rx: None,
            data: None,
            planned: Vec::new(),
            records_sent: 0,
            timeout: None,
            flight: Vec::new(),
            repeat_at: None,
            packets: VecDeque::new(),
            events: VecDeque::new(),
            counters: TransportCounters::default(),
        }
    }

    /// The peer's fingerprints; until then no DTLS is answered. A client's first flight is made by the first
    /// [`SecureTransport::poll_transmit`] afterwards, so poll once a path exists.
    ///
    /// # Errors
    /// [`Error::Parameters`] when no fingerprint can be checked, [`Error::State`] the second time.
    pub fn connect(
        &mut self,
        now: Instant,
        fingerprints: Vec<DtlsFingerprint>,
        sctp: Option<SctpParameters>,
    ) -> Result<(), Error> {
        if self.is_started() {
            return Err(Error::State("connected before"));
        }
        self.peer = Some(PeerFingerprints::new(&fingerprints)?);
        if let Some(remote) = sctp {
            let limits = DataLimits {
                channels: self.limits.data_channels,
                queued_bytes: self.limits.data_bytes,
            };
            let data = DataChannels::new(
                now,
                self.role == DtlsRole::Client,
                LOCAL_SCTP,
                Some(remote),
                limits,
            );
            self.data = Some(Box::new(data));
        }
        for (stream_id, channel) in std::mem::take(&mut self.planned) {
            if self.open_channel(now, &channel, Some(stream_id)).is_err() {
                self.events
                    .push_back(SecureEvent::ChannelClosed { stream_id });
            }
        }
        self.accept_hello(now);
        Ok(())
    }

    /// [`SecureTransport::connect`] was called, or it is over.
    pub(crate) fn is_started(&self) -> bool {
        self.peer.is_some() || self.over
    }

    /// Our role, when it is known later than [`SecureTransport::new`]; before [`SecureTransport::connect`].
    pub(crate) fn set_role(&mut self, role: DtlsRole) {
        self.role = role;
        if role == DtlsRole::Client {
            self.hello.take();
        }
    }

    /// A datagram from a validated path that is not STUN (RFC 7983 ranges 20-63 and 128-191).
    pub fn handle_datagram<'a>(&mut self, now: Instant, datagram: &'a mut [u8]) -> Received<'a> {
        match classify(datagram) {
            Kind::Rtp => self
                .open(datagram, RxSrtp::unprotect_rtp)
                .map_or(Received::None, Received::Rtp),
            Kind::Rtcp => self
                .open(datagram, RxSrtp::unprotect_rtcp)
                .map_or(Received::None, Received::Rtcp),
            Kind::Dtls => {
                self.handle_dtls(now, datagram);
                Received::None
            }
            Kind::Stun => {
                self.counters.stun_unexpected += 1;
                Received::None
            }
            Kind::Drop => {
                self.counters.unclassified += 1;
                Received::None
            }
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.timeout.is_some_and(|at| at <= now) {
            self.timeout = None;
            self.with_dtls(now, |dtls| dtls.handle_timeout(now));
        }
        if self.repeat_at.is_some_and(|at| at <= now) {
            self.repeat_at = Some(now + REPEAT);
            if self.packets.is_empty() {
                self.packets.extend(self.flight.iter().cloned());
            }
        }
        if self.completed
            && let Some(data) = &mut self.data
        {
            data.handle_timeout(now);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let data = self
            .data
            .as_ref()
            .filter(|_| self.completed && !self.over)
            .and_then(|data| data.poll_timeout());
        self.timeout
            .into_iter()
            .chain(self.repeat_at)
            .chain(data)
            .min()
    }

    /// Next DTLS datagram to send; its length in `out` (at least 2048 bytes).
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.start_client(now);
        if self.packets.is_empty() && self.completed {
            self.seal_data(now);
        }
        let packet = self.packets.pop_front()?;
        out.get_mut(..packet.len())?.copy_from_slice(&packet);
        Some(packet.len())
    }

    pub fn poll_event(&mut self) -> Option<SecureEvent> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        while let Some(event) = self.data.as_mut()?.poll_event() {
            match event {
                sctp::Event::Connected => {}
                sctp::Event::Opened { stream_id, channel } => {
                    return Some(SecureEvent::ChannelOpened { stream_id, channel });
                }
                sctp::Event::Closed { stream_id } => {
                    return Some(SecureEvent::ChannelClosed { stream_id });
                }
                sctp::Event::Message {
                    stream_id,
                    text,
                    data,
                } => {
                    return Some(SecureEvent::Message {
                        stream_id,
                        text,
                        data,
                    });
                }
                sctp::Event::Failed => tracing::debug!("data channels ended"),
            }
        }
        None
    }

    /// Drops by cause.
    pub fn counters(&self) -> &TransportCounters {
        &self.counters
    }

    /// Says goodbye (SCTP shutdown, DTLS close_notify); poll what is left to send, then drop.
    pub fn close(&mut self, now: Instant) {
        if self.completed {
            if let Some(data) = &mut self.data {
                data.shutdown(now);
                for _ in 0..GOODBYE_PACKETS {
                    self.seal_data(now);
                }
            }
            self.with_dtls(now, |dtls| dtls.close());
        }
        self.end();
    }

    /// Forgets keys and association; queued packets may still leave.
    fn end(&mut self) {
        self.over = true;
        self.completed = false;
        (self.tx, self.rx) = (None, None);
        (self.dtls, self.data) = (None, None);
        (self.timeout, self.repeat_at) = (None, None);
        self.flight = Vec::new();
        self.hello.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(now: Instant) -> (SecureTransport, SecureTransport) {
        let context = DtlsContext::new(Certificate::generate().unwrap()).unwrap();
        let [server, client] = [DtlsRole::Server, DtlsRole::Client].map(|role| {
            let mut transport = SecureTransport::new(now, context.clone(), role);
            transport
                .connect(now, vec![context.fingerprint()], None)
                .unwrap();
            transport
        });
        (server, client)
    }

    fn run(now: Instant, server: &mut SecureTransport, client: &mut SecureTransport) {
        let mut out = [0; 2048];
        for _ in 0..10 {
            while let Some(len) = client.poll_transmit(now, &mut out) {
                server.handle_datagram(now, &mut out[..len]);
            }
            while let Some(len) = server.poll_transmit(now, &mut out) {
                client.handle_datagram(now, &mut out[..len]);
            }
        }
    }

    #[test]
    fn answers_in_dtls13_whoever_prefers_an_aead_profile_there() {
        let now = Instant::now();
        let (mut server, mut client) = pair(now);
        let session = client
            .context
            .sessions
            .client_of_both_versions(now)
            .unwrap();
        client.dtls = Some(Box::new(session));
        client.drain(now);
        run(now, &mut server, &mut client);
        for transport in [&mut server, &mut client] {
            let Some(SecureEvent::Connected {
                profile,
                dtls_version,
            }) = transport.poll_event()
            else {
                panic!()
            };
            assert_eq!((profile, dtls_version), (SrtpProfile::AeadAes256Gcm, "1.3"));
            assert_eq!(transport.dtls.as_ref().unwrap().record_limit(), None);
        }
        // Forged plaintext does not end this version either.
        for kind in [20, 21, 23, 24, 25, 26] {
            server.handle_datagram(
                now,
                &mut [kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 9, 9, 0, 2, 2, 40],
            );
        }
        assert!(server.is_connected());
        client.close(now);
        run(now, &mut server, &mut client);
        assert_eq!(
            server.poll_event(),
            Some(SecureEvent::Closed {
                cause: SecureClose::PeerClosed
            })
        );
    }

    #[test]
    fn nonces_are_never_random_with_a_client_that_offers_chacha20() {
        let now = Instant::now();
        let (mut server, mut client) = pair(now);
        run(now, &mut server, &mut client);
        assert!(server.is_connected() && client.is_connected());
        assert_eq!(server.dtls.as_ref().unwrap().record_limit(), None);
    }

    #[test]
    fn negotiated_channels_wait_for_the_connection_and_end_where_there_is_no_sctp() {
        let now = Instant::now();
        let (server, _) = pair(now);
        let mut other = SecureTransport::new(now, server.context.clone(), DtlsRole::Server);
        let channel = ChannelParameters::default();
        for stream_id in [0, 7] {
            other.open_channel(now, &channel, Some(stream_id)).unwrap();
        }
        assert!(other.open_channel(now, &channel, Some(7)).is_err());
        other.close_channel(now, 0);
        let closed = |stream_id| Some(SecureEvent::ChannelClosed { stream_id });
        assert_eq!(other.poll_event(), closed(0));
        assert_eq!(other.poll_event(), None);
        other
            .connect(now, vec![server.context.fingerprint()], None)
            .unwrap();
        assert_eq!(other.poll_event(), closed(7));
    }

    #[test]
    fn connects_once_and_only_to_a_known_hash() {
        let now = Instant::now();
        let (mut server, _) = pair(now);
        let fingerprint = server.context.fingerprint();
        assert!(matches!(
            server.connect(now, vec![fingerprint], None),
            Err(Error::State(_))
        ));
        let mut other = SecureTransport::new(now, server.context.clone(), DtlsRole::Server);
        assert!(matches!(
            other.connect(now, vec![], None),
            Err(Error::Parameters(_))
        ));
        assert!(
            other
                .open_channel(now, &ChannelParameters::default(), None)
                .is_err()
        );
    }
}
