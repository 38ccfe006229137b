//! Which packets of its producer a consumer passes on, and as what: choice, numbers, timestamps, descriptors.

use super::send::Shape;
use super::{Consumer, Egress, NO_CODEC};
use crate::extension::DEPENDENCY_DESCRIPTOR;
use crate::history::Entry;
use crate::params::MediaKind;
use crate::producer::{Again, MAX_CODECS, Pending, Producer};
use crate::report;
use crate::rewrite::Vp8Prefix;
use crate::rtp::Header;
use crate::select::Decision;
use crate::sink::{PacketClass, Sink};

impl Consumer {
    /// Decides on one packet of the batch and sends it.
    pub(crate) fn handle<S: Sink>(
        &mut self,
        egress: &mut Egress<'_, S>,
        item: &Pending,
        producer: &Producer,
    ) {
        let sent = self.selector.encoding() == Some(item.encoding);
        let for_us = match item.again {
            Again::New | Again::Late => true,
            Again::Entry => !sent,
            Again::After(first) => sent && self.entered == Some((item.encoding, first)),
        };
        if !for_us {
            return;
        }
        let own = self.codec_map[usize::from(item.codec) & (MAX_CODECS - 1)];
        if own == NO_CODEC {
            if sent {
                self.leave_out(item);
            }
            return;
        }
        if item.restart && sent {
            self.selector.reset();
        }
        let before = self.selector.encoding();
        match self.selector.decide(item.encoding, &item.info) {
            Decision::Ignore => return,
            Decision::Drop => return self.leave_out(item),
            Decision::Switch => self.switch(egress.now_us, before, item, producer),
            Decision::Forward => {}
        }
        let Some(encoding) = producer.encodings.get(usize::from(item.encoding)) else {
            return;
        };
        // A padding-only packet in order is closed over; a late one has its number, which must be filled.
        if item.payload_len == 0 && self.seq.lookup(item.seq).is_none() {
            return self.leave_out(item);
        }
        let mut marker = item.marker;
        if let Some(frame) = &item.dependency {
            let choice = self.frames.decide(
                frame,
                &encoding.dependency,
                self.selector.limit(),
                item.timestamp,
            );
            self.selector.chosen(choice.layer, choice.blocked);
            // Where lost packets are asked for again, giving up asks for the key frame.
            let repaired = producer.codecs[usize::from(item.codec)].nack;
            self.broken |= choice.broken && !repaired;
            if !choice.forward {
                return self.leave_out(item);
            }
            marker |= self
                .selector
                .ends_picture(frame.layer().spatial, frame.end_of_frame);
        } else if let Some(layer) = &item.info.layer {
            marker |= self.selector.ends_picture(layer.spatial, layer.end);
        }
        let Some(packet) = encoding.ring.get(item.seq) else {
            return;
        };
        self.forward(egress, item, own, marker, packet);
    }

    fn forward<S: Sink>(
        &mut self,
        egress: &mut Egress<'_, S>,
        item: &Pending,
        own: u8,
        marker: bool,
        packet: &[u8],
    ) {
        let start = usize::from(item.payload_at);
        let Some(payload) = packet.get(start..start + usize::from(item.payload_len)) else {
            return;
        };
        let mut prefix: Option<Vp8Prefix> = None;
        if let Some(descriptor) = &item.vp8 {
            prefix = self.vp8.rewrite(descriptor);
            if prefix.is_none() {
                return self.seq.drop(item.seq);
            }
        }
        let Some(number) = self.seq.accept(item.seq) else {
            return;
        };
        let timestamp = self.timestamps.map(item.timestamp, egress.now_us);
        let mut entry = Entry::new(item.seq, timestamp, self.generation, item.encoding, own);
        entry.marker = marker;
        if let Some(value) = item.carried.value(DEPENDENCY_DESCRIPTOR, packet) {
            entry.frame_offset = self.frame_number.offset_for(value);
        }
        if let Some(prefix) = &prefix {
            entry = entry.with_prefix(prefix);
        }
        self.history.push(number, entry);
        self.use_codec(own);
        let class = match self.kind {
            MediaKind::Audio => PacketClass::Audio,
            MediaKind::Video => PacketClass::Video,
        };
        let replaced = prefix.as_ref().map_or(0, |prefix| prefix.replaces);
        let payload = payload.get(replaced..).unwrap_or_default();
        let prefix = prefix.as_ref().map_or(&[][..], Vp8Prefix::bytes);
        let header = Header {
            padding: false,
            marker: entry.marker,
            payload_type: self.payload_type,
            sequence_number: number as u16,
            timestamp,
            ssrc: self.ssrc,
        };
        let octets = prefix.len() + payload.len();
        let sent = self.send(
            egress,
            Shape {
                header,
                number,
                carried: item.carried,
                packet,
                prefix,
                payload,
                class,
                frame_offset: entry.frame_offset,
                stamp: None,
            },
        );
        self.last_marker = entry.marker;
        if sent == 0 {
            self.counters.packets_dropped += 1;
            return;
        }
        self.last_sent_us = Some(egress.now_us);
        self.counters.packets_sent += 1;
        self.counters.bytes_sent += sent as u64;
        self.counters.octets_sent += octets as u64;
        self.batch_bytes += sent;
    }

    /// Called once per flush: rates are measured per batch, which is all that a window of a second can tell apart.
    pub(crate) fn end_batch(&mut self, now_us: u64) {
        self.entered = None;
        if self.batch_bytes > 0 {
            self.rate.add(now_us, self.batch_bytes);
            self.batch_bytes = 0;
        }
    }

    fn leave_out(&mut self, item: &Pending) {
        self.seq.drop(item.seq);
        if let Some(descriptor) = &item.vp8 {
            self.vp8.drop(descriptor);
        }
    }

    /// The packet at hand is the first of another source.
    fn switch(&mut self, now_us: u64, before: Option<u8>, item: &Pending, producer: &Producer) {
        let encoding = |index: u8| producer.encodings.get(usize::from(index));
        if let Some(clock) = before.and_then(encoding).and_then(|old| old.clock.as_ref()) {
            self.anchor = Some((clock.local_us, self.timestamps.lookup(clock.rtp)));
        }
        let rate = self.clock_rate();
        let behind = self.replay.and_then(|replay| replay.newest_timestamp(item));
        let newest = behind.unwrap_or(item.timestamp);
        let reference = self
            .anchor
            .zip(encoding(item.encoding).and_then(|new| new.clock.as_ref()))
            .map(|((local_us, out), clock)| {
                let ticks = i64::from(newest.wrapping_sub(clock.rtp).cast_signed());
                let captured_us = clock
                    .local_us
                    .saturating_add(report::ticks_to_us(ticks, rate));
                out.wrapping_add(
                    report::us_to_ticks(captured_us.saturating_sub(local_us), rate) as u32,
                )
            });
        self.timestamps.switch(newest, now_us, reference);
        self.timestamps.catch_up(item.timestamp, newest);
        self.seq.switch(item.seq, 0);
        self.vp8.switch();
        self.frame_number.switched = true;
        self.frames.reset();
        let opens = matches!(item.again, Again::Late | Again::Entry);
        self.entered = opens.then_some((item.encoding, item.seq));
        self.report_due = true;
    }
}
