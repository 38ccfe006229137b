//! Settings of the engine: a plain struct, validated on construction.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Everything that can be set. Every limit is a bound on memory or work that a peer can cause; each has a counter in the snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Threads; 0 means all cores but one, at least one.
    pub workers: usize,
    /// Pin worker `i` to core `first_core + i`; none leaves placement to the kernel.
    pub first_core: Option<usize>,
    /// UDP and TCP port of worker 0, the next worker takes the next; 0 means any free one for each.
    pub media_port: u16,
    /// Addresses to bind, normally `0.0.0.0` and `::`.
    pub listen_ips: Vec<IpAddr>,
    /// Addresses put into candidates.
    pub announced_ips: Vec<IpAddr>,
    /// Offer ICE-TCP candidates.
    pub tcp: bool,
    /// Try UDP GSO and GRO.
    pub offload: bool,
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 0,
            first_core: Some(0),
            media_port: 14100,
            listen_ips: vec![IpAddr::from([0u8; 4]), IpAddr::from([0u8; 16])],
            announced_ips: vec![IpAddr::from([127, 0, 0, 1])],
            tcp: true,
            offload: true,
            limits: Limits::default(),
        }
    }
}

/// Bounds per node, worker, router and transport.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub commands_queued: usize,
    pub events_queued: usize,
    pub routers_per_worker: usize,
    pub transports_per_worker: usize,
    pub tcp_connections_per_worker: usize,
    pub producers_per_transport: usize,
    pub consumers_per_transport: usize,
    pub data_channels_per_transport: usize,
    pub tuples_per_transport: usize,
    pub ssrcs_per_transport: usize,
    /// Bytes waiting in the kernel's refusal (EAGAIN, TCP back-pressure) per transport.
    pub send_bytes_per_transport: usize,
    /// Bytes queued in data channels towards one peer.
    pub data_bytes_per_transport: usize,
    /// Packets kept for retransmission per video encoding, a power of two.
    pub ring_packets: usize,
    /// Seconds without an authenticated check until consent is lost (RFC 7675).
    pub consent_timeout_s: u64,
    /// Seconds from creation to connected.
    pub connect_timeout_s: u64,
    /// New handshakes started per second and worker.
    pub handshakes_per_second: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            commands_queued: 4096,
            events_queued: 16384,
            routers_per_worker: 4096,
            transports_per_worker: 16384,
            tcp_connections_per_worker: 4096,
            producers_per_transport: 32,
            consumers_per_transport: 512,
            data_channels_per_transport: 64,
            tuples_per_transport: 8,
            ssrcs_per_transport: 64,
            send_bytes_per_transport: 1 << 20,
            data_bytes_per_transport: 1 << 20,
            ring_packets: 1024,
            consent_timeout_s: 30,
            connect_timeout_s: 30,
            handshakes_per_second: 500,
        }
    }
}
