//! Forwarding policy of one room: which packet goes to whom, in what shape, and what is asked of publishers.
//!
//! A [`Router`] is told what arrived (`handle_*`, with the time as an argument) and yields packets into a [`Sink`], RTCP through
//! [`Router::poll_feedback`] and facts through [`Router::poll_event`]. It has no sockets, keys, threads or clock, and knows nothing of
//! rooms as people see them.

pub mod feedback;
mod id;
mod layer;
pub mod params;
mod router;
mod sink;
pub mod stats;

pub use id::{ConsumerId, DataConsumerId, DataProducerId, ProducerId, RouterId, TransportId, TransportKey};
pub use layer::Layer;
pub use router::{Error, Router, RouterEvent, RouterLimits};
pub use sink::{Outgoing, PacketClass, Sink};
