//! The only place with sockets, threads and a clock: workers that run transports and routers.
#![deny(unsafe_code)]

mod clock;
pub mod command;
pub mod config;
mod demux;
mod engine;
pub mod error;
pub mod event;
pub mod net;
mod queue;
mod routes;
pub mod snapshot;
mod supervise;
mod timer;
mod worker;

pub use command::{Command, Reply};
pub use config::{Config, Limits};
pub use engine::Engine;
pub use error::{Error, Refusal, RefusalKind};
pub use event::{CloseCause, Event};
pub use snapshot::Snapshot;
