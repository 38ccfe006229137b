//! SDP at the edge: offers into parameters, parameters into answers (RFC 8829, RFC 9725). Pure functions over text and values;
//! refuses to know sockets, rooms and who may do what.

mod accept;
mod answer;
mod description;
mod fragment;
mod offer;
mod play;
mod publish;
mod read;
mod rtp_section;
mod streams;
mod syntax;
mod write;

pub use answer::{AnsweredMedia, LocalTransport, assemble_answer};
pub use description::{
    Description, Direction, ExtensionMap, Kind, Media, Msid, Rid, RidDirection, Simulcast,
    SimulcastStream,
};
pub use fragment::{Fragment, read_fragment, restart_fragment, write_fragment};
pub use offer::{OfferPlan, OfferedMedia, offer};
pub use play::{PlayIds, play_answer};
pub use publish::publish_answer;
pub use read::read;
pub use write::write;

/// Bytes of one description.
pub const MAX_BYTES: usize = 64 * 1024;
/// Lines of one description.
pub const MAX_LINES: usize = 2000;
/// Bytes of one line.
pub const MAX_LINE_BYTES: usize = 4096;
/// `m=` sections of one description.
pub const MAX_MEDIA: usize = 64;
/// `a=candidate` lines of one section.
pub const MAX_CANDIDATES: usize = 100;
/// Payload types of one section.
pub const MAX_CODECS: usize = 200;
/// Distinct SSRCs of one section.
pub const MAX_SSRCS: usize = 64;
/// `a=rid` lines of one section.
pub const MAX_RIDS: usize = 16;
/// `a=extmap` lines of one section.
pub const MAX_EXTENSIONS: usize = 64;
/// `a=fingerprint` lines of one section.
pub const MAX_FINGERPRINTS: usize = 16;

/// Why a description is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Not SDP, or an attribute that contradicts its definition. Lines count from 1.
    #[error("line {line}: {reason}")]
    Syntax { line: usize, reason: String },
    /// More than we read of one description.
    #[error("too large: {0}")]
    TooLarge(String),
    /// Well formed, but cannot work with this node.
    #[error("unsupported: {0}")]
    Unsupported(String),
}

impl SdpError {
    fn at(line: usize, reason: impl Into<String>) -> SdpError {
        SdpError::Syntax {
            line,
            reason: reason.into(),
        }
    }
}
