//! Commands of the control plane, one by one. Owns what is refused here; the rest is refused by routers and transports.

use medianode_sfu::{ConsumerId, ProducerId, Router, TransportId};

use super::data::Wanted;
use super::tables::Leg;
use super::transports::credentials;
use super::{Blame, Worker};
use crate::demux::Place;
use crate::{CloseCause, Command, Refusal, RefusalKind, Reply};

pub(super) type Result<T> = std::result::Result<T, Refusal>;

pub(super) fn gone() -> Refusal {
    Refusal::new(RefusalKind::NotFound, "transport is not known here")
}

pub(super) fn unknown(what: &str) -> Refusal {
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
                let (_, room) = self.peer_and_room(transport)?;
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
            } => {
                let (peer, room) = self.peer_and_room(transport)?;
                self.ask(room, |router| {
                    router.create_producer(now, transport, producer, kind, &rtp, paused)
                })?;
                let ssrc = None;
                let leg = Leg { room, peer, ssrc };
                self.tables.producers.insert(producer, leg);
                Ok(Reply::Done)
            }
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
                let (peer, room) = self.peer_and_room(transport)?;
                self.ask(room, |router| {
                    router.create_consumer(now, transport, consumer, kind, &rtp, producer, paused)
                })?;
                let ssrc = rtp.encodings.first().and_then(|encoding| encoding.ssrc);
                let leg = Leg { room, peer, ssrc };
                self.tables.consumers.insert(consumer, leg);
                if let Some(peer) = self.tables.peer_mut(peer) {
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
    pub(super) fn ask(
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

    /// Slots of a transport and of its router.
    fn peer_and_room(&self, transport: TransportId) -> Result<(u32, u32)> {
        let slot = self.peer_slot(transport)?;
        let room = self.tables.peer(slot).map(|peer| peer.room);
        Ok((slot, room.ok_or_else(gone)?))
    }

    fn producer_room(&self, producer: ProducerId) -> Result<u32> {
        let leg = self.tables.producers.get(&producer);
        leg.map(|leg| leg.room).ok_or_else(|| unknown("producer"))
    }

    fn consumer_room(&self, consumer: ConsumerId) -> Result<u32> {
        let leg = self.tables.consumers.get(&consumer);
        leg.map(|leg| leg.room).ok_or_else(|| unknown("consumer"))
    }
}
