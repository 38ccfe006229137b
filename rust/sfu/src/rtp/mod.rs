//! RTP on the wire (RFC 3550, RFC 8285). Owns reading and writing of headers; refuses to know codecs, rooms and keys.

pub mod build;
pub mod extension;
pub mod seq;
pub mod view;

pub use build::{Header, HeaderWriter};
pub use seq::Unwrapper;
pub use view::RtpView;
