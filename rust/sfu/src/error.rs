//! What a router refuses. Packets are never refused: they are discarded and counted.

/// Why a request cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0} is not known here")]
    UnknownId(&'static str),
    #[error("{0} exists already")]
    Exists(&'static str),
    #[error("unsupported: {0}")]
    Incompatible(String),
    #[error("invalid: {0}")]
    Invalid(String),
    #[error("limit reached: {0}")]
    Limit(&'static str),
}
