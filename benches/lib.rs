//! Micro benches of the pure crates; see README.md beside this file.
