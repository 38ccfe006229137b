//! Forwarding policy of one room: which packet goes to whom, in what shape, and what is asked of publishers.
//!
//! A [`Router`] is told what arrived (`handle_*`, with the time as an argument) and yields packets into a [`Sink`], RTCP through
//! [`Router::poll_feedback`] and facts through [`Router::poll_event`]. It has no sockets, keys, threads or clock, and knows nothing of
//! rooms as people see them.
//!
//! Packets leave transport by transport, so that a sink can send runs. In a living node the state of a transport was last touched a
//! frame ago and is far from the core by then; waiting for it, line after line, would cost as much as all the work. So before a few
//! transports are served, all that they will need is asked for ([`prefetch`]): what does not depend on one another is waited for
//! together.

mod bwe;
pub mod cache;
pub mod codec;
mod consumer;
mod error;
mod extension;
pub mod feedback;
mod frames;
mod header;
mod history;
mod id;
mod keyframe;
mod layer;
mod leg;
pub mod nack;
pub mod params;
mod prefetch;
mod producer;
mod rate;
mod replay;
mod report;
pub mod rewrite;
mod router;
pub mod rtp;
mod select;
mod sink;
pub mod speaker;
pub mod stats;
pub mod twcc;

pub use error::Error;
pub use id::{
    ConsumerId, DataConsumerId, DataProducerId, ProducerId, RouterId, TransportId, TransportKey,
};
pub use layer::Layer;
pub use prefetch::{prefetch, prefetch_span};
pub use router::{Router, RouterEvent, RouterLimits};
pub use sink::{Outgoing, PacketClass, Sink};
