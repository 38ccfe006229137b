//! Egress leg of one media source. Owns everything that makes one continuous stream of what its producers send: numbers,
//! timestamps, descriptors, headers, repeats; refuses to know sockets and who else consumes.

use crate::bwe::Estimator;
use crate::error::Error;
use crate::extension::{self, CARRIED, Carried, DEPENDENCY_DESCRIPTOR};
use crate::feedback::Feedback;
use crate::frames::FrameChooser;
use crate::header::{
    FrameNumbers, HEADER_BYTES, Template, constant_extensions, dependency_extension,
};
use crate::history::{Entry, History, Stamp};
use crate::nack::AnswerGate;
use crate::params::{MediaKind, RtpParameters};
use crate::producer::{Again, MAX_CODECS, NegotiatedCodec, Pending, Producer};
use crate::rate::RateMeter;
use crate::replay::Replay;
use crate::report::{self, SenderClock};
use crate::rewrite::{SequenceMap, TimestampMap, Vp8Prefix, Vp8Rewriter};
use crate::rtp::{Header, HeaderWriter, RtpView};
use crate::select::{Decision, Selector};
use crate::sink::{Outgoing, PacketClass, Sink};
use crate::{ConsumerId, Layer, TransportKey};

const VIDEO_HISTORY: usize = 512;
const AUDIO_HISTORY: usize = 64;
/// Repeats that wait for the next flush.
const MAX_REPEATS: usize = 256;
/// Longest padding (RFC 3550 section 5.1).
const PADDING: [u8; 255] = {
    let mut bytes = [0; 255];
    bytes[254] = 255;
    bytes
};
const NO_CODEC: u8 = u8::MAX;

/// Where the packets of one leg go, and what is counted on the way.
pub(crate) struct Egress<'a, S> {
    pub(crate) now_us: u64,
    pub(crate) key: TransportKey,
    pub(crate) sink: &'a mut S,
    pub(crate) estimator: &'a mut Estimator,
    pub(crate) rtt_us: u64,
    pub(crate) abs_send_time: [u8; 3],
    pub(crate) header: &'a mut [u8; HEADER_BYTES],
}

/// Cumulative numbers of one consumer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) packets_sent: u64,
    pub(crate) bytes_sent: u64,
    /// Without headers, for sender reports.
    pub(crate) octets_sent: u64,
    pub(crate) retransmitted_packets: u64,
    pub(crate) retransmitted_bytes: u64,
    pub(crate) packets_dropped: u64,
    pub(crate) nack_count: u64,
    pub(crate) pli_count: u64,
    pub(crate) fir_count: u64,
    pub(crate) packets_lost: i64,
    pub(crate) fraction_lost: u8,
    pub(crate) jitter: u32,
    pub(crate) rtt_us: Option<u64>,
}

/// Egress leg of one media source.
pub(crate) struct Consumer {
    pub(crate) id: ConsumerId,
    pub(crate) leg: usize,
    pub(crate) kind: MediaKind,
    pub(crate) paused: bool,
    pub(crate) codecs: Vec<NegotiatedCodec>,
    /// Own codec for each of the producer's.
    codec_map: [u8; MAX_CODECS],
    /// Own codec that was used last.
    pub(crate) codec: Option<u8>,
    mid: Vec<u8>,
    extensions: extension::Ids,
    template: Template,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: Option<u32>,
    pub(crate) producer: Option<usize>,
    generation: u32,
    pub(crate) selector: Selector,
    /// Bound set by the control plane.
    pub(crate) bound: Option<Layer>,
    seq: SequenceMap,
    timestamps: TimestampMap,
    vp8: Vp8Rewriter,
    frame_number: FrameNumbers,
    frames: Box<FrameChooser>,
    /// Encoding and number of the packet where the current source began, if in the running batch its followers come again.
    entered: Option<(u8, u64)>,
    /// Catches up with what was sent since the last key frame.
    pub(crate) replay: Option<Replay>,
    /// The stream cannot be decoded any more without a key frame.
    pub(crate) broken: bool,
    rtx_seq: u64,
    history: History,
    gate: AnswerGate,
    gate_bytes: usize,
    pub(crate) repeats: Vec<u16>,
    /// A moment on our clock and its timestamp in the output, from the last source that had a clock.
    anchor: Option<(i64, u32)>,
    last_sent_us: Option<u64>,
    last_marker: bool,
    pub(crate) report_due: bool,
    /// The choice that was looked at last, and what of it was told.
    pub(crate) layer_seen: Option<Layer>,
    pub(crate) layer_told: Option<Layer>,
    pub(crate) rate: RateMeter,
    pub(crate) counters: Counters,
}

/// How one packet leaves.
struct Shape<'a> {
    header: Header,
    number: u64,
    carried: Carried,
    /// The publisher's packet, with its header.
    packet: &'a [u8],
    prefix: &'a [u8],
    payload: &'a [u8],
    class: PacketClass,
    /// For the dependency descriptor.
    frame_offset: u16,
    /// Of the packet that this one repeats under its own number; none for a new number.
    stamp: Option<Stamp>,
}

impl Consumer {
    pub(crate) fn new(
        id: ConsumerId,
        leg: usize,
        kind: MediaKind,
        rtp: &RtpParameters,
        mut random: impl FnMut() -> u64,
    ) -> Result<Self, Error> {
        let codecs = NegotiatedCodec::all(rtp)?;
        let [encoding] = rtp.encodings.as_slice() else {
            return Err(Error::Invalid("a consumer has one encoding".into()));
        };
        let Some(ssrc) = encoding.ssrc else {
            return Err(Error::Invalid("a consumer needs an SSRC".into()));
        };
        let mid = rtp.mid.clone().unwrap_or_default().into_bytes();
        if mid.len() > 16 {
            return Err(Error::Invalid("mid longer than 16 bytes".into()));
        }
        let extensions = extension::Ids::new(&rtp.header_extensions)?;
        // Low, and neither 0 nor 1: the receiver then never guesses a wrong rollover counter (RFC 3711 section 3.3.1).
        let mut first = || 2 + random() % ((1 << 15) - 2);
        let (first_seq, rtx_seq) = (first(), first());
        let repairs = |codec: &NegotiatedCodec| codec.rtx_payload_type.is_some();
        let stamped = encoding.rtx_ssrc.is_none() || !codecs.iter().all(repairs);
        Ok(Self {
            id,
            leg,
            kind,
            paused: false,
            timestamps: TimestampMap::new(codecs[0].parameters.clock_rate, random() as u32),
            codecs,
            codec_map: [NO_CODEC; MAX_CODECS],
            codec: None,
            template: Template::new(&extensions, &mid),
            mid,
            extensions,
            ssrc,
            rtx_ssrc: encoding.rtx_ssrc,
            producer: None,
            generation: 0,
            selector: Selector::default(),
            bound: None,
            seq: SequenceMap::new(first_seq),
            vp8: Vp8Rewriter::default(),
            frame_number: FrameNumbers::default(),
            frames: Box::default(),
            entered: None,
            replay: None,
            broken: false,
            rtx_seq,
            history: History::new(
                match kind {
                    MediaKind::Video => VIDEO_HISTORY,
                    MediaKind::Audio => AUDIO_HISTORY,
                },
                stamped,
            ),
            gate: AnswerGate::default(),
            gate_bytes: 0,
            repeats: Vec::new(),
            anchor: None,
            last_sent_us: None,
            last_marker: true,
            report_due: false,
            layer_seen: None,
            layer_told: None,
            rate: RateMeter::default(),
            counters: Counters::default(),
        })
    }

    /// Begins where an earlier consumer with the same SSRC ended.
    pub(crate) fn go_on(&mut self, mut next_index: impl FnMut(u32) -> Option<u64>) {
        if let Some(first) = next_index(self.ssrc) {
            self.seq = SequenceMap::new(first);
        }
        if let Some(first) = self.rtx_ssrc.and_then(next_index) {
            self.rtx_seq = first;
        }
    }

    /// The first unused SRTP index of each SSRC.
    pub(crate) fn next_indices(&self) -> impl Iterator<Item = (u32, u64)> {
        let repair = self.rtx_ssrc.map(|ssrc| (ssrc, self.rtx_seq));
        std::iter::once((self.ssrc, self.seq.next_out())).chain(repair)
    }

    /// At least one codec of `producer` can be sent.
    pub(crate) fn accepts(&self, producer: &Producer) -> bool {
        producer.kind == self.kind
            && producer
                .codecs
                .iter()
                .any(|codec| self.own_codec(codec) != NO_CODEC)
    }

    /// Takes packets from `producer` from its next entry on.
    pub(crate) fn attach(&mut self, index: usize, producer: &Producer) {
        self.producer = Some(index);
        self.generation = producer.generation;
        self.codec_map = [NO_CODEC; MAX_CODECS];
        for (own, codec) in self.codec_map.iter_mut().zip(&producer.codecs) {
            let best = self
                .codecs
                .iter()
                .position(|mine| codec.matches(mine) && codec.prefers(mine));
            let any = || self.codecs.iter().position(|mine| codec.matches(mine));
            *own = best.or_else(any).map_or(NO_CODEC, |at| at as u8);
        }
        self.selector.reset();
        self.replay = None;
        self.repeats.clear();
    }

    /// Takes packets from nobody; what was sent stays continuous with what follows.
    pub(crate) fn detach(&mut self, producer: &Producer) {
        self.anchor_to(producer);
        self.producer = None;
        self.selector.set_target(None, None);
        self.repeats.clear();
    }

    fn own_codec(&self, theirs: &NegotiatedCodec) -> u8 {
        self.codecs
            .iter()
            .position(|mine| theirs.matches(mine))
            .map_or(NO_CODEC, |at| at as u8)
    }

    /// Whether the producer's current codec can be sent.
    pub(crate) fn can_send(&self, producer: &Producer) -> bool {
        self.codec_map
            .get(usize::from(producer.codec))
            .is_some_and(|own| *own != NO_CODEC)
    }

    fn clock_rate(&self) -> u32 {
        self.codecs[usize::from(self.codec.unwrap_or(0)).min(self.codecs.len() - 1)]
            .parameters
            .clock_rate
    }

    /// Remembers how the current source's clock lies in the output.
    pub(crate) fn anchor_to(&mut self, producer: &Producer) {
        let Some(current) = self.selector.encoding() else {
            return;
        };
        let Some(encoding) = producer.encodings.get(usize::from(current)) else {
            return;
        };
        if let Some(clock) = &encoding.clock {
            self.anchor = Some((clock.local_us, self.timestamps.lookup(clock.rtp)));
        }
    }

    /// Reads what sending will; the value means nothing.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let codec = self
            .codecs
            .last()
            .map_or(0, |codec| codec.parameters.payload_type);
        let small = [
            codec,
            self.codec_map[0],
            self.template.touch(),
            u8::from(self.selector.target().is_some()),
            u8::from(self.last_marker),
        ];
        let numbers = self.seq.touch() ^ self.vp8.touch() ^ self.history.touch(self.seq.next_out());
        let counted = self.counters.packets_sent ^ self.rate.touch() ^ self.gate_bytes as u64;
        let sent =
            u64::from(self.timestamps.last_out().unwrap_or(0)) ^ self.last_sent_us.unwrap_or(0);
        numbers ^ counted ^ sent ^ small.into_iter().map(u64::from).sum::<u64>()
    }

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
        self.codec = Some(own);
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
            payload_type: self.codecs[usize::from(own)].parameters.payload_type,
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
        self.gate_bytes += sent;
    }

    /// Called once per flush: rates are measured per batch, which is all that a window of a second can tell apart.
    pub(crate) fn end_batch(&mut self, now_us: u64) {
        self.entered = None;
        if self.gate_bytes > 0 {
            self.rate.add(now_us, self.gate_bytes);
            self.gate.handle_media(self.gate_bytes, now_us);
            self.gate_bytes = 0;
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

    /// Answers one repeat request. True when something was sent.
    pub(crate) fn repeat<S: Sink>(
        &mut self,
        egress: &mut Egress<'_, S>,
        seq: u16,
        producer: &Producer,
    ) -> bool {
        let Some((number, entry)) = self.history.find(seq) else {
            return false;
        };
        let Some(packet) = kept(&entry, producer) else {
            return false;
        };
        if !self
            .gate
            .allow(number, packet.len(), egress.now_us, egress.rtt_us)
        {
            return false;
        }
        self.resend(
            egress,
            number,
            &entry,
            producer,
            PacketClass::Retransmission,
        ) > 0
    }

    fn resend<S: Sink>(
        &mut self,
        egress: &mut Egress<'_, S>,
        number: u64,
        entry: &Entry,
        producer: &Producer,
        class: PacketClass,
    ) -> usize {
        let Some(packet) = kept(entry, producer) else {
            return 0;
        };
        let Some(view) = RtpView::parse(packet) else {
            return 0;
        };
        let codec = &self.codecs[usize::from(entry.codec).min(self.codecs.len() - 1)];
        let media_type = codec.parameters.payload_type;
        let repair = self.rtx_ssrc.zip(codec.rtx_payload_type);
        let stamp = self.history.stamp_of(number);
        // Under its own number a packet goes out as it was or not at all.
        if repair.is_none() && stamp.is_none() {
            return 0;
        }
        let payload = view
            .payload()
            .get(usize::from(entry.replaces)..)
            .unwrap_or_default();
        // RFC 4588 section 4: the original sequence number goes before the payload.
        let mut prefix = [0; 8];
        let mut prefix_len = 0;
        let mut put = |bytes: &[u8]| {
            if let Some(target) = prefix.get_mut(prefix_len..prefix_len + bytes.len()) {
                target.copy_from_slice(bytes);
                prefix_len += bytes.len();
            }
        };
        if repair.is_some() {
            put(&(number as u16).to_be_bytes());
        }
        put(entry.prefix());
        let mut header = Header {
            padding: false,
            marker: entry.marker,
            payload_type: media_type,
            sequence_number: number as u16,
            timestamp: entry.timestamp,
            ssrc: self.ssrc,
        };
        let mut index = number;
        if let Some((ssrc, payload_type)) = repair {
            index = self.rtx_seq;
            self.rtx_seq += 1;
            header = Header {
                ssrc,
                payload_type,
                sequence_number: index as u16,
                ..header
            };
        }
        let shape = Shape {
            header,
            number: index,
            carried: Carried::find(packet, &view, &producer.extensions),
            packet,
            prefix: &prefix[..prefix_len],
            payload,
            class,
            frame_offset: entry.frame_offset,
            stamp: stamp.filter(|_| repair.is_none()),
        };
        let sent = self.send(egress, shape);
        if sent > 0 && class == PacketClass::Retransmission {
            self.counters.retransmitted_packets += 1;
            self.counters.retransmitted_bytes += sent as u64;
        }
        sent
    }

    /// Sends about `bytes` that carry nothing new, to find out whether they fit. Returns packets sent.
    pub(crate) fn pad<S: Sink>(
        &mut self,
        egress: &mut Egress<'_, S>,
        mut bytes: usize,
        producer: &Producer,
    ) -> u64 {
        let mut packets = 0;
        let repairs = self
            .codec
            .is_some_and(|own| self.codecs[usize::from(own)].rtx_payload_type.is_some());
        if self.rtx_ssrc.is_none() || !repairs {
            while bytes > 0 && self.last_marker && self.codec.is_some() {
                let sent = self.pad_media(egress);
                if sent == 0 {
                    break;
                }
                packets += 1;
                bytes = bytes.saturating_sub(sent);
            }
            return packets;
        }
        let Some(newest) = self.history.newest() else {
            return 0;
        };
        let mut back = 0;
        while bytes > 0 {
            let entry = newest
                .checked_sub(back % 64)
                .and_then(|number| Some((number, self.history.at(number)?)));
            back += 1;
            if back > 256 {
                break;
            }
            let Some((number, entry)) = entry else {
                continue;
            };
            if kept(&entry, producer).is_none() {
                continue;
            }
            let sent = self.resend(egress, number, &entry, producer, PacketClass::Probe);
            if sent == 0 {
                break;
            }
            packets += 1;
            bytes = bytes.saturating_sub(sent);
        }
        packets
    }

    /// A padding-only packet between two frames; it takes a number.
    fn pad_media<S: Sink>(&mut self, egress: &mut Egress<'_, S>) -> usize {
        let (Some(own), Some(timestamp)) = (self.codec, self.timestamps.last_out()) else {
            return 0;
        };
        let number = self.seq.insert();
        let header = Header {
            padding: true,
            marker: false,
            payload_type: self.codecs[usize::from(own)].parameters.payload_type,
            sequence_number: number as u16,
            timestamp,
            ssrc: self.ssrc,
        };
        let shape = Shape {
            header,
            number,
            carried: Carried::default(),
            packet: &[],
            prefix: &[],
            payload: &PADDING,
            class: PacketClass::Probe,
            frame_offset: 0,
            stamp: None,
        };
        self.send(egress, shape)
    }

    /// Writes the header and hands the packet over. The block of constant extensions comes first and always has the same size.
    fn send<S: Sink>(&mut self, egress: &mut Egress<'_, S>, shape: Shape<'_>) -> usize {
        let ids = self.extensions;
        let plain = shape.carried.is_empty() || ids.carried == [0; CARRIED.len()];
        let stamp = shape
            .stamp
            .unwrap_or_else(|| Stamp::new(egress.estimator.next_seq(), egress.abs_send_time));
        let buffer = &mut *egress.header;
        let len = if plain {
            self.template.write(
                buffer,
                &shape.header,
                stamp.transport_cc,
                stamp.abs_send_time,
            )
        } else {
            let mut writer = constant_extensions(
                HeaderWriter::new(buffer, &shape.header),
                &ids,
                &self.mid,
                stamp.transport_cc,
                stamp.abs_send_time,
            );
            for at in 0..CARRIED.len() {
                let id = ids.carried[at];
                let Some(value) = shape.carried.value(at, shape.packet).filter(|_| id != 0) else {
                    continue;
                };
                if at == DEPENDENCY_DESCRIPTOR {
                    writer = dependency_extension(writer, id, value, shape.frame_offset);
                } else {
                    writer = writer.extension(id, value);
                }
            }
            let Some(len) = writer.finish() else { return 0 };
            len
        };
        let packet = Outgoing {
            header: &buffer[..len],
            prefix: shape.prefix,
            payload: shape.payload,
            index: shape.number,
            class: shape.class,
        };
        let sent = egress.sink.send(egress.key, packet);
        if sent == 0 {
            return 0;
        }
        if shape.stamp.is_some() {
            egress.estimator.repeated(egress.now_us, stamp.transport_cc);
        } else if ids.transport_cc != 0 {
            egress.estimator.sent(egress.now_us, sent);
        } else {
            egress.estimator.sent_unnumbered(egress.now_us, sent);
        }
        if shape.header.ssrc == self.ssrc {
            self.history.stamp(shape.number, stamp);
        }
        sent
    }

    /// A sender report whose clock is the publisher's, carried over to ours, so that all its streams stay in sync.
    pub(crate) fn sender_report(&self, now_us: u64, producer: &Producer) -> Option<Feedback> {
        let current = self.selector.encoding()?;
        let encoding = producer.encodings.get(usize::from(current))?;
        let rate = self.clock_rate();
        let rtp = match &encoding.clock {
            Some(SenderClock { local_us, rtp, .. }) => {
                let elapsed = report::us_to_ticks((now_us as i64).saturating_sub(*local_us), rate);
                self.timestamps.lookup(*rtp).wrapping_add(elapsed as u32)
            }
            None => {
                let elapsed = now_us.saturating_sub(self.last_sent_us?);
                self.timestamps
                    .last_out()?
                    .wrapping_add(report::us_to_ticks(elapsed as i64, rate) as u32)
            }
        };
        Some(Feedback::SenderReport {
            ssrc: self.ssrc,
            ntp: report::ntp(now_us),
            rtp,
            packets: self.counters.packets_sent as u32,
            octets: self.counters.octets_sent as u32,
            reports: Vec::new(),
        })
    }

    pub(crate) fn layer_changed(&self) -> bool {
        let spatial = |layer: Layer| layer.spatial;
        self.kind == MediaKind::Video
            && self.selector.current().map(spatial) != self.layer_seen.map(spatial)
    }

    pub(crate) fn ask_repeat(&mut self, seqs: &[u16]) {
        self.counters.nack_count += 1;
        let room = MAX_REPEATS.saturating_sub(self.repeats.len());
        self.repeats.extend(seqs.iter().take(room));
    }
}

/// The publisher's packet behind a history entry, while its ring has it.
fn kept<'p>(entry: &Entry, producer: &'p Producer) -> Option<&'p [u8]> {
    if !entry.is_from(producer.generation) {
        return None;
    }
    let encoding = producer.encodings.get(usize::from(entry.encoding))?;
    encoding.ring.get(entry.input_number(encoding.highest()?))
}
