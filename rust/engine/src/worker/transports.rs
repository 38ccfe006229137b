//! Routers and transports that are made: their bounds, their place in the tables, what a transport offers its peer.

use std::net::IpAddr;
use std::time::Duration;

use medianode_sfu::{Router, RouterId, RouterLimits, TransportId, TransportKey};
use medianode_webrtc::ice::credentials::random_ice_string;
use medianode_webrtc::params::{
    DtlsParameters, DtlsRole, IceCandidate, IceParameters, Protocol, SctpParameters,
};
use medianode_webrtc::secure::LOCAL_SCTP;
use medianode_webrtc::{TransportLimits, WebRtcTransport};

use super::Worker;
use super::control::{Result, unknown};
use super::tables::{Path, Peer, Room, Traffic};
use super::token::peer_timer;
use crate::demux::{MAX_SLOT, Place};
use crate::{Refusal, RefusalKind, Reply};

/// Random characters of a username fragment behind its place, 6 bits each.
const UFRAG_RANDOM: usize = 8;

impl Worker {
    pub(super) fn create_router(&mut self, id: RouterId) -> Result<Reply> {
        let limits = &self.setup.config.limits;
        if self.tables.room_ids.contains_key(&id) {
            return Err(Refusal::new(RefusalKind::Conflict, "router exists already"));
        }
        if self.tables.rooms.len() >= limits.routers_per_worker {
            return Err(Refusal::new(
                RefusalKind::LimitReached,
                "routers_per_worker",
            ));
        }
        let limits = RouterLimits {
            producers_per_transport: limits.producers_per_transport,
            consumers_per_transport: limits.consumers_per_transport,
            ssrcs_per_transport: limits.ssrcs_per_transport,
            ring_packets: limits.ring_packets,
        };
        let router = Some(Router::new(self.now, limits));
        let room = Room {
            id,
            router,
            peers: Vec::new(),
            direct: Vec::new(),
            dirty: false,
        };
        let slot = self.tables.rooms.insert(Box::new(room)) as u32;
        self.tables.room_ids.insert(id, slot);
        self.need_housekeeping();
        Ok(Reply::Done)
    }

    /// The router of a new transport, if there is room for it.
    pub(super) fn place_for_transport(&self, router: RouterId, id: TransportId) -> Result<u32> {
        let tables = &self.tables;
        let Some(&room_slot) = tables.room_ids.get(&router) else {
            return Err(unknown("router"));
        };
        if tables.peer_ids.contains_key(&id) || tables.direct.contains_key(&id) {
            let detail = "transport exists already";
            return Err(Refusal::new(RefusalKind::Conflict, detail));
        }
        let transports = tables.peers.len() + tables.direct.len();
        let slot = tables.peers.vacant_key() as u32;
        if transports >= self.setup.config.limits.transports_per_worker || slot > MAX_SLOT {
            let name = "transports_per_worker";
            return Err(Refusal::new(RefusalKind::LimitReached, name));
        }
        Ok(room_slot)
    }

    pub(super) fn create_transport(
        &mut self,
        router: RouterId,
        id: TransportId,
        sctp: bool,
        name: String,
    ) -> Result<Reply> {
        let now = self.now;
        let room_slot = self.place_for_transport(router, id)?;
        let limits = &self.setup.config.limits;
        let slot = self.tables.peers.vacant_key() as u32;
        let limits = TransportLimits {
            tuples: limits.tuples_per_transport,
            ssrcs: limits.srtp_ssrcs_per_transport,
            data_channels: limits.data_channels_per_transport,
            data_bytes: limits.data_bytes_per_transport,
            consent_timeout: Duration::from_secs(limits.consent_timeout_s),
            connect_timeout: Duration::from_secs(limits.connect_timeout_s),
        };
        self.epochs = self.epochs.wrapping_add(1);
        let epoch = self.epochs;
        let ice = credentials(Place {
            worker: self.setup.index as u8,
            slot,
            epoch,
        })?;
        let dtls = self.setup.dtls.clone();
        let transport = WebRtcTransport::new(now, ice.clone(), dtls, limits);
        self.ask(room_slot, |router| {
            router.add_transport(now, id, TransportKey(slot))
        })?;
        let deadline = transport.poll_timeout();
        self.tables.peers.insert(Box::new(Peer {
            id,
            epoch,
            room: room_slot,
            name,
            transport,
            path: Path::None,
            runs: true,
            tuples: Vec::new(),
            dirty: false,
            admitted: false,
            ssrcs: Vec::new(),
            channels: Default::default(),
            created: now,
            connected: None,
            selections: 0,
            traffic: Traffic::default(),
        }));
        self.tables.peer_ids.insert(id, slot);
        if let Some(room) = self.tables.room_mut(room_slot) {
            room.peers.push(slot);
        }
        if let Some(deadline) = deadline {
            self.wheel.arm(peer_timer(slot), deadline);
        }
        Ok(Reply::Transport {
            ice,
            candidates: self.candidates(),
            dtls: DtlsParameters {
                role: DtlsRole::Auto,
                fingerprints: vec![self.setup.dtls.fingerprint()],
            },
            sctp: sctp.then_some(LOCAL_SCTP as SctpParameters),
        })
    }

    /// Our host candidates: UDP before TCP, in the order of the setting (RFC 8445 section 5.1.2, RFC 6544 section 4.2).
    pub(super) fn candidates(&self) -> Vec<IceCandidate> {
        let config = &self.setup.config;
        // Behind a one-to-one NAT the announced address is nobody's here: only the family counts.
        let bound = |ip: &IpAddr| {
            self.ports
                .udp
                .iter()
                .any(|socket| socket.local().is_ipv4() == ip.is_ipv4())
        };
        let announced: Vec<IpAddr> = config.announced_ips.iter().copied().filter(bound).collect();
        let protocols: &[Protocol] = if config.tcp {
            &[Protocol::Udp, Protocol::Tcp]
        } else {
            &[Protocol::Udp]
        };
        let mut candidates = Vec::new();
        for (protocol_at, protocol) in protocols.iter().enumerate() {
            for (at, ip) in announced.iter().enumerate() {
                let preference = match protocol {
                    Protocol::Udp => 65_535 - at as u32,
                    // Direction preference of passive: 4, below all UDP.
                    Protocol::Tcp => (4 << 13) + 8191 - at as u32,
                };
                candidates.push(IceCandidate {
                    foundation: format!("{}", 1 + protocol_at * announced.len() + at),
                    priority: 126 << 24 | preference << 8 | 255,
                    ip: *ip,
                    protocol: *protocol,
                    port: self.setup.port,
                });
            }
        }
        candidates
    }
}

pub(super) fn credentials(place: Place) -> Result<IceParameters> {
    let ufrag = place.to_ufrag() + &random_ice_string(UFRAG_RANDOM)?;
    Ok(IceParameters::with_random_password(ufrag, true)?)
}
