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
    Io { operation: String, source: std::io::Error },
    #[error("setting {name}: {reason}")]
    Config { name: &'static str, reason: String },
}
