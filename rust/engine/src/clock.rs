//! The only ambient clock of the project: everything below the engine is told the time.

use std::time::Instant;

/// The monotonic time.
pub fn now() -> Instant {
    Instant::now()
}
