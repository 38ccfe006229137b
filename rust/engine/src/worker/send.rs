//! The way out: packets of routers and transports into the send arena or a connection's queue. Owns sealing into place and what is
//! dropped when a path takes no more.

use std::net::TcpListener;

use ahash::AHashMap;
use medianode_sfu::{Outgoing, PacketClass, Sink, TransportKey};
use medianode_webrtc::SecureTransport;
use medianode_webrtc::ice::tcp::MAX_FRAME;
use medianode_webrtc::params::{Protocol, TransportTuple};
use slab::Slab;

use super::tables::{Path, Peer};
use crate::net::gso::{Class, MAX_DATAGRAM, PerClass, SendArena};
use crate::net::tcp::Connection;
use crate::net::udp::UdpSocket;
use crate::supervise;

/// Bytes that sealing adds at most: the tag of AES-GCM, or of HMAC-SHA1.
const TAG: usize = 16;

/// Sockets of one worker and what waits to leave by them.
pub struct Ports {
    pub udp: Vec<UdpSocket>,
    pub listeners: Vec<TcpListener>,
    pub tcp: Slab<TcpPeer>,
    pub tcp_keys: AHashMap<TransportTuple, usize>,
    pub arena: SendArena,
    /// Connections with new bytes.
    pub tcp_dirty: Vec<usize>,
    /// Peers whose state panicked while it sealed.
    pub panicked: Vec<u32>,
    pub max_waiting: usize,
    pub tcp_dropped: PerClass,
    pub tcp_syscalls: u64,
}

/// One connection and whose it is.
pub struct TcpPeer {
    pub connection: Connection,
    /// Slot of the transport that has verified a check on it.
    pub peer: Option<u32>,
    /// Which of the key's tenants this is.
    pub serial: u64,
    /// Frames that came before a check verified.
    pub unverified: u32,
    pub dirty: bool,
    /// Waits for the kernel to take more.
    pub blocked: bool,
}

impl TcpPeer {
    pub fn tuple(&self) -> TransportTuple {
        let (local, remote) = (self.connection.local(), self.connection.remote());
        TransportTuple {
            protocol: Protocol::Tcp,
            local,
            remote,
        }
    }
}

impl Ports {
    /// `gso` says whether runs may be longer than one, `max_waiting` how many bytes of one transport may wait.
    pub fn new(
        udp: Vec<UdpSocket>,
        listeners: Vec<TcpListener>,
        gso: bool,
        max_waiting: usize,
    ) -> Self {
        Self {
            arena: SendArena::new(udp.len(), gso, max_waiting),
            udp,
            listeners,
            tcp: Slab::new(),
            tcp_keys: AHashMap::new(),
            tcp_dirty: Vec::new(),
            panicked: Vec::new(),
            max_waiting,
            tcp_dropped: PerClass::default(),
            tcp_syscalls: 0,
        }
    }

    /// The same sockets and counters without connections and without anything that waits.
    pub fn emptied(self) -> Self {
        let gso = self.arena.offload();
        Self {
            tcp_dropped: self.tcp_dropped,
            tcp_syscalls: self.tcp_syscalls,
            ..Self::new(self.udp, self.listeners, gso, self.max_waiting)
        }
    }

    /// Builds one datagram for `peer` in `slot`; its length, or 0 when it was dropped.
    #[inline]
    pub fn deliver(
        &mut self,
        slot: u32,
        peer: &mut Peer,
        class: Class,
        build: impl FnOnce(&mut SecureTransport, &mut [u8]) -> Option<usize>,
    ) -> usize {
        let sent = match peer.path {
            Path::Udp(destination) if self.arena.admits(slot, class) => {
                self.arena.make_room(slot, &self.udp);
                let room = self.arena.room();
                match supervise::catch(|| build(peer.transport.secure(), room)) {
                    Ok(len) => len.inspect(|len| {
                        self.arena
                            .commit(*len, slot, &destination, peer.runs, class);
                    }),
                    Err(message) => self.break_peer(slot, peer, &message),
                }
            }
            Path::Tcp { key, serial } => self.deliver_tcp((key, serial), slot, peer, class, build),
            Path::Udp(_) | Path::None => None,
        };
        let Some(len) = sent else {
            peer.traffic.packets_dropped += 1;
            return 0;
        };
        peer.traffic.packets_sent += 1;
        peer.traffic.bytes_sent += len as u64;
        len
    }

    fn deliver_tcp(
        &mut self,
        (key, serial): (usize, u64),
        slot: u32,
        peer: &mut Peer,
        class: Class,
        build: impl FnOnce(&mut SecureTransport, &mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        let tcp = self.tcp.get_mut(key).filter(|tcp| tcp.serial == serial)?;
        let share = match class {
            Class::Video | Class::Retransmission | Class::Probe => 2,
            Class::Audio | Class::Rtcp | Class::Control => 1,
        };
        if tcp.connection.waiting() * share >= self.max_waiting {
            self.tcp_dropped.add(class, 1);
            return None;
        }
        if !std::mem::replace(&mut tcp.dirty, true) {
            self.tcp_dirty.push(key);
        }
        let connection = &mut tcp.connection;
        let built = supervise::catch(|| {
            connection.push_with(MAX_FRAME, |room| build(peer.transport.secure(), room))
        });
        match built {
            Ok(len) => len,
            Err(message) => self.break_peer(slot, peer, &message),
        }
    }

    #[cold]
    fn break_peer(&mut self, slot: u32, peer: &mut Peer, message: &str) -> Option<usize> {
        tracing::error!(
            transport = peer.id.0,
            message,
            "panic while sealing; closing the transport"
        );
        peer.path = Path::None;
        self.panicked.push(slot);
        None
    }

    /// Sends a transport's own datagram, which lies in the arena's room, over a connection.
    pub fn send_tcp(&mut self, tuple: &TransportTuple, len: usize) {
        let Some(key) = self.find_tcp(tuple) else {
            return;
        };
        let Some(tcp) = self.tcp.get_mut(key) else {
            return;
        };
        if tcp.connection.waiting() >= self.max_waiting {
            self.tcp_dropped.add(Class::Control, 1);
            return;
        }
        let datagram = &self.arena.room()[..len];
        tcp.connection.push_with(len, |room| {
            room.copy_from_slice(datagram);
            Some(len)
        });
        if !std::mem::replace(&mut tcp.dirty, true) {
            self.tcp_dirty.push(key);
        }
    }

    pub fn add_tcp(&mut self, tcp: TcpPeer) -> usize {
        let tuple = tcp.tuple();
        let key = self.tcp.insert(tcp);
        self.tcp_keys.insert(tuple, key);
        key
    }

    pub fn find_tcp(&self, tuple: &TransportTuple) -> Option<usize> {
        self.tcp_keys.get(tuple).copied()
    }

    pub fn remove_tcp(&mut self, key: usize) -> Option<TcpPeer> {
        let tcp = self.tcp.try_remove(key)?;
        self.tcp_keys.remove(&tcp.tuple());
        Some(tcp)
    }

    /// The way back on a connection.
    pub fn tcp_path(&self, tuple: &TransportTuple) -> Option<Path> {
        let key = self.find_tcp(tuple)?;
        let serial = self.tcp.get(key)?.serial;
        Some(Path::Tcp { key, serial })
    }

    /// Closes a connection after its last words, as far as the kernel takes them.
    pub fn hang_up(&mut self, key: usize) {
        if let Some(mut tcp) = self.remove_tcp(key) {
            let _ = tcp.connection.flush();
        }
    }

    /// Hands everything that was built to the kernel.
    pub fn flush(&mut self) {
        if !self.arena.is_empty() {
            self.arena.flush(&self.udp);
        }
    }
}

/// Takes a router's packets.
pub struct Outbox<'a> {
    pub peers: &'a mut Slab<Box<Peer>>,
    pub ports: &'a mut Ports,
}

impl Sink for Outbox<'_> {
    fn expect(&mut self, to: &[TransportKey]) {
        let peers = || to.iter().filter_map(|key| self.peers.get(key.0 as usize));
        peers().for_each(|peer| peer.prefetch_sending());
        peers().for_each(|peer| peer.transport.prefetch_sealing());
    }

    fn send(&mut self, to: TransportKey, packet: Outgoing<'_>) -> usize {
        let Some(peer) = self.peers.get_mut(to.0 as usize) else {
            return 0;
        };
        let Outgoing {
            header,
            prefix,
            payload,
            index,
            class,
        } = packet;
        let class = match class {
            PacketClass::Audio => Class::Audio,
            PacketClass::Video => Class::Video,
            PacketClass::Retransmission => Class::Retransmission,
            PacketClass::Probe => Class::Probe,
        };
        self.ports.deliver(to.0, peer, class, |secure, room| {
            let payload_at = header.len() + prefix.len();
            let len = payload_at + payload.len();
            if len + TAG > room.len().min(MAX_DATAGRAM) {
                return None;
            }
            room[..header.len()].copy_from_slice(header);
            room[header.len()..payload_at].copy_from_slice(prefix);
            room[payload_at..len].copy_from_slice(payload);
            secure.protect_rtp(room, len, index)
        })
    }
}
