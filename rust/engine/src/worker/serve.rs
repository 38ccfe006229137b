//! What transports and routers want done: their events and what they have to send. Owns the order within a turn.

use medianode_sfu::RouterEvent;
use medianode_webrtc::params::Protocol;
use medianode_webrtc::secure::SecureClose;
use medianode_webrtc::{SecureEvent, TransportEvent};

use super::paths::destination;
use super::send::Outbox;
use super::token::{peer_timer, room_timer};
use super::{Blame, Worker};
use crate::net::gso::Class;
use crate::{CloseCause, Event};

impl Worker {
    pub(super) fn mark_room(&mut self, slot: u32) {
        let Some(room) = self.tables.room_mut(slot) else {
            return;
        };
        if !std::mem::replace(&mut room.dirty, true) {
            self.dirty_rooms.push(slot);
        }
    }

    pub(super) fn mark_peer(&mut self, slot: u32) {
        let Some(peer) = self.tables.peer_mut(slot) else {
            return;
        };
        if !std::mem::replace(&mut peer.dirty, true) {
            self.dirty_peers.push(slot);
        }
    }

    /// Everything that this turn has caused, into the kernel.
    pub(super) fn flush(&mut self) {
        loop {
            while let Some(slot) = self.dirty_rooms.pop() {
                self.guarded(|worker| worker.flush_room(slot));
            }
            while let Some(slot) = self.dirty_peers.pop() {
                self.guarded(|worker| worker.serve_peer(slot));
            }
            while let Some(slot) = self.ports.panicked.pop() {
                self.counters.panics += 1;
                self.close_peer(slot, CloseCause::Panic);
            }
            // A connection that turns out to have ended has consequences as well.
            self.flush_tcp();
            if self.dirty_rooms.is_empty() && self.dirty_peers.is_empty() {
                break;
            }
        }
        self.ports.flush();
        while let Some(slot) = self.ports.arena.poll_refusing() {
            if let Some(peer) = self.tables.peer_mut(slot) {
                peer.runs = false;
            }
        }
        for at in 0..self.ports.udp.len() {
            self.watch_udp(at);
        }
    }

    fn flush_room(&mut self, slot: u32) {
        let now = self.now;
        let tables = &mut self.tables;
        let Some(room) = tables.rooms.get_mut(slot as usize) else {
            return;
        };
        room.dirty = false;
        let Some(router) = &mut room.router else {
            return;
        };
        self.blame = Blame::Room(slot);
        let mut outbox = Outbox {
            peers: &mut tables.peers,
            ports: &mut self.ports,
        };
        router.flush(now, &mut outbox);
        while let Some((to, packets)) = router.poll_feedback() {
            if let Some(peer) = tables.peers.get_mut(to.0 as usize) {
                self.ports.deliver(to.0, peer, Class::Rtcp, |secure, room| {
                    secure.protect_rtcp(&packets, room)
                });
            }
        }
        while let Some(event) = router.poll_event() {
            self.router_events.push(event);
        }
        let deadline = router.poll_timeout();
        self.tell_router_events(slot);
        // What a flush has done need not wake us.
        match deadline {
            Some(deadline) => self.wheel.arm(room_timer(slot), deadline),
            None => self.wheel.disarm(room_timer(slot)),
        }
    }

    /// Passes on what routers told, and keeps the tables in step.
    pub(super) fn tell_router_events(&mut self, slot: u32) {
        let Some(router) = self.tables.room_mut(slot).map(|room| room.id) else {
            return;
        };
        let mut told = std::mem::take(&mut self.router_events);
        for event in told.drain(..) {
            match event {
                RouterEvent::ProducerClosed {
                    producer,
                    by_parent,
                } => {
                    if self.tables.producers.remove(&producer).is_some() {
                        let cause = cause(by_parent);
                        self.events.push(Event::ProducerClosed { producer, cause });
                    }
                }
                RouterEvent::ConsumerClosed {
                    consumer,
                    by_parent,
                } => {
                    if let Some(leg) = self.tables.consumers.remove(&consumer) {
                        if let Some(peer) = self.tables.peer_mut(leg.peer) {
                            peer.ssrcs.retain(|ssrc| Some(*ssrc) != leg.ssrc);
                        }
                        let cause = cause(by_parent);
                        self.events.push(Event::ConsumerClosed { consumer, cause });
                    }
                }
                RouterEvent::ProducerLayers { producer, live } => {
                    self.events.push(Event::ProducerLayers { producer, live });
                }
                RouterEvent::ConsumerLayer { consumer, layer } => {
                    self.events.push(Event::ConsumerLayer { consumer, layer });
                }
                RouterEvent::ActiveSpeaker { producer } => {
                    self.events.push(Event::ActiveSpeaker { router, producer });
                }
                RouterEvent::AudioLevels { levels } => {
                    self.events.push(Event::AudioLevels { router, levels });
                }
            }
        }
        self.router_events = told;
    }

    /// Events and datagrams of one transport, and its next deadline. May close it.
    pub(super) fn serve_peer(&mut self, slot: u32) {
        let mut ending = None;
        loop {
            let Some(peer) = self.tables.peer_mut(slot) else {
                return;
            };
            peer.dirty = false;
            self.blame = Blame::Peer(slot);
            let Some(event) = peer.transport.poll_event() else {
                break;
            };
            if let Some(cause) = self.handle_transport_event(slot, event) {
                ending.get_or_insert(cause);
            }
        }
        self.transmit(slot);
        if let Some(cause) = ending {
            return self.close_peer(slot, cause);
        }
        let deadline = self
            .tables
            .peer(slot)
            .and_then(|peer| peer.transport.poll_timeout());
        if let Some(deadline) = deadline {
            self.wheel.arm_earlier(peer_timer(slot), deadline);
        }
    }

    /// Sends what a transport has to send by itself.
    pub(super) fn transmit(&mut self, slot: u32) {
        let now = self.now;
        let Some(peer) = self.tables.peers.get_mut(slot as usize) else {
            return;
        };
        self.blame = Blame::Peer(slot);
        loop {
            self.ports.arena.make_room(slot, &self.ports.udp);
            let room = self.ports.arena.room();
            let Some((tuple, len)) = peer.transport.poll_transmit(now, room) else {
                return;
            };
            peer.traffic.packets_sent += 1;
            peer.traffic.bytes_sent += len as u64;
            match tuple.protocol {
                Protocol::Udp => {
                    let Some(destination) = destination(&self.ports.udp, &tuple) else {
                        continue;
                    };
                    if self.ports.arena.admits(slot, Class::Control) {
                        let arena = &mut self.ports.arena;
                        arena.commit(len, slot, &destination, peer.runs, Class::Control);
                    }
                }
                Protocol::Tcp => self.ports.send_tcp(&tuple, len),
            }
        }
    }

    fn handle_transport_event(&mut self, slot: u32, event: TransportEvent) -> Option<CloseCause> {
        match event {
            TransportEvent::TupleAdded(tuple) => self.add_tuple(slot, tuple),
            TransportEvent::TupleRemoved(tuple) => self.remove_tuple(slot, tuple),
            TransportEvent::TupleSelected(tuple) => self.select_tuple(slot, tuple),
            TransportEvent::Secure(SecureEvent::Connected {
                profile,
                dtls_version,
            }) => {
                let peer = self.tables.peer_mut(slot)?;
                peer.connected = Some((self.now, profile, dtls_version));
                let (transport, room_slot) = (peer.id, peer.room);
                self.events.push(Event::TransportConnected {
                    transport,
                    srtp_profile: profile,
                    dtls_version: dtls_version.to_owned(),
                });
                self.set_ready(transport, room_slot, true);
            }
            TransportEvent::Secure(SecureEvent::ChannelOpened { stream_id, channel }) => {
                self.channel_opened(slot, stream_id, channel);
            }
            TransportEvent::Secure(SecureEvent::ChannelClosed { stream_id }) => {
                self.channel_closed(slot, stream_id);
            }
            TransportEvent::Secure(SecureEvent::Message {
                stream_id,
                text,
                data,
            }) => {
                self.message(slot, stream_id, text, data);
            }
            TransportEvent::Secure(SecureEvent::Closed { cause }) => {
                return Some(match cause {
                    SecureClose::PeerClosed => CloseCause::PeerClosed,
                    SecureClose::DtlsFailed => CloseCause::DtlsFailed,
                    SecureClose::FingerprintMismatch => CloseCause::FingerprintMismatch,
                    SecureClose::Panic => {
                        self.counters.panics += 1;
                        CloseCause::Panic
                    }
                });
            }
            TransportEvent::ConsentLost => return Some(CloseCause::ConsentLost),
            TransportEvent::ConnectTimeout => return Some(CloseCause::ConnectTimeout),
        }
        None
    }

    fn set_ready(&mut self, transport: medianode_sfu::TransportId, room_slot: u32, ready: bool) {
        let now = self.now;
        if let Some(room) = self.tables.rooms.get_mut(room_slot as usize)
            && let Some(router) = &mut room.router
        {
            self.blame = Blame::Room(room_slot);
            router.set_transport_ready(now, transport, ready);
        }
        self.mark_room(room_slot);
    }
}

fn cause(by_parent: bool) -> CloseCause {
    if by_parent {
        CloseCause::Parent
    } else {
        CloseCause::Closed
    }
}
