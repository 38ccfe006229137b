//! What a transport dropped and why. Owns the names of the causes; refuses to act on them.

use serde::Serialize;

/// Datagrams and records dropped by cause, since the transport exists. All are monotonic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TransportCounters {
    /// First byte outside RFC 7983, or too short.
    pub unclassified: u64,
    /// Not STUN, from a tuple that no check has validated.
    pub unvalidated_tuple: u64,
    pub stun_malformed: u64,
    /// Responses, indications, other methods.
    pub stun_unexpected: u64,
    pub stun_no_fingerprint: u64,
    pub stun_wrong_username: u64,
    pub stun_wrong_integrity: u64,
    pub stun_role_conflicts: u64,
    pub stun_unknown_attributes: u64,
    /// Answers not sent because too many wait.
    pub stun_answers_dropped: u64,
    pub stun_requests: u64,
    /// Genuine checks that another address had brought before.
    pub stun_replayed: u64,
    pub tuples_replaced: u64,
    /// Does not frame as DTLS records, or not as records of this session.
    pub dtls_malformed: u64,
    /// Plaintext alerts, data and other records that nobody may send in the clear.
    pub dtls_plaintext: u64,
    /// Hello fragments that could not be kept, and records before a hello.
    pub dtls_early: u64,
    pub fingerprint_mismatches: u64,
    pub rtp_before_keys: u64,
    pub srtp_malformed: u64,
    pub srtp_unauthenticated: u64,
    pub srtp_replayed: u64,
    pub srtp_ssrcs_refused: u64,
    /// Application data without data channels negotiated.
    pub sctp_unexpected: u64,
    /// Data channels ended because the DTLS key was used up.
    pub dtls_records_exhausted: u64,
    pub panics: u64,
}

impl TransportCounters {
    /// Counts what another transport counted too.
    pub fn add(&mut self, other: &Self) {
        macro_rules! add {
            ($($name:ident),+ $(,)?) => {{
                let Self { $($name),+ } = other;
                $(self.$name += $name;)+
            }};
        }
        add!(
            unclassified,
            unvalidated_tuple,
            stun_malformed,
            stun_unexpected,
            stun_no_fingerprint,
            stun_wrong_username,
            stun_wrong_integrity,
            stun_role_conflicts,
            stun_unknown_attributes,
            stun_answers_dropped,
            stun_requests,
            stun_replayed,
            tuples_replaced,
            dtls_malformed,
            dtls_plaintext,
            dtls_early,
            fingerprint_mismatches,
            rtp_before_keys,
            srtp_malformed,
            srtp_unauthenticated,
            srtp_replayed,
            srtp_ssrcs_refused,
            sctp_unexpected,
            dtls_records_exhausted,
            panics,
        );
    }
}
