//! Packets as browsers send them: VP8 in frame bursts and Opus. Owns numbers and layout, and its memory: no allocation per packet.

use medianode_sfu::params::{
    CodecParameters, Encoding, HeaderExtension, RtpParameters, extension_uri,
};
use medianode_sfu::rtp::{Header, HeaderWriter};

/// Bytes of a full video payload, descriptor included.
pub const VIDEO_PAYLOAD: usize = 1200;
/// About 2.5 Mb/s at 30 frames per second.
pub const PACKETS_PER_FRAME: usize = 9;
/// Bytes of an Opus payload: 48 kbit/s at 20 ms.
pub const MICROPHONE_PAYLOAD: usize = 120;

const VP8: u8 = 96;
const OPUS: u8 = 111;
const SSRC: u32 = 0x1000_0001;
/// Extension ids of the publisher, as Chromium numbers them.
const LEVEL: u8 = 1;
const SEND_TIME: u8 = 2;
const TRANSPORT_CC: u8 = 3;
const MID: u8 = 4;

fn codec(mime: &str, payload_type: u8, clock_rate: u32, feedback: &[&str]) -> CodecParameters {
    CodecParameters {
        mime_type: mime.into(),
        payload_type,
        clock_rate,
        channels: None,
        parameters: Default::default(),
        rtcp_feedback: feedback.iter().map(|text| (*text).into()).collect(),
    }
}

fn extensions(uris: &[(&str, u8)]) -> Vec<HeaderExtension> {
    let all = uris.iter().map(|(uri, id)| HeaderExtension {
        uri: (*uri).into(),
        id: *id,
    });
    all.collect()
}

fn video(mid: &str, payload_type: u8, ssrc: u32, ids: &[(&str, u8)]) -> RtpParameters {
    let feedback = ["nack", "nack pli", "transport-cc"];
    let mut repair = codec("video/rtx", payload_type + 1, 90_000, &[]);
    repair
        .parameters
        .insert("apt".into(), payload_type.to_string());
    RtpParameters {
        mid: Some(mid.into()),
        codecs: vec![codec("video/VP8", payload_type, 90_000, &feedback), repair],
        header_extensions: extensions(ids),
        encodings: vec![Encoding {
            ssrc: Some(ssrc),
            rtx_ssrc: Some(ssrc + 1),
            ..Encoding::default()
        }],
        cname: None,
    }
}

fn audio(mid: &str, payload_type: u8, ssrc: u32, ids: &[(&str, u8)]) -> RtpParameters {
    RtpParameters {
        mid: Some(mid.into()),
        codecs: vec![codec("audio/opus", payload_type, 48_000, &["transport-cc"])],
        header_extensions: extensions(ids),
        encodings: vec![Encoding {
            ssrc: Some(ssrc),
            ..Encoding::default()
        }],
        cname: None,
    }
}

const PUBLISHED: [(&str, u8); 3] = [
    (extension_uri::ABS_SEND_TIME, SEND_TIME),
    (extension_uri::TRANSPORT_CC, TRANSPORT_CC),
    (extension_uri::MID, MID),
];
/// Other numbers than the publisher's.
const CONSUMED: [(&str, u8); 3] = [
    (extension_uri::MID, 1),
    (extension_uri::TRANSPORT_CC, 2),
    (extension_uri::ABS_SEND_TIME, 5),
];

/// One VP8 encoding of [`PACKETS_PER_FRAME`] packets a frame.
pub struct Camera {
    packets: Vec<Vec<u8>>,
    seq: u16,
    timestamp: u32,
    picture: u16,
}

impl Camera {
    pub fn new() -> Self {
        let packets = (0..PACKETS_PER_FRAME).map(|_| Vec::with_capacity(VIDEO_PAYLOAD + 64));
        Self {
            packets: packets.collect(),
            seq: 65_000,
            timestamp: 4_000_000_000,
            picture: 32_000,
        }
    }

    /// What it sends.
    pub fn parameters() -> RtpParameters {
        video("v", VP8, SSRC, &PUBLISHED)
    }

    /// What consumer `number` accepts.
    pub fn consumed(number: u32) -> RtpParameters {
        video("0", 120, 0x2000_0000 + 2 * number, &CONSUMED)
    }

    /// The packets of the next frame, all of full length.
    pub fn frame(&mut self, key: bool) -> &[Vec<u8>] {
        for (at, packet) in self.packets.iter_mut().enumerate() {
            let header = Header {
                padding: false,
                marker: at + 1 == PACKETS_PER_FRAME,
                payload_type: VP8,
                sequence_number: self.seq,
                timestamp: self.timestamp,
                ssrc: SSRC,
            };
            write_header(packet, &header, |writer| {
                writer
                    .extension(SEND_TIME, &[1, 2, 3])
                    .extension(TRANSPORT_CC, &header.sequence_number.to_be_bytes())
                    .extension(MID, b"v")
            });
            let end = packet.len() + VIDEO_PAYLOAD;
            let [high, low] = self.picture.to_be_bytes();
            let begin = u8::from(at == 0) << 4;
            // RFC 7741 section 4.2 with 15-bit picture id, TL0PICIDX and TID, then the frame's key bit.
            packet.extend([
                0x80 | begin,
                0xE0,
                0x80 | high,
                low,
                self.picture as u8,
                0x20,
            ]);
            packet.push(u8::from(!key));
            packet.resize(end, 0xA5);
            self.seq = self.seq.wrapping_add(1);
        }
        self.timestamp = self.timestamp.wrapping_add(3000);
        self.picture = (self.picture + 1) & 0x7FFF;
        &self.packets
    }
}

impl Default for Camera {
    fn default() -> Self {
        Self::new()
    }
}

/// One speaker.
pub struct Microphone {
    packet: Vec<u8>,
    seq: u16,
    timestamp: u32,
}

impl Microphone {
    pub fn new() -> Self {
        Self {
            packet: Vec::with_capacity(MICROPHONE_PAYLOAD + 64),
            seq: 65_000,
            timestamp: 4_000_000_000,
        }
    }

    /// What it sends.
    pub fn parameters() -> RtpParameters {
        let mut ids = PUBLISHED.to_vec();
        ids.push((extension_uri::AUDIO_LEVEL, LEVEL));
        audio("a", OPUS, SSRC, &ids)
    }

    /// What consumer `number` accepts: audio levels too, as browsers do.
    pub fn consumed(number: u32) -> RtpParameters {
        let mut ids = CONSUMED.to_vec();
        ids.push((extension_uri::AUDIO_LEVEL, 6));
        audio("0", 109, 0x2000_0000 + 2 * number, &ids)
    }

    /// The next packet, 20 ms after the last.
    pub fn packet(&mut self) -> &[u8] {
        let header = Header {
            padding: false,
            marker: false,
            payload_type: OPUS,
            sequence_number: self.seq,
            timestamp: self.timestamp,
            ssrc: SSRC,
        };
        write_header(&mut self.packet, &header, |writer| {
            writer
                .extension(LEVEL, &[0x80 | 30])
                .extension(SEND_TIME, &[1, 2, 3])
                .extension(TRANSPORT_CC, &header.sequence_number.to_be_bytes())
                .extension(MID, b"a")
        });
        self.packet
            .resize(self.packet.len() + MICROPHONE_PAYLOAD, 0x78);
        self.seq = self.seq.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(960);
        &self.packet
    }
}

impl Default for Microphone {
    fn default() -> Self {
        Self::new()
    }
}

fn write_header(
    packet: &mut Vec<u8>,
    header: &Header,
    extensions: impl FnOnce(HeaderWriter<'_>) -> HeaderWriter<'_>,
) {
    let mut buffer = [0; 64];
    let len = extensions(HeaderWriter::new(&mut buffer, header))
        .finish()
        .expect("invariant: three short extensions fit");
    packet.clear();
    packet.extend_from_slice(&buffer[..len]);
}
