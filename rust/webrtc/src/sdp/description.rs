//! What a description says, once read. Owns the shapes; refuses to know the text they came from.

use std::collections::BTreeMap;

use medianode_sfu::params::{CodecParameters, Encoding, HeaderExtension, MediaKind};
use serde::{Deserialize, Serialize};

use crate::params::{DtlsParameters, IceCandidate, IceParameters, SctpParameters};

/// One offer or answer. Transport attributes are those of the first section of the BUNDLE group (RFC 8843 section 7.1.3),
/// or of the session level where that section has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    pub session_id: u64,
    #[serde(default)]
    pub ice_lite: bool,
    #[serde(default)]
    pub ice: Option<IceParameters>,
    /// `trickle`, `ice2`, ... (RFC 8839 section 5.6).
    #[serde(default)]
    pub ice_options: Vec<String>,
    /// Host candidates over UDP and passive TCP; others are of no use to an ICE-lite agent and are not kept.
    #[serde(default)]
    pub candidates: Vec<IceCandidate>,
    #[serde(default)]
    pub end_of_candidates: bool,
    /// `actpass` reads as `Auto`, `active` as `Client`, `passive` as `Server`.
    #[serde(default)]
    pub dtls: Option<DtlsParameters>,
    /// Mids of the first BUNDLE group.
    #[serde(default)]
    pub bundle: Vec<String>,
    /// RFC 8285 section 6.
    #[serde(default)]
    pub extmap_allow_mixed: bool,
    #[serde(default)]
    pub media: Vec<Media>,
}

impl Description {
    /// The section whose transport attributes count: the first of the BUNDLE group, else the first that is not rejected.
    pub(super) fn tagged(&self) -> Option<usize> {
        let grouped = self
            .bundle
            .first()
            .and_then(|mid| self.media.iter().position(|m| m.mid == *mid));
        grouped
            .or_else(|| self.media.iter().position(|m| !m.rejected))
            .or(if self.media.is_empty() { None } else { Some(0) })
    }
}

/// What a section carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Audio,
    Video,
    /// Data channels (RFC 8841).
    Application,
}

impl Kind {
    /// The kind as RTP knows it.
    pub fn media(self) -> Option<MediaKind> {
        match self {
            Kind::Audio => Some(MediaKind::Audio),
            Kind::Video => Some(MediaKind::Video),
            Kind::Application => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Audio => "audio",
            Kind::Video => "video",
            Kind::Application => "application",
        }
    }
}

/// Who sends, seen from the side that wrote the description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// Does the side that wrote this send?
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Does the side that wrote this receive?
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Direction> {
        [
            Direction::SendRecv,
            Direction::SendOnly,
            Direction::RecvOnly,
            Direction::Inactive,
        ]
        .into_iter()
        .find(|direction| direction.name() == name)
    }
}

/// One `m=` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// RFC 9143; empty where the section has none.
    #[serde(default)]
    pub mid: String,
    pub kind: Kind,
    /// `UDP/TLS/RTP/SAVPF`, `UDP/DTLS/SCTP`: an answer repeats the offer's.
    pub protocol: String,
    /// Port zero without `a=bundle-only`.
    #[serde(default)]
    pub rejected: bool,
    #[serde(default)]
    pub bundle_only: bool,
    #[serde(default)]
    pub direction: Direction,
    #[serde(default)]
    pub rtcp_mux: bool,
    /// RFC 8858.
    #[serde(default)]
    pub rtcp_mux_only: bool,
    /// RFC 5506.
    #[serde(default)]
    pub rtcp_rsize: bool,
    /// In the order of preference of the `m=` line.
    #[serde(default)]
    pub codecs: Vec<CodecParameters>,
    #[serde(default)]
    pub header_extensions: Vec<ExtensionMap>,
    /// Streams announced by `a=ssrc` and `a=ssrc-group`, or by the sending `a=rid`s (which then have no SSRC).
    #[serde(default)]
    pub encodings: Vec<Encoding>,
    #[serde(default)]
    pub rids: Vec<Rid>,
    #[serde(default)]
    pub simulcast: Simulcast,
    #[serde(default)]
    pub msid: Option<Msid>,
    #[serde(default)]
    pub cname: Option<String>,
    #[serde(default)]
    pub sctp: Option<SctpParameters>,
}

/// One `a=extmap` (RFC 8285 section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionMap {
    pub uri: String,
    pub id: u8,
    #[serde(default)]
    pub direction: Direction,
}

impl ExtensionMap {
    pub(super) fn parameters(&self) -> HeaderExtension {
        HeaderExtension {
            uri: self.uri.clone(),
            id: self.id,
        }
    }
}

/// One `a=rid` (RFC 8851).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rid {
    pub id: String,
    pub direction: RidDirection,
    /// Empty: any of the section.
    #[serde(default)]
    pub payload_types: Vec<u8>,
    /// `max-width`, `max-height`, `max-fps`, `max-br`, ...
    #[serde(default)]
    pub restrictions: BTreeMap<String, String>,
}

/// Which way a rid or a simulcast list goes, seen from the side that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RidDirection {
    Send,
    Recv,
}

impl RidDirection {
    pub(super) fn name(self) -> &'static str {
        match self {
            RidDirection::Send => "send",
            RidDirection::Recv => "recv",
        }
    }
}

/// `a=simulcast` (RFC 8853 section 5.1): streams, each a list of alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulcast {
    #[serde(default)]
    pub send: Vec<Vec<SimulcastStream>>,
    #[serde(default)]
    pub recv: Vec<Vec<SimulcastStream>>,
}

impl Simulcast {
    pub(super) fn is_empty(&self) -> bool {
        self.send.is_empty() && self.recv.is_empty()
    }
}

/// One alternative of a simulcast stream; `paused` is the `~`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulcastStream {
    pub rid: String,
    #[serde(default)]
    pub paused: bool,
}

/// `a=msid` (RFC 8830).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Msid {
    /// `-` for a track without stream.
    pub stream: String,
    #[serde(default)]
    pub track: Option<String>,
}
