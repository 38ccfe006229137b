//! A node's transport and a client of ours on a lossy link in virtual time.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use medianode_webrtc::classify::{Kind, classify};
use medianode_webrtc::ice::ControllingAgent;
use medianode_webrtc::params::{
    DtlsFingerprint, DtlsParameters, DtlsRole, IceParameters, Protocol, SctpParameters,
    TransportTuple,
};
use medianode_webrtc::{
    Certificate, DtlsContext, Received, SecureEvent, SecureTransport, TransportEvent,
    TransportLimits, WebRtcTransport,
};

pub const SCTP: SctpParameters = SctpParameters {
    port: 5000,
    max_message_size: 262_144,
};
pub const ONE_WAY: Duration = Duration::from_millis(25);

pub fn context() -> Arc<DtlsContext> {
    static CONTEXT: OnceLock<Arc<DtlsContext>> = OnceLock::new();
    CONTEXT
        .get_or_init(|| DtlsContext::new(Certificate::generate().unwrap()).unwrap())
        .clone()
}

pub fn client_context() -> Arc<DtlsContext> {
    static CONTEXT: OnceLock<Arc<DtlsContext>> = OnceLock::new();
    CONTEXT
        .get_or_init(|| DtlsContext::new(Certificate::generate().unwrap()).unwrap())
        .clone()
}

pub fn limits() -> TransportLimits {
    TransportLimits {
        tuples: 4,
        ssrcs: 64,
        data_channels: 64,
        data_bytes: 1 << 20,
        consent_timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(60),
    }
}

pub fn ice(ufrag: &str) -> IceParameters {
    IceParameters {
        username_fragment: ufrag.into(),
        password: format!("{ufrag}-password-password-pass"),
        ice_lite: false,
    }
}

pub fn address(n: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], n))
}

pub fn tuple(n: u16) -> TransportTuple {
    TransportTuple {
        protocol: Protocol::Udp,
        local: SocketAddr::from(([198, 51, 100, 1], 40_000)),
        remote: address(n),
    }
}

pub fn fingerprint_of(context: &DtlsContext) -> Vec<DtlsFingerprint> {
    vec![context.fingerprint()]
}

#[derive(Clone, Debug)]
pub struct Flight {
    pub at: Instant,
    pub to_server: bool,
    pub tuple: TransportTuple,
    pub bytes: Vec<u8>,
}

pub struct Lab {
    pub now: Instant,
    pub start: Instant,
    pub server: WebRtcTransport,
    pub agent: ControllingAgent,
    pub client: SecureTransport,
    /// The client's address now.
    pub path: TransportTuple,
    pub wire: Vec<Flight>,
    pub loss_percent: u64,
    /// Drops the n-th datagram of the run.
    pub drop_nth: Option<usize>,
    pub sent: usize,
    /// Every DTLS datagram of the server.
    pub server_dtls: Vec<Vec<u8>>,
    pub server_events: Vec<TransportEvent>,
    pub client_events: Vec<SecureEvent>,
    pub server_received: Vec<Vec<u8>>,
    pub client_received: Vec<Vec<u8>>,
    seed: u64,
}

impl Lab {
    pub fn new(seed: u64) -> Self {
        Self::with_roles(seed, DtlsRole::Client)
    }

    /// `client_role` is the client's in DTLS.
    pub fn with_roles(seed: u64, client_role: DtlsRole) -> Self {
        let mut lab = Self::unconnected(seed, client_role);
        lab.connect_server(fingerprint_of(&client_context()), client_role);
        lab
    }

    pub fn connect_server(&mut self, fingerprints: Vec<DtlsFingerprint>, role: DtlsRole) {
        self.server
            .connect(self.now, &DtlsParameters { role, fingerprints }, Some(SCTP))
            .unwrap();
    }

    pub fn unconnected(seed: u64, client_role: DtlsRole) -> Self {
        let now = Instant::now();
        let server = WebRtcTransport::new(now, ice("node"), context(), limits());
        let agent =
            ControllingAgent::new(now, ice("peer"), ice("node"), Duration::from_millis(2500))
                .unwrap();
        let mut client = SecureTransport::new(now, client_context(), client_role);
        client
            .connect(now, fingerprint_of(&context()), Some(SCTP))
            .unwrap();
        Self {
            now,
            start: now,
            server,
            agent,
            client,
            path: tuple(1000),
            wire: Vec::new(),
            loss_percent: 0,
            drop_nth: None,
            sent: 0,
            server_dtls: Vec::new(),
            server_events: Vec::new(),
            client_events: Vec::new(),
            server_received: Vec::new(),
            client_received: Vec::new(),
            seed: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    pub fn random(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed >> 11
    }

    pub fn both_connected(&self) -> bool {
        self.client.is_connected() && self.server_connected()
    }

    pub fn server_connected(&self) -> bool {
        self.server_events
            .iter()
            .any(|e| matches!(e, TransportEvent::Secure(SecureEvent::Connected { .. })))
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub fn send(&mut self, to_server: bool, tuple: TransportTuple, bytes: &[u8]) {
        assert!(bytes.len() <= 1200, "{} bytes", bytes.len());
        self.sent += 1;
        if self.drop_nth == Some(self.sent) || self.random() % 100 < self.loss_percent {
            return;
        }
        let jitter = Duration::from_micros(self.random() % 2000);
        self.wire.push(Flight {
            at: self.now + ONE_WAY + jitter,
            to_server,
            tuple,
            bytes: bytes.to_vec(),
        });
    }

    /// Everything both sides want to send now.
    pub fn pump(&mut self) {
        let mut out = [0; 2048];
        while let Some((tuple, len)) = self.server.poll_transmit(self.now, &mut out) {
            if classify(&out[..len]) == Kind::Dtls {
                self.server_dtls.push(out[..len].to_vec());
            }
            self.send(false, tuple, &out[..len]);
        }
        while let Some((_, len)) = self.agent.poll_transmit(self.now, &mut out) {
            self.send(true, self.path, &out[..len]);
        }
        if self.agent.is_connected() {
            while let Some(len) = self.client.poll_transmit(self.now, &mut out) {
                self.send(true, self.path, &out[..len]);
            }
        }
        while let Some(event) = self.server.poll_event() {
            self.server_events.push(event);
        }
        while let Some(event) = self.client.poll_event() {
            self.client_events.push(event);
        }
    }

    pub fn deliver(&mut self, mut flight: Flight) {
        if flight.to_server {
            match self
                .server
                .handle_datagram(self.now, flight.tuple, &mut flight.bytes)
            {
                Received::None => {}
                Received::Rtp(packet) | Received::Rtcp(packet) => {
                    self.server_received.push(packet.to_vec())
                }
            }
        } else if flight.tuple != self.path {
            // The client has left that address.
        } else if classify(&flight.bytes) == Kind::Stun {
            self.agent
                .handle_datagram(self.now, flight.tuple.local, &flight.bytes);
        } else {
            match self.client.handle_datagram(self.now, &mut flight.bytes) {
                Received::None => {}
                Received::Rtp(packet) | Received::Rtcp(packet) => {
                    self.client_received.push(packet.to_vec())
                }
            }
        }
    }

    /// Advances to the next thing that happens, at most to `until`.
    pub fn step(&mut self, until: Instant) {
        self.pump();
        let timeouts = [
            self.server.poll_timeout(),
            self.agent.poll_timeout(),
            self.client.poll_timeout(),
        ];
        let next = timeouts
            .into_iter()
            .flatten()
            .chain(self.wire.iter().map(|flight| flight.at))
            .min();
        self.now = next.unwrap_or(until).clamp(self.now, until);
        let (due, later) = self
            .wire
            .drain(..)
            .partition(|flight: &Flight| flight.at <= self.now);
        self.wire = later;
        for flight in due {
            self.deliver(flight);
            self.pump();
        }
        self.server.handle_timeout(self.now);
        self.agent.handle_timeout(self.now);
        self.client.handle_timeout(self.now);
        self.pump();
    }

    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.start + limit;
        while !done(self) && self.now < until {
            self.step(until);
        }
        done(self)
    }

    pub fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step(until);
        }
    }

    pub fn connected(seed: u64) -> Self {
        let mut lab = Self::new(seed);
        assert!(lab.run_until(Duration::from_secs(5), Self::both_connected));
        lab
    }

    /// An RTP packet each way arrives and says what was sent.
    pub fn assert_media_flows(&mut self, seq: u16) {
        self.server_received.clear();
        self.client_received.clear();
        let packet = rtp(seq);
        let mut buffer = [0; 200];
        buffer[..packet.len()].copy_from_slice(&packet);
        let len = self
            .client
            .protect_rtp(&mut buffer, packet.len(), seq.into())
            .unwrap();
        self.send(true, self.path, &buffer[..len]);
        buffer[..packet.len()].copy_from_slice(&packet);
        let len = self
            .server
            .secure()
            .protect_rtp(&mut buffer, packet.len(), seq.into())
            .unwrap();
        let tuple = self.server.selected_tuple().unwrap();
        self.send(false, tuple, &buffer[..len]);
        self.run_for(2 * ONE_WAY);
        assert_eq!(
            (&self.server_received, &self.client_received),
            (&vec![packet.clone()], &vec![packet])
        );
    }
}

pub fn rtp(seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(seq.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 2]);
    packet.extend([7; 50]);
    packet
}

/// A DTLS record with the long header.
pub fn record(kind: u8, epoch: u16, seq: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend([0, 0, 0, 0, 0, seq]);
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}
