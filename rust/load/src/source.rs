//! What a synthetic publisher sends: RTP of known shape at a known rate. Told the time; owns numbers and pacing, not sockets.

use std::time::{Duration, Instant};

use crate::pattern::{Frame, Pattern, Shape, write_vp8};

/// One outgoing stream.
pub struct Source {
    pub ssrc: u32,
    payload_type: u8,
    shape: Shape,
    payload_len: usize,
    interval: Duration,
    /// Timestamp units per interval.
    ticks: u32,
    /// Bytes of payload that an interval earns.
    earned: f64,
    credit: f64,
    next: Instant,
    extensions: Vec<(u8, Vec<u8>)>,
    stream: u32,
    seq: u64,
    timestamp: u32,
    frames: u64,
    keyframe_wanted: bool,
    size: (u16, u16),
}

/// How a source looks on the wire.
pub struct Shaping {
    pub ssrc: u32,
    pub payload_type: u8,
    pub shape: Shape,
    /// Bytes of RTP payload.
    pub payload_len: usize,
    /// bit/s; ignored for audio, which sends one packet per 20 ms.
    pub bitrate: u64,
    pub fps: u32,
    /// Header extensions repeated in every packet (id, data): MID, RID.
    pub extensions: Vec<(u8, Vec<u8>)>,
    /// Names the stream in the pattern.
    pub stream: u32,
    pub size: (u16, u16),
}

impl Source {
    pub fn new(now: Instant, shaping: Shaping) -> Self {
        let (interval, ticks, earned) = match shaping.shape {
            Shape::Opus => (Duration::from_millis(20), 960, shaping.payload_len as f64),
            Shape::Vp8 => {
                let interval = Duration::from_secs(1) / shaping.fps;
                (
                    interval,
                    90_000 / shaping.fps,
                    shaping.bitrate as f64 / 8.0 / f64::from(shaping.fps),
                )
            }
        };
        Self {
            ssrc: shaping.ssrc,
            payload_type: shaping.payload_type,
            shape: shaping.shape,
            payload_len: shaping.payload_len,
            interval,
            ticks,
            earned,
            credit: 0.0,
            next: now,
            extensions: shaping.extensions,
            stream: shaping.stream,
            seq: u64::from(shaping.ssrc & 0x3fff) + 2,
            timestamp: shaping.ssrc.rotate_left(7),
            frames: 0,
            keyframe_wanted: true,
            size: shaping.size,
        }
    }

    pub fn request_keyframe(&mut self) {
        self.keyframe_wanted = true;
    }

    pub fn next_at(&self) -> Instant {
        self.next
    }

    /// Packets sent so far.
    pub fn packets(&self) -> u64 {
        self.seq - (u64::from(self.ssrc & 0x3fff) + 2)
    }

    /// Timestamp of the last frame, for sender reports.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Writes the packets that are due, one after another: each comes to `emit` as plaintext RTP with its 48-bit index.
    pub fn poll(&mut self, now: Instant, now_ns: u64, mut emit: impl FnMut(&[u8], u64)) {
        while self.next <= now {
            self.next += self.interval;
            if now.saturating_duration_since(self.next) > Duration::from_secs(1) {
                self.next = now; // the process stood still: do not send the past in one burst
            }
            self.timestamp = self.timestamp.wrapping_add(self.ticks);
            self.credit += self.earned;
            let due = (self.credit / self.payload_len as f64) as usize;
            self.credit -= (due * self.payload_len) as f64;
            let keyframe = std::mem::take(&mut self.keyframe_wanted);
            for index in 0..due {
                self.packet(now_ns, index, due, keyframe, &mut emit);
            }
            self.frames += 1;
        }
    }

    fn packet(
        &mut self,
        now_ns: u64,
        index: usize,
        due: usize,
        keyframe: bool,
        emit: &mut impl FnMut(&[u8], u64),
    ) {
        let mut packet = [0u8; 1500];
        let marker = self.shape == Shape::Vp8 && index + 1 == due;
        let header = self.write_header(&mut packet, marker);
        let payload = &mut packet[header..header + self.payload_len];
        match self.shape {
            Shape::Opus => payload[0] = 0xfc,
            Shape::Vp8 => {
                let frame = Frame {
                    keyframe,
                    picture_id: self.frames as u16 & 0x7fff,
                    width: self.size.0,
                    height: self.size.1,
                };
                write_vp8(payload, frame, index == 0);
            }
        }
        let pattern = Pattern {
            stream: self.stream,
            number: self.packets(),
            sent_at: now_ns,
        };
        pattern.write(&mut payload[self.shape.header_len()..]);
        emit(&packet[..header + self.payload_len], self.seq);
        self.seq += 1;
    }

    /// RTP header with one-byte extensions (RFC 8285 section 4.2); its length.
    fn write_header(&self, out: &mut [u8], marker: bool) -> usize {
        out[0] = 0x80 | if self.extensions.is_empty() { 0 } else { 0x10 };
        out[1] = self.payload_type | if marker { 0x80 } else { 0 };
        out[2..4].copy_from_slice(&(self.seq as u16).to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        if self.extensions.is_empty() {
            return 12;
        }
        let mut at = 16;
        for (id, data) in &self.extensions {
            out[at] = (id << 4) | (data.len() as u8 - 1);
            out[at + 1..at + 1 + data.len()].copy_from_slice(data);
            at += 1 + data.len();
        }
        let end = at.next_multiple_of(4);
        out[at..end].fill(0);
        out[12..14].copy_from_slice(&0xbedeu16.to_be_bytes());
        out[14..16].copy_from_slice(&(((end - 16) / 4) as u16).to_be_bytes());
        end
    }
}
