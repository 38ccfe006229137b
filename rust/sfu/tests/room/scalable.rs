//! Scalable cameras: VP9 and AV1 with three spatial and three temporal layers.

use medianode_sfu::params::{RtpParameters, extension_uri};
use medianode_sfu::rtp::{Header, HeaderWriter};

use super::{VP8, extension};

pub const CAMERA: u32 = 1000;
pub const DESCRIPTOR: u8 = 12;
pub const SPATIAL: usize = 3;
/// Temporal layer of each picture in turn.
const PATTERN: [usize; 4] = [0, 2, 1, 2];
const PACKETS: [usize; SPATIAL] = [1, 2, 3];

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Format {
    Vp9,
    /// Upper layers refer to lower ones in key pictures only.
    Vp9Key,
    Av1,
    Av1Key,
}

impl Format {
    fn is_av1(self) -> bool {
        matches!(self, Self::Av1 | Self::Av1Key)
    }

    fn key_only(self) -> bool {
        matches!(self, Self::Vp9Key | Self::Av1Key)
    }
}

pub fn parameters(format: Format, mut rtp: RtpParameters, descriptor: u8) -> RtpParameters {
    rtp.codecs[0].mime_type = if format.is_av1() {
        "video/AV1"
    } else {
        "video/VP9"
    }
    .into();
    if format.is_av1() {
        rtp.header_extensions
            .push(extension(extension_uri::DEPENDENCY_DESCRIPTOR, descriptor));
    }
    rtp
}

#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.0
            .extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn bytes(&self) -> Vec<u8> {
        let pack = |bits: &[bool]| {
            let bits = bits.iter().enumerate();
            bits.fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))
        };
        self.0.chunks(8).map(pack).collect()
    }
}

/// L3T3 camera. Each layer's frame carries its own number and the numbers of the frames it refers to.
pub struct Camera {
    format: Format,
    seq: u16,
    timestamp: u32,
    picture: u64,
    frame: u32,
    since_key: usize,
    /// Last frame of each spatial and temporal layer.
    last: [[u32; 3]; SPATIAL],
    /// Last frame of each chain.
    chains: [u32; SPATIAL],
    /// Spatial layers that are sent.
    pub spatial: usize,
}

impl Camera {
    pub fn new(format: Format) -> Self {
        Self {
            format,
            seq: 65_500,
            timestamp: 7,
            picture: 0x7FF0,
            frame: 0xFFF0,
            since_key: 0,
            last: Default::default(),
            chains: [0; SPATIAL],
            spatial: SPATIAL,
        }
    }

    pub fn picture(&mut self, key: bool) -> Vec<Vec<u8>> {
        if key {
            self.since_key = 0;
        }
        let temporal = PATTERN[self.since_key % PATTERN.len()];
        let second = self.since_key % PATTERN.len() == 3;
        let mut packets = Vec::new();
        for spatial in 0..self.spatial {
            let mut refs = Vec::new();
            if spatial > 0 && (key || !self.format.key_only()) {
                refs.push(self.frame - 1);
            }
            if !key {
                refs.push(self.last[spatial][0]);
                if second {
                    refs.push(self.last[spatial][1]);
                }
            }
            let descriptor = self.descriptor(key, spatial, temporal, second);
            let parts = PACKETS.get(spatial).copied().unwrap_or(1);
            for part in 0..parts {
                let (first, last) = (part == 0, part + 1 == parts);
                let header = Header {
                    padding: false,
                    marker: last && spatial + 1 == self.spatial,
                    payload_type: VP8,
                    sequence_number: self.seq,
                    timestamp: self.timestamp,
                    ssrc: CAMERA,
                };
                let mut buffer = [0; 256];
                let mut writer = HeaderWriter::new(&mut buffer, &header);
                if self.format.is_av1() {
                    let mut value = descriptor.clone();
                    if first && key && spatial == 0 {
                        value = self.structured(&value);
                    }
                    value[0] |= u8::from(first) << 7 | u8::from(last) << 6;
                    writer = writer.extension(DESCRIPTOR, &value);
                }
                let len = writer.finish().unwrap();
                let mut packet = buffer[..len].to_vec();
                let [high, low] = (self.picture as u16 & 0x7FFF).to_be_bytes();
                let predicted = !key;
                packet.extend([
                    0xA0 | u8::from(predicted) << 6 | u8::from(first) << 3 | u8::from(last) << 2,
                    0x80 | high,
                    low,
                    (temporal as u8) << 5 | 0x10 | (spatial as u8) << 1 | u8::from(spatial > 0),
                    0,
                ]);
                packet.push(spatial as u8);
                packet.push(u8::from(last));
                packet.extend(self.frame.to_be_bytes());
                packet.push(refs.len() as u8);
                refs.iter()
                    .for_each(|frame| packet.extend(frame.to_be_bytes()));
                packet.resize(len + 700, 0);
                packets.push(packet);
                self.seq = self.seq.wrapping_add(1);
            }
            self.last[spatial][temporal] = self.frame;
            self.frame += 1;
        }
        self.picture += 1;
        self.since_key += 1;
        self.timestamp = self.timestamp.wrapping_add(3000);
        packets
    }

    /// Mandatory part, and chain differences of the frame's own.
    fn descriptor(&mut self, key: bool, spatial: usize, temporal: usize, second: bool) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.put(0, 2);
        // Per spatial layer: key, T0, T1, first T2, second T2.
        let within = match (key, temporal, second) {
            (true, ..) => 0,
            (_, 2, true) => 4,
            (_, temporal, _) => temporal + 1,
        };
        bits.put((spatial * 5 + within) as u32, 6);
        bits.put(self.frame & 0xFFFF, 16);
        bits.put(0b00001, 5);
        for chain in 0..SPATIAL {
            let diff = if key && spatial == 0 {
                0
            } else {
                self.frame - self.chains[chain]
            };
            bits.put(diff, 8);
        }
        for chain in 0..SPATIAL {
            let member = if key || !self.format.key_only() {
                spatial <= chain
            } else {
                spatial == chain
            };
            if member && temporal == 0 {
                self.chains[chain] = self.frame;
            }
        }
        bits.bytes()
    }

    /// The same with the structure in it.
    fn structured(&self, plain: &[u8]) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.put(u32::from(plain[0]), 8);
        bits.put(u32::from(plain[1]), 8);
        bits.put(u32::from(plain[2]), 8);
        bits.put(0b10001, 5);
        bits.put(0, 6);
        bits.put(8, 5);
        let layers: Vec<(usize, usize, bool)> = (0..SPATIAL)
            .flat_map(|spatial| {
                [(0, true), (0, false), (1, false), (2, false), (2, false)]
                    .map(|(temporal, key)| (spatial, temporal, key))
            })
            .collect();
        for pair in layers.windows(2) {
            let step = if pair[1].0 > pair[0].0 {
                2
            } else {
                u32::from(pair[1].1 > pair[0].1)
            };
            bits.put(step, 2);
        }
        bits.put(3, 2);
        for (spatial, temporal, key) in &layers {
            for target in 0..9 {
                let (s, t) = (target / 3, target % 3);
                let skipped = self.format.key_only() && !key && *spatial < s;
                let indication = if *spatial > s || *temporal > t || skipped {
                    0
                } else if *key {
                    2
                } else if *spatial < s {
                    3
                } else if *temporal == t && t > 0 {
                    1
                } else {
                    2
                };
                bits.put(indication, 2);
            }
        }
        for (at, (spatial, _, key)) in layers.iter().enumerate() {
            // One reference is enough to tell that there is one.
            if !(*key && *spatial == 0) {
                bits.put(1, 1);
                bits.put(at as u32 % 3, 4);
            }
            bits.put(0, 1);
        }
        // ns(10) = 3 chains, then ns(3) for each target: its spatial layer.
        bits.put(0b011, 3);
        for target in 0..9 {
            match target / 3 {
                0 => bits.put(0, 1),
                spatial => bits.put(0b10 | (spatial - 1), 2),
            }
        }
        for _ in &layers {
            bits.put(0, 12);
        }
        bits.put(0, 1);
        for _ in 0..SPATIAL {
            bits.put(0, 8);
        }
        bits.bytes()
    }
}
