//! Forwarding policy of one room: which packet goes to whom, in what shape, and what is asked of publishers.
//!
//! A [`Router`] is told what arrived (`handle_*`, with the time as an argument) and yields packets into a [`Sink`], RTCP through
//! [`Router::poll_feedback`] and facts through [`Router::poll_event`]. It has no sockets, keys, threads or clock, and knows nothing of
//! rooms as people see them.

mod bwe;
pub mod cache;
pub mod codec;
mod consumer;
mod error;
mod extension;
mod fanout;
pub mod feedback;
mod frames;
mod header;
mod history;
mod id;
mod ingest;
mod keyframe;
mod layer;
mod leg;
pub mod nack;
pub mod params;
mod producer;
mod rate;
mod replay;
mod report;
pub mod rewrite;
mod router;
mod rtcp;
pub mod rtp;
mod select;
mod service;
mod sink;
pub mod speaker;
pub mod stats;
pub mod twcc;

pub use error::Error;
pub use id::{
    ConsumerId, DataConsumerId, DataProducerId, ProducerId, RouterId, TransportId, TransportKey,
};
pub use layer::Layer;
pub use router::{Router, RouterEvent, RouterLimits};
pub use sink::{Outgoing, PacketClass, Sink};
