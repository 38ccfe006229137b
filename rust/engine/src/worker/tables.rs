//! What a worker has: transports, routers and their legs, by id and by slot. Owns the shapes; refuses to act.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use ahash::AHashMap;
use medianode_sfu::{
    ConsumerId, DataConsumerId, DataProducerId, ProducerId, Router, RouterId, TransportId,
    prefetch_span,
};
use medianode_webrtc::WebRtcTransport;
use medianode_webrtc::params::{ChannelParameters, Protocol, SrtpProfile, TransportTuple};
use slab::Slab;

use crate::net::gso::Destination;

/// All objects of one worker.
#[derive(Default)]
pub struct Tables {
    pub peers: Slab<Box<Peer>>,
    pub peer_ids: AHashMap<TransportId, u32>,
    pub direct: AHashMap<TransportId, Direct>,
    pub rooms: Slab<Box<Room>>,
    pub room_ids: AHashMap<RouterId, u32>,
    pub producers: AHashMap<ProducerId, Leg>,
    pub consumers: AHashMap<ConsumerId, Leg>,
    pub data_producers: AHashMap<DataProducerId, DataProducer>,
    pub data_consumers: AHashMap<DataConsumerId, DataConsumer>,
}

/// One transport and what the engine keeps about it. In memory as written here, from a line's start: what every datagram needs comes first
/// and stands together.
#[repr(C, align(64))]
pub struct Peer {
    pub path: Path,
    pub traffic: Traffic,
    pub id: TransportId,
    /// Which of the slot's tenants this is.
    pub epoch: u32,
    pub room: u32,
    /// The path takes GSO runs.
    pub runs: bool,
    /// On the list of peers to be served.
    pub dirty: bool,
    /// Its handshake was let in.
    pub admitted: bool,
    pub transport: WebRtcTransport,
    pub name: String,
    pub tuples: Vec<TransportTuple>,
    /// Media SSRCs of its consumers, for a last BYE.
    pub ssrcs: Vec<u32>,
    pub channels: BTreeMap<u16, Channel>,
    pub created: Instant,
    pub connected: Option<(Instant, SrtpProfile, &'static str)>,
    pub selections: u32,
}

/// A transport without a network: its data legs end at the control plane.
pub struct Direct {
    pub room: u32,
    pub producers: Vec<DataProducerId>,
    pub consumers: Vec<DataConsumerId>,
}

/// Where a peer's datagrams go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    None,
    Udp(Destination),
    /// A connection, and which of the key's tenants it is: keys are used again.
    Tcp {
        key: usize,
        serial: u64,
    },
}

impl Peer {
    /// What a datagram from it needs.
    pub fn prefetch_receiving(&self) {
        prefetch_span(&self.path, &self.admitted);
        self.transport.prefetch_receiving();
    }

    /// What sending needs, before [`WebRtcTransport::prefetch_sealing`].
    pub fn prefetch_sending(&self) {
        prefetch_span(&self.path, &self.admitted);
        self.transport.prefetch_sending();
    }
}

impl Path {
    pub fn protocol(self) -> Option<Protocol> {
        match self {
            Path::None => None,
            Path::Udp(_) => Some(Protocol::Udp),
            Path::Tcp { .. } => Some(Protocol::Tcp),
        }
    }
}

/// Datagrams of one peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    pub packets_received: u64,
    pub bytes_received: u64,
    pub packets_sent: u64,
    pub bytes_sent: u64,
    pub packets_dropped: u64,
}

/// One router.
pub struct Room {
    pub id: RouterId,
    /// None once it has panicked.
    pub router: Option<Router>,
    pub peers: Vec<u32>,
    pub direct: Vec<TransportId>,
    pub dirty: bool,
}

/// Which transport and router a producer or consumer belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    pub room: u32,
    pub peer: u32,
    pub ssrc: Option<u32>,
}

/// One data channel of a peer.
#[derive(Default)]
pub struct Channel {
    pub parameters: ChannelParameters,
    /// Opened by command; the control plane is not told what it knows.
    pub ours: bool,
    /// Being reset; nobody joins it any more.
    pub closing: bool,
    pub producer: Option<DataProducerId>,
    pub consumers: Vec<DataConsumerId>,
    /// Messages that came before anybody could hear them.
    pub unclaimed: VecDeque<(bool, Vec<u8>)>,
    pub unclaimed_bytes: usize,
}

impl Channel {
    /// One that we open.
    pub fn ours(parameters: ChannelParameters) -> Self {
        Self {
            parameters,
            ours: true,
            ..Self::default()
        }
    }

    /// Messages of this channel may be lost by agreement (RFC 8831 section 6.6).
    pub fn is_unreliable(&self) -> bool {
        self.parameters.max_retransmits.is_some() || self.parameters.max_packet_life_time.is_some()
    }
}

/// Where a data leg ends.
#[derive(Clone, Copy, Debug)]
pub enum DataEnd {
    /// In a channel of a peer.
    Channel { peer: u32, stream_id: u16 },
    /// At the control plane.
    Direct(TransportId),
}

/// One source of messages.
pub struct DataProducer {
    pub end: DataEnd,
    pub consumers: Vec<DataConsumerId>,
    /// Until then, messages are kept for its first consumer.
    pub keep_until: Option<Instant>,
}

/// One receiver of messages.
pub struct DataConsumer {
    pub end: DataEnd,
    pub producer: DataProducerId,
}

impl Tables {
    pub fn peer(&self, slot: u32) -> Option<&Peer> {
        self.peers.get(slot as usize).map(Box::as_ref)
    }

    pub fn peer_mut(&mut self, slot: u32) -> Option<&mut Peer> {
        self.peers.get_mut(slot as usize).map(Box::as_mut)
    }

    pub fn room_mut(&mut self, slot: u32) -> Option<&mut Room> {
        self.rooms.get_mut(slot as usize).map(Box::as_mut)
    }

    /// The peer and the channel that a data leg ends in.
    pub fn channel_mut(&mut self, end: DataEnd) -> Option<(&mut WebRtcTransport, &mut Channel)> {
        let DataEnd::Channel { peer, stream_id } = end else {
            return None;
        };
        let peer = self.peer_mut(peer)?;
        let channel = peer.channels.get_mut(&stream_id)?;
        Some((&mut peer.transport, channel))
    }

    /// The router of a data leg.
    pub fn room_of(&self, end: DataEnd) -> Option<u32> {
        match end {
            DataEnd::Channel { peer, .. } => self.peer(peer).map(|peer| peer.room),
            DataEnd::Direct(transport) => self.direct.get(&transport).map(|direct| direct.room),
        }
    }
}
