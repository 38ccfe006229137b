//! Interactive Connectivity Establishment (RFC 8445): the node's lite side, a controlling side for clients of ours, and the framing
//! below ICE-TCP. Refuses to know sockets and what flows over the chosen path.

pub mod controlling;
pub mod credentials;
pub mod lite;
pub mod tcp;

pub use controlling::ControllingAgent;
pub use lite::IceLite;
