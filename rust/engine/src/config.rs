//! Settings of the engine: a plain struct, validated on construction.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Error;

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
    /// SSRCs with SRTP state in the whole life of a transport: that of closed producers stays, or their packets could be replayed.
    pub srtp_ssrcs_per_transport: usize,
    /// Bytes waiting in the kernel's refusal (EAGAIN, TCP back-pressure) per transport.
    pub send_bytes_per_transport: usize,
    /// Bytes queued in data channels towards one peer.
    pub data_bytes_per_transport: usize,
    /// Bytes of messages that wait to be taken as events, for one data consumer of a direct transport and for all.
    pub data_bytes_unread_per_consumer: usize,
    pub data_bytes_unread: usize,
    /// Bytes of messages that wait in commands, per worker.
    pub data_bytes_commanded: usize,
    /// Packets kept for retransmission per video encoding, a power of two.
    pub ring_packets: usize,
    /// Seconds without an authenticated check until consent is lost (RFC 7675).
    pub consent_timeout_s: u64,
    /// Seconds from the peer's parameters to connected.
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
            srtp_ssrcs_per_transport: 1024,
            send_bytes_per_transport: 1 << 20,
            data_bytes_per_transport: 1 << 20,
            data_bytes_unread_per_consumer: 512 << 10,
            data_bytes_unread: 16 << 20,
            data_bytes_commanded: 16 << 20,
            ring_packets: 1024,
            consent_timeout_s: 30,
            connect_timeout_s: 30,
            handshakes_per_second: 500,
        }
    }
}

impl Config {
    /// Checks what can be checked without sockets; the number of workers.
    ///
    /// # Errors
    /// [`Error::Config`], naming the setting.
    pub fn validate(&self) -> Result<usize, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = match self.workers {
            0 => cores.saturating_sub(1).max(1),
            workers => workers,
        };
        let refuse = |name, reason: &str| {
            Err(Error::Config {
                name,
                reason: reason.to_owned(),
            })
        };
        if workers > MAX_WORKERS {
            return refuse("workers", "at most 256");
        }
        if self.listen_ips.is_empty() {
            return refuse("listen_ips", "at least one address");
        }
        if self.announced_ips.is_empty() {
            return refuse(
                "announced_ips",
                "at least one address, or nobody can find this node",
            );
        }
        if self.announced_ips.iter().any(IpAddr::is_unspecified) {
            return refuse(
                "announced_ips",
                "no client can reach an unspecified address",
            );
        }
        self.limits.validate()?;
        Ok(workers)
    }
}

impl Limits {
    fn validate(&self) -> Result<(), Error> {
        let positive = [
            ("commands_queued", self.commands_queued),
            ("events_queued", self.events_queued),
            ("routers_per_worker", self.routers_per_worker),
            ("transports_per_worker", self.transports_per_worker),
            ("tuples_per_transport", self.tuples_per_transport),
            ("ssrcs_per_transport", self.ssrcs_per_transport),
            ("srtp_ssrcs_per_transport", self.srtp_ssrcs_per_transport),
            ("send_bytes_per_transport", self.send_bytes_per_transport),
            ("handshakes_per_second", self.handshakes_per_second),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::Config {
                name,
                reason: "must not be 0".to_owned(),
            });
        }
        if !self.ring_packets.is_power_of_two() || self.ring_packets > 1 << 15 {
            let reason = "a power of two, at most 32768".to_owned();
            return Err(Error::Config {
                name: "ring_packets",
                reason,
            });
        }
        Ok(())
    }
}

/// A username fragment has eight bits for the worker.
const MAX_WORKERS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_setting_that_cannot_work() {
        let name = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            match config.validate() {
                Err(Error::Config { name, .. }) => name,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(name(|c| c.listen_ips.clear()), "listen_ips");
        assert_eq!(name(|c| c.announced_ips.clear()), "announced_ips");
        assert_eq!(name(|c| c.workers = 1000), "workers");
        assert_eq!(name(|c| c.limits.ring_packets = 1000), "ring_packets");
        assert_eq!(name(|c| c.limits.events_queued = 0), "events_queued");
        assert!(Config::default().validate().unwrap() >= 1);
    }
}
