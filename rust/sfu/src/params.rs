//! ORTC-style RTP parameters, the only description of media inside the core. Owns their shapes; refuses to know SDP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    Audio,
    Video,
}

/// One codec with the payload type it has on one transport. Retransmission is its own entry, `video/rtx` with `apt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodecParameters {
    /// `audio/opus`, `video/VP8`, ... compared without case.
    pub mime_type: String,
    pub payload_type: u8,
    /// Hz.
    pub clock_rate: u32,
    #[serde(default)]
    pub channels: Option<u8>,
    /// Format parameters (`a=fmtp`), keys in lower case.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// `nack`, `nack pli`, `ccm fir`, `goog-remb`, `transport-cc`.
    #[serde(default)]
    pub rtcp_feedback: Vec<String>,
}

/// A header extension (RFC 8285) with the id it has on one transport, 1-255 (15 and above need two-byte headers).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderExtension {
    pub uri: String,
    pub id: u8,
}

/// One stream as sent: a simulcast layer of a producer (lowest first), or the single stream of a consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    /// RFC 8851 rid; binds the SSRC through RFC 8852 header extensions when no SSRC is announced.
    #[serde(default)]
    pub rid: Option<String>,
    #[serde(default)]
    pub ssrc: Option<u32>,
    #[serde(default)]
    pub rtx_ssrc: Option<u32>,
    /// bit/s.
    #[serde(default)]
    pub max_bitrate: Option<u64>,
}

/// What one producer sends, or what one consumer is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtpParameters {
    #[serde(default)]
    pub mid: Option<String>,
    pub codecs: Vec<CodecParameters>,
    #[serde(default)]
    pub header_extensions: Vec<HeaderExtension>,
    pub encodings: Vec<Encoding>,
    #[serde(default)]
    pub cname: Option<String>,
}

/// URIs of the header extensions that the core understands.
pub mod extension_uri {
    /// RFC 8843 section 15.
    pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
    /// RFC 8852.
    pub const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
    /// RFC 8852.
    pub const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
    /// RFC 6464.
    pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01.
    pub const TRANSPORT_CC: &str =
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    /// Absolute send time, 6.18 fixed-point seconds.
    pub const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
    /// AV1 RTP specification, appendix A.
    pub const DEPENDENCY_DESCRIPTOR: &str =
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
    /// 3GPP TS 26.114: coordination of video orientation.
    pub const VIDEO_ORIENTATION: &str = "urn:3gpp:video-orientation";
    /// RFC 5450.
    pub const TRANSMISSION_OFFSET: &str = "urn:ietf:params:rtp-hdrext:toffset";
    /// Absolute capture time.
    pub const ABS_CAPTURE_TIME: &str =
        "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
    /// Playout delay limits.
    pub const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
}
