//! Synthetic WebRTC clients that load any server that speaks WHIP and WHEP, and measure what comes back. Shares only the pure crates with
//! the node, so that it can run in a process of its own and does not distort what it measures.

mod client;
pub mod floor;
mod join;
pub mod link;
pub mod net;
mod pattern;
pub mod program;
pub mod run;
pub mod scenario;
mod sink;
mod source;
