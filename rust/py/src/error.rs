//! The one table from Rust errors to Python exceptions.

use medianode_engine::Error;
use medianode_webrtc::sdp::SdpError;
use pyo3::PyErr;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};

pyo3::create_exception!(
    _core,
    QueueFullError,
    PyException,
    "The command queue is full."
);
pyo3::create_exception!(
    _core,
    NotRunningError,
    PyException,
    "The engine is not running in this process."
);
pyo3::create_exception!(
    _core,
    UnsupportedSdpError,
    PyValueError,
    "Well formed, but cannot work with this node."
);

/// What the engine refuses.
pub fn from_engine(error: &Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::QueueFull(_) => QueueFullError::new_err(text),
        Error::NotRunning => NotRunningError::new_err(text),
        Error::Io { .. } => PyOSError::new_err(text),
        Error::Config { .. } => PyValueError::new_err(text),
    }
}

/// What the SDP functions refuse.
pub fn from_sdp(error: &SdpError) -> PyErr {
    match error {
        SdpError::Unsupported(_) => UnsupportedSdpError::new_err(error.to_string()),
        SdpError::Syntax { .. } | SdpError::TooLarge(_) => PyValueError::new_err(error.to_string()),
    }
}

/// JSON that does not fit.
pub fn from_json(what: &str, error: &serde_json::Error) -> PyErr {
    PyValueError::new_err(format!("{what}: {error}"))
}
