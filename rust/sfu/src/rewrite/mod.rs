//! Continuity of what one consumer is sent, whatever is switched or left out. Owns offsets; refuses to know why.

pub mod sequence;
pub mod timestamp;
pub mod vp8;

pub use sequence::SequenceMap;
pub use timestamp::TimestampMap;
pub use vp8::{Vp8Prefix, Vp8Rewriter};
