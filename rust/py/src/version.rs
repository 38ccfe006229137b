//! The one place where Python learns the version.

/// The package's version, from Cargo.
#[pyo3::pyfunction]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
