//! What transports and routers want done: their events, what they have to send, when to call them again. Owns the order within a turn.

use std::time::{Duration, Instant};

use medianode_sfu::RouterEvent;
use medianode_webrtc::params::{Protocol, TransportTuple};
use medianode_webrtc::secure::SecureClose;
use medianode_webrtc::{SecureEvent, TransportEvent};

use super::send::Outbox;
use super::tables::Path;
use super::{Blame, HOUSEKEEPING, HOUSEKEEPING_EVERY, Token, Worker, peer_timer, room_timer};
use crate::net::epoll::Interest;
use crate::net::gso::{Class, Destination};
use crate::net::tcp::Ended;
use crate::{CloseCause, Event};

/// A connection without a verified check is ended after this long.
pub(super) const TCP_VERIFY_WITHIN: Duration = Duration::from_secs(10);
/// Lines about refused input come this often at most.
const TELL_DROPS_EVERY: Duration = Duration::from_secs(10);

impl Worker {
    pub(super) fn fire_timers(&mut self) {
        let mut fired = std::mem::take(&mut self.fired);
        self.wheel.advance(self.now, &mut fired);
        for token in fired.drain(..) {
            match token.checked_sub(1) {
                None => self.keep_house(),
                Some(even) if even % 2 == 0 => {
                    self.guarded(|worker| worker.time_out_peer(even / 2));
                }
                Some(odd) => {
                    self.guarded(|worker| worker.time_out_room(odd / 2));
                }
            }
        }
        self.fired = fired;
    }

    fn time_out_peer(&mut self, slot: u32) {
        let now = self.now;
        let Some(peer) = self.tables.peer_mut(slot) else {
            return;
        };
        if peer.transport.poll_timeout().is_some_and(|at| at <= now) {
            self.blame = Blame::Peer(slot);
            peer.transport.handle_timeout(now);
        }
        self.serve_peer(slot);
    }

    fn time_out_room(&mut self, slot: u32) {
        let now = self.now;
        let Some(room) = self.tables.room_mut(slot) else {
            return;
        };
        if let Some(router) = &mut room.router
            && router.poll_timeout().is_some_and(|at| at <= now)
        {
            self.blame = Blame::Room(slot);
            router.handle_timeout(now);
        }
        self.mark_room(slot);
    }

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
        self.rearm(room_timer(slot), deadline);
    }

    fn rearm(&mut self, token: u32, deadline: Option<Instant>) {
        if let Some(deadline) = deadline {
            self.wheel.arm_earlier(token, deadline);
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
        self.rearm(peer_timer(slot), deadline);
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

    fn add_tuple(&mut self, slot: u32, tuple: TransportTuple) {
        let Some(peer) = self.tables.peer_mut(slot) else {
            return;
        };
        if !peer.tuples.contains(&tuple) {
            peer.tuples.push(tuple);
        }
        self.tuples.insert(tuple, slot);
        if tuple.protocol == Protocol::Tcp
            && let Some(key) = self.ports.find_tcp(&tuple)
        {
            self.ports.tcp[key].peer = Some(slot);
        }
    }

    fn remove_tuple(&mut self, slot: u32, tuple: TransportTuple) {
        self.tuples.remove(&tuple, slot);
        let Some(peer) = self.tables.peer_mut(slot) else {
            return;
        };
        peer.tuples.retain(|known| *known != tuple);
        if tuple.protocol == Protocol::Tcp
            && let Some(key) = self.ports.find_tcp(&tuple)
        {
            self.ports.hang_up(key);
        }
        if let Some(peer) = self.tables.peer_mut(slot)
            && peer.transport.selected_tuple().is_none()
        {
            peer.path = Path::None;
        }
    }

    fn select_tuple(&mut self, slot: u32, tuple: TransportTuple) {
        let path = match tuple.protocol {
            Protocol::Udp => destination(&self.ports.udp, &tuple).map(Path::Udp),
            Protocol::Tcp => self.ports.tcp_path(&tuple),
        };
        let Some(peer) = self.tables.peer_mut(slot) else {
            return;
        };
        peer.path = path.unwrap_or(Path::None);
        peer.runs = true;
        peer.selections = peer.selections.saturating_add(1);
        let (transport, protocol) = (peer.id, tuple.protocol);
        self.events.push(Event::IceConnected {
            transport,
            protocol,
        });
    }

    pub(super) fn flush_tcp(&mut self) {
        while let Some(key) = self.ports.tcp_dirty.pop() {
            let Some(tcp) = self.ports.tcp.get_mut(key) else {
                continue;
            };
            tcp.dirty = false;
            self.ports.tcp_syscalls += 1;
            match tcp.connection.flush() {
                Ok(drained) => self.watch_tcp(key, !drained),
                Err(ended) => self.end_tcp(key, &ended),
            }
        }
    }

    /// Asks to be told when a blocked connection takes more, and no longer when it does.
    fn watch_tcp(&mut self, key: usize, blocked: bool) {
        let Some(tcp) = self.ports.tcp.get_mut(key) else {
            return;
        };
        if std::mem::replace(&mut tcp.blocked, blocked) == blocked {
            return;
        }
        let interest = if blocked {
            Interest::BOTH
        } else {
            Interest::READ
        };
        let fd = tcp.connection.as_raw_fd();
        if let Err(error) = self.epoll.modify(fd, Token::Tcp(key).to_u64(), interest) {
            self.end_tcp(key, &Ended::Io(error));
        }
    }

    pub(super) fn mark_tcp(&mut self, key: usize) {
        let Some(tcp) = self.ports.tcp.get_mut(key) else {
            return;
        };
        if !std::mem::replace(&mut tcp.dirty, true) {
            self.ports.tcp_dirty.push(key);
        }
    }

    pub(super) fn drain_udp(&mut self, at: usize) {
        if let Some(socket) = self.ports.udp.get(at) {
            self.ports.arena.drain(at, socket);
        }
    }

    /// Asks to be told when a blocked socket takes more, and no longer when it does.
    fn watch_udp(&mut self, at: usize) {
        let blocked = self.ports.arena.is_blocked(at);
        let Some(watched) = self.intake.watched.get_mut(at) else {
            return;
        };
        if std::mem::replace(watched, blocked) == blocked {
            return;
        }
        let interest = if blocked {
            Interest::BOTH
        } else {
            Interest::READ
        };
        let fd = self.ports.udp[at].as_raw_fd();
        if let Err(error) = self.epoll.modify(fd, Token::Udp(at).to_u64(), interest) {
            tracing::error!(%error, "epoll");
        }
    }

    /// Once a second while there is anything to count.
    fn keep_house(&mut self) {
        self.end_unverified_tcp();
        self.resume_listeners();
        self.publish();
        self.tell_drops();
        self.counters.longest_turn = Duration::ZERO;
        let busy = !self.tables.rooms.is_empty()
            || !self.ports.tcp.is_empty()
            || self.counters.told != self.counters.dropped;
        if busy {
            self.need_housekeeping();
        }
    }

    pub(super) fn need_housekeeping(&mut self) {
        if self.wheel.deadline(HOUSEKEEPING).is_none() {
            self.wheel.arm(HOUSEKEEPING, self.now + HOUSEKEEPING_EVERY);
        }
    }

    /// One line for all the hostile or lost input of the last while.
    fn tell_drops(&mut self) {
        let counters = &mut self.counters;
        let recent = |at: Instant| self.now.saturating_duration_since(at) < TELL_DROPS_EVERY;
        if counters.dropped == counters.told || counters.told_at.is_some_and(recent) {
            return;
        }
        counters.told_at = Some(self.now);
        counters.told = counters.dropped;
        tracing::info!(
            worker = self.setup.index,
            dropped = ?counters.dropped,
            "input was dropped, counted since the start"
        );
    }
}

fn cause(by_parent: bool) -> CloseCause {
    if by_parent {
        CloseCause::Parent
    } else {
        CloseCause::Closed
    }
}

/// How to reach the peer of a UDP tuple.
pub(super) fn destination(
    sockets: &[crate::net::udp::UdpSocket],
    tuple: &TransportTuple,
) -> Option<Destination> {
    let fits = |local: std::net::SocketAddr| {
        local.is_ipv4() == tuple.local.is_ipv4()
            && local.port() == tuple.local.port()
            && (local.ip().is_unspecified() || local.ip() == tuple.local.ip())
    };
    let socket = sockets.iter().position(|socket| fits(socket.local()))?;
    let source = sockets[socket].source(tuple.local);
    Some(Destination {
        socket,
        to: tuple.remote,
        source,
    })
}
