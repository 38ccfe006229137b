//! An engine under test and clients of it, over real sockets of the loopback interface.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use medianode_engine::net::arena::ReceiveArena;
use medianode_engine::net::gso::{Class, Destination, SendArena};
use medianode_engine::net::udp::UdpSocket;
use medianode_engine::{Command, Config, Engine, Event, Refusal, Reply};
use medianode_sfu::feedback::Feedback;
use medianode_sfu::params::{CodecParameters, Encoding, MediaKind, RtpParameters};
use medianode_sfu::{ConsumerId, ProducerId, RouterId, TransportId};
use medianode_webrtc::ice::ControllingAgent;
use medianode_webrtc::ice::tcp::Deframer;
use medianode_webrtc::params::{DtlsParameters, DtlsRole, IceParameters, Protocol, SctpParameters};
use medianode_webrtc::{Certificate, DtlsContext, Received, SecureEvent, SecureTransport, rtcp};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// An engine and what it has told.
pub struct Node {
    pub engine: Engine,
    pub events: Vec<Event>,
}

impl Node {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            workers: 1,
            first_core: None,
            media_port: 0,
            listen_ips: vec![V4, V6],
            announced_ips: vec![V4, V6],
            ..Config::default()
        };
        change(&mut config);
        Self {
            engine: Engine::start(config).unwrap(),
            events: Vec::new(),
        }
    }

    /// Submits a command and waits for its answer.
    pub fn ask(&mut self, command: Command) -> Result<Reply, Refusal> {
        let id = self.engine.submit(command).unwrap();
        let mut answer = None;
        self.wait("a reply", |event| {
            if let Event::Reply {
                id: of,
                reply,
                refusal,
            } = event
                && *of == id
            {
                answer = Some((reply.clone(), refusal.clone()));
            }
            answer.is_some()
        });
        match answer {
            Some((Some(reply), None)) => Ok(reply),
            Some((None, Some(refusal))) => Err(refusal),
            other => panic!("neither reply nor refusal: {other:?}"),
        }
    }

    pub fn must(&mut self, command: Command) -> Reply {
        self.ask(command).unwrap()
    }

    /// Takes events until one satisfies `found`.
    pub fn wait(&mut self, what: &str, mut found: impl FnMut(&Event) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for event in self.engine.poll_events(64) {
                let done = found(&event);
                self.events.push(event);
                if done {
                    return;
                }
            }
            assert!(
                Instant::now() < deadline,
                "{what} does not come; told: {:?}",
                self.events
            );
            std::thread::yield_now();
        }
    }

    /// Everything told so far, without replies.
    pub fn told(&mut self) -> Vec<Event> {
        self.events.extend(self.engine.poll_events(100_000));
        let mut events = std::mem::take(&mut self.events);
        events.retain(|event| !matches!(event, Event::Reply { .. }));
        events
    }

    pub fn router(&mut self, router: u64) {
        self.must(Command::CreateRouter {
            router: RouterId(router),
        });
    }

    /// Creates a transport and a client for it; not yet connected.
    pub fn client(
        &mut self,
        router: u64,
        transport: u64,
        link: Link,
        context: &Arc<DtlsContext>,
    ) -> Client {
        let reply = self.create(router, transport);
        self.join(transport, reply, link, context)
    }

    /// Creates a transport; [`Node::join`] makes a client of what it answers.
    pub fn create(&mut self, router: u64, transport: u64) -> Reply {
        self.must(Command::CreateWebRtcTransport {
            router: RouterId(router),
            transport: TransportId(transport),
            sctp: true,
            name: "test".to_owned(),
        })
    }

    /// Tells the transport its peer, which knows its ICE credentials but whose own it never learns.
    pub fn join(
        &mut self,
        transport: u64,
        reply: Reply,
        link: Link,
        context: &Arc<DtlsContext>,
    ) -> Client {
        let transport = TransportId(transport);
        let Reply::Transport {
            ice,
            candidates,
            dtls,
            sctp,
        } = reply
        else {
            panic!("{reply:?}")
        };
        self.must(Command::ConnectTransport {
            transport,
            dtls: DtlsParameters {
                role: DtlsRole::Client,
                fingerprints: vec![context.fingerprint()],
            },
            sctp: Some(SctpParameters {
                port: 5000,
                max_message_size: 65_536,
            }),
        });
        let (ip, protocol) = match link {
            Link::Udp(ip) => (ip, Protocol::Udp),
            Link::Tcp(ip) => (ip, Protocol::Tcp),
        };
        let candidate = candidates
            .iter()
            .find(|c| c.ip == ip && c.protocol == protocol)
            .unwrap();
        let server = SocketAddr::new(candidate.ip, candidate.port);
        Client::new(transport, ice, &dtls, sctp, server, link, context)
    }

    /// A client whose transport is connected.
    pub fn connected(
        &mut self,
        router: u64,
        transport: u64,
        link: Link,
        context: &Arc<DtlsContext>,
    ) -> Client {
        let mut client = self.client(router, transport, link, context);
        client.run("connect", Client::is_connected);
        self.wait("connected", |event| {
            matches!(event, Event::TransportConnected { transport, .. } if *transport == client.transport)
        });
        client
    }

    pub fn produce(&mut self, client: &Client, producer: u64, kind: MediaKind) {
        self.must(Command::CreateProducer {
            transport: client.transport,
            producer: ProducerId(producer),
            kind,
            rtp: parameters(kind, producer as u32),
            paused: false,
        });
    }

    pub fn consume(&mut self, client: &Client, consumer: u64, producer: u64, kind: MediaKind) {
        self.must(Command::CreateConsumer {
            transport: client.transport,
            consumer: ConsumerId(consumer),
            kind,
            rtp: parameters(kind, consumer as u32),
            producer: Some(ProducerId(producer)),
            paused: false,
        });
    }
}

pub fn context() -> Arc<DtlsContext> {
    DtlsContext::new(Certificate::generate().unwrap()).unwrap()
}

/// One codec, one stream with this SSRC.
pub fn parameters(kind: MediaKind, ssrc: u32) -> RtpParameters {
    let (mime_type, payload_type, clock_rate) = match kind {
        MediaKind::Audio => ("audio/opus", 111, 48_000),
        MediaKind::Video => ("video/VP8", 96, 90_000),
    };
    RtpParameters {
        codecs: vec![CodecParameters {
            mime_type: mime_type.to_owned(),
            payload_type,
            clock_rate,
            channels: (kind == MediaKind::Audio).then_some(2),
            parameters: Default::default(),
            rtcp_feedback: vec!["nack".to_owned(), "nack pli".to_owned()],
        }],
        encodings: vec![Encoding {
            ssrc: Some(ssrc),
            ..Encoding::default()
        }],
        ..RtpParameters::default()
    }
}

/// How a client reaches the engine.
#[derive(Clone, Copy, Debug)]
pub enum Link {
    Udp(IpAddr),
    Tcp(IpAddr),
}

enum Wire {
    Udp(UdpSocket, Box<ReceiveArena>),
    Tcp(TcpStream, Deframer),
}

/// One client: controlling ICE, DTLS client, SRTP.
pub struct Client {
    pub transport: TransportId,
    pub secure: SecureTransport,
    agent: ControllingAgent,
    wire: Wire,
    server: SocketAddr,
    /// Decrypted RTP packets, in order of arrival.
    pub packets: Vec<Vec<u8>>,
    pub feedback: Vec<Feedback>,
    pub events: Vec<SecureEvent>,
    /// Datagrams received at all.
    pub datagrams: usize,
}

impl Client {
    fn new(
        transport: TransportId,
        remote: IceParameters,
        dtls: &DtlsParameters,
        sctp: Option<SctpParameters>,
        server: SocketAddr,
        link: Link,
        context: &Arc<DtlsContext>,
    ) -> Self {
        let now = Instant::now();
        let local = IceParameters::with_random_password("client".to_owned(), false).unwrap();
        let agent = ControllingAgent::new(now, local, remote, Duration::from_millis(2500)).unwrap();
        let mut secure = SecureTransport::new(now, context.clone(), DtlsRole::Client);
        secure
            .connect(now, dtls.fingerprints.clone(), sctp)
            .unwrap();
        let wire = match link {
            Link::Udp(ip) => {
                let socket = UdpSocket::bind(SocketAddr::new(ip, 0), true).unwrap();
                Wire::Udp(socket, Box::default())
            }
            Link::Tcp(_) => {
                let stream = TcpStream::connect(server).unwrap();
                stream.set_nonblocking(true).unwrap();
                Wire::Tcp(stream, Deframer::default())
            }
        };
        Self {
            transport,
            secure,
            agent,
            wire,
            server,
            packets: Vec::new(),
            feedback: Vec::new(),
            events: Vec::new(),
            datagrams: 0,
        }
    }

    pub fn is_connected(&self) -> bool {
        self.secure.is_connected()
    }

    /// Turns until `done`.
    pub fn run(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "{what} takes too long");
            self.turn();
            std::thread::yield_now();
        }
    }

    /// The strings received so far, with their streams.
    pub fn texts(&self) -> Vec<(u16, String)> {
        let text = |event: &SecureEvent| match event {
            SecureEvent::Message {
                stream_id,
                text: true,
                data,
            } => Some((*stream_id, String::from_utf8(data.clone()).unwrap())),
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }

    /// Everything that waits, in and out, once.
    pub fn turn(&mut self) {
        let now = Instant::now();
        for mut datagram in self.receive() {
            self.datagrams += 1;
            if datagram.first().is_some_and(|first| *first < 4) {
                self.agent.handle_datagram(now, self.server, &datagram);
                continue;
            }
            match self.secure.handle_datagram(now, &mut datagram) {
                Received::Rtp(packet) => self.packets.push(packet.to_vec()),
                Received::Rtcp(compound) => self.feedback.extend(rtcp::read(compound).unwrap()),
                Received::None => {}
            }
        }
        self.agent.handle_timeout(now);
        let mut out = [0; 2048];
        while let Some((_, len)) = self.agent.poll_transmit(now, &mut out) {
            self.send_run(&[out[..len].to_vec()]);
        }
        if self.agent.is_connected() {
            self.secure.handle_timeout(now);
            while let Some(len) = self.secure.poll_transmit(now, &mut out) {
                self.send_run(&[out[..len].to_vec()]);
            }
        }
        while let Some(event) = self.secure.poll_event() {
            self.events.push(event);
        }
    }

    /// Sends RTP packets as one run, so that they arrive together.
    pub fn send_rtp(&mut self, packets: &[(u64, Vec<u8>)]) {
        let sealed: Vec<Vec<u8>> = packets
            .iter()
            .map(|(index, packet)| {
                let mut buffer = packet.clone();
                buffer.resize(packet.len() + 16, 0);
                let len = self
                    .secure
                    .protect_rtp(&mut buffer, packet.len(), *index)
                    .unwrap();
                buffer.truncate(len);
                buffer
            })
            .collect();
        self.send_run(&sealed);
    }

    /// Sends datagrams as they are.
    pub fn send_run(&mut self, datagrams: &[Vec<u8>]) {
        match &mut self.wire {
            Wire::Udp(socket, _) => {
                let mut arena = SendArena::new(1, true, 1 << 20);
                let destination = Destination {
                    socket: 0,
                    to: self.server,
                    source: None,
                };
                for datagram in datagrams {
                    arena.room()[..datagram.len()].copy_from_slice(datagram);
                    arena.commit(datagram.len(), 0, &destination, true, Class::Video);
                }
                arena.flush(std::slice::from_ref(socket));
            }
            Wire::Tcp(stream, _) => {
                for datagram in datagrams {
                    stream
                        .write_all(&(datagram.len() as u16).to_be_bytes())
                        .unwrap();
                    stream.write_all(datagram).unwrap();
                }
            }
        }
    }

    fn receive(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        match &mut self.wire {
            Wire::Udp(socket, arena) => {
                while let Ok(count) = arena.receive(socket) {
                    for at in 0..count {
                        if let Some(slot) = arena.slot(at) {
                            datagrams.extend(slot.bytes.chunks(slot.segment).map(<[u8]>::to_vec));
                        }
                    }
                }
            }
            Wire::Tcp(stream, deframer) => {
                let mut buffer = [0; 4096];
                while let Ok(len) = stream.read(&mut buffer) {
                    if len == 0 {
                        break;
                    }
                    deframer.push(&buffer[..len]).unwrap();
                    while let Some(frame) = deframer.next_frame().unwrap() {
                        datagrams.push(frame.to_vec());
                    }
                }
            }
        }
        datagrams
    }

    /// Checks with the credentials of an ICE restart from now on.
    pub fn restart_ice(&mut self, remote: IceParameters) {
        let local = IceParameters::with_random_password("again".to_owned(), false).unwrap();
        let pace = Duration::from_millis(2500);
        self.agent = ControllingAgent::new(Instant::now(), local, remote, pace).unwrap();
    }

    /// The agent has a path.
    pub fn has_path(&self) -> bool {
        self.agent.is_connected()
    }

    /// Our port; another one from now on, as behind a NAT that forgot us.
    pub fn rebind(&mut self) {
        if let Wire::Udp(socket, _) = &mut self.wire {
            let ip = socket.local().ip();
            *socket = UdpSocket::bind(SocketAddr::new(ip, 0), true).unwrap();
            self.agent.check_now(Instant::now());
        }
    }
}

/// Turns all clients until `done`.
pub fn run_all(
    clients: &mut [&mut Client],
    what: &str,
    mut done: impl FnMut(&mut [&mut Client]) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    while !done(clients) {
        assert!(Instant::now() < deadline, "{what} takes too long");
        clients.iter_mut().for_each(|client| client.turn());
        std::thread::yield_now();
    }
}

/// An RTP packet; `payload` for VP8 begins with its descriptor.
pub fn rtp(kind: MediaKind, ssrc: u32, seq: u16, marker: bool, payload: &[u8]) -> Vec<u8> {
    let payload_type = match kind {
        MediaKind::Audio => 111,
        MediaKind::Video => 96,
    };
    let mut packet = vec![0x80, u8::from(marker) << 7 | payload_type];
    packet.extend(seq.to_be_bytes());
    packet.extend(3000u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// The payload of an RTP packet as the engine sends it: header extensions skipped.
pub fn payload(packet: &[u8]) -> &[u8] {
    let mut at = 12;
    if packet[0] & 0x10 != 0 {
        at += 4 + 4 * usize::from(u16::from_be_bytes([packet[14], packet[15]]));
    }
    &packet[at..]
}

/// The packets of one VP8 key frame, all of `len` bytes payload.
pub fn key_frame(ssrc: u32, first_seq: u16, packets: u16, len: usize) -> Vec<(u64, Vec<u8>)> {
    (0..packets)
        .map(|at| {
            let mut payload = vec![at as u8; len];
            payload[0] = if at == 0 { 0x10 } else { 0 };
            if at == 0 {
                // Frame tag of a key frame, start code, 640x360 (RFC 6386 section 9.1).
                payload[1..11]
                    .copy_from_slice(&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
            }
            let seq = first_seq + at;
            let packet = rtp(MediaKind::Video, ssrc, seq, at + 1 == packets, &payload);
            (u64::from(seq), packet)
        })
        .collect()
}
