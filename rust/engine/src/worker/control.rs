//! Commands of the control plane, one by one. Owns what is refused here; the rest is refused by routers and transports.

use std::net::IpAddr;
use std::time::Duration;

use medianode_sfu::params::{MediaKind, RtpParameters};
use medianode_sfu::{
    ConsumerId, ProducerId, Router, RouterId, RouterLimits, TransportId, TransportKey,
};
use medianode_webrtc::ice::credentials::random_ice_string;
use medianode_webrtc::params::{
    DtlsParameters, DtlsRole, IceCandidate, IceParameters, Protocol, SctpParameters,
};
use medianode_webrtc::secure::LOCAL_SCTP;
use medianode_webrtc::{TransportLimits, WebRtcTransport};

use super::data::Wanted;
use super::tables::{Leg, Path, Peer, Room, Traffic};
use super::{Blame, Worker, peer_timer};
use crate::demux::{MAX_SLOT, Place};
use crate::{CloseCause, Command, Refusal, RefusalKind, Reply};

/// Random characters of a username fragment behind its place, 6 bits each.
const UFRAG_RANDOM: usize = 8;

type Result<T> = std::result::Result<T, Refusal>;

/// What a router is asked about one of its legs, and whether the answer matters.
pub(super) fn gone() -> Refusal {
    Refusal::new(RefusalKind::NotFound, "transport is not known here")
}

fn unknown(what: &str) -> Refusal {
    Refusal::new(RefusalKind::NotFound, format!("{what} is not known here"))
}

impl Worker {
    pub(super) fn handle_command(&mut self, command: Command) -> Result<Reply> {
        match command {
            Command::CreateRouter { router } => self.create_router(router),
            Command::CloseRouter { router } => {
                if let Some(&slot) = self.tables.room_ids.get(&router) {
                    self.close_room(slot, CloseCause::Closed);
                }
                Ok(Reply::Done)
            }
            Command::CreateWebRtcTransport {
                router,
                transport,
                sctp,
                name,
            } => self.create_transport(router, transport, sctp, name),
            Command::CreateDirectTransport { router, transport } => {
                self.create_direct_transport(router, transport)?;
                Ok(Reply::Done)
            }
            Command::ConnectTransport {
                transport,
                dtls,
                sctp,
            } => {
                let (slot, now) = (self.peer_slot(transport)?, self.now);
                let Some(peer) = self.tables.peer_mut(slot) else {
                    return Err(gone());
                };
                self.blame = Blame::Peer(slot);
                peer.transport.connect(now, &dtls, sctp)?;
                self.mark_peer(slot);
                Ok(Reply::Done)
            }
            Command::RestartIce { transport } => {
                let (slot, now) = (self.peer_slot(transport)?, self.now);
                let Some(peer) = self.tables.peer_mut(slot) else {
                    return Err(gone());
                };
                let place = Place {
                    worker: self.setup.index as u8,
                    slot,
                    epoch: peer.epoch,
                };
                let ice = credentials(place)?;
                self.blame = Blame::Peer(slot);
                peer.transport.restart_ice(now, ice.clone());
                Ok(Reply::Ice {
                    ice,
                    candidates: self.candidates(),
                })
            }
            Command::CloseTransport { transport } => {
                if let Some(&slot) = self.tables.peer_ids.get(&transport) {
                    self.close_peer(slot, CloseCause::Closed);
                }
                self.close_direct_transport(transport, CloseCause::Closed);
                Ok(Reply::Done)
            }
            Command::SetTransportCap {
                transport,
                max_bitrate,
            } => {
                let slot = self.peer_slot(transport)?;
                let room = self
                    .tables
                    .peer(slot)
                    .map(|peer| peer.room)
                    .ok_or_else(gone)?;
                let now = self.now;
                self.ask(room, |router| {
                    router.set_transport_cap(now, transport, max_bitrate)
                })
            }
            other => self.handle_leg_command(other),
        }
    }

    fn handle_leg_command(&mut self, command: Command) -> Result<Reply> {
        let now = self.now;
        match command {
            Command::CreateProducer {
                transport,
                producer,
                kind,
                rtp,
                paused,
            } => self.create_producer(transport, producer, kind, &rtp, paused),
            Command::CloseProducer { producer } => match self.tables.producers.get(&producer) {
                Some(&Leg { room, .. }) => self.ask(room, |router| {
                    router.close_producer(now, producer);
                    Ok(())
                }),
                None => Ok(Reply::Done),
            },
            Command::PauseProducer { producer } => {
                let room = self.producer_room(producer)?;
                self.ask(room, |router| router.pause_producer(now, producer, true))
            }
            Command::ResumeProducer { producer } => {
                let room = self.producer_room(producer)?;
                self.ask(room, |router| router.pause_producer(now, producer, false))
            }
            Command::CreateConsumer {
                transport,
                consumer,
                kind,
                rtp,
                producer,
                paused,
            } => {
                let slot = self.peer_slot(transport)?;
                let room = self
                    .tables
                    .peer(slot)
                    .map(|peer| peer.room)
                    .ok_or_else(gone)?;
                self.ask(room, |router| {
                    router.create_consumer(now, transport, consumer, kind, &rtp, producer, paused)
                })?;
                let ssrc = rtp.encodings.first().and_then(|encoding| encoding.ssrc);
                self.tables.consumers.insert(
                    consumer,
                    Leg {
                        room,
                        peer: slot,
                        ssrc,
                    },
                );
                if let Some(peer) = self.tables.peer_mut(slot) {
                    peer.ssrcs.extend(ssrc);
                }
                Ok(Reply::Done)
            }
            Command::SwitchConsumer { consumer, producer } => {
                let room = self.consumer_room(consumer)?;
                self.ask(room, |router| {
                    router.switch_consumer(now, consumer, producer)
                })
            }
            Command::CloseConsumer { consumer } => match self.tables.consumers.get(&consumer) {
                Some(&Leg { room, .. }) => self.ask(room, |router| {
                    router.close_consumer(now, consumer);
                    Ok(())
                }),
                None => Ok(Reply::Done),
            },
            Command::PauseConsumer { consumer } => {
                let room = self.consumer_room(consumer)?;
                self.ask(room, |router| router.pause_consumer(now, consumer, true))
            }
            Command::ResumeConsumer { consumer } => {
                let room = self.consumer_room(consumer)?;
                self.ask(room, |router| router.pause_consumer(now, consumer, false))
            }
            Command::SetConsumerLayers { consumer, layer } => {
                let room = self.consumer_room(consumer)?;
                self.ask(room, |router| {
                    router.set_consumer_layers(now, consumer, layer)
                })
            }
            Command::RequestKeyframe { consumer } => {
                let room = self.consumer_room(consumer)?;
                self.ask(room, |router| router.request_keyframe(now, consumer))
            }
            other => self.handle_data_command(other),
        }
    }

    fn handle_data_command(&mut self, command: Command) -> Result<Reply> {
        match command {
            Command::CreateDataProducer {
                transport,
                data_producer,
                stream_id,
                negotiated: parameters,
            } => {
                let wanted = Wanted {
                    stream_id,
                    parameters,
                };
                self.create_data_producer(transport, data_producer, wanted)?;
            }
            Command::CloseDataProducer { data_producer } => {
                self.close_data_producer(data_producer, CloseCause::Closed);
            }
            Command::CreateDataConsumer {
                transport,
                data_consumer,
                data_producer,
                stream_id,
                channel: parameters,
            } => {
                let wanted = Wanted {
                    stream_id,
                    parameters,
                };
                self.create_data_consumer(transport, data_consumer, data_producer, wanted)?;
            }
            Command::CloseDataConsumer { data_consumer } => {
                self.close_data_consumer(data_consumer, CloseCause::Closed);
            }
            Command::SendData {
                data_producer,
                payload,
            } => self.send_data(data_producer, &payload)?,
            _ => {
                return Err(Refusal::new(
                    RefusalKind::Internal,
                    "nobody handles this command",
                ));
            }
        }
        Ok(Reply::Done)
    }

    /// Asks a router; what it has to say and to send comes with the end of the turn, its closures at once.
    fn ask(
        &mut self,
        room_slot: u32,
        question: impl FnOnce(&mut Router) -> std::result::Result<(), medianode_sfu::Error>,
    ) -> Result<Reply> {
        let Some(room) = self.tables.rooms.get_mut(room_slot as usize) else {
            return Err(unknown("router"));
        };
        let Some(router) = &mut room.router else {
            return Err(unknown("router"));
        };
        self.blame = Blame::Room(room_slot);
        let answer = question(router);
        while let Some(event) = router.poll_event() {
            self.router_events.push(event);
        }
        self.tell_router_events(room_slot);
        self.mark_room(room_slot);
        answer?;
        Ok(Reply::Done)
    }

    pub(super) fn peer_slot(&self, transport: TransportId) -> Result<u32> {
        match self.tables.peer_ids.get(&transport) {
            Some(slot) => Ok(*slot),
            None if self.tables.direct.contains_key(&transport) => {
                let detail = "a direct transport has no peer, and carries data alone";
                Err(Refusal::new(RefusalKind::Unsupported, detail))
            }
            None => Err(gone()),
        }
    }

    fn producer_room(&self, producer: ProducerId) -> Result<u32> {
        let leg = self.tables.producers.get(&producer);
        leg.map(|leg| leg.room).ok_or_else(|| unknown("producer"))
    }

    fn consumer_room(&self, consumer: ConsumerId) -> Result<u32> {
        let leg = self.tables.consumers.get(&consumer);
        leg.map(|leg| leg.room).ok_or_else(|| unknown("consumer"))
    }

    fn create_router(&mut self, id: RouterId) -> Result<Reply> {
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

    fn create_transport(
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

    fn create_producer(
        &mut self,
        transport: TransportId,
        producer: ProducerId,
        kind: MediaKind,
        rtp: &RtpParameters,
        paused: bool,
    ) -> Result<Reply> {
        let now = self.now;
        let slot = self.peer_slot(transport)?;
        let room = self
            .tables
            .peer(slot)
            .map(|peer| peer.room)
            .ok_or_else(gone)?;
        self.ask(room, |router| {
            router.create_producer(now, transport, producer, kind, rtp, paused)
        })?;
        self.tables.producers.insert(
            producer,
            Leg {
                room,
                peer: slot,
                ssrc: None,
            },
        );
        Ok(Reply::Done)
    }

    /// Our host candidates: UDP before TCP, in the order of the setting (RFC 8445 section 5.1.2, RFC 6544 section 4.2).
    fn candidates(&self) -> Vec<IceCandidate> {
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

fn credentials(place: Place) -> Result<IceParameters> {
    let ufrag = place.to_ufrag() + &random_ice_string(UFRAG_RANDOM)?;
    Ok(IceParameters::with_random_password(ufrag, true)?)
}
