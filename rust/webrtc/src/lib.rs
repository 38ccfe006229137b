//! One WebRTC transport without sockets: is this datagram genuine, and what does it say? Told the time; sends by being polled.
//!
//! The only crate that names `rtc-*` and `dimpl`, each in one file behind a trait of ours.

pub mod classify;
pub mod counters;
pub mod dtls;
pub mod error;
pub mod ice;
pub mod params;
pub mod rtcp;
pub mod sctp;
pub mod sdp;
pub mod secure;
pub mod srtp;
pub mod stun;
pub mod transport;

pub use counters::TransportCounters;
pub use error::Error;
pub use secure::{Certificate, DtlsContext, Received, SecureEvent, SecureTransport};
pub use transport::{TransportEvent, TransportLimits, WebRtcTransport};
