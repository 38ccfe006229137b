//! Ingress leg of one media source. Owns its encodings, their packets and their reception; refuses to know who consumes it.

use crate::cache::Ring;
use crate::codec::{Codec, DependencyDescriptor, DependencyState, Vp8Descriptor};
use crate::error::Error;
use crate::keyframe::KeyframeRequester;
use crate::nack::NackGenerator;
use crate::params::{CodecParameters, Encoding, MediaKind, RtpParameters};
use crate::rate::RateMeter;
use crate::replay::Gop;
use crate::report::{Reception, SenderClock};
use crate::rtp::Unwrapper;
use crate::select::PacketInfo;
use crate::stats::InboundStats;
use crate::{ProducerId, extension};

/// An encoding counts as live for this long after a packet.
pub(crate) const LIVE_US: u64 = 1_000_000;
/// Sequence numbers further than this from the highest one belong to a restarted stream.
const MAX_JUMP: u64 = 3000;
/// Temporal layers that are measured.
pub(crate) const TEMPORAL_LAYERS: usize = 4;
/// Spatial layers of a scalable stream that are measured.
pub(crate) const SPATIAL_LAYERS: usize = 4;
/// Encodings of one producer.
const MAX_ENCODINGS: usize = 8;
/// Payload types of one producer.
pub(crate) const MAX_CODECS: usize = 32;
/// Audio is repaired within a few packets or not at all.
const AUDIO_RING_PACKETS: usize = 64;

/// A codec on one side, with what RTCP may be used for it.
#[derive(Clone, Debug)]
pub(crate) struct NegotiatedCodec {
    pub(crate) codec: Codec,
    pub(crate) parameters: CodecParameters,
    pub(crate) rtx_payload_type: Option<u8>,
    pub(crate) nack: bool,
    pub(crate) pli: bool,
    pub(crate) fir: bool,
}

impl NegotiatedCodec {
    /// The media codecs of `rtp`, each with its retransmission payload type.
    pub(crate) fn all(rtp: &RtpParameters) -> Result<Vec<Self>, Error> {
        if rtp.codecs.len() > MAX_CODECS {
            return Err(Error::Limit("codecs"));
        }
        let mut all = Vec::new();
        for codec in rtp.codecs.iter().filter(|codec| !is_rtx(codec)) {
            if codec.clock_rate == 0 {
                return Err(Error::Invalid(format!("clock rate of {}", codec.mime_type)));
            }
            let rtx = rtp.codecs.iter().find(|rtx| {
                is_rtx(rtx)
                    && rtx
                        .parameters
                        .get("apt")
                        .is_some_and(|apt| apt.parse() == Ok(codec.payload_type))
            });
            let has = |name: &str| codec.rtcp_feedback.iter().any(|feedback| feedback == name);
            all.push(Self {
                codec: Codec::from_mime(&codec.mime_type),
                parameters: codec.clone(),
                rtx_payload_type: rtx.map(|rtx| rtx.payload_type),
                nack: has("nack"),
                pli: has("nack pli"),
                fir: has("ccm fir"),
            });
        }
        if all.is_empty() {
            return Err(Error::Invalid("no media codec".into()));
        }
        Ok(all)
    }

    /// A stream of `self` can be sent to somebody who accepts `other`.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        let (a, b) = (&self.parameters, &other.parameters);
        if !a.mime_type.eq_ignore_ascii_case(&b.mime_type) || a.clock_rate != b.clock_rate {
            return false;
        }
        let parameter = |codec: &CodecParameters, key: &str| {
            codec.parameters.get(key).cloned().unwrap_or_default()
        };
        match self.codec {
            // Receivers understand both packetization modes; only a different profile family cannot be decoded.
            Codec::H264 => {
                h264_family(&parameter(a, "profile-level-id"))
                    == h264_family(&parameter(b, "profile-level-id"))
            }
            Codec::Vp9 => {
                let profile = |codec| parameter(codec, "profile-id").parse::<u8>().unwrap_or(0);
                profile(a) == profile(b)
            }
            _ => true,
        }
    }

    pub(crate) fn prefers(&self, other: &Self) -> bool {
        let mode = |codec: &CodecParameters| {
            codec
                .parameters
                .get("packetization-mode")
                .map_or("0", String::as_str)
                == "1"
        };
        self.codec != Codec::H264 || mode(&self.parameters) == mode(&other.parameters)
    }
}

fn is_rtx(codec: &CodecParameters) -> bool {
    codec.mime_type.to_ascii_lowercase().ends_with("/rtx")
}

/// Baseline and Main streams of WebRTC encoders are decoded by everybody who accepts either; High and above are their own.
fn h264_family(profile_level_id: &str) -> u8 {
    let profile = profile_level_id
        .get(..2)
        .and_then(|hex| u8::from_str_radix(hex, 16).ok());
    match profile {
        None | Some(0x42 | 0x4d | 0x58) => 0,
        Some(0x64) => 1,
        Some(other) => other,
    }
}

/// Whether a packet of the batch was in an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    New,
    /// New, the first of a key frame, and late: what came before it follows.
    Late,
    /// Only now known to begin a key frame: for those who wait for one.
    Entry,
    /// Came before the packet with this number, a [`Again::Late`] or [`Again::Entry`]: for those who begin with that.
    After(u64),
}

/// One packet of the running batch, described once for all consumers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) seq: u64,
    pub(crate) encoding: u8,
    pub(crate) codec: u8,
    pub(crate) marker: bool,
    /// The stream began anew here: numbers and timestamps do not follow from those before.
    pub(crate) restart: bool,
    pub(crate) again: Again,
    pub(crate) info: PacketInfo,
    pub(crate) timestamp: u32,
    pub(crate) payload_at: u16,
    /// Without RTP padding; 0 in a padding-only packet.
    pub(crate) payload_len: u16,
    pub(crate) vp8: Option<Vp8Descriptor>,
    /// Of the only encoding of a scalable stream.
    pub(crate) dependency: Option<DependencyDescriptor>,
    pub(crate) carried: extension::Carried,
}

/// One simulcast layer as it comes in.
pub(crate) struct ProducerEncoding {
    pub(crate) rid: Option<String>,
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
    seq: Unwrapper,
    /// Multiple of 2^16 that is added to extended numbers.
    base: u64,
    stray: Option<u16>,
    /// A packet came since the numbers began.
    pub(crate) started: bool,
    /// No earlier is the start of a key frame that comes late made up for again.
    pub(crate) catch_up_us: u64,
    pub(crate) ring: Ring,
    pub(crate) gop: Gop,
    pub(crate) reception: Reception,
    pub(crate) nack: NackGenerator,
    pub(crate) keyframe: KeyframeRequester,
    pub(crate) dependency: DependencyState,
    pub(crate) rate: RateMeter,
    pub(crate) temporal_rates: [RateMeter; TEMPORAL_LAYERS],
    pub(crate) temporal_layers: u8,
    /// Of a scalable stream.
    pub(crate) spatial_rates: [RateMeter; SPATIAL_LAYERS],
    pub(crate) spatial_layers: u8,
    pub(crate) clock: Option<SenderClock>,
    pub(crate) last_arrival_us: Option<u64>,
    pub(crate) last_timestamp: Option<u32>,
    pub(crate) live: bool,
    pub(crate) stats: InboundStats,
}

impl ProducerEncoding {
    fn new(encoding: &Encoding, ring_packets: usize) -> Self {
        Self {
            rid: encoding.rid.clone(),
            ssrc: encoding.ssrc,
            rtx_ssrc: encoding.rtx_ssrc,
            seq: Unwrapper::new(16),
            base: 0,
            stray: None,
            started: false,
            catch_up_us: 0,
            ring: Ring::new(ring_packets),
            gop: Gop::default(),
            reception: Reception::default(),
            nack: NackGenerator::default(),
            keyframe: KeyframeRequester::default(),
            dependency: DependencyState::default(),
            rate: RateMeter::default(),
            temporal_rates: Default::default(),
            temporal_layers: 1,
            spatial_rates: Default::default(),
            spatial_layers: 1,
            clock: None,
            last_arrival_us: None,
            last_timestamp: None,
            live: false,
            stats: InboundStats {
                rid: encoding.rid.clone(),
                ..InboundStats::default()
            },
        }
    }

    pub(crate) fn highest(&self) -> Option<u64> {
        self.seq.highest().map(|highest| self.base + highest)
    }

    pub(crate) fn is_live(&self, now_us: u64) -> bool {
        self.last_arrival_us
            .is_some_and(|at| now_us.saturating_sub(at) < LIVE_US)
    }

    /// Extended number of a packet, and whether the stream began anew with other numbers (RFC 3550 appendix A.1: two packets in
    /// a row far from all others). None for a single stray.
    pub(crate) fn extend(&mut self, seq: u16) -> Option<(u64, bool)> {
        let Some(highest) = self.seq.highest() else {
            return Some((self.base + self.seq.unwrap(u32::from(seq)), false));
        };
        let extended = self.seq.peek(u32::from(seq));
        if extended.abs_diff(highest) <= MAX_JUMP {
            self.stray = None;
            return Some((self.base + self.seq.unwrap(u32::from(seq)), false));
        }
        if self.stray != Some(seq) {
            self.stray = Some(seq.wrapping_add(1));
            return None;
        }
        self.stray = None;
        // All numbers to come lie above all numbers before, with the same low bits as on the wire.
        self.base += (highest | 0xffff) + 1;
        self.seq.reset();
        self.started = false;
        self.nack = NackGenerator::default();
        self.reception = Reception::default();
        self.dependency = DependencyState::default();
        self.clock = None;
        self.last_timestamp = None;
        Some((self.base + self.seq.unwrap(u32::from(seq)), true))
    }
}

/// Ingress leg of one media source.
pub(crate) struct Producer {
    pub(crate) id: ProducerId,
    pub(crate) leg: usize,
    pub(crate) kind: MediaKind,
    pub(crate) paused: bool,
    pub(crate) mid: Option<String>,
    pub(crate) codecs: Vec<NegotiatedCodec>,
    /// Codec of the last packet.
    pub(crate) codec: u8,
    pub(crate) extensions: extension::Ids,
    pub(crate) encodings: Vec<ProducerEncoding>,
    pub(crate) consumers: Vec<usize>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) live_told: Option<u8>,
    /// Number that no other producer of this router ever has.
    pub(crate) generation: u32,
}

impl Producer {
    pub(crate) fn new(
        id: ProducerId,
        leg: usize,
        kind: MediaKind,
        rtp: &RtpParameters,
        ring_packets: usize,
    ) -> Result<Self, Error> {
        let codecs = NegotiatedCodec::all(rtp)?;
        if rtp.encodings.is_empty() || rtp.encodings.len() > MAX_ENCODINGS {
            return Err(Error::Invalid(format!("{} encodings", rtp.encodings.len())));
        }
        let bindable = rtp.encodings.len() == 1
            || rtp
                .encodings
                .iter()
                .all(|encoding| encoding.ssrc.is_some() || encoding.rid.is_some());
        if !bindable {
            return Err(Error::Invalid(
                "several encodings need an SSRC or a rid each".into(),
            ));
        }
        let packets = match kind {
            MediaKind::Audio => AUDIO_RING_PACKETS,
            MediaKind::Video => ring_packets,
        };
        Ok(Self {
            id,
            leg,
            kind,
            paused: false,
            mid: rtp.mid.clone(),
            codecs,
            codec: 0,
            extensions: extension::Ids::new(&rtp.header_extensions)?,
            encodings: rtp
                .encodings
                .iter()
                .map(|encoding| ProducerEncoding::new(encoding, packets))
                .collect(),
            consumers: Vec::new(),
            pending: Vec::new(),
            live_told: None,
            generation: 0,
        })
    }

    /// Index of the media codec with this payload type.
    pub(crate) fn codec_of(&self, payload_type: u8) -> Option<u8> {
        self.codecs
            .iter()
            .position(|codec| codec.parameters.payload_type == payload_type)
            .map(|at| at as u8)
    }

    /// Index of the media codec whose retransmissions have this payload type.
    pub(crate) fn codec_of_rtx(&self, payload_type: u8) -> Option<u8> {
        self.codecs
            .iter()
            .position(|codec| codec.rtx_payload_type == Some(payload_type))
            .map(|at| at as u8)
    }

    pub(crate) fn current_codec(&self) -> &NegotiatedCodec {
        &self.codecs[usize::from(self.codec).min(self.codecs.len() - 1)]
    }

    pub(crate) fn clock_rate(&self) -> u32 {
        self.current_codec().parameters.clock_rate
    }

    pub(crate) fn live_encodings(&self, now_us: u64) -> u8 {
        self.encodings
            .iter()
            .filter(|encoding| encoding.is_live(now_us))
            .count() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(mime: &str, parameters: &[(&str, &str)]) -> NegotiatedCodec {
        let parameters = parameters
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let codec = CodecParameters {
            mime_type: mime.into(),
            payload_type: 96,
            clock_rate: 90_000,
            channels: None,
            parameters,
            rtcp_feedback: vec![],
        };
        let rtp = RtpParameters {
            codecs: vec![codec],
            ..RtpParameters::default()
        };
        NegotiatedCodec::all(&rtp).unwrap().remove(0)
    }

    #[test]
    fn codecs_match_without_case_and_tolerate_h264_modes() {
        assert!(codec("video/vp8", &[]).matches(&codec("video/VP8", &[])));
        let a = codec(
            "video/H264",
            &[("profile-level-id", "42e01f"), ("packetization-mode", "1")],
        );
        let b = codec("video/H264", &[("profile-level-id", "4d0032")]);
        let high = codec("video/H264", &[("profile-level-id", "640032")]);
        assert!(a.matches(&b) && !a.prefers(&b) && !a.matches(&high));
        assert!(!codec("video/VP9", &[("profile-id", "2")]).matches(&codec("video/VP9", &[])));
        assert!(codec("video/VP9", &[("profile-id", "0")]).matches(&codec("video/VP9", &[])));
    }
}
