//! Which quality of one source: a coordinate and its order.

use serde::{Deserialize, Serialize};

/// A choice among what a producer sends. `spatial` counts encodings (or SVC spatial layers) from the lowest, `temporal` from the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Layer {
    pub spatial: u8,
    pub temporal: u8,
}

impl Layer {
    /// Everything that the source offers.
    pub const TOP: Layer = Layer {
        spatial: u8::MAX,
        temporal: u8::MAX,
    };
}
