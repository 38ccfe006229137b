//! Which way a transport's datagrams go: its validated tuples, the selected one, and the socket or connection behind it.

use std::net::SocketAddr;

use medianode_webrtc::params::{Protocol, TransportTuple};

use super::Worker;
use super::tables::Path;
use crate::Event;
use crate::net::gso::Destination;
use crate::net::udp::UdpSocket;

impl Worker {
    pub(super) fn add_tuple(&mut self, slot: u32, tuple: TransportTuple) {
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

    pub(super) fn remove_tuple(&mut self, slot: u32, tuple: TransportTuple) {
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

    pub(super) fn select_tuple(&mut self, slot: u32, tuple: TransportTuple) {
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
}

/// How to reach the peer of a UDP tuple.
pub(super) fn destination(sockets: &[UdpSocket], tuple: &TransportTuple) -> Option<Destination> {
    let fits = |local: SocketAddr| {
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
