//! Data channels of a room: messages of a channel that was made a producer, into the channels of its consumers. Owns who hears whom;
//! a consumer that does not keep up never slows its producer.

use std::time::Duration;

use medianode_sfu::{DataConsumerId, DataProducerId, TransportId};
use medianode_webrtc::Error as TransportError;
use medianode_webrtc::params::ChannelParameters;

use super::tables::{Channel, DataConsumer, DataProducer};
use super::{Blame, Worker};
use crate::{CloseCause, Event, Refusal, RefusalKind};

/// Messages kept of a channel before it becomes a producer, and their bytes.
const UNCLAIMED_MESSAGES: usize = 64;
const UNCLAIMED_BYTES: usize = 64 << 10;
/// How long a new producer waits for its first consumer.
const KEEP_UNCLAIMED: Duration = Duration::from_secs(2);

/// How a data consumer's channel comes to be.
pub(super) enum Opening {
    /// The peer has opened it, or will.
    Theirs(u16),
    /// Both sides know it by number.
    Negotiated(u16, ChannelParameters),
    Ours(ChannelParameters),
}

impl Worker {
    pub(super) fn channel_opened(&mut self, slot: u32, stream_id: u16, channel: ChannelParameters) {
        let Some(peer) = self.tables.peer_mut(slot) else {
            return;
        };
        let entry = peer.channels.entry(stream_id).or_default();
        entry.parameters = channel.clone();
        if !entry.ours {
            let transport = peer.id;
            self.events.push(Event::DataChannelOpened {
                transport,
                stream_id,
                channel,
            });
        }
    }

    pub(super) fn channel_closed(&mut self, slot: u32, stream_id: u16) {
        let Some(peer) = self.tables.peer_mut(slot) else {
            return;
        };
        let Some(channel) = peer.channels.get(&stream_id) else {
            return;
        };
        let (transport, ours) = (peer.id, channel.ours);
        let (producer, consumer) = (channel.producer, channel.consumer);
        if let Some(consumer) = consumer {
            self.close_data_consumer(consumer, CloseCause::PeerClosed);
        }
        if let Some(producer) = producer {
            self.close_data_producer(producer, CloseCause::PeerClosed);
        }
        if let Some(peer) = self.tables.peer_mut(slot) {
            peer.channels.remove(&stream_id);
        }
        if !ours {
            self.events.push(Event::DataChannelClosed {
                transport,
                stream_id,
            });
        }
    }

    pub(super) fn message(&mut self, slot: u32, stream_id: u16, text: bool, data: Vec<u8>) {
        let Some(peer) = self.tables.peers.get_mut(slot as usize) else {
            return;
        };
        let Some(channel) = peer.channels.get_mut(&stream_id) else {
            return;
        };
        if let Some(producer) = channel.producer {
            // A new producer's messages wait a while for its first consumer.
            let source = self.tables.data_producers.get(&producer);
            let keep_until = source.and_then(|source| source.keep_until);
            if keep_until.is_none_or(|until| until <= self.now) {
                return self.fan_out(producer, text, &data);
            }
        }
        let fits = channel.unclaimed.len() < UNCLAIMED_MESSAGES
            && channel.unclaimed_bytes + data.len() <= UNCLAIMED_BYTES;
        if fits {
            channel.unclaimed_bytes += data.len();
            channel.unclaimed.push_back((text, data));
        } else {
            self.counters.dropped.data_unclaimed += 1;
        }
    }

    fn fan_out(&mut self, producer: DataProducerId, text: bool, data: &[u8]) {
        let Some(source) = self.tables.data_producers.get_mut(&producer) else {
            return;
        };
        // Taken while it is walked: what a send causes may close consumers.
        let consumers = std::mem::take(&mut source.consumers);
        let mut overrun = Vec::new();
        for consumer in &consumers {
            if !self.send_message(*consumer, text, data) {
                overrun.push(*consumer);
            }
        }
        if let Some(source) = self.tables.data_producers.get_mut(&producer) {
            source.consumers = consumers;
        }
        for consumer in overrun {
            self.counters.dropped.data_channels += 1;
            self.close_data_consumer(consumer, CloseCause::Limit);
        }
    }

    /// False when the consumer must end: it may not lose messages and does not take them.
    fn send_message(&mut self, consumer: DataConsumerId, text: bool, data: &[u8]) -> bool {
        let now = self.now;
        let Some(&DataConsumer {
            peer: slot,
            stream_id,
            ..
        }) = self.tables.data_consumers.get(&consumer)
        else {
            return true;
        };
        let Some(peer) = self.tables.peer_mut(slot) else {
            return true;
        };
        self.blame = Blame::Peer(slot);
        let sent = peer
            .transport
            .secure()
            .send_message(now, stream_id, text, data);
        let unreliable = peer
            .channels
            .get(&stream_id)
            .is_some_and(Channel::is_unreliable);
        match sent {
            Ok(()) => {
                self.mark_peer(slot);
                true
            }
            Err(TransportError::Limit(_)) if !unreliable => false,
            // Too long for this peer, not open yet or not any more, or lost by agreement.
            Err(_) => {
                self.counters.dropped.data_messages += 1;
                true
            }
        }
    }

    pub(super) fn create_data_producer(
        &mut self,
        transport: TransportId,
        id: DataProducerId,
        stream_id: u16,
        negotiated: Option<ChannelParameters>,
    ) -> Result<(), Refusal> {
        let now = self.now;
        let slot = self.peer_slot(transport)?;
        if self.tables.data_producers.contains_key(&id) {
            return Err(Refusal::new(
                RefusalKind::Conflict,
                "data producer exists already",
            ));
        }
        let Some(peer) = self.tables.peer_mut(slot) else {
            return Err(super::control::gone());
        };
        let taken = peer
            .channels
            .get(&stream_id)
            .is_some_and(|known| known.producer.is_some());
        if taken {
            let detail = format!("stream {stream_id} has a data producer already");
            return Err(Refusal::new(RefusalKind::Conflict, detail));
        }
        if let Some(parameters) = negotiated
            && !peer.channels.contains_key(&stream_id)
        {
            self.blame = Blame::Peer(slot);
            peer.transport
                .secure()
                .open_channel(now, &parameters, Some(stream_id))?;
            peer.channels.insert(stream_id, Channel::ours(parameters));
        }
        let Some(channel) = peer.channels.get_mut(&stream_id) else {
            let detail = format!("the peer has no channel on stream {stream_id}");
            return Err(Refusal::new(RefusalKind::NotFound, detail));
        };
        channel.producer = Some(id);
        self.tables.data_producers.insert(
            id,
            DataProducer {
                peer: slot,
                stream_id,
                consumers: Vec::new(),
                keep_until: Some(now + KEEP_UNCLAIMED),
            },
        );
        self.mark_peer(slot);
        Ok(())
    }

    pub(super) fn create_data_consumer(
        &mut self,
        transport: TransportId,
        id: DataConsumerId,
        producer: DataProducerId,
        opening: Opening,
    ) -> Result<(), Refusal> {
        let slot = self.peer_slot(transport)?;
        if self.tables.data_consumers.contains_key(&id) {
            return Err(Refusal::new(
                RefusalKind::Conflict,
                "data consumer exists already",
            ));
        }
        let Some(source) = self.tables.data_producers.get(&producer) else {
            return Err(Refusal::new(
                RefusalKind::NotFound,
                "data producer is not known here",
            ));
        };
        let room = |slot| self.tables.peer(slot).map(|peer| peer.room);
        if room(source.peer) != room(slot) {
            let detail = "the data producer belongs to another router";
            return Err(Refusal::new(RefusalKind::InvalidArgument, detail));
        }
        let (source_slot, source_stream) = (source.peer, source.stream_id);
        let stream_id = self.open_for(slot, id, opening)?;
        let consumer = DataConsumer {
            peer: slot,
            stream_id,
            producer,
        };
        self.tables.data_consumers.insert(id, consumer);
        if let Some(source) = self.tables.data_producers.get_mut(&producer) {
            source.consumers.push(id);
        }
        self.mark_peer(slot);
        self.claim(source_slot, source_stream, producer);
        Ok(())
    }

    /// What came before anybody listened goes to the first who does, if that is soon.
    fn claim(&mut self, slot: u32, stream_id: u16, producer: DataProducerId) {
        let Some(source) = self.tables.data_producers.get_mut(&producer) else {
            return;
        };
        let fresh = source
            .keep_until
            .take()
            .is_some_and(|until| self.now < until);
        let Some(peer) = self.tables.peer_mut(slot) else {
            return;
        };
        let Some(channel) = peer.channels.get_mut(&stream_id) else {
            return;
        };
        channel.unclaimed_bytes = 0;
        for (text, data) in std::mem::take(&mut channel.unclaimed)
            .into_iter()
            .filter(|_| fresh)
        {
            self.fan_out(producer, text, &data);
        }
    }

    fn open_for(
        &mut self,
        slot: u32,
        id: DataConsumerId,
        opening: Opening,
    ) -> Result<u16, Refusal> {
        let now = self.now;
        let Some(peer) = self.tables.peer_mut(slot) else {
            return Err(super::control::gone());
        };
        self.blame = Blame::Peer(slot);
        let stream_id = match opening {
            Opening::Theirs(stream_id) | Opening::Negotiated(stream_id, _)
                if peer.channels.contains_key(&stream_id) =>
            {
                stream_id
            }
            Opening::Theirs(stream_id) => {
                let detail = format!("the peer has no channel on stream {stream_id}");
                return Err(Refusal::new(RefusalKind::NotFound, detail));
            }
            Opening::Negotiated(stream_id, parameters) => {
                peer.transport
                    .secure()
                    .open_channel(now, &parameters, Some(stream_id))?;
                peer.channels.insert(stream_id, Channel::ours(parameters));
                stream_id
            }
            Opening::Ours(parameters) => {
                let stream_id = peer
                    .transport
                    .secure()
                    .open_channel(now, &parameters, None)?;
                peer.channels.insert(stream_id, Channel::ours(parameters));
                stream_id
            }
        };
        let Some(channel) = peer.channels.get_mut(&stream_id) else {
            return Err(super::control::gone());
        };
        if channel.consumer.is_some() {
            let detail = format!("stream {stream_id} has a data consumer already");
            return Err(Refusal::new(RefusalKind::Conflict, detail));
        }
        channel.consumer = Some(id);
        Ok(stream_id)
    }

    /// Ends a data producer and the consumers that it feeds; the peer's channel stays.
    pub(super) fn close_data_producer(&mut self, id: DataProducerId, cause: CloseCause) {
        let Some(producer) = self.tables.data_producers.remove(&id) else {
            return;
        };
        for consumer in producer.consumers {
            self.close_data_consumer(consumer, CloseCause::Parent);
        }
        if let Some(peer) = self.tables.peer_mut(producer.peer)
            && let Some(channel) = peer.channels.get_mut(&producer.stream_id)
        {
            channel.producer = None;
        }
        self.events.push(Event::DataProducerClosed {
            data_producer: id,
            cause,
        });
    }

    /// Ends a data consumer and, unless it is a producer's as well, its channel.
    pub(super) fn close_data_consumer(&mut self, id: DataConsumerId, cause: CloseCause) {
        let now = self.now;
        let Some(consumer) = self.tables.data_consumers.remove(&id) else {
            return;
        };
        if let Some(producer) = self.tables.data_producers.get_mut(&consumer.producer) {
            producer.consumers.retain(|other| *other != id);
        }
        let slot = consumer.peer;
        if let Some(peer) = self.tables.peer_mut(slot)
            && let Some(channel) = peer.channels.get_mut(&consumer.stream_id)
        {
            channel.consumer = None;
            // A channel that the peer opened is the peer's to close, unless it does not take its messages.
            if (channel.ours && channel.producer.is_none()) || cause == CloseCause::Limit {
                self.blame = Blame::Peer(slot);
                peer.transport
                    .secure()
                    .close_channel(now, consumer.stream_id);
                self.mark_peer(slot);
            }
        }
        self.events.push(Event::DataConsumerClosed {
            data_consumer: id,
            cause,
        });
    }
}
