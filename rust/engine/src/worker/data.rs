//! Data producers and consumers of a room, the channels of peers that they use, and direct transports, which have none. Owns who hears
//! whom; what is heard is in `messages`.

use std::time::Duration;

use medianode_sfu::{DataConsumerId, DataProducerId, RouterId, TransportId};
use medianode_webrtc::params::ChannelParameters;

use super::tables::{Channel, DataConsumer, DataEnd, DataProducer, Direct};
use super::{Blame, Worker};
use crate::{CloseCause, Event, Refusal, RefusalKind};

/// How long a new producer waits for its first consumer.
const KEEP_UNCLAIMED: Duration = Duration::from_secs(2);

type Result<T> = std::result::Result<T, Refusal>;

/// Which channel a data leg wants: one that the peer opened (`stream_id`), a pre-negotiated one (both) or a new one (`parameters`).
pub(super) struct Wanted {
    pub stream_id: Option<u16>,
    pub parameters: Option<ChannelParameters>,
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
        let Some(channel) = peer.channels.remove(&stream_id) else {
            return;
        };
        let transport = peer.id;
        for consumer in channel.consumers {
            self.close_data_consumer(consumer, CloseCause::PeerClosed);
        }
        if let Some(producer) = channel.producer {
            self.close_data_producer(producer, CloseCause::PeerClosed);
        }
        if !channel.ours {
            self.events.push(Event::DataChannelClosed {
                transport,
                stream_id,
            });
        }
    }

    pub(super) fn create_direct_transport(
        &mut self,
        router: RouterId,
        id: TransportId,
    ) -> Result<()> {
        let room_slot = self.place_for_transport(router, id)?;
        let direct = Direct {
            room: room_slot,
            producers: Vec::new(),
            consumers: Vec::new(),
        };
        self.tables.direct.insert(id, direct);
        if let Some(room) = self.tables.room_mut(room_slot) {
            room.direct.push(id);
        }
        Ok(())
    }

    pub(super) fn close_direct_transport(&mut self, id: TransportId, cause: CloseCause) {
        // Not forgotten before its legs are: a producer of it may feed its own consumer.
        let Some(direct) = self.tables.direct.get_mut(&id) else {
            return;
        };
        let consumers = std::mem::take(&mut direct.consumers);
        let producers = std::mem::take(&mut direct.producers);
        for consumer in consumers {
            self.close_data_consumer(consumer, CloseCause::Parent);
        }
        for producer in producers {
            self.close_data_producer(producer, CloseCause::Parent);
        }
        if let Some(direct) = self.tables.direct.remove(&id)
            && let Some(room) = self.tables.room_mut(direct.room)
        {
            room.direct.retain(|other| *other != id);
        }
        self.events.push(Event::TransportClosed {
            transport: id,
            cause,
        });
    }

    pub(super) fn create_data_producer(
        &mut self,
        transport: TransportId,
        id: DataProducerId,
        wanted: Wanted,
    ) -> Result<()> {
        if self.tables.data_producers.contains_key(&id) {
            return Err(conflict("data producer exists already"));
        }
        let limit = self.setup.config.limits.producers_per_transport;
        let end = if let Some(direct) = self.tables.direct.get_mut(&transport) {
            wanted.nothing()?;
            within(direct.producers.len(), limit, "producers_per_transport")?;
            direct.producers.push(id);
            DataEnd::Direct(transport)
        } else {
            self.listen_to_channel(transport, id, wanted)?
        };
        let from_peer = matches!(end, DataEnd::Channel { .. });
        let producer = DataProducer {
            end,
            consumers: Vec::new(),
            keep_until: from_peer.then(|| self.now + KEEP_UNCLAIMED),
        };
        self.tables.data_producers.insert(id, producer);
        Ok(())
    }

    fn listen_to_channel(
        &mut self,
        transport: TransportId,
        id: DataProducerId,
        wanted: Wanted,
    ) -> Result<DataEnd> {
        let slot = self.peer_slot(transport)?;
        let Some(stream_id) = wanted.stream_id else {
            return Err(invalid("a data producer of a peer needs `stream_id`"));
        };
        let end = DataEnd::Channel {
            peer: slot,
            stream_id,
        };
        let known = self.tables.channel_mut(end);
        if known.is_some_and(|(_, channel)| channel.producer.is_some()) {
            let detail = format!("stream {stream_id} has a data producer already");
            return Err(conflict(detail));
        }
        self.join_channel(slot, wanted)?;
        if let Some((_, channel)) = self.tables.channel_mut(end) {
            channel.producer = Some(id);
        }
        self.mark_peer(slot);
        Ok(end)
    }

    pub(super) fn create_data_consumer(
        &mut self,
        transport: TransportId,
        id: DataConsumerId,
        producer: DataProducerId,
        wanted: Wanted,
    ) -> Result<()> {
        if self.tables.data_consumers.contains_key(&id) {
            return Err(conflict("data consumer exists already"));
        }
        let Some(source) = self.tables.data_producers.get(&producer) else {
            return Err(unknown_producer());
        };
        let room = match self.tables.direct.get(&transport) {
            Some(direct) => Some(direct.room),
            None => {
                let slot = self.peer_slot(transport)?;
                self.tables.peer(slot).map(|peer| peer.room)
            }
        };
        if self.tables.room_of(source.end) != room {
            return Err(invalid("the data producer belongs to another router"));
        }
        let limit = self.setup.config.limits.consumers_per_transport;
        let end = if let Some(direct) = self.tables.direct.get_mut(&transport) {
            wanted.nothing()?;
            within(direct.consumers.len(), limit, "consumers_per_transport")?;
            direct.consumers.push(id);
            DataEnd::Direct(transport)
        } else {
            self.speak_into_channel(transport, id, wanted)?
        };
        let consumer = DataConsumer { end, producer };
        self.tables.data_consumers.insert(id, consumer);
        if let Some(source) = self.tables.data_producers.get_mut(&producer) {
            source.consumers.push(id);
        }
        self.claim(producer);
        Ok(())
    }

    fn speak_into_channel(
        &mut self,
        transport: TransportId,
        id: DataConsumerId,
        wanted: Wanted,
    ) -> Result<DataEnd> {
        let limit = self.setup.config.limits.consumers_per_transport;
        let slot = self.peer_slot(transport)?;
        let channels = self.tables.peer(slot).map(|peer| peer.channels.values());
        let consumers = channels.map_or(0, |all| all.map(|channel| channel.consumers.len()).sum());
        within(consumers, limit, "consumers_per_transport")?;
        let end = DataEnd::Channel {
            peer: slot,
            stream_id: self.join_channel(slot, wanted)?,
        };
        if let Some((_, channel)) = self.tables.channel_mut(end) {
            channel.consumers.push(id);
        }
        self.mark_peer(slot);
        Ok(end)
    }

    /// The stream of a data leg's channel, which is opened if it is ours to open.
    fn join_channel(&mut self, slot: u32, wanted: Wanted) -> Result<u16> {
        let now = self.now;
        let Some(peer) = self.tables.peer_mut(slot) else {
            return Err(super::control::gone());
        };
        self.blame = Blame::Peer(slot);
        let Wanted {
            stream_id,
            parameters,
        } = wanted;
        if let Some(stream_id) = stream_id
            && let Some(channel) = peer.channels.get(&stream_id)
        {
            return channel.admits(stream_id, parameters.as_ref());
        }
        let Some(parameters) = parameters else {
            return Err(match stream_id {
                Some(id) => {
                    let detail = format!("the peer has no channel on stream {id}");
                    Refusal::new(RefusalKind::NotFound, detail)
                }
                None => invalid("a data consumer of a peer needs `stream_id`, `channel` or both"),
            });
        };
        let secure = peer.transport.secure();
        let stream_id = secure.open_channel(now, &parameters, stream_id)?;
        peer.channels.insert(stream_id, Channel::ours(parameters));
        Ok(stream_id)
    }

    /// Ends a data producer and the consumers that it feeds; a channel that the peer opened stays.
    pub(super) fn close_data_producer(&mut self, id: DataProducerId, cause: CloseCause) {
        let Some(producer) = self.tables.data_producers.remove(&id) else {
            return;
        };
        for consumer in producer.consumers {
            self.close_data_consumer(consumer, CloseCause::Parent);
        }
        match producer.end {
            DataEnd::Channel { .. } => {
                if let Some((_, channel)) = self.tables.channel_mut(producer.end) {
                    channel.producer = None;
                }
                self.leave_channel(producer.end, false);
            }
            DataEnd::Direct(transport) => {
                if let Some(direct) = self.tables.direct.get_mut(&transport) {
                    direct.producers.retain(|other| *other != id);
                }
            }
        }
        self.events.push(Event::DataProducerClosed {
            data_producer: id,
            cause,
        });
    }

    /// Ends a data consumer and, if it was the last leg of a channel of ours, the channel.
    pub(super) fn close_data_consumer(&mut self, id: DataConsumerId, cause: CloseCause) {
        let Some(consumer) = self.tables.data_consumers.remove(&id) else {
            return;
        };
        if let Some(producer) = self.tables.data_producers.get_mut(&consumer.producer) {
            producer.consumers.retain(|other| *other != id);
        }
        match consumer.end {
            DataEnd::Channel { .. } => {
                if let Some((_, channel)) = self.tables.channel_mut(consumer.end) {
                    channel.consumers.retain(|other| *other != id);
                }
                self.leave_channel(consumer.end, cause == CloseCause::Limit);
            }
            DataEnd::Direct(transport) => {
                if let Some(direct) = self.tables.direct.get_mut(&transport) {
                    direct.consumers.retain(|other| *other != id);
                }
            }
        }
        self.events.push(Event::DataConsumerClosed {
            data_consumer: id,
            cause,
        });
    }

    /// Resets a channel that nobody uses any more. One that the peer opened is the peer's to close, unless it does not take its messages.
    fn leave_channel(&mut self, end: DataEnd, overrun: bool) {
        let now = self.now;
        let DataEnd::Channel {
            peer: slot,
            stream_id,
        } = end
        else {
            return;
        };
        self.blame = Blame::Peer(slot);
        let Some((transport, channel)) = self.tables.channel_mut(end) else {
            return;
        };
        let unused = channel.producer.is_none() && channel.consumers.is_empty();
        if !channel.closing && ((channel.ours && unused) || overrun) {
            channel.closing = true;
            transport.secure().close_channel(now, stream_id);
            self.mark_peer(slot);
        }
    }
}

impl Channel {
    /// Whether another leg may join; a label that differs does not matter, it never reaches the peer of a pre-negotiated channel.
    fn admits(&self, stream_id: u16, parameters: Option<&ChannelParameters>) -> Result<u16> {
        if self.closing {
            let detail = format!("stream {stream_id} is being closed; try again or take another");
            return Err(Refusal::new(RefusalKind::WrongState, detail));
        }
        let delivery =
            |of: &ChannelParameters| (of.ordered, of.max_retransmits, of.max_packet_life_time);
        if parameters.is_some_and(|wanted| delivery(wanted) != delivery(&self.parameters)) {
            let detail = format!("stream {stream_id} is open with another order or reliability");
            return Err(invalid(detail));
        }
        Ok(stream_id)
    }
}

impl Wanted {
    /// Refuses what a direct transport has not.
    fn nothing(&self) -> Result<()> {
        if self.stream_id.is_some() || self.parameters.is_some() {
            return Err(invalid("a direct transport has no channels"));
        }
        Ok(())
    }
}

pub(super) fn unknown_producer() -> Refusal {
    Refusal::new(RefusalKind::NotFound, "data producer is not known here")
}

fn conflict(detail: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Conflict, detail)
}

fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::InvalidArgument, detail)
}

fn within(count: usize, limit: usize, name: &str) -> Result<()> {
    if count >= limit {
        return Err(Refusal::new(RefusalKind::LimitReached, name));
    }
    Ok(())
}
