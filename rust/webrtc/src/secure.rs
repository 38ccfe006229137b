//! What runs above an ICE path: DTLS, then SRTP and SCTP. Shared by the node's transports and the load generator's clients.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use medianode_sfu::feedback::Feedback;

use crate::classify::{Kind, classify};
use crate::dtls::dimpl;
use crate::dtls::fingerprint::{self, PeerFingerprints};
use crate::dtls::guard::{self, Stage};
use crate::dtls::hello::HelloBuffer;
use crate::dtls::session::{DtlsFault, DtlsOutput, DtlsSession};
use crate::params::{ChannelParameters, DtlsFingerprint, DtlsRole, SctpParameters, SrtpProfile};
use crate::sctp::{self, DataChannels, DataLimits};
use crate::srtp::{Keys, RxSrtp, SrtpError, TxSrtp};
use crate::stun::RtcStun;
use crate::{Error, TransportCounters};

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
    sessions: dimpl::Context,
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
/// DTLS datagrams that wait to be polled at most: a few flights.
const MAX_PACKETS: usize = 32;
/// The library doubles its timer without a bound; a flight unanswered for this long is repeated as it was, which to the peer is a
/// duplicate on the way. At 30 % loss that is the difference between 97.9 and 99.8 % of handshakes in 10 s.
const REPEAT: Duration = Duration::from_millis(500);
/// Where the library's output fits, except large certificates.
const SCRATCH: usize = 2048;
/// Bound for the exception.
const MAX_OUTPUT: usize = 64 * 1024;
/// An idle library names a time this far away or farther; nothing happens then.
const IDLE: Duration = Duration::from_secs(3600);
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
    /// SRTP keys exist.
    pub fn is_connected(&self) -> bool {
        self.tx.is_some()
    }
    /// Drops by cause.
    pub fn counters(&self) -> &TransportCounters {
        &self.counters
    }
    /// Seals the RTP packet in `buffer[..len]` in place; `buffer` has at least 16 bytes of room behind it. Returns the sealed length.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], len: usize, index: u64) -> Option<usize> {
        self.tx.as_mut()?.protect_rtp(buffer, len, index)
    }
    /// Reads what [`SecureTransport::protect_rtp`] will; the value means nothing.
    pub fn touch(&self) -> u64 {
        self.tx.as_ref().map_or(0, TxSrtp::touch)
    }
    /// Encodes and seals one RTCP compound; the datagram's length in `out` (at least 1500 bytes).
    pub fn protect_rtcp(&mut self, packets: &[Feedback], out: &mut [u8]) -> Option<usize> {
        let tx = self.tx.as_mut()?;
        let len = crate::rtcp::write(packets, out)?;
        tx.protect_rtcp(out, len)
    }
    /// Opens a channel with DCEP (RFC 8832), or a pre-negotiated one when `negotiated` names its stream; the latter also before
    /// [`SecureTransport::connect`], which then opens it, or tells its end if the peer has no data channels.
    ///
    /// # Errors
    /// [`Error::State`] without data channels, else as [`DataChannels::open`].
    pub fn open_channel(
        &mut self,
        now: Instant,
        channel: &ChannelParameters,
        negotiated: Option<u16>,
    ) -> Result<u16, Error> {
        match negotiated {
            Some(stream_id) if !self.is_started() => self.plan_channel(stream_id, channel),
            _ => self.data()?.open(now, channel, negotiated),
        }
    }
    fn plan_channel(&mut self, stream_id: u16, channel: &ChannelParameters) -> Result<u16, Error> {
        if !sctp::channel::is_valid(channel) {
            let detail = "channel parameters exceed RFC 8832";
            return Err(Error::Parameters(detail.to_owned()));
        }
        if self
            .planned
            .iter()
            .any(|(planned, _)| *planned == stream_id)
        {
            return Err(Error::Parameters(format!("stream {stream_id} is not free")));
        }
        if self.planned.len() >= self.limits.data_channels {
            return Err(Error::Limit("data channels"));
        }
        self.planned.push((stream_id, channel.clone()));
        Ok(stream_id)
    }
    pub fn close_channel(&mut self, now: Instant, stream_id: u16) {
        let planned = |(planned, _): &mut (u16, ChannelParameters)| *planned == stream_id;
        for (stream_id, _) in self.planned.extract_if(.., planned) {
            self.events
                .push_back(SecureEvent::ChannelClosed { stream_id });
        }
        if let Some(data) = &mut self.data {
            data.close(now, stream_id);
        }
    }
    /// Refused with [`Error::Limit`] when the peer does not drain what is queued already.
    ///
    /// # Errors
    /// [`Error::State`] without data channels, else as [`DataChannels::send`].
    pub fn send_message(
        &mut self,
        now: Instant,
        stream_id: u16,
        text: bool,
        data: &[u8],
    ) -> Result<(), Error> {
        self.data()?.send(now, stream_id, text, data)
    }
    /// Bytes queued in data channels and not yet acknowledged.
    pub fn data_bytes_queued(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.queued_bytes())
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

    fn data(&mut self) -> Result<&mut DataChannels, Error> {
        self.data
            .as_deref_mut()
            .ok_or(Error::State("no data channels"))
    }

    /// The slice of `datagram` that `unprotect` decrypted.
    fn open<'a>(
        &mut self,
        datagram: &'a mut [u8],
        unprotect: impl FnOnce(&mut RxSrtp, &mut [u8]) -> Result<usize, SrtpError>,
    ) -> Option<&'a [u8]> {
        let Some(rx) = &mut self.rx else {
            self.counters.rtp_before_keys += 1;
            return None;
        };
        match unprotect(rx, datagram) {
            Ok(len) => datagram.get(..len),
            Err(error) => {
                let counters = &mut self.counters;
                *match error {
                    SrtpError::Malformed | SrtpError::NotEncrypted => &mut counters.srtp_malformed,
                    SrtpError::Authentication => &mut counters.srtp_unauthenticated,
                    SrtpError::Replayed | SrtpError::TooOld | SrtpError::IndexExhausted => {
                        &mut counters.srtp_replayed
                    }
                    SrtpError::TooManySsrcs => &mut counters.srtp_ssrcs_refused,
                } += 1;
                None
            }
        }
    }

    fn handle_dtls(&mut self, now: Instant, datagram: &mut [u8]) {
        if self.over {
            return;
        }
        let Some(dtls) = &self.dtls else {
            if self.role == DtlsRole::Client || !self.hello.push(datagram) {
                self.counters.dtls_early += 1;
            } else {
                self.accept_hello(now);
            }
            return;
        };
        let stage = Stage {
            completed: self.completed,
            dtls13: dtls.version() != Some("1.2"),
        };
        let len = guard::filter(datagram, stage, &mut self.counters);
        if let Some(records @ [_, ..]) = datagram.get(..len) {
            self.with_dtls(now, |dtls| dtls.handle_datagram(now, records));
        }
    }

    /// Becomes the server of a client whose hello is whole, once we know who it should be.
    fn accept_hello(&mut self, now: Instant) {
        if self.peer.is_none() || self.role == DtlsRole::Client {
            return;
        }
        let Some(hello) = self.hello.hello() else {
            return;
        };
        match self.context.sessions.server(now, &hello) {
            Ok(session) => self.dtls = Some(Box::new(session)),
            Err(fault) => return self.fail(fault),
        }
        for mut datagram in self.hello.take() {
            self.handle_dtls(now, &mut datagram);
        }
    }

    fn start_client(&mut self, now: Instant) {
        if self.role != DtlsRole::Client || self.peer.is_none() || self.dtls.is_some() || self.over
        {
            return;
        }
        match self.context.sessions.client(now) {
            Ok(session) => {
                self.dtls = Some(Box::new(session));
                self.drain(now);
            }
            Err(fault) => self.fail(fault),
        }
    }

    fn seal_data(&mut self, now: Instant) {
        let mut packet = [0; sctp::association::MAX_PACKET];
        let (Some(dtls), Some(data)) = (&self.dtls, &mut self.data) else {
            return;
        };
        let Some(len) = data.poll_transmit(now, &mut packet) else {
            return;
        };
        if dtls
            .record_limit()
            .is_some_and(|limit| self.records_sent >= limit)
        {
            self.counters.dtls_records_exhausted += 1;
            self.data = None;
            return;
        }
        self.records_sent += 1;
        if let Some(packet) = packet.get(..len) {
            self.with_dtls(now, |dtls| dtls.send(packet));
        }
    }

    fn with_dtls(
        &mut self,
        now: Instant,
        call: impl FnOnce(&mut dyn DtlsSession) -> Result<(), DtlsFault>,
    ) {
        let Some(dtls) = &mut self.dtls else { return };
        match call(dtls.as_mut()) {
            Ok(()) => self.drain(now),
            Err(fault) => self.fail(fault),
        }
    }

    /// Takes everything the library has to say. Packets of a call leave only after all of it was heard, in case the certificate is wrong.
    fn drain(&mut self, now: Instant) {
        let mut scratch = [0; SCRATCH];
        let mut large = Vec::new();
        let mut flight = Vec::new();
        while let Some(dtls) = &mut self.dtls {
            let buffer = if large.is_empty() {
                &mut scratch[..]
            } else {
                &mut large[..]
            };
            let room = buffer.len();
            match dtls.poll(buffer) {
                Err(fault) => self.fail(fault),
                Ok(DtlsOutput::Packet(packet)) => {
                    if self.packets.len() >= MAX_PACKETS {
                        self.packets.pop_front();
                    }
                    self.packets.push_back(packet.to_vec());
                    if !self.completed && flight.len() < MAX_PACKETS {
                        flight.push(packet.to_vec());
                    }
                }
                Ok(DtlsOutput::PeerCertificate(der)) => {
                    self.verified = self.peer.as_ref().is_some_and(|peer| peer.matches(der));
                    if !self.verified {
                        self.counters.fingerprint_mismatches += 1;
                        self.refuse(SecureClose::FingerprintMismatch);
                    }
                }
                Ok(DtlsOutput::Connected) if self.verified => self.completed = true,
                Ok(DtlsOutput::Keys { profile, material }) if self.verified => {
                    self.use_keys(profile, &material)
                }
                // No certificate was seen before: the library broke its word.
                Ok(DtlsOutput::Connected | DtlsOutput::Keys { .. }) => {
                    self.fail(DtlsFault::Protocol)
                }
                Ok(DtlsOutput::Data(packet)) => match &mut self.data {
                    Some(data) if self.completed => data.handle_packet(now, packet),
                    _ => self.counters.sctp_unexpected += 1,
                },
                Ok(DtlsOutput::PeerClosed) => {
                    self.events.push_back(SecureEvent::Closed {
                        cause: SecureClose::PeerClosed,
                    });
                    self.end();
                }
                Ok(DtlsOutput::BufferTooSmall(needed)) if needed > room && needed <= MAX_OUTPUT => {
                    large = vec![0; needed];
                }
                Ok(DtlsOutput::BufferTooSmall(_)) => self.fail(DtlsFault::Protocol),
                Ok(DtlsOutput::Idle(at)) => {
                    self.timeout = (at < now + IDLE).then_some(at);
                    return self.keep_flight(now, flight);
                }
            }
        }
    }

    fn keep_flight(&mut self, now: Instant, flight: Vec<Vec<u8>>) {
        if self.completed {
            (self.flight, self.repeat_at) = (Vec::new(), None);
        } else if !flight.is_empty() {
            (self.flight, self.repeat_at) = (flight, Some(now + REPEAT));
        }
    }

    fn use_keys(&mut self, profile: SrtpProfile, material: &[u8]) {
        let keys = Keys::from_dtls(profile, material, self.role == DtlsRole::Client);
        let pair = keys.and_then(|keys| {
            Some((
                TxSrtp::new(profile, &keys.local)?,
                RxSrtp::new(profile, &keys.remote, self.limits.ssrcs)?,
            ))
        });
        let version = self.dtls.as_ref().and_then(|dtls| dtls.version());
        let (Some((tx, rx)), Some(dtls_version)) = (pair, version) else {
            return self.fail(DtlsFault::Protocol);
        };
        (self.tx, self.rx) = (Some(tx), Some(rx));
        self.events.push_back(SecureEvent::Connected {
            profile,
            dtls_version,
        });
    }

    fn fail(&mut self, fault: DtlsFault) {
        match fault {
            DtlsFault::Protocol => self.refuse(SecureClose::DtlsFailed),
            DtlsFault::Panic => {
                self.counters.panics += 1;
                self.refuse(SecureClose::Panic);
            }
        }
    }

    /// Ends without another byte to the peer.
    fn refuse(&mut self, cause: SecureClose) {
        self.end();
        self.packets.clear();
        self.events.push_back(SecureEvent::Closed { cause });
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
