//! Consumers of a router: made on a transport, given to a producer, paused, closed; the key frames they need and what is told of
//! their layers.

use std::time::Instant;

use super::{Router, RouterEvent};
use crate::consumer::Consumer;
use crate::feedback::Feedback;
use crate::leg::{MAX_RETIRED, OwnSsrc, Taker};
use crate::params::{MediaKind, RtpParameters};
use crate::{ConsumerId, Error, Layer, ProducerId, TransportId};

impl Router {
    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of the engine's command"
    )]
    pub fn create_consumer(
        &mut self,
        now: Instant,
        transport: TransportId,
        id: ConsumerId,
        kind: MediaKind,
        rtp: &RtpParameters,
        producer: Option<ProducerId>,
        paused: bool,
    ) -> Result<(), Error> {
        let leg_index = self.leg_index(transport)?;
        if self.consumer_ids.contains_key(&id) {
            return Err(Error::Exists("consumer"));
        }
        let producer = producer
            .map(|producer| self.producer_index(producer))
            .transpose()?;
        let leg = &mut self.legs[leg_index];
        if leg.consumers.len() >= self.limits.consumers_per_transport {
            return Err(Error::Limit("consumers_per_transport"));
        }
        if leg.retired.len() >= MAX_RETIRED {
            return Err(Error::Limit("closed consumers"));
        }
        let random = &mut self.random;
        let mut consumer = Consumer::new(id, leg_index, kind, rtp, || random.next())?;
        consumer.paused = paused;
        let taken = |ssrc: u32| leg.outgoing.get(ssrc).is_some();
        if taken(consumer.ssrc)
            || consumer.rtx_ssrc.is_some_and(taken)
            || consumer.rtx_ssrc == Some(consumer.ssrc)
        {
            return Err(Error::Exists("ssrc"));
        }
        if producer.is_some_and(|producer| !consumer.accepts(&self.producers[producer])) {
            return Err(Error::Incompatible("no codec in common".into()));
        }
        if let Some(cname) = &rtp.cname {
            leg.cname.clone_from(cname);
        }
        let (ssrc, rtx_ssrc) = (consumer.ssrc, consumer.rtx_ssrc);
        consumer.go_on(|ssrc| leg.retired.remove(&ssrc));
        let index = self.consumers.insert(consumer);
        leg.outgoing.insert(
            ssrc,
            OwnSsrc {
                consumer: index,
                repair: false,
            },
        );
        if let Some(ssrc) = rtx_ssrc {
            leg.outgoing.insert(
                ssrc,
                OwnSsrc {
                    consumer: index,
                    repair: true,
                },
            );
        }
        leg.consumers.push(Taker {
            consumer: index,
            producer: None,
        });
        let consumers = &self.consumers;
        // Stable: audio first, each in order of creation.
        leg.consumers
            .sort_by_key(|taker| consumers[taker.consumer].kind == MediaKind::Video);
        self.consumer_ids.insert(id, index);
        self.attach(self.us(now), index, producer);
        Ok(())
    }

    pub fn switch_consumer(
        &mut self,
        now: Instant,
        id: ConsumerId,
        producer: Option<ProducerId>,
    ) -> Result<(), Error> {
        let index = self.consumer_index(id)?;
        let producer = producer
            .map(|producer| self.producer_index(producer))
            .transpose()?;
        if producer
            .is_some_and(|producer| !self.consumers[index].accepts(&self.producers[producer]))
        {
            return Err(Error::Incompatible("no codec in common".into()));
        }
        if producer.is_some() && self.consumers[index].producer == producer {
            return Ok(());
        }
        self.detach(index);
        self.attach(self.us(now), index, producer);
        Ok(())
    }

    pub fn close_consumer(&mut self, now: Instant, id: ConsumerId) {
        let Some(index) = self.consumer_ids.get(&id).copied() else {
            return;
        };
        let now_us = self.us(now);
        let leg = self.consumers[index].leg;
        self.remove_consumer(index, false);
        self.wake_leg(leg, now_us);
    }

    pub fn pause_consumer(
        &mut self,
        now: Instant,
        id: ConsumerId,
        paused: bool,
    ) -> Result<(), Error> {
        let index = self.consumer_index(id)?;
        let now_us = self.us(now);
        let consumer = &mut self.consumers[index];
        if std::mem::replace(&mut consumer.paused, paused) == paused {
            return Ok(());
        }
        consumer.selector.set_target(None, None);
        let leg = consumer.leg;
        self.allocate(now_us, leg);
        self.tell_layer(index);
        if !paused {
            self.want_keyframe(now_us, index);
        }
        Ok(())
    }

    pub fn set_consumer_layers(
        &mut self,
        now: Instant,
        id: ConsumerId,
        layer: Option<Layer>,
    ) -> Result<(), Error> {
        let index = self.consumer_index(id)?;
        self.consumers[index].bound = layer;
        self.allocate(self.us(now), self.consumers[index].leg);
        Ok(())
    }

    pub fn request_keyframe(&mut self, now: Instant, id: ConsumerId) -> Result<(), Error> {
        let index = self.consumer_index(id)?;
        self.want_keyframe(self.us(now), index);
        Ok(())
    }

    fn attach(&mut self, now_us: u64, index: usize, producer: Option<usize>) {
        let Some(producer_index) = producer else {
            return;
        };
        let consumer = &mut self.consumers[index];
        consumer.attach(producer_index, &self.producers[producer_index]);
        self.producers[producer_index].consumers.push(index);
        let leg = consumer.leg;
        self.legs[leg].takes_from(index, producer);
        self.allocate(now_us, leg);
        self.want_keyframe(now_us, index);
    }

    pub(super) fn detach(&mut self, index: usize) {
        let consumer = &mut self.consumers[index];
        let Some(producer_index) = consumer.producer else {
            return;
        };
        let producer = &mut self.producers[producer_index];
        consumer.detach(producer);
        producer.consumers.retain(|consumer| *consumer != index);
        self.legs[consumer.leg].takes_from(index, None);
        self.tell_layer(index);
    }

    pub(super) fn remove_consumer(&mut self, index: usize, by_parent: bool) {
        self.detach(index);
        let consumer = self.consumers.remove(index);
        self.consumer_ids.remove(&consumer.id);
        let leg = &mut self.legs[consumer.leg];
        leg.retired.extend(consumer.next_indices());
        leg.consumers.retain(|taker| taker.consumer != index);
        leg.outgoing.remove_consumer(index);
        let ssrcs = std::iter::once(consumer.ssrc)
            .chain(consumer.rtx_ssrc)
            .collect();
        leg.feedback.push(Feedback::Bye { ssrcs });
        self.events.push_back(RouterEvent::ConsumerClosed {
            consumer: consumer.id,
            by_parent,
        });
    }

    /// Says what is sent now, if that changed.
    pub(crate) fn tell_layer(&mut self, index: usize) {
        let consumer = &mut self.consumers[index];
        if consumer.kind == MediaKind::Audio {
            return;
        }
        let current = consumer.selector.current();
        consumer.layer_seen = current;
        let source = consumer
            .selector
            .encoding()
            .zip(consumer.producer.map(|index| &self.producers[index]));
        let layer = current.zip(source).map(|(layer, (at, producer))| {
            let encoding = producer.encodings.get(usize::from(at));
            let temporal = encoding.map_or(1, |encoding| encoding.temporal_layers);
            let spatial = match producer.encodings.as_slice() {
                [only] => layer.spatial.min(only.spatial_layers.saturating_sub(1)),
                _ => layer.spatial,
            };
            Layer {
                spatial,
                temporal: layer.temporal.min(temporal.saturating_sub(1)),
            }
        });
        if consumer.layer_told != layer {
            consumer.layer_told = layer;
            self.events.push_back(RouterEvent::ConsumerLayer {
                consumer: consumer.id,
                layer,
            });
        }
    }

    /// A consumer cannot go on without a key frame of what it waits for or is sent.
    pub(crate) fn want_keyframe(&mut self, now_us: u64, index: usize) {
        if self.begin_replay(now_us, index) {
            return;
        }
        let consumer = &self.consumers[index];
        let Some(producer_index) = consumer
            .producer
            .filter(|_| consumer.kind == MediaKind::Video && !consumer.paused)
        else {
            return;
        };
        let current = consumer.selector.encoding();
        let Some(encoding) = consumer.selector.awaited().or(current) else {
            return;
        };
        let producer = &mut self.producers[producer_index];
        if producer.paused {
            return;
        }
        let Some(encoding) = producer.encodings.get_mut(usize::from(encoding)) else {
            return;
        };
        encoding.keyframe.want();
        let leg = producer.leg;
        if let Some(at) = encoding.keyframe.deadline() {
            self.wake_leg(leg, at.max(now_us));
        }
    }
}
