//! Producers of a router: made on a transport, paused, closed, and which of their encodings are alive.

use std::time::Instant;

use super::{Router, RouterEvent};
use crate::leg::Binding;
use crate::params::{MediaKind, RtpParameters};
use crate::producer::Producer;
use crate::twcc::Recorder;
use crate::{Error, ProducerId, TransportId};

impl Router {
    pub fn create_producer(
        &mut self,
        _now: Instant,
        transport: TransportId,
        id: ProducerId,
        kind: MediaKind,
        rtp: &RtpParameters,
        paused: bool,
    ) -> Result<(), Error> {
        let leg_index = self.leg_index(transport)?;
        if self.producer_ids.contains_key(&id) {
            return Err(Error::Exists("producer"));
        }
        let leg = &mut self.legs[leg_index];
        if leg.producers.len() >= self.limits.producers_per_transport {
            return Err(Error::Limit("producers_per_transport"));
        }
        let mut producer = Producer::new(id, leg_index, kind, rtp, self.limits.ring_packets)?;
        let mut ssrcs: Vec<u32> = producer
            .encodings
            .iter()
            .flat_map(|encoding| [encoding.ssrc, encoding.rtx_ssrc])
            .flatten()
            .collect();
        let declared = ssrcs.len();
        ssrcs.sort_unstable();
        ssrcs.dedup();
        if ssrcs.len() != declared || ssrcs.iter().any(|ssrc| leg.incoming.contains_key(ssrc)) {
            return Err(Error::Exists("ssrc"));
        }
        if leg.incoming.len() + declared > self.limits.ssrcs_per_transport {
            return Err(Error::Limit("ssrcs_per_transport"));
        }
        producer.paused = paused;
        self.generations = self.generations.wrapping_add(1);
        producer.generation = self.generations;
        leg.extensions.merge(&producer.extensions);
        let supports = |name: &str| {
            rtp.codecs
                .iter()
                .any(|codec| codec.rtcp_feedback.iter().any(|f| f == name))
        };
        if supports("transport-cc") && producer.extensions.transport_cc != 0 {
            leg.recorder.get_or_insert_with(|| Recorder::new(leg.ssrc));
        } else if supports("goog-remb") {
            leg.sends_remb = true;
        }
        let index = self.producers.insert(producer);
        leg.producers.push(index);
        for (encoding, at) in self.producers[index].encodings.iter().zip(0..) {
            if let Some(ssrc) = encoding.ssrc {
                leg.incoming.insert(
                    ssrc,
                    Binding::Media {
                        producer: index,
                        encoding: at,
                    },
                );
            }
            if let Some(ssrc) = encoding.rtx_ssrc {
                leg.incoming.insert(
                    ssrc,
                    Binding::Repair {
                        producer: index,
                        encoding: at,
                    },
                );
            }
        }
        self.producer_ids.insert(id, index);
        Ok(())
    }

    pub fn close_producer(&mut self, now: Instant, id: ProducerId) {
        let Some(index) = self.producer_ids.get(&id).copied() else {
            return;
        };
        let now_us = self.us(now);
        self.remove_producer(now_us, index, false);
    }

    pub fn pause_producer(
        &mut self,
        now: Instant,
        id: ProducerId,
        paused: bool,
    ) -> Result<(), Error> {
        let index = self.producer_index(id)?;
        if std::mem::replace(&mut self.producers[index].paused, paused) == paused {
            return Ok(());
        }
        let now_us = self.us(now);
        for encoding in &mut self.producers[index].encodings {
            encoding.gop.forget();
        }
        for consumer in self.producers[index].consumers.clone() {
            // What came meanwhile is missing: all go on at a key frame.
            self.consumers[consumer].selector.reset();
            self.tell_layer(consumer);
            if !paused {
                self.allocate(now_us, self.consumers[consumer].leg);
                self.want_keyframe(now_us, consumer);
            }
        }
        Ok(())
    }

    pub(super) fn remove_producer(&mut self, now_us: u64, index: usize, by_parent: bool) {
        for consumer in self.producers[index].consumers.clone() {
            self.detach(consumer);
            let leg = self.consumers[consumer].leg;
            self.wake_leg(leg, now_us);
        }
        let producer = self.producers.remove(index);
        self.producer_ids.remove(&producer.id);
        self.dirty_producers.retain(|other| *other != index);
        let leg = &mut self.legs[producer.leg];
        leg.producers.retain(|other| *other != index);
        leg.incoming
            .retain(|_, binding| binding.producer() != index);
        self.speakers.remove(producer.id);
        self.events.push_back(RouterEvent::ProducerClosed {
            producer: producer.id,
            by_parent,
        });
    }

    /// The number of live encodings changed, or the first packet came.
    pub(crate) fn layers_changed(&mut self, now_us: u64, index: usize) {
        let producer = &mut self.producers[index];
        let live = producer.live_encodings(now_us);
        if producer.live_told != Some(live) {
            producer.live_told = Some(live);
            self.events.push_back(RouterEvent::ProducerLayers {
                producer: producer.id,
                live,
            });
        }
        if producer.kind == MediaKind::Audio {
            return;
        }
        // A request that waited for the SSRC can go out now.
        let publisher = self.producers[index].leg;
        self.wake_leg(publisher, now_us);
        let consumers = std::mem::take(&mut self.producers[index].consumers);
        for consumer in &consumers {
            let leg = self.consumers[*consumer].leg;
            self.legs[leg].schedule.allocation = now_us;
            self.wake_leg(leg, now_us);
        }
        self.producers[index].consumers = consumers;
    }
}
