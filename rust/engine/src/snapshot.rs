//! Cumulative numbers for the control plane, as of at most about a second ago. W3C webrtc-stats names where one exists.

use std::sync::Arc;

use medianode_sfu::stats::RouterStats;
use medianode_sfu::{RouterId, TransportId};
use medianode_webrtc::TransportCounters;
use medianode_webrtc::params::{Protocol, SrtpProfile};
use serde::{Serialize, Serializer};

use crate::net::gso::PerClass;

/// Everything that is counted. Each worker's part is one moment; the parts are of different moments.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    #[serde(serialize_with = "all")]
    pub workers: Vec<Arc<WorkerSnapshot>>,
    /// UDP and TCP port of each worker.
    pub ports: Vec<u16>,
    /// Events that nobody has taken yet.
    pub events_queued: usize,
}

fn all<S: Serializer>(workers: &[Arc<WorkerSnapshot>], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(workers.iter().map(Arc::as_ref))
}

/// One worker.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WorkerSnapshot {
    pub port: u16,
    /// User and system seconds of the thread.
    pub cpu_time: f64,
    pub wakes: u64,
    /// Waits, receives and sends.
    pub syscalls: u64,
    pub receives: u64,
    pub datagrams_received: u64,
    pub bytes_received: u64,
    /// Messages handed to the kernel; `send_segments / send_runs` is the mean run length.
    pub send_runs: u64,
    pub send_segments: u64,
    pub send_bytes: u64,
    pub send_syscalls: u64,
    pub send_would_block: u64,
    pub send_runs_refused: u64,
    /// Runs by length: 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64.
    pub send_run_lengths: [u64; 7],
    pub datagrams_sent: PerClass,
    pub bytes_sent: PerClass,
    /// Datagrams not sent because too many bytes waited for the kernel or the peer.
    pub dropped_waiting: PerClass,
    pub dropped: Dropped,
    /// What all transports counted, also those that are closed.
    pub of_transports: TransportCounters,
    /// Bytes that wait for the kernel now.
    pub bytes_waiting: u64,
    pub commands_queued: usize,
    pub gso: bool,
    pub gro: bool,
    /// Longest turn of the loop since the snapshot before, seconds.
    pub loop_lag_max: f64,
    pub transports: usize,
    pub direct_transports: usize,
    pub tcp_connections: usize,
    pub tuples: usize,
    pub handshakes: u64,
    pub panics: u64,
    pub restarts: u64,
    pub routers: Vec<RouterSnapshot>,
}

/// Datagrams, connections and messages that came to nothing, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// First byte outside RFC 7983, or too short.
    pub unclassified: u64,
    /// Not STUN, from an address that no check has validated.
    pub unknown_tuple: u64,
    /// STUN that is no Binding request for a transport of this worker.
    pub unknown_ufrag: u64,
    /// More new handshakes than `handshakes_per_second`.
    pub handshakes: u64,
    /// The kernel's receive buffer was full.
    pub receive_overflow: u64,
    /// Empty, cut off, or without an IP source.
    pub unusable: u64,
    pub rtcp_malformed: u64,
    /// The kernel refused to send: no route, too long, forbidden.
    pub send_refused: u64,
    /// Connections beyond `tcp_connections_per_worker`.
    pub tcp_connections: u64,
    /// Connections that broke the framing or never verified a check.
    pub tcp_unverified: u64,
    /// Data channel messages that a peer did not take in time, on unreliable channels.
    pub data_messages: u64,
    /// Data channels closed because their peer did not take messages in time.
    pub data_channels: u64,
    /// Data channel messages that came before anybody wanted them, beyond what is kept.
    pub data_unclaimed: u64,
    /// Messages for a direct transport that are no strings.
    pub data_binary: u64,
    /// Messages for a direct transport beyond what may wait to be taken as events.
    pub data_unread: u64,
}

/// One router with its transports.
#[derive(Clone, Debug, Serialize)]
pub struct RouterSnapshot {
    pub router: RouterId,
    pub transports: Vec<TransportStats>,
    #[serde(flatten)]
    pub stats: RouterStats,
}

/// One transport (RTCTransportStats).
#[derive(Clone, Debug, Serialize)]
pub struct TransportStats {
    pub transport: TransportId,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub packets_sent: u64,
    pub packets_received: u64,
    /// Datagrams not sent: no path, no room.
    pub packets_dropped: u64,
    /// `new`, `connected` or `disconnected`.
    pub ice_state: &'static str,
    /// `new`, `connecting` or `connected`.
    pub dtls_state: &'static str,
    pub dtls_version: Option<&'static str>,
    pub srtp_cipher: Option<SrtpProfile>,
    pub selected_protocol: Option<Protocol>,
    pub selected_candidate_pair_changes: u32,
    pub tuples: usize,
    pub data_channels: usize,
    pub counters: TransportCounters,
}
