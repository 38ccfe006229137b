//! Publishes what was counted.

use std::sync::{Arc, PoisonError};

use super::Worker;
use super::tables::{Path, Peer};
use crate::net::thread;
use crate::snapshot::{RouterSnapshot, TransportStats, WorkerSnapshot};
use crate::supervise;

impl Worker {
    /// Puts a new snapshot where the engine's handle finds it.
    pub(super) fn publish(&self) {
        let snapshot = Arc::new(self.snapshot());
        if let Some(published) = self.setup.shared.snapshots.get(self.setup.index) {
            *published.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
        }
    }

    fn snapshot(&self) -> WorkerSnapshot {
        let (counters, send) = (&self.counters, self.ports.arena.counters());
        let send_syscalls = send.syscalls + self.ports.tcp_syscalls;
        let mut dropped = counters.dropped;
        dropped.send_refused = send.dropped_refused;
        let mut of_transports = counters.of_transports.clone();
        for (_, peer) in &self.tables.peers {
            of_transports.add(peer.transport.counters());
        }
        let dropped_waiting = send.dropped_waiting.plus(self.ports.tcp_dropped);
        WorkerSnapshot {
            port: self.setup.port,
            cpu_time: thread::cpu_time().as_secs_f64(),
            wakes: counters.wakes,
            syscalls: counters.wakes + counters.receives + send_syscalls,
            receives: counters.receives,
            datagrams_received: counters.datagrams_received,
            bytes_received: counters.bytes_received,
            send_runs: send.runs,
            send_segments: send.datagrams.sum(),
            send_bytes: send.bytes.sum(),
            send_syscalls,
            send_would_block: send.would_block,
            send_runs_refused: send.runs_refused,
            send_run_lengths: send.run_lengths,
            datagrams_sent: send.datagrams,
            bytes_sent: send.bytes,
            dropped_waiting,
            dropped,
            of_transports,
            bytes_waiting: send.bytes_waiting,
            commands_queued: self.setup.commands.len(),
            gso: self.ports.arena.offload(),
            gro: self.ports.udp.iter().all(|socket| socket.gro()),
            loop_lag_max: counters.longest_turn.as_secs_f64(),
            transports: self.tables.peers.len(),
            direct_transports: self.tables.direct.len(),
            tcp_connections: self.ports.tcp.len(),
            tuples: self.tuples.len(),
            handshakes: counters.handshakes,
            panics: counters.panics,
            restarts: counters.restarts,
            routers: self.routers(),
        }
    }

    fn routers(&self) -> Vec<RouterSnapshot> {
        let snapshot = |room: &super::tables::Room| {
            let router = room.router.as_ref()?;
            // A panic over numbers must not cost the call; it will show elsewhere if it matters.
            let stats = supervise::catch(|| router.stats(self.now)).unwrap_or_default();
            let peers = room.peers.iter().filter_map(|slot| self.tables.peer(*slot));
            Some(RouterSnapshot {
                router: room.id,
                transports: peers.map(stats_of).collect(),
                stats,
            })
        };
        self.tables
            .rooms
            .iter()
            .filter_map(|(_, room)| snapshot(room))
            .collect()
    }
}

fn stats_of(peer: &Peer) -> TransportStats {
    let traffic = &peer.traffic;
    TransportStats {
        transport: peer.id,
        bytes_sent: traffic.bytes_sent,
        bytes_received: traffic.bytes_received,
        packets_sent: traffic.packets_sent,
        packets_received: traffic.packets_received,
        packets_dropped: traffic.packets_dropped,
        ice_state: match (peer.path, peer.selections) {
            (Path::None, 0) => "new",
            (Path::None, _) => "disconnected",
            _ => "connected",
        },
        dtls_state: match (peer.connected, peer.admitted) {
            (Some(_), _) => "connected",
            (None, true) => "connecting",
            (None, false) => "new",
        },
        dtls_version: peer.connected.map(|(.., version)| version),
        srtp_cipher: peer.connected.map(|(_, profile, _)| profile),
        selected_protocol: peer.path.protocol(),
        selected_candidate_pair_changes: peer.selections,
        tuples: peer.tuples.len(),
        data_channels: peer.channels.len(),
        counters: peer.transport.counters().clone(),
    }
}
