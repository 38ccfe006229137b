//! Two sets of data channels and a lossy link between them, in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use medianode_webrtc::params::SctpParameters;
use medianode_webrtc::sctp::association::SctpAssociation;
use medianode_webrtc::sctp::guard::checksum;
use medianode_webrtc::sctp::{DataChannels, DataLimits, Event, ProtoAssociation};

pub const LIMITS: DataLimits = DataLimits {
    channels: 128,
    queued_bytes: 4 << 20,
};
pub const PARAMETERS: SctpParameters = SctpParameters {
    port: 5000,
    max_message_size: 262_144,
};

/// xorshift64*: losses are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }
    pub fn hits(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

/// One end: what it said and what it heard.
pub struct End<A: SctpAssociation> {
    pub channels: DataChannels<A>,
    pub events: VecDeque<Event>,
}

impl<A: SctpAssociation> End<A> {
    pub fn new(now: Instant, is_dtls_client: bool, limits: DataLimits) -> Self {
        Self {
            channels: DataChannels::new(now, is_dtls_client, PARAMETERS, Some(PARAMETERS), limits),
            events: VecDeque::new(),
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.channels.poll_event() {
            self.events.push_back(event);
        }
    }

    pub fn take_messages(&mut self) -> Vec<(u16, bool, Vec<u8>)> {
        let (messages, rest) = std::mem::take(&mut self.events)
            .into_iter()
            .partition::<VecDeque<_>, _>(|event| matches!(event, Event::Message { .. }));
        self.events = rest;
        messages
            .into_iter()
            .map(|event| match event {
                Event::Message {
                    stream_id,
                    text,
                    data,
                } => (stream_id, text, data),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    pub fn opened(&self) -> Vec<u16> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Opened { stream_id, .. } => Some(*stream_id),
                _ => None,
            })
            .collect()
    }
}

/// `left` is the DTLS client.
pub struct Pair<L: SctpAssociation = ProtoAssociation, R: SctpAssociation = ProtoAssociation> {
    pub now: Instant,
    pub left: End<L>,
    pub right: End<R>,
    pub loss_percent: u64,
    pub delay: Duration,
    pub dice: Dice,
    /// Bits per second and direction.
    pub bandwidth: u64,
    free_at: [Instant; 2],
    in_flight: BTreeMap<(Instant, u64), (bool, Vec<u8>)>,
    sent: u64,
    /// Ports and tag of packets towards the right end.
    pub header_to_right: [u8; 8],
    /// The left end's next TSN.
    pub next_tsn: u32,
    /// Bytes changed behind the common header in one of three packets; the checksum is right.
    pub mutations: usize,
}

impl<L: SctpAssociation, R: SctpAssociation> Pair<L, R> {
    pub fn new(loss_percent: u64, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            now,
            left: End::new(now, true, LIMITS),
            right: End::new(now, false, LIMITS),
            loss_percent,
            delay: Duration::from_millis(25),
            dice: Dice(seed | 1),
            bandwidth: 100_000_000,
            free_at: [now; 2],
            in_flight: BTreeMap::new(),
            sent: 0,
            header_to_right: [0; 8],
            next_tsn: 0,
            mutations: 0,
        }
    }

    /// Sends all there is, then moves to whatever happens next. False if nothing will.
    pub fn step(&mut self, until: Instant) -> bool {
        self.transmit();
        let next = [
            self.in_flight.keys().next().map(|key| key.0),
            self.left.channels.poll_timeout(),
            self.right.channels.poll_timeout(),
        ];
        let Some(next) = next
            .into_iter()
            .flatten()
            .min()
            .filter(|&next| next <= until)
        else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.in_flight.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (to_right, packet) = entry.remove();
            if to_right {
                self.right.channels.handle_packet(self.now, &packet);
            } else {
                self.left.channels.handle_packet(self.now, &packet);
            }
        }
        if self
            .left
            .channels
            .poll_timeout()
            .is_some_and(|at| at <= self.now)
        {
            self.left.channels.handle_timeout(self.now);
        }
        if self
            .right
            .channels
            .poll_timeout()
            .is_some_and(|at| at <= self.now)
        {
            self.right.channels.handle_timeout(self.now);
        }
        self.left.drain();
        self.right.drain();
        true
    }

    pub fn transmit(&mut self) {
        let mut out = [0; 2048];
        while let Some(len) = self.left.channels.poll_transmit(self.now, &mut out) {
            self.carry(true, &out[..len]);
        }
        while let Some(len) = self.right.channels.poll_transmit(self.now, &mut out) {
            self.carry(false, &out[..len]);
        }
        self.left.drain();
        self.right.drain();
    }

    fn carry(&mut self, to_right: bool, packet: &[u8]) {
        assert!(packet.len() <= 1148, "{} bytes", packet.len());
        if to_right {
            self.header_to_right.copy_from_slice(&packet[..8]);
            if packet[12] == 0 {
                let tsn = u32::from_be_bytes(packet[16..20].try_into().unwrap());
                self.next_tsn = tsn.wrapping_add(1);
            }
        }
        if self.dice.hits(self.loss_percent) {
            return;
        }
        let free_at = &mut self.free_at[usize::from(to_right)];
        let on_wire =
            Duration::from_nanos((packet.len() as u64 + 65) * 8_000_000_000 / self.bandwidth);
        *free_at = (*free_at).max(self.now) + on_wire;
        self.sent += 1;
        let at = *free_at + self.delay;
        let packet = self.mutated(packet);
        self.in_flight.insert((at, self.sent), (to_right, packet));
    }

    fn mutated(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut packet = packet.to_vec();
        if self.mutations > 0 && self.dice.hits(33) {
            for _ in 0..self.mutations {
                let room = packet.len().min(60) - 12;
                let at = 12 + self.dice.next() as usize % room;
                packet[at] = self.dice.next() as u8;
            }
            let sum = checksum(&packet).to_le_bytes();
            packet[8..12].copy_from_slice(&sum);
        }
        packet
    }

    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    /// At most ten virtual minutes; how long it took.
    pub fn run_until(&mut self, mut done: impl FnMut(&mut Self) -> bool) -> Duration {
        let start = self.now;
        let until = start + Duration::from_secs(600);
        while !done(self) {
            assert!(self.step(until) || done(self), "not done in ten minutes");
        }
        self.now - start
    }
}
