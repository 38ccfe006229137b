//! What the engine refuses, and whose fault it is.

use serde::{Deserialize, Serialize};

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// What was wrong and what to do, for a log or a problem document.
    pub detail: String,
}

/// Families of refusal, the same as in `medianode.errors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    InvalidArgument,
    NotFound,
    Conflict,
    WrongState,
    Unsupported,
    LimitReached,
    Internal,
}

/// Why the engine itself cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the command queue is full ({0} commands); try again when replies have arrived")]
    QueueFull(usize),
    #[error("the engine is not running")]
    NotRunning,
    #[error("{operation}: {source}")]
    Io {
        operation: String,
        source: std::io::Error,
    },
    #[error("setting {name}: {reason}")]
    Config { name: &'static str, reason: String },
}

impl Error {
    /// An I/O error of `operation`, for `map_err`.
    pub(crate) fn io(operation: &str) -> impl FnOnce(std::io::Error) -> Error + '_ {
        move |source| Error::Io {
            operation: operation.to_owned(),
            source,
        }
    }
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }
}

impl From<medianode_sfu::Error> for Refusal {
    fn from(error: medianode_sfu::Error) -> Self {
        let kind = match &error {
            medianode_sfu::Error::UnknownId(_) => RefusalKind::NotFound,
            medianode_sfu::Error::Exists(_) => RefusalKind::Conflict,
            medianode_sfu::Error::Incompatible(_) => RefusalKind::Unsupported,
            medianode_sfu::Error::Invalid(_) => RefusalKind::InvalidArgument,
            medianode_sfu::Error::Limit(_) => RefusalKind::LimitReached,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<medianode_webrtc::Error> for Refusal {
    fn from(error: medianode_webrtc::Error) -> Self {
        let kind = match &error {
            medianode_webrtc::Error::Parameters(_) => RefusalKind::InvalidArgument,
            medianode_webrtc::Error::State(_) => RefusalKind::WrongState,
            medianode_webrtc::Error::Limit(_) => RefusalKind::LimitReached,
        };
        Self::new(kind, error.to_string())
    }
}
