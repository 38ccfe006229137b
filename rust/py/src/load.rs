//! The load generator as a function that a process of its own calls.

use pyo3::Python;

/// Runs the load generator with these arguments on standard input and output; its exit status.
#[pyo3::pyfunction]
pub fn load_main(py: Python<'_>, arguments: Vec<String>) -> i32 {
    py.detach(|| medianode_load::program::main(&arguments))
}
