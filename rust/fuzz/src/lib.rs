//! What is fuzzed: one function per parser of network bytes. Owns the bodies; the fuzzer and the replay of the corpus both call them.
//!
//! A body panics when the code under test does, and when a fact that must hold for every input does not.

mod media;
mod protocol;
mod sctp;
mod sequence;

pub use media::{dependency_descriptor, payload, rtp};
pub use protocol::{dcep, dtls, ice_tcp, rtcp, sdp, srtp, stun};
pub use sctp::sctp;
pub use sequence::sequence_map;

/// A fuzz target by the name of its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every body; its corpus is the directory of the same name.
pub const TARGETS: [Target; 12] = [
    ("dcep", dcep),
    ("dependency_descriptor", dependency_descriptor),
    ("dtls", dtls),
    ("ice_tcp", ice_tcp),
    ("payload", payload),
    ("rtcp", rtcp),
    ("rtp", rtp),
    ("sctp", sctp),
    ("sdp", sdp),
    ("sequence_map", sequence_map),
    ("srtp", srtp),
    ("stun", stun),
];

/// The `main` of one target: the fuzzer's, or none when built without it.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$name(data));

        #[cfg(not(fuzzing))]
        fn main() {}
    };
}

/// Cuts `data` into pieces, each led by its length in one byte; a last piece that is too short counts as well.
fn pieces(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = data.split_first()?;
        let (piece, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        data = rest;
        Some(piece)
    })
}
