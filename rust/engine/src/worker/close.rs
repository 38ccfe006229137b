//! How things end: leaf first, exactly one event for each object, a goodbye to peers that can hear it.

use medianode_sfu::feedback::Feedback;
use medianode_sfu::{DataConsumerId, DataProducerId};

use super::tables::{Peer, Tables};
use super::token::{peer_timer, room_timer};
use super::{Blame, Worker};
use crate::net::gso::Class;
use crate::{CloseCause, Event, supervise};

/// Sources of one BYE packet (RFC 3550 section 6.6: a 5-bit count).
const BYE_SOURCES: usize = 31;

impl Worker {
    /// Ends a router: its transports first. A router that panicked is not asked any more.
    pub(super) fn close_room(&mut self, slot: u32, cause: CloseCause) {
        let Some(room) = self.tables.room_mut(slot) else {
            return;
        };
        if cause == CloseCause::Panic
            && let Some(router) = room.router.take()
        {
            supervise::discard(router);
        }
        for peer in std::mem::take(&mut room.peers) {
            self.close_peer(peer, CloseCause::Parent);
        }
        let direct = self.tables.room_mut(slot).map(|room| room.direct.clone());
        for transport in direct.unwrap_or_default() {
            self.close_direct_transport(transport, CloseCause::Parent);
        }
        self.wheel.disarm(room_timer(slot));
        let Some(room) = self.tables.rooms.try_remove(slot as usize) else {
            return;
        };
        self.tables.room_ids.remove(&room.id);
        self.events.push(Event::RouterClosed {
            router: room.id,
            cause,
        });
        tracing::debug!(router = room.id.0, ?cause, "router closed");
        supervise::discard(room);
    }

    /// Ends a transport: its consumers, its producers, its data legs, then itself.
    pub(super) fn close_peer(&mut self, slot: u32, cause: CloseCause) {
        let Some(peer) = self.tables.peer(slot) else {
            return;
        };
        let (id, room_slot) = (peer.id, peer.room);
        if cause != CloseCause::Panic {
            self.say_bye(slot);
        }
        self.remove_from_router(slot, room_slot);
        self.close_data_legs(slot);
        if cause != CloseCause::Panic {
            let now = self.now;
            self.blame = Blame::Peer(slot);
            if let Some(peer) = self.tables.peer_mut(slot) {
                peer.transport.close(now);
            }
            self.transmit(slot);
        }
        let Some(peer) = self.tables.peers.try_remove(slot as usize) else {
            return;
        };
        self.wheel.disarm(peer_timer(slot));
        self.tables.peer_ids.remove(&id);
        if let Some(room) = self.tables.room_mut(room_slot) {
            room.peers.retain(|peer| *peer != slot);
        }
        for tuple in &peer.tuples {
            self.tuples.remove(tuple, slot);
            if let Some(key) = self.ports.find_tcp(tuple) {
                self.ports.hang_up(key);
            }
        }
        self.events.push(Event::TransportClosed {
            transport: id,
            cause,
        });
        self.counters.of_transports.add(peer.transport.counters());
        summarise(&peer, cause, self.now);
        supervise::discard(peer);
    }

    /// RTCP BYE for what this transport was sent (RFC 3550 section 6.6).
    fn say_bye(&mut self, slot: u32) {
        let Some(peer) = self.tables.peers.get_mut(slot as usize) else {
            return;
        };
        let Some(first) = peer.ssrcs.first().copied() else {
            return;
        };
        self.blame = Blame::Peer(slot);
        let mut packets = vec![Feedback::ReceiverReport {
            sender_ssrc: first,
            reports: vec![],
        }];
        packets.extend(peer.ssrcs.chunks(BYE_SOURCES).map(|ssrcs| Feedback::Bye {
            ssrcs: ssrcs.to_vec(),
        }));
        self.ports.deliver(slot, peer, Class::Rtcp, |secure, room| {
            secure.protect_rtcp(&packets, room)
        });
    }

    fn remove_from_router(&mut self, slot: u32, room_slot: u32) {
        let now = self.now;
        let Some(peer) = self.tables.peer(slot) else {
            return;
        };
        let id = peer.id;
        let router = self.tables.rooms.get_mut(room_slot as usize);
        let Some(router) = router.and_then(|room| room.router.as_mut()) else {
            return self.tell_legs_closed(slot);
        };
        let removed = supervise::catch(|| {
            router.remove_transport(now, id);
            while let Some(event) = router.poll_event() {
                self.router_events.push(event);
            }
        });
        self.tell_router_events(room_slot);
        if let Err(message) = removed {
            tracing::error!(%message, "panic in a router; closing it");
            self.counters.panics += 1;
            self.close_room(room_slot, CloseCause::Panic);
        } else {
            self.mark_room(room_slot);
        }
    }

    /// The legs of a transport whose router cannot tell them any more.
    fn tell_legs_closed(&mut self, slot: u32) {
        let (events, cause) = (&mut self.events, CloseCause::Parent);
        for (consumer, _) in self.tables.consumers.extract_if(|_, leg| leg.peer == slot) {
            events.push(Event::ConsumerClosed { consumer, cause });
        }
        for (producer, _) in self.tables.producers.extract_if(|_, leg| leg.peer == slot) {
            events.push(Event::ProducerClosed { producer, cause });
        }
    }

    fn close_data_legs(&mut self, slot: u32) {
        let Some(peer) = self.tables.peer(slot) else {
            return;
        };
        let consumers: Vec<DataConsumerId> = peer
            .channels
            .values()
            .flat_map(|channel| channel.consumers.iter().copied())
            .collect();
        let producers: Vec<DataProducerId> = peer
            .channels
            .values()
            .filter_map(|channel| channel.producer)
            .collect();
        for consumer in consumers {
            self.close_data_consumer(consumer, CloseCause::Parent);
        }
        for producer in producers {
            self.close_data_producer(producer, CloseCause::Parent);
        }
    }
}

/// The transport's part of a session's end; the control plane writes the session's line.
fn summarise(peer: &Peer, cause: CloseCause, now: std::time::Instant) {
    let seconds = |since: std::time::Instant| now.saturating_duration_since(since).as_secs();
    tracing::debug!(
        transport = peer.id.0,
        name = %peer.name,
        ?cause,
        seconds = seconds(peer.created),
        connected_seconds = peer.connected.map(|(at, ..)| seconds(at)),
        protocol = ?peer.path.protocol(),
        srtp = ?peer.connected.map(|(_, profile, _)| profile),
        dtls = peer.connected.map(|(.., version)| version),
        bytes_received = peer.traffic.bytes_received,
        bytes_sent = peer.traffic.bytes_sent,
        "transport ended"
    );
}

/// Events for everything in `tables`, for when its state cannot be trusted.
pub(super) fn tell_all_closed(tables: &Tables, cause: CloseCause, events: &mut Vec<Event>) {
    let parent = CloseCause::Parent;
    let closed = |consumer: &_| Event::ConsumerClosed {
        consumer: *consumer,
        cause: parent,
    };
    events.extend(tables.consumers.keys().map(closed));
    let closed = |producer: &_| Event::ProducerClosed {
        producer: *producer,
        cause: parent,
    };
    events.extend(tables.producers.keys().map(closed));
    let closed = |data_consumer: &_| Event::DataConsumerClosed {
        data_consumer: *data_consumer,
        cause: parent,
    };
    events.extend(tables.data_consumers.keys().map(closed));
    let closed = |data_producer: &_| Event::DataProducerClosed {
        data_producer: *data_producer,
        cause: parent,
    };
    events.extend(tables.data_producers.keys().map(closed));
    let closed = |transport: &_| Event::TransportClosed {
        transport: *transport,
        cause: parent,
    };
    events.extend(tables.peer_ids.keys().map(closed));
    events.extend(tables.direct.keys().map(closed));
    events.extend(tables.room_ids.keys().map(|router| Event::RouterClosed {
        router: *router,
        cause,
    }));
}
