//! What can go wrong on a transport, and whose fault it is.

/// Why a transport refuses or ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What we were given cannot work.
    #[error("invalid parameters: {0}")]
    Parameters(String),
    /// Not possible in this state.
    #[error("wrong state: {0}")]
    State(&'static str),
    #[error("limit reached: {0}")]
    Limit(&'static str),
}
