//! What the micro benches share: sources of packets and a room in virtual time. Owns no measurement; see README.md beside this
//! file.

mod keys;
mod room;
mod source;

pub use keys::{PROFILES, master_key};
pub use room::Room;
pub use source::{Camera, MICROPHONE_PAYLOAD, Microphone, PACKETS_PER_FRAME, VIDEO_PAYLOAD};
