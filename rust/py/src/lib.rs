//! The extension module `medianode._core`: text in, text out. Holds no rule and exposes no packet bytes.

#[pyo3::pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::error::{NotRunningError, QueueFullError, UnsupportedSdpError};
    #[pymodule_export]
    use crate::load::load_main;
    #[pymodule_export]
    use crate::sdp::{
        sdp_assemble_answer, sdp_fragment_read, sdp_fragment_write, sdp_play_answer,
        sdp_publish_answer, sdp_read, sdp_write,
    };
    #[pymodule_export]
    use crate::version::version;
}

mod engine;
mod error;
mod load;
mod log;
mod sdp;
mod version;
