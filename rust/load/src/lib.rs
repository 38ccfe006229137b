//! Synthetic WebRTC clients that load any server that speaks WHIP and WHEP, and measure what comes back.
pub mod floor;
pub mod link;
pub mod net;
pub mod pattern;
pub mod scenario;
pub mod sink;
pub mod source;
