//! The only place with sockets, threads and a clock: workers that run transports and routers.

pub mod command;
pub mod config;
pub mod error;
pub mod event;

pub use command::{Command, Reply};
pub use config::{Config, Limits};
pub use error::{Error, Refusal, RefusalKind};
pub use event::{CloseCause, Event};
