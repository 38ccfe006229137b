//! One synthetic client: controlling ICE, DTLS client, SRTP, and what it sends or judges. Owns one socket's traffic.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use medianode_sfu::feedback::{Feedback, ReportBlock};
use medianode_sfu::nack::NackGenerator;
use medianode_sfu::params::{CodecParameters, extension_uri};
use medianode_sfu::rtp::{RtpView, Unwrapper};
use medianode_sfu::twcc::Recorder;
use medianode_webrtc::ice::ControllingAgent;
use medianode_webrtc::params::{DtlsRole, IceParameters};
use medianode_webrtc::sdp::{Description, Kind, Media};
use medianode_webrtc::{DtlsContext, Received, SecureTransport, rtcp};

use crate::join::Joined;
use crate::net;
use crate::pattern::Shape;
use crate::sink::{Sink, Tally};
use crate::source::Source;

/// What a client is for.
pub enum Role {
    Publish(Vec<Source>),
    Play(Box<Playing>),
}

/// One client.
pub struct Client {
    socket: UdpSocket,
    server: SocketAddr,
    agent: ControllingAgent,
    secure: SecureTransport,
    pub role: Role,
    pub resource: String,
    next_report: Instant,
    out: Vec<u8>,
}

/// The receiving half: one media stream, its judgement and its feedback.
pub struct Playing {
    sink: Sink,
    media: Option<Expected>,
    received: Option<Reception>,
    twcc: Recorder,
    nack: NackGenerator,
    last_report: (u32, Option<Instant>),
    first_packet: Option<Instant>,
    joined: Instant,
    /// Forwarding delays in microseconds.
    pub delays: Vec<u32>,
}

/// How the answer announced the stream.
struct Expected {
    payload_types: Vec<u8>,
    rtx: Vec<(u8, u8)>,
    transport_cc: Option<u8>,
}

struct Reception {
    ssrc: u32,
    seqs: Unwrapper,
    first: u64,
    highest: u64,
    received: u64,
}

/// Feedback takes about 5 % of the stream: more often for video, as browsers do.
const REPORT_VIDEO_EVERY: Duration = Duration::from_millis(100);
const REPORT_AUDIO_EVERY: Duration = Duration::from_millis(200);
/// Samples of forwarding delay kept per client.
const DELAYS: usize = 200_000;
/// Between consent checks (RFC 7675).
const CONSENT_EVERY: Duration = Duration::from_millis(2500);
const OUR_SSRC: u32 = 0x4d4e_0001;

impl Client {
    /// A client whose offer was answered; `offload` asks for GRO.
    pub fn new(
        now: Instant,
        ice: IceParameters,
        dtls: &Arc<DtlsContext>,
        joined: &Joined,
        role: Role,
        offload: bool,
    ) -> Result<Self, String> {
        let socket =
            net::connect(joined.server, offload).map_err(|error| format!("socket: {error}"))?;
        let remote = joined
            .answer
            .dtls
            .clone()
            .ok_or("the answer has no DTLS parameters")?;
        let role_of_ours = if remote.role == DtlsRole::Client {
            DtlsRole::Server
        } else {
            DtlsRole::Client
        };
        let mut secure = SecureTransport::new(now, dtls.clone(), role_of_ours);
        secure
            .connect(now, remote.fingerprints, None)
            .map_err(|error| error.to_string())?;
        let agent = ControllingAgent::new(now, ice, joined.ice.clone(), CONSENT_EVERY)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            socket,
            server: joined.server,
            agent,
            secure,
            role,
            resource: joined.resource.clone(),
            next_report: now,
            out: Vec::new(),
        })
    }

    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// SRTP keys exist.
    pub fn is_connected(&self) -> bool {
        self.secure.is_connected()
    }

    /// Reads everything that waits on the socket.
    pub fn receive(&mut self, buffer: &mut [u8], now: Instant) -> io::Result<()> {
        while let Some((length, segment)) = net::receive(self.socket.as_raw_fd(), buffer)? {
            let now_ns = net::monotonic_ns();
            for datagram in buffer[..length].chunks_mut(segment) {
                self.handle(datagram, now, now_ns);
            }
        }
        self.send_pending(now);
        Ok(())
    }

    fn handle(&mut self, datagram: &mut [u8], now: Instant, now_ns: u64) {
        if datagram.first().is_some_and(|byte| *byte < 4) {
            self.agent.handle_datagram(now, self.server, datagram);
            return;
        }
        match (self.secure.handle_datagram(now, datagram), &mut self.role) {
            (Received::Rtp(packet), Role::Play(playing)) => playing.receive(packet, now, now_ns),
            (Received::Rtcp(compound), role) => {
                for packet in rtcp::read(compound).unwrap_or_default() {
                    role.handle_feedback(&packet, now);
                }
            }
            _ => {}
        }
    }

    /// Timers, media and feedback that are due; returns when to be called again.
    pub fn turn(&mut self, now: Instant) -> Instant {
        self.agent.handle_timeout(now);
        if self.agent.is_connected() {
            self.secure.handle_timeout(now);
        }
        self.send_pending(now);
        if self.secure.is_connected() {
            self.send_media(now);
            self.send_reports(now);
        }
        self.next(now)
    }

    fn next(&self, now: Instant) -> Instant {
        let mut next = self
            .agent
            .poll_timeout()
            .unwrap_or(now + REPORT_VIDEO_EVERY);
        if self.agent.is_connected() {
            next = self.secure.poll_timeout().map_or(next, |at| at.min(next));
        }
        if self.secure.is_connected() {
            next = next.min(self.next_report);
            if let Role::Publish(sources) = &self.role {
                next = sources.iter().map(Source::next_at).fold(next, Instant::min);
            }
        }
        next
    }

    fn send_pending(&mut self, now: Instant) {
        let mut buffer = [0u8; 2048];
        while let Some((_, length)) = self.agent.poll_transmit(now, &mut buffer) {
            let _ = self.socket.send(&buffer[..length]);
        }
        if self.agent.is_connected() {
            while let Some(length) = self.secure.poll_transmit(now, &mut buffer) {
                let _ = self.socket.send(&buffer[..length]);
            }
            while self.secure.poll_event().is_some() {}
        }
    }

    /// Sends each burst as runs of equal datagrams, as a pacing sender with GSO does.
    fn send_media(&mut self, now: Instant) {
        let Role::Publish(sources) = &mut self.role else {
            return;
        };
        let now_ns = net::monotonic_ns();
        for source in sources {
            self.out.clear();
            let mut segment = 0;
            let (out, secure, fd) = (&mut self.out, &mut self.secure, self.socket.as_raw_fd());
            source.poll(now, now_ns, |packet, index| {
                let mut sealed = [0u8; 1500];
                sealed[..packet.len()].copy_from_slice(packet);
                let Some(length) = secure.protect_rtp(&mut sealed, packet.len(), index) else {
                    return;
                };
                if !out.is_empty() && (length != segment || out.len() + length > 60_000) {
                    let _ = net::send_run(fd, out, segment);
                    out.clear();
                }
                segment = length;
                out.extend_from_slice(&sealed[..length]);
            });
            if !out.is_empty() {
                let _ = net::send_run(fd, out, segment);
            }
        }
    }

    fn send_reports(&mut self, now: Instant) {
        if now < self.next_report {
            return;
        }
        self.next_report = now + self.role.report_interval();
        let packets = match &mut self.role {
            Role::Publish(sources) => sources
                .iter()
                .map(|source| sender_report(source, now))
                .collect(),
            Role::Play(playing) => playing.reports(now),
        };
        let mut buffer = [0u8; 1500];
        if let Some(length) = (!packets.is_empty())
            .then(|| self.secure.protect_rtcp(&packets, &mut buffer))
            .flatten()
        {
            let _ = self.socket.send(&buffer[..length]);
        }
    }

    /// Says goodbye to the server's transport.
    pub fn close(&mut self, now: Instant) {
        self.secure.close(now);
        self.send_pending(now);
    }
}

fn sender_report(source: &Source, _now: Instant) -> Feedback {
    let nanos = net::monotonic_ns();
    let ntp = ((nanos / 1_000_000_000) << 32) | (((nanos % 1_000_000_000) << 32) / 1_000_000_000);
    let packets = source.packets() as u32;
    Feedback::SenderReport {
        ssrc: source.ssrc,
        ntp,
        rtp: source.timestamp(),
        packets,
        octets: 0,
        reports: Vec::new(),
    }
}

impl Role {
    fn report_interval(&self) -> Duration {
        match self {
            Role::Play(playing) if playing.sink.shape == Shape::Opus => REPORT_AUDIO_EVERY,
            Role::Play(_) | Role::Publish(_) => REPORT_VIDEO_EVERY,
        }
    }

    fn handle_feedback(&mut self, packet: &Feedback, now: Instant) {
        match (self, packet) {
            (
                Role::Publish(sources),
                Feedback::Pli { media_ssrc, .. } | Feedback::Fir { media_ssrc, .. },
            ) => {
                for source in sources
                    .iter_mut()
                    .filter(|source| source.ssrc == *media_ssrc)
                {
                    source.request_keyframe();
                }
            }
            (Role::Play(playing), Feedback::SenderReport { ntp, .. }) => {
                playing.last_report = ((ntp >> 16) as u32, Some(now))
            }
            _ => {}
        }
    }

    /// What has been received so far.
    pub fn tally(&self) -> Option<&Tally> {
        match self {
            Role::Play(playing) => Some(&playing.sink.tally),
            Role::Publish(_) => None,
        }
    }
}

impl Playing {
    pub fn new(now: Instant, shape: Shape, answer: &Description) -> Self {
        let kind = if shape == Shape::Opus {
            Kind::Audio
        } else {
            Kind::Video
        };
        let media = answer
            .media
            .iter()
            .find(|media| media.kind == kind && !media.rejected)
            .map(Expected::read);
        Self {
            sink: Sink::new(shape),
            media,
            received: None,
            twcc: Recorder::new(OUR_SSRC),
            nack: NackGenerator::default(),
            last_report: (0, None),
            first_packet: None,
            joined: now,
            delays: Vec::new(),
        }
    }

    /// Join to first media.
    pub fn first_packet_after(&self) -> Option<Duration> {
        self.first_packet.map(|at| at - self.joined)
    }

    fn receive(&mut self, packet: &[u8], now: Instant, now_ns: u64) {
        let (Some(view), Some(media)) = (RtpView::parse(packet), &self.media) else {
            return;
        };
        let number = media
            .transport_cc
            .and_then(|id| view.extension(id))
            .and_then(|data| data.try_into().ok());
        if let Some(number) = number {
            self.twcc
                .handle(u16::from_be_bytes(number), view.ssrc(), now_ns / 1000);
        }
        let payload_type = view.payload_type();
        let (seq, payload) = if media.payload_types.contains(&payload_type) {
            (view.sequence_number(), view.payload())
        } else if media.rtx.iter().any(|(rtx, _)| *rtx == payload_type) && view.payload().len() > 2
        {
            let (original, rest) = view.payload().split_at(2);
            (u16::from_be_bytes([original[0], original[1]]), rest)
        } else {
            return;
        };
        if payload.is_empty() {
            return; // padding only
        }
        let reception = self
            .received
            .get_or_insert_with(|| Reception::new(view.ssrc()));
        let extended = reception.handle(seq);
        self.nack.handle(extended, now_ns / 1000);
        self.first_packet.get_or_insert(now);
        if let Some(delay) = self.sink.receive(seq, payload, now_ns)
            && self.delays.len() < DELAYS
        {
            self.delays
                .push(u32::try_from(delay / 1000).unwrap_or(u32::MAX));
        }
    }

    fn reports(&mut self, now: Instant) -> Vec<Feedback> {
        let Some(reception) = &mut self.received else {
            return Vec::new();
        };
        let (last_sender_report, at) = self.last_report;
        let delay = at.map_or(0, |at| ((now - at).as_secs_f64() * 65_536.0) as u32);
        let block = ReportBlock {
            ssrc: reception.ssrc,
            cumulative_lost: (reception.highest - reception.first + 1)
                .saturating_sub(reception.received) as i32,
            highest_seq: reception.highest as u32,
            last_sender_report,
            delay_since_last: delay,
            ..ReportBlock::default()
        };
        let mut packets = vec![Feedback::ReceiverReport {
            sender_ssrc: OUR_SSRC,
            reports: vec![block],
        }];
        let now_us = net::monotonic_ns() / 1000;
        packets.extend(self.twcc.poll(now_us).map(Feedback::TransportCc));
        let seqs = self.nack.poll(now_us, 20_000);
        if !seqs.is_empty() {
            packets.push(Feedback::Nack {
                sender_ssrc: OUR_SSRC,
                media_ssrc: reception.ssrc,
                seqs,
            });
        }
        packets
    }
}

impl Reception {
    fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            seqs: Unwrapper::new(16),
            first: u64::MAX,
            highest: 0,
            received: 0,
        }
    }

    fn handle(&mut self, seq: u16) -> u64 {
        let extended = self.seqs.unwrap(u32::from(seq));
        self.first = self.first.min(extended);
        self.highest = self.highest.max(extended);
        self.received += 1;
        extended
    }
}

impl Expected {
    fn read(media: &Media) -> Self {
        let is_rtx =
            |codec: &CodecParameters| codec.mime_type.to_ascii_lowercase().ends_with("/rtx");
        let rtx = |codec: &CodecParameters| {
            Some((
                codec.payload_type,
                codec.parameters.get("apt")?.parse().ok()?,
            ))
        };
        Self {
            payload_types: media
                .codecs
                .iter()
                .filter(|codec| !is_rtx(codec))
                .map(|codec| codec.payload_type)
                .collect(),
            rtx: media
                .codecs
                .iter()
                .filter(|codec| is_rtx(codec))
                .filter_map(rtx)
                .collect(),
            transport_cc: media
                .header_extensions
                .iter()
                .find(|e| e.uri == extension_uri::TRANSPORT_CC)
                .map(|e| e.id),
        }
    }
}
