//! The way in: datagrams of all sockets to their transports, and what those make of them to their routers. Owns which datagram is
//! looked at at all; everything refused is counted and never answered.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use medianode_webrtc::classify::{Kind, classify, request_ufrag};
use medianode_webrtc::ice::tcp::MAX_FRAME;
use medianode_webrtc::params::{Protocol, TransportTuple};
use medianode_webrtc::{Received, rtcp};

use super::send::TcpPeer;
use super::tables::Peer;
use super::token::Token;
use super::{Blame, Worker};
use crate::clock;
use crate::demux::Place;
use crate::net::arena::{ReceiveArena, SLOTS, Slot};
use crate::net::epoll::Interest;
use crate::net::tcp::{self, Ended};

/// Datagrams taken from one socket per turn. What they cause is sent before more is taken, so this bounds both the delay of timers and
/// commands and what a router must hold.
const DATAGRAMS_PER_TURN: usize = 512;
/// Slots whose senders' state is asked for together.
const AHEAD: usize = 8;
/// Connections accepted per turn.
const ACCEPTS_PER_TURN: usize = 16;
/// Bytes read from a connection at a time.
const TCP_SCRATCH: usize = 16 << 10;
/// Frames that a connection may bring before a check on it has verified.
const UNVERIFIED_FRAMES: u32 = 16;
/// A connection without a verified check is ended after this long.
const TCP_VERIFY_WITHIN: Duration = Duration::from_secs(10);

/// Memory that receiving needs.
pub(super) struct Intake {
    /// Lent out while its datagrams are handled.
    arena: Option<ReceiveArena>,
    scratch: Box<[u8]>,
    /// The kernel's drop counter of each socket, as last told.
    overflows: Vec<u32>,
    /// Sockets of which we want to know when they can be written.
    pub watched: Vec<bool>,
    /// Connections on which no check has verified, oldest first: when accepted, key, serial.
    pub unverified: VecDeque<(Instant, usize, u64)>,
}

impl Intake {
    pub fn new(sockets: usize) -> Self {
        Self {
            arena: Some(ReceiveArena::new()),
            scratch: vec![0; TCP_SCRATCH].into_boxed_slice(),
            overflows: vec![0; sockets],
            watched: vec![false; sockets],
            unverified: VecDeque::new(),
        }
    }
}

impl Worker {
    pub(super) fn receive_udp(&mut self, at: usize) {
        // Gone only if a panic took it along.
        let mut arena = self.intake.arena.take().unwrap_or_default();
        let mut taken = 0;
        while taken < DATAGRAMS_PER_TURN {
            let Some(socket) = self.ports.udp.get(at) else {
                break;
            };
            self.counters.receives += 1;
            let count = match arena.receive(socket) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    tracing::debug!(%error, "receive");
                    break;
                }
            };
            // Arrival times matter more than the age of anything else in this turn.
            self.now = clock::now();
            for first in (0..count).step_by(AHEAD) {
                let slots = first..count.min(first + AHEAD);
                self.prefetch_senders(&mut arena, slots.clone());
                for slot in slots {
                    taken += self.handle_slot(&mut arena, slot);
                }
            }
            if let Some(overflows) = arena.take_overflows() {
                let before = std::mem::replace(&mut self.intake.overflows[at], overflows);
                self.counters.dropped.receive_overflow += u64::from(overflows.wrapping_sub(before));
            }
            if count < SLOTS {
                break;
            }
        }
        self.intake.arena = Some(arena);
    }

    /// Many peers report at once, and nothing of theirs is near the core: asks for it for several of them together.
    fn prefetch_senders(&mut self, arena: &mut ReceiveArena, slots: Range<usize>) {
        if slots.len() < 2 {
            return;
        }
        let mut senders = [None; AHEAD];
        for (sender, slot) in senders.iter_mut().zip(slots) {
            let tuple = arena.slot(slot).map(|slot| tuple_of(&slot));
            *sender = tuple.and_then(|tuple| self.tuples.find(&tuple));
        }
        let tables = &self.tables;
        let peers = || {
            senders
                .iter()
                .flatten()
                .filter_map(|slot| tables.peer(*slot))
        };
        let router = |peer: &Peer| tables.rooms.get(peer.room as usize)?.router.as_ref();
        for peer in peers() {
            peer.prefetch_receiving();
        }
        for peer in peers() {
            peer.transport.prefetch_opening();
            if let Some(router) = router(peer) {
                router.prefetch_reporter(peer.id);
            }
        }
        for peer in peers() {
            if let Some(router) = router(peer) {
                router.prefetch_feedback(peer.id);
            }
        }
    }

    /// Datagrams of one slot; their number.
    fn handle_slot(&mut self, arena: &mut ReceiveArena, slot: usize) -> usize {
        let Some(slot) = arena.slot(slot) else {
            self.counters.dropped.unusable += 1;
            return 0;
        };
        let tuple = tuple_of(&slot);
        self.counters.bytes_received += slot.bytes.len() as u64;
        let datagrams = slot.bytes.chunks_mut(slot.segment);
        let count = datagrams.len();
        for datagram in datagrams {
            self.handle_datagram(tuple, datagram);
        }
        count
    }

    #[inline]
    fn handle_datagram(&mut self, tuple: TransportTuple, datagram: &mut [u8]) {
        self.counters.datagrams_received += 1;
        let kind = classify(datagram);
        let slot = match kind {
            Kind::Rtp | Kind::Rtcp | Kind::Dtls => {
                let found = self.tuples.find(&tuple);
                if found.is_none() {
                    self.counters.dropped.unknown_tuple += 1;
                }
                found
            }
            // A check names its transport, even from an address that another one has.
            Kind::Stun => {
                let found = self
                    .find_by_ufrag(datagram)
                    .or_else(|| self.tuples.find(&tuple));
                if found.is_none() {
                    self.counters.dropped.unknown_ufrag += 1;
                }
                found
            }
            Kind::Drop => {
                self.counters.dropped.unclassified += 1;
                None
            }
        };
        if let Some(slot) = slot {
            self.guarded(|worker| worker.handle_for(slot, kind, tuple, datagram));
        }
    }

    fn find_by_ufrag(&self, datagram: &[u8]) -> Option<u32> {
        let ufrag = request_ufrag(datagram)?;
        let place = Place::from_ufrag(ufrag)?;
        let peer = self.tables.peer(place.slot)?;
        let ours = usize::from(place.worker) == self.setup.index & 0xff
            && place.epoch == peer.epoch
            && peer
                .transport
                .username_fragments()
                .any(|known| known == ufrag);
        ours.then_some(place.slot)
    }

    fn handle_for(&mut self, slot: u32, kind: Kind, tuple: TransportTuple, datagram: &mut [u8]) {
        let now = self.now;
        let Some(peer) = self.tables.peers.get_mut(slot as usize) else {
            return;
        };
        self.blame = Blame::Peer(slot);
        peer.traffic.packets_received += 1;
        peer.traffic.bytes_received += datagram.len() as u64;
        if kind == Kind::Dtls && !peer.admitted {
            if !self.handshakes.take(now) {
                self.counters.dropped.handshakes += 1;
                return;
            }
            peer.admitted = true;
            self.counters.handshakes += 1;
        }
        let room_slot = peer.room;
        match peer.transport.handle_datagram(now, tuple, datagram) {
            Received::None => {}
            Received::Rtp(packet) => {
                let Some(room) = self.tables.rooms.get_mut(room_slot as usize) else {
                    return;
                };
                if let Some(router) = &mut room.router {
                    self.blame = Blame::Room(room_slot);
                    router.handle_rtp(now, peer.id, packet);
                }
                if !std::mem::replace(&mut room.dirty, true) {
                    self.dirty_rooms.push(room_slot);
                }
            }
            Received::Rtcp(compound) => {
                let packets = rtcp::read(compound).unwrap_or_else(|error| {
                    self.counters.dropped.rtcp_malformed += 1;
                    error.read
                });
                let Some(room) = self.tables.rooms.get_mut(room_slot as usize) else {
                    return;
                };
                if let Some(router) = &mut room.router {
                    self.blame = Blame::Room(room_slot);
                    router.handle_feedback(now, peer.id, &packets);
                }
                if !std::mem::replace(&mut room.dirty, true) {
                    self.dirty_rooms.push(room_slot);
                }
            }
        }
        if matches!(kind, Kind::Stun | Kind::Dtls) {
            // At once: the next datagram of the same batch may depend on it.
            self.serve_peer(slot);
        }
    }

    pub(super) fn accept(&mut self, at: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = self.ports.listeners.get(at) else {
                return;
            };
            let connection = match tcp::accept(listener) {
                Ok(Some(connection)) => connection,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "no connections are accepted for a second");
                    return self.pause_listener(at);
                }
            };
            if self.ports.tcp.len() >= self.setup.config.limits.tcp_connections_per_worker {
                self.counters.dropped.tcp_connections += 1;
                continue;
            }
            self.serials += 1;
            let (fd, serial) = (connection.as_raw_fd(), self.serials);
            let key = self.ports.add_tcp(TcpPeer {
                connection,
                peer: None,
                serial,
                unverified: 0,
                dirty: false,
                blocked: false,
            });
            if let Err(error) = self.epoll.add(fd, Token::Tcp(key).to_u64(), Interest::READ) {
                tracing::warn!(%error, "epoll");
                self.ports.remove_tcp(key);
                continue;
            }
            self.intake.unverified.push_back((self.now, key, serial));
            self.need_housekeeping();
        }
    }

    /// Without descriptors to spare a waiting connection would wake us without end.
    fn pause_listener(&mut self, at: usize) {
        self.watch_listener(at, Interest::NONE);
        self.need_housekeeping();
    }

    pub(super) fn resume_listeners(&mut self) {
        for at in 0..self.ports.listeners.len() {
            self.watch_listener(at, Interest::READ);
        }
    }

    fn watch_listener(&self, at: usize, interest: Interest) {
        let Some(listener) = self.ports.listeners.get(at) else {
            return;
        };
        let token = Token::Listener(at).to_u64();
        if let Err(error) = self.epoll.modify(listener.as_raw_fd(), token, interest) {
            tracing::error!(%error, "epoll");
        }
    }

    pub(super) fn receive_tcp(&mut self, key: usize) {
        let Some(tcp) = self.ports.tcp.get_mut(key) else {
            return;
        };
        let serial = tcp.serial;
        if let Err(ended) = tcp.connection.receive(&mut self.intake.scratch) {
            return self.end_tcp(key, &ended);
        }
        let tuple = tcp.tuple();
        let mut frame = [0; MAX_FRAME];
        loop {
            // Looked up again: what a frame causes may end the connection.
            let Some(tcp) = self
                .ports
                .tcp
                .get_mut(key)
                .filter(|tcp| tcp.serial == serial)
            else {
                return;
            };
            let len = match tcp.connection.next_frame() {
                Ok(Some(bytes)) => {
                    let len = bytes.len();
                    frame[..len].copy_from_slice(bytes);
                    len
                }
                Ok(None) => return,
                Err(lost) => return self.end_tcp(key, &lost.into()),
            };
            if tcp.peer.is_none() {
                tcp.unverified += 1;
                if tcp.unverified > UNVERIFIED_FRAMES {
                    return self.end_tcp(key, &Ended::Closed);
                }
            }
            self.counters.bytes_received += len as u64;
            self.handle_datagram(tuple, &mut frame[..len]);
        }
    }

    /// A connection is of no more use: its transport learns that the path is gone.
    pub(super) fn end_tcp(&mut self, key: usize, why: &Ended) {
        let Some(tcp) = self.ports.remove_tcp(key) else {
            return;
        };
        if tcp.peer.is_none() {
            self.counters.dropped.tcp_unverified += 1;
        }
        tracing::debug!(error = %why, "connection ended");
        let Some(slot) = tcp.peer else { return };
        let tuple = tcp.tuple();
        self.guarded(|worker| {
            let now = worker.now;
            if let Some(peer) = worker.tables.peer_mut(slot) {
                worker.blame = Blame::Peer(slot);
                peer.transport.handle_tuple_closed(now, tuple);
                worker.serve_peer(slot);
            }
        });
    }

    /// Ends connections on which no check has verified in time.
    pub(super) fn end_unverified_tcp(&mut self) {
        let Some(oldest) = self.now.checked_sub(TCP_VERIFY_WITHIN) else {
            return;
        };
        while let Some((_, key, serial)) = self
            .intake
            .unverified
            .pop_front_if(|(accepted, ..)| *accepted <= oldest)
        {
            let stale = |tcp: &TcpPeer| tcp.serial == serial && tcp.peer.is_none();
            if self.ports.tcp.get(key).is_some_and(stale) {
                self.end_tcp(key, &Ended::Closed);
            }
        }
    }
}

fn tuple_of(slot: &Slot<'_>) -> TransportTuple {
    TransportTuple {
        protocol: Protocol::Udp,
        local: slot.local,
        remote: slot.remote,
    }
}
