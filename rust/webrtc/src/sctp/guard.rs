//! Stands between the wire and the SCTP implementation: frames every chunk, bounds what a peer can make us hold or compute,
//! and cuts our own packets to size. The peer is authenticated (inside DTLS) and still hostile. Keeps no payload.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ahash::AHashSet;

use super::association::{MAX_PACKET, RECEIVE_BUFFER};

/// How far a FORWARD-TSN may jump past the highest TSN seen: more would be skipped one by one.
const FORWARD_TSN_JUMP: u32 = 65_536;
/// DATA further ahead of what we acknowledged is dropped, as if lost: 4096 full packets are four receive windows.
const TSN_WINDOW: u32 = 4_096;
/// DATA chunks that may wait for the rest of their message, or for an earlier one.
const HELD_CHUNKS: u32 = 4_096;
/// With no room left and no message completed for this long the association is given up.
const STALL: Duration = Duration::from_secs(10);

const COMMON_HEADER: usize = 12;
const CHUNK_HEADER: usize = 4;
const DATA_HEADER: usize = 16;
const SACK_HEADER: usize = 16;
const INIT_LEN: usize = 20;

/// Chunk types (RFC 9260 section 3.2, RFC 3758, RFC 6525).
const DATA: u8 = 0;
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const SACK: u8 = 3;
const HEARTBEAT: u8 = 4;
const ABORT: u8 = 6;
const SHUTDOWN: u8 = 7;
const SHUTDOWN_ACK: u8 = 8;
const ERROR: u8 = 9;
const COOKIE_ECHO: u8 = 10;
const COOKIE_ACK: u8 = 11;
const SHUTDOWN_COMPLETE: u8 = 14;
const RE_CONFIG: u8 = 130;
const FORWARD_TSN: u8 = 192;

/// What to do with a packet of the peer.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Give this to the association: the packet, or what is left of it.
    Pass(Cow<'a, [u8]>),
    /// A lone, well-framed INIT with this initiate tag.
    Init(u32),
    /// Not for us to act on: malformed, beyond a window, or nothing left.
    Drop,
    /// The peer breaks the protocol or a bound: end the association. Names the reason.
    Abort(&'static str),
}

/// Checks one association's packets in both directions.
#[derive(Debug)]
pub struct Guard {
    max_streams: usize,
    /// Streams that carried DATA and were not released.
    streams: AHashSet<u16>,
    /// Highest TSN seen in DATA or FORWARD-TSN, from the peer's initial TSN on.
    highest_tsn: Option<u32>,
    /// Last TSN that we acknowledged cumulatively.
    acknowledged_tsn: u32,
    /// DATA chunks received and not yet delivered, at most.
    held_chunks: u32,
    /// Since when there is no room and nothing completes.
    stalled_since: Option<Instant>,
    /// What the peer's INIT or INIT ACK said it receives.
    peer_inbound_streams: u16,
    /// Verification tags: of packets to us, and of packets to the peer.
    local_tag: Option<u32>,
    peer_tag: Option<u32>,
    /// Handshake done: tags and initial TSNs are final.
    connected: bool,
}

impl Guard {
    /// `max_streams`: on which DATA may arrive at the same time.
    pub fn new(max_streams: usize) -> Self {
        Self {
            max_streams,
            streams: AHashSet::new(),
            highest_tsn: None,
            acknowledged_tsn: 0,
            held_chunks: 0,
            stalled_since: None,
            peer_inbound_streams: u16::MAX,
            local_tag: None,
            peer_tag: None,
            connected: false,
        }
    }

    /// A packet from the peer.
    pub fn check<'a>(&mut self, now: Instant, packet: &'a [u8]) -> Verdict<'a> {
        if packet.len() < COMMON_HEADER + CHUNK_HEADER {
            return Verdict::Drop;
        }
        let mut kept = 0;
        let mut stripped: Option<Vec<u8>> = None;
        let mut chunks = Chunks {
            packet,
            at: COMMON_HEADER,
        };
        loop {
            let start = chunks.at;
            let chunk = match chunks.next() {
                Some(Ok(chunk)) => chunk,
                Some(Err(Malformed)) => return Verdict::Drop,
                None => break,
            };
            let action = match chunk.kind {
                INIT if start == COMMON_HEADER && chunks.at >= packet.len() => {
                    return self.check_init(packet, &chunk);
                }
                // Must not be bundled (RFC 9260 section 4.3).
                INIT => return Verdict::Drop,
                _ if !self.is_for_us(packet, &chunk) => return Verdict::Drop,
                _ => self.check_chunk(now, &chunk),
            };
            let end = chunks.at.min(packet.len());
            match action {
                Action::Keep => {
                    kept += 1;
                    if let Some(rest) = &mut stripped {
                        rest.extend_from_slice(&packet[start..end]);
                    }
                }
                Action::Strip => {
                    stripped.get_or_insert_with(|| packet[..start].to_vec());
                }
                Action::StopHere => {
                    stripped.get_or_insert_with(|| packet[..start].to_vec());
                    break;
                }
                Action::DropPacket => return Verdict::Drop,
                Action::Abort(reason) => return Verdict::Abort(reason),
            }
        }
        match stripped {
            _ if kept == 0 => Verdict::Drop,
            None => Verdict::Pass(Cow::Borrowed(packet)),
            // Only a genuine packet gets a new checksum.
            Some(_) if !has_valid_checksum(packet) => Verdict::Drop,
            Some(mut rest) => {
                write_checksum(&mut rest);
                Verdict::Pass(Cow::Owned(rest))
            }
        }
    }

    fn check_chunk(&mut self, now: Instant, chunk: &Chunk<'_>) -> Action {
        match chunk.kind {
            DATA => self.check_data(now, chunk),
            SACK => check_sack(chunk),
            FORWARD_TSN => self.check_forward_tsn(chunk),
            RE_CONFIG if !is_framed(chunk.value()) => Action::DropPacket,
            HEARTBEAT if !is_framed(chunk.value()) => Action::DropPacket,
            INIT_ACK => match chunk.bytes.get(INIT_LEN..) {
                Some(parameters) if is_framed(parameters) && !self.connected => {
                    self.note_init(chunk);
                    Action::Keep
                }
                _ => Action::DropPacket,
            },
            ABORT => Action::Abort("aborted by the peer"),
            SHUTDOWN if chunk.bytes.len() != 8 => Action::DropPacket,
            HEARTBEAT | SHUTDOWN | SHUTDOWN_ACK | SHUTDOWN_COMPLETE | COOKIE_ECHO | COOKIE_ACK
            | RE_CONFIG => Action::Keep,
            // Reports of the peer, no reason to end anything. The implementation thinks otherwise.
            ERROR => Action::Strip,
            // RFC 9260 section 3.2: the high bit says whether to skip an unknown chunk or stop.
            kind if kind & 0x80 != 0 => Action::Strip,
            // HEARTBEAT ACK: we never ask.
            5 => Action::Strip,
            _ => Action::StopHere,
        }
    }

    /// Verification tag (RFC 9260 section 8.5). An ABORT may reflect the peer's own tag, saying so with its T bit.
    fn is_for_us(&self, packet: &[u8], chunk: &Chunk<'_>) -> bool {
        let tag = be32(packet, 4);
        let reflected = chunk.kind == ABORT && chunk.bytes[1] & 1 == 1;
        tag == self.local_tag || (reflected && tag == self.peer_tag)
    }

    fn check_init<'a>(&self, packet: &[u8], chunk: &Chunk<'_>) -> Verdict<'a> {
        let tag = be32(chunk.bytes, 4).filter(|&tag| tag != 0);
        match (tag, be32(packet, 4)) {
            (Some(tag), Some(0))
                if chunk.bytes.len() >= INIT_LEN && is_framed(&chunk.bytes[INIT_LEN..]) =>
            {
                Verdict::Init(tag)
            }
            _ => Verdict::Drop,
        }
    }

    /// The facade lets an INIT start an association: its numbers count from now on.
    pub fn accept_init(&mut self, packet: &[u8]) {
        let mut chunks = Chunks {
            packet,
            at: COMMON_HEADER,
        };
        if let Some(Ok(chunk)) = chunks.next() {
            self.note_init(&chunk);
        }
    }

    /// The first one counts: a repeated INIT ACK may carry other numbers, which the implementation ignores too.
    fn note_init(&mut self, chunk: &Chunk<'_>) {
        if let (Some(tag), Some(streams), Some(tsn)) = (
            be32(chunk.bytes, 4),
            be16(chunk.bytes, 14),
            be32(chunk.bytes, 16),
        ) && self.highest_tsn.is_none()
        {
            self.peer_tag = Some(tag);
            self.peer_inbound_streams = streams;
            self.highest_tsn = Some(tsn.wrapping_sub(1));
            self.acknowledged_tsn = tsn.wrapping_sub(1);
        }
    }

    fn check_data(&mut self, now: Instant, chunk: &Chunk<'_>) -> Action {
        let (Some(tsn), Some(stream_id)) = (be32(chunk.bytes, 4), be16(chunk.bytes, 8)) else {
            return Action::DropPacket;
        };
        let Some(highest) = self.highest_tsn else {
            return Action::DropPacket;
        };
        if chunk.bytes.len() < DATA_HEADER {
            return Action::DropPacket;
        }
        if chunk.bytes.len() == DATA_HEADER {
            return Action::Abort("DATA without user data");
        }
        // Behind what is acknowledged, this is a duplicate and wraps to a large number.
        let ahead = tsn.wrapping_sub(self.acknowledged_tsn);
        if ahead > TSN_WINDOW && ahead < 1 << 31 {
            return Action::DropPacket;
        }
        let new = tsn.wrapping_sub(highest);
        if (1..1 << 31).contains(&new) {
            if self.held_chunks.saturating_add(new) > HELD_CHUNKS {
                self.stalled_since.get_or_insert(now);
                return Action::DropPacket;
            }
            self.held_chunks += new;
            self.highest_tsn = Some(tsn);
        }
        if !self.streams.contains(&stream_id) {
            if self.streams.len() >= self.max_streams {
                return Action::Abort("too many streams");
            }
            self.streams.insert(stream_id);
        }
        Action::Keep
    }

    fn check_forward_tsn(&mut self, chunk: &Chunk<'_>) -> Action {
        let (Some(tsn), Some(highest)) = (be32(chunk.bytes, 4), self.highest_tsn) else {
            return Action::DropPacket;
        };
        let jump = tsn.wrapping_sub(highest);
        if (1..1 << 31).contains(&jump) {
            if jump > FORWARD_TSN_JUMP {
                return Action::DropPacket;
            }
            self.highest_tsn = Some(tsn);
        }
        Action::Keep
    }

    /// A packet of ours: learns what it acknowledges, and cuts it into packets of at most [`MAX_PACKET`] bytes.
    pub fn outgoing(&mut self, now: Instant, packet: &[u8], out: &mut VecDeque<Vec<u8>>) {
        let mut current: Vec<u8> = Vec::new();
        let mut chunks = Chunks {
            packet,
            at: COMMON_HEADER,
        };
        loop {
            let start = chunks.at;
            let Some(Ok(chunk)) = chunks.next() else {
                break;
            };
            match chunk.kind {
                SACK => self.note_acknowledged(now, &chunk),
                INIT | INIT_ACK => self.local_tag = be32(chunk.bytes, 4),
                _ => {}
            }
            let bytes = &packet[start..chunks.at.min(packet.len())];
            let cut = if chunk.kind == SACK {
                cut_sack(bytes)
            } else {
                None
            };
            let bytes = cut.as_deref().unwrap_or(bytes);
            if current.len() > COMMON_HEADER && current.len() + bytes.len() > MAX_PACKET {
                write_checksum(&mut current);
                out.push_back(std::mem::take(&mut current));
            }
            if current.is_empty() {
                current.extend_from_slice(&packet[..COMMON_HEADER]);
            }
            current.extend_from_slice(bytes);
        }
        if current.len() > COMMON_HEADER {
            if current.len() != packet.len() {
                write_checksum(&mut current);
            }
            out.push_back(current);
        }
    }

    fn note_acknowledged(&mut self, now: Instant, sack: &Chunk<'_>) {
        let (Some(tsn), Some(window)) = (be32(sack.bytes, 4), be32(sack.bytes, 8)) else {
            return;
        };
        self.acknowledged_tsn = tsn;
        if window >= RECEIVE_BUFFER {
            // Nothing waits in any stream; what was skipped or abandoned is forgotten.
            self.held_chunks = self.highest_tsn.map_or(0, |highest| {
                let gap = highest.wrapping_sub(tsn);
                if gap < 1 << 31 { gap } else { 0 }
            });
            self.stalled_since = None;
        } else if window == 0 {
            self.stalled_since.get_or_insert(now);
        } else if self.held_chunks < HELD_CHUNKS {
            self.stalled_since = None;
        }
    }

    /// A message made of this many DATA chunks left the association.
    pub fn delivered(&mut self, chunks: usize) {
        self.held_chunks = self
            .held_chunks
            .saturating_sub(u32::try_from(chunks).unwrap_or(u32::MAX));
        self.stalled_since = None;
    }

    pub fn connected(&mut self) {
        self.connected = true;
    }

    /// An ABORT without a cause, if there is somebody to tell.
    pub fn abort_packet(&self, local_port: u16, remote_port: u16) -> Option<Vec<u8>> {
        let mut packet = Vec::with_capacity(COMMON_HEADER + CHUNK_HEADER);
        packet.extend_from_slice(&local_port.to_be_bytes());
        packet.extend_from_slice(&remote_port.to_be_bytes());
        packet.extend_from_slice(&self.peer_tag?.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 0, ABORT, 0, 0, 4]);
        write_checksum(&mut packet);
        Some(packet)
    }

    /// The stream is reset, its id may come again.
    pub fn release_stream(&mut self, stream_id: u16) {
        self.streams.remove(&stream_id);
    }

    /// When the association has to be given up unless a message completes before.
    pub fn stall_deadline(&self) -> Option<Instant> {
        self.stalled_since.map(|since| since + STALL)
    }

    pub fn peer_inbound_streams(&self) -> u16 {
        self.peer_inbound_streams
    }
}

enum Action {
    Keep,
    Strip,
    StopHere,
    DropPacket,
    Abort(&'static str),
}

/// A framed chunk: `bytes` is header and value without padding, at least four bytes.
struct Chunk<'a> {
    kind: u8,
    bytes: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn value(&self) -> &'a [u8] {
        self.bytes.get(CHUNK_HEADER..).unwrap_or_default()
    }
}

struct Malformed;

/// Walks the chunks of a packet; `at` is behind the padding of the last one, maybe behind the packet.
struct Chunks<'a> {
    packet: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.packet.get(self.at..).filter(|rest| !rest.is_empty())?;
        let len = be16(rest, 2).map_or(0, usize::from);
        if len < CHUNK_HEADER {
            return Some(Err(Malformed));
        }
        let Some(bytes) = rest.get(..len) else {
            return Some(Err(Malformed));
        };
        self.at += len.next_multiple_of(4);
        Some(Ok(Chunk {
            kind: bytes[0],
            bytes,
        }))
    }
}

/// Type-length-value parameters: each at least a header and inside `bytes`.
fn is_framed(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let len = be16(rest, 2).map_or(0, usize::from);
        if len < 4 || len > rest.len() {
            return false;
        }
        at += len.next_multiple_of(4);
    }
    true
}

/// Gap blocks must ascend without overlap (RFC 9260 section 3.3.4): each is walked TSN by TSN.
fn check_sack(chunk: &Chunk<'_>) -> Action {
    let (Some(gaps), Some(duplicates)) = (be16(chunk.bytes, 12), be16(chunk.bytes, 14)) else {
        return Action::DropPacket;
    };
    let (gaps, duplicates) = (usize::from(gaps), usize::from(duplicates));
    if chunk.bytes.len() < SACK_HEADER + 4 * (gaps + duplicates) {
        return Action::DropPacket;
    }
    let mut last = 0;
    for block in chunk.bytes[SACK_HEADER..][..4 * gaps].chunks_exact(4) {
        let start = u16::from_be_bytes([block[0], block[1]]);
        let end = u16::from_be_bytes([block[2], block[3]]);
        if start <= last || end < start {
            return Action::DropPacket;
        }
        last = end;
    }
    Action::Keep
}

/// A SACK that fits a packet: the gap blocks next to the cumulative TSN stay, duplicates go first. `None` if it fits already.
fn cut_sack(sack: &[u8]) -> Option<Vec<u8>> {
    let room = MAX_PACKET - COMMON_HEADER;
    if sack.len() <= room {
        return None;
    }
    let gaps = usize::from(be16(sack, 12)?).min((room - SACK_HEADER) / 4);
    let len = SACK_HEADER + 4 * gaps;
    let mut cut = sack.get(..len)?.to_vec();
    cut[2..4].copy_from_slice(&(len as u16).to_be_bytes());
    cut[12..14].copy_from_slice(&(gaps as u16).to_be_bytes());
    cut[14..16].fill(0);
    Some(cut)
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..at + 2)
        .map(|b| u16::from_be_bytes([b[0], b[1]]))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

fn has_valid_checksum(packet: &[u8]) -> bool {
    packet
        .get(8..12)
        .is_some_and(|theirs| theirs == checksum(packet).to_le_bytes())
}

/// `packet` has at least a common header.
fn write_checksum(packet: &mut [u8]) {
    let sum = checksum(packet).to_le_bytes();
    packet[8..COMMON_HEADER].copy_from_slice(&sum);
}

/// CRC32c over the packet with its checksum field taken as zero (RFC 9260 appendix A).
pub fn checksum(packet: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for (i, &byte) in packet.iter().enumerate() {
        let byte = if (8..COMMON_HEADER).contains(&i) {
            0
        } else {
            byte
        };
        crc = CRC32C[usize::from(crc as u8 ^ byte)] ^ (crc >> 8);
    }
    !crc
}

const CRC32C: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82F6_3B78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};
