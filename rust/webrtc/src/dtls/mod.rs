//! DTLS (RFC 6347, RFC 9147) of one association: what we need from a library, the guard in front of it, and the library. Refuses to
//! know paths, SRTP and SCTP.

pub mod dimpl;
pub mod fingerprint;
pub mod guard;
pub mod hello;
pub mod session;
