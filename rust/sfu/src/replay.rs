//! The running group of pictures for those who come late: what was sent since the last key frame, again, so that nobody waits for
//! the next one. Owns what is kept for that and how fast it is caught up with; refuses to ask for key frames.

use crate::consumer::{Consumer, Egress};
use crate::producer::{Pending, Producer};
use crate::report;
use crate::router::Router;
use crate::rtp::seq::diff32;
use crate::sink::Sink;

/// A key frame older than this is not begun with: a new one is sooner at the present than catching up.
const MAX_AGE_US: u64 = 1_000_000;
/// Catching up takes as long as the key frame is old; then the group is forgotten.
const KEEP_US: u64 = SPEED * MAX_AGE_US + 500_000;
/// Media time per time that passes while catching up, so the link carries twice the stream's rate for that while.
const SPEED: u64 = 2;
/// A link must be known to carry this much of the stream's rate, or nothing must be known of it.
pub(crate) const RATE_PERCENT: u64 = SPEED * 100;
/// Between two steps when no packet of the publisher comes in between.
pub(crate) const STEP_US: u64 = 10_000;

/// Packets of one encoding from its last key frame on, by number, while they can be sent again.
#[derive(Debug, Default)]
pub(crate) struct Gop {
    packets: Vec<Pending>,
    begun_us: u64,
    /// Tells one group from the next.
    serial: u32,
}

impl Gop {
    /// A packet was put into the ring. `newest` says that it came in order.
    pub(crate) fn record(&mut self, now_us: u64, packet: Pending, newest: bool) {
        let at = self.packets.partition_point(|kept| kept.seq < packet.seq);
        let same_picture = |kept: &Pending| kept.timestamp == packet.timestamp;
        let continues = at > 0 && !packet.restart && same_picture(&self.packets[at - 1]);
        if packet.info.entry && !continues {
            // Late, and what followed it was not kept.
            if !newest && self.packets.is_empty() {
                return;
            }
            self.packets.drain(..at);
            self.packets.insert(0, packet);
            self.begun_us = now_us;
            self.serial = self.serial.wrapping_add(1);
            return;
        }
        if packet.restart || now_us.saturating_sub(self.begun_us) > KEEP_US {
            return self.forget();
        }
        // What precedes the key frame is of no use to who begins with it.
        if at > 0 {
            self.packets.insert(at, packet);
        }
    }

    /// Nobody begins with what was kept.
    pub(crate) fn forget(&mut self) {
        self.packets = Vec::new();
    }

    /// What `replay` has to send next follows from what it sent. A key frame that was late begins a group too, but one that it is in
    /// already.
    fn goes_on(&self, replay: &Replay) -> bool {
        let began_before = |first: &Pending| first.seq < replay.next;
        let same = self.serial == replay.serial && !self.packets.is_empty();
        same || self.packets.first().is_some_and(began_before)
    }

    /// Everything from the key frame on is here, is young, and is not overtaken in a ring of `ring_packets` while it is sent.
    pub(crate) fn is_complete(&self, now_us: u64, ring_packets: usize) -> bool {
        let Some((first, last)) = self.packets.first().zip(self.packets.last()) else {
            return false;
        };
        let span = last.seq - first.seq + 1;
        now_us.saturating_sub(self.begun_us) <= MAX_AGE_US && span * SPEED <= ring_packets as u64
    }
}

/// Where one consumer is in a group of pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replay {
    encoding: u8,
    serial: u32,
    /// Number of the key frame's first packet.
    first: u64,
    first_timestamp: u32,
    /// Of the newest picture when the first was sent.
    newest_timestamp: u32,
    begun_us: u64,
    /// Number of the packet that comes next.
    next: u64,
}

impl Replay {
    /// From the first packet that `producer` has of the group; none when the group is gone.
    pub(crate) fn begin(now_us: u64, encoding: u8, producer: &Producer) -> Option<Self> {
        let gop = &producer.encodings.get(usize::from(encoding))?.gop;
        let (first, last) = gop.packets.first().zip(gop.packets.last())?;
        Some(Self {
            encoding,
            serial: gop.serial,
            first: first.seq,
            first_timestamp: first.timestamp,
            newest_timestamp: last.timestamp,
            begun_us: now_us,
            next: first.seq,
        })
    }

    /// The packet is among those that are sent by [`Consumer::replay`].
    pub(crate) fn covers(&self, packet: &Pending) -> bool {
        packet.encoding == self.encoding && packet.seq >= self.next
    }

    /// Timestamp of the newest picture, if `packet` is where this begins.
    pub(crate) fn newest_timestamp(&self, packet: &Pending) -> Option<u32> {
        (packet.encoding == self.encoding && packet.seq == self.first)
            .then_some(self.newest_timestamp)
    }
}

impl Router {
    /// Lets a consumer that has nothing yet begin with what was sent since the last key frame of the encoding it wants, if all of that
    /// is here. True when it does.
    pub(crate) fn begin_replay(&mut self, now_us: u64, index: usize) -> bool {
        let consumer = &mut self.consumers[index];
        let leg = &mut self.legs[consumer.leg];
        let wants = leg.ready && consumer.selector.encoding().is_none();
        let source = consumer
            .selector
            .target()
            .zip(consumer.producer.map(|producer| &self.producers[producer]));
        let Some((target, producer)) = source.filter(|_| wants) else {
            return false;
        };
        let Some(encoding) = producer.encodings.get(usize::from(target)) else {
            return false;
        };
        let needed = encoding.rate.bitrate(now_us) * RATE_PERCENT / 100;
        let fits = leg.budget().is_none_or(|budget| needed <= budget);
        if !fits || !encoding.gop.is_complete(now_us, encoding.ring.capacity()) {
            return false;
        }
        consumer.replay = Replay::begin(now_us, target, producer);
        leg.replays = true;
        self.dirty_legs.insert(consumer.leg);
        true
    }
}

impl Consumer {
    /// Sends what is due of the group of pictures that this consumer is catching up with.
    pub(crate) fn replay<S: Sink>(&mut self, egress: &mut Egress<'_, S>, producer: &Producer) {
        let Some(mut replay) = self.replay else {
            return;
        };
        let begun = replay.next != replay.first;
        if begun && self.selector.encoding() != Some(replay.encoding) {
            // Something else was chosen meanwhile, or nothing.
            self.replay = None;
            return;
        }
        let Some(encoding) = producer.encodings.get(usize::from(replay.encoding)) else {
            return;
        };
        if !encoding.gop.goes_on(&replay) {
            self.anchor_to(producer);
            self.selector.reset();
            self.replay = Replay::begin(egress.now_us, replay.encoding, producer);
            match self.replay {
                // A key frame came: from there on, which is nearer to the present.
                Some(newer) => replay = newer,
                None => {
                    self.broken = true;
                    return;
                }
            }
        }
        let elapsed_us = egress.now_us.saturating_sub(replay.begun_us) * SPEED;
        let elapsed = report::us_to_ticks(elapsed_us as i64, producer.clock_rate());
        let due = replay.first_timestamp.wrapping_add(elapsed as u32);
        let packets = &encoding.gop.packets;
        let from = packets.partition_point(|packet| packet.seq < replay.next);
        for packet in &packets[from..] {
            if diff32(packet.timestamp, due) > 0 {
                return;
            }
            self.handle(egress, packet, producer);
            replay.next = packet.seq + 1;
            self.replay = Some(replay);
        }
        self.replay = None;
    }
}
