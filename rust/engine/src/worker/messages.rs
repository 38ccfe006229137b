//! Messages of data channels: from a data producer to its consumers. Owns what is kept, dropped and counted on the way; a consumer that
//! does not keep up never slows its producer.

use medianode_sfu::{DataConsumerId, DataProducerId};
use medianode_webrtc::Error as TransportError;
use medianode_webrtc::secure::LOCAL_SCTP;

use super::tables::{Channel, DataEnd};
use super::{Blame, Worker};
use crate::{CloseCause, Event, Refusal, RefusalKind};

/// Messages kept of a channel before it becomes a producer, and their bytes.
const UNCLAIMED_MESSAGES: usize = 64;
const UNCLAIMED_BYTES: usize = 64 << 10;

impl Worker {
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

    /// A message of the control plane, into a direct transport.
    pub(super) fn send_data(
        &mut self,
        producer: DataProducerId,
        payload: &str,
    ) -> Result<(), Refusal> {
        let source = self.tables.data_producers.get(&producer);
        let Some(source) = source else {
            return Err(super::data::unknown_producer());
        };
        let refuse = |detail| Err(Refusal::new(RefusalKind::InvalidArgument, detail));
        if !matches!(source.end, DataEnd::Direct(_)) {
            let detail = "this data producer is fed by its peer; one of a direct transport is fed by command";
            return refuse(detail.to_owned());
        }
        let longest = LOCAL_SCTP.max_message_size as usize;
        if payload.len() > longest {
            let len = payload.len();
            return refuse(format!("a message of {len} bytes; at most {longest}"));
        }
        self.fan_out(producer, true, payload.as_bytes());
        Ok(())
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
        match self.tables.data_consumers.get(&consumer).map(|leg| leg.end) {
            Some(DataEnd::Channel {
                peer: slot,
                stream_id,
            }) => {
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
                    Ok(()) => self.mark_peer(slot),
                    Err(TransportError::Limit(_)) if !unreliable => return false,
                    // Too long for this peer, not open yet or not any more, or lost by agreement.
                    Err(_) => self.counters.dropped.data_messages += 1,
                }
            }
            Some(DataEnd::Direct(_)) => self.tell_message(consumer, text, data),
            None => {}
        }
        true
    }

    fn tell_message(&mut self, data_consumer: DataConsumerId, text: bool, data: &[u8]) {
        match std::str::from_utf8(data) {
            Ok(payload) if text => self.events.push(Event::DataMessage {
                data_consumer,
                payload: payload.to_owned(),
            }),
            _ => self.counters.dropped.data_binary += 1,
        }
    }

    /// What came before anybody listened goes to the first who does, if that is soon.
    pub(super) fn claim(&mut self, producer: DataProducerId) {
        let Some(source) = self.tables.data_producers.get_mut(&producer) else {
            return;
        };
        let end = source.end;
        let fresh = source
            .keep_until
            .take()
            .is_some_and(|until| self.now < until);
        let Some((_, channel)) = self.tables.channel_mut(end) else {
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
}
