//! The way of a packet into the router. Owns the binding of SSRCs to encodings and the one look into each packet; refuses to
//! know who it is for.

use std::time::Instant;

use super::Router;
use crate::TransportId;
use crate::cache::Inserted;
use crate::codec::{self, Codec, PayloadInfo, Vp8Descriptor};
use crate::extension::{Carried, DEPENDENCY_DESCRIPTOR};
use crate::leg::Binding;
use crate::params::MediaKind;
use crate::producer::{
    Again, Pending, Producer, ProducerEncoding, SPATIAL_LAYERS, TEMPORAL_LAYERS,
};
use crate::rtp::{RtpView, extension};
use crate::select::{PacketInfo, SpatialFrame};

/// Index of the audio level among carried extensions.
const AUDIO_LEVEL: usize = 0;
/// Reports go on for this long after the last packet.
pub(crate) const ACTIVE_US: u64 = 3_000_000;
/// Packets that are sent at once to those who begin at a key frame whose start came late.
const MAX_CATCH_UP: u64 = 256;
const CATCH_UP_INTERVAL_US: u64 = 100_000;

impl Router {
    /// One authenticated, decrypted RTP packet. It is kept, not yet sent: call [`Router::flush`] after the last packet of a batch.
    pub fn handle_rtp(&mut self, now: Instant, from: TransportId, packet: &[u8]) {
        let now_us = self.us(now);
        let Some(leg_index) = self.leg_ids.get(&from).copied() else {
            return;
        };
        let Some(view) = RtpView::parse(packet) else {
            return self.discard("malformed");
        };
        let leg = &mut self.legs[leg_index];
        let resting = leg.active_until_us < now_us;
        leg.active_until_us = now_us + ACTIVE_US;
        let mut due = resting.then_some(now_us);
        if let Some(recorder) = &mut leg.recorder {
            let number = view
                .extension(leg.extensions.transport_cc)
                .and_then(extension::read_transport_cc);
            if let Some(number) = number {
                recorder.handle(number, view.ssrc(), now_us);
                due = due.or(recorder.next_timeout());
            }
        }
        let known = leg.incoming.get(&view.ssrc()).copied();
        if let Some(at) = due {
            self.wake_leg(leg_index, at);
        }
        let binding = match known.map_or_else(|| self.bind(leg_index, &view), Ok) {
            Ok(binding) => binding,
            Err(cause) => return self.discard(cause),
        };
        match binding {
            Binding::Media { producer, encoding } => {
                self.ingest(now_us, producer, encoding, packet, &view, false)
            }
            Binding::Repair { producer, encoding } => {
                self.unwrap_repair(now_us, producer, encoding, packet, &view)
            }
        }
    }

    /// Finds out whose an unknown SSRC is: MID and RID (RFC 8852), MID alone, or a payload type that only one producer has. The
    /// first SSRC of an encoding stays its SSRC.
    fn bind(&mut self, leg_index: usize, view: &RtpView<'_>) -> Result<Binding, &'static str> {
        let leg = &self.legs[leg_index];
        if leg.incoming.len() >= self.limits.ssrcs_per_transport {
            return Err("ssrc_limit");
        }
        let text = |id: u8| {
            (id != 0)
                .then(|| view.extension(id).and_then(extension::read_text))
                .flatten()
        };
        let payload_type = view.payload_type();
        let mut found: Option<(usize, usize, bool)> = None;
        let mut named = false;
        for &index in &leg.producers {
            let producer = &self.producers[index];
            // Within a bundle an id has one meaning, but a meaning may have several ids (RFC 8843 section 9.1): each producer's own.
            let ids = &producer.extensions;
            let (mid, rid) = (text(ids.mid), text(ids.rid));
            if mid.is_some_and(|mid| producer.mid.as_deref() != Some(mid)) {
                continue;
            }
            let media = producer.codec_of(payload_type).is_some();
            if !media && producer.codec_of_rtx(payload_type).is_none() {
                continue;
            }
            // A repaired RID names the repaired encoding; some senders use RID on both streams.
            let name = if media {
                rid
            } else {
                text(ids.repaired_rid).or(rid)
            };
            let encoding = match name {
                Some(name) => producer
                    .encodings
                    .iter()
                    .position(|encoding| encoding.rid.as_deref() == Some(name)),
                None => (producer.encodings.len() == 1).then_some(0),
            };
            let Some(encoding) = encoding else { continue };
            // Whoever is named by MID goes before those who might be meant.
            match (mid.is_some(), named, found) {
                (false, true, _) => continue,
                (false, false, Some(_)) | (true, true, _) => return Err("ssrc_ambiguous"),
                _ => {}
            }
            found = Some((index, encoding, media));
            named = mid.is_some();
        }
        let Some((producer, encoding, media)) = found else {
            return Err("ssrc_unknown");
        };
        let slot = &mut self.producers[producer].encodings[encoding];
        let taken = if media {
            &mut slot.ssrc
        } else {
            &mut slot.rtx_ssrc
        };
        if taken.is_some() {
            return Err("ssrc_conflict");
        }
        *taken = Some(view.ssrc());
        let binding = if media {
            Binding::Media { producer, encoding }
        } else {
            Binding::Repair { producer, encoding }
        };
        self.legs[leg_index].incoming.insert(view.ssrc(), binding);
        Ok(binding)
    }

    /// RFC 4588 section 4: the original packet is the repair packet with its first two payload bytes as sequence number.
    fn unwrap_repair(
        &mut self,
        now_us: u64,
        producer: usize,
        encoding: usize,
        packet: &[u8],
        view: &RtpView<'_>,
    ) {
        let owner = &mut self.producers[producer];
        let Some(codec) = owner.codec_of_rtx(view.payload_type()) else {
            return self.discard("payload_type");
        };
        let payload_type = owner.codecs[usize::from(codec)].parameters.payload_type;
        let slot = &mut owner.encodings[encoding];
        slot.stats.retransmitted_packets_received += 1;
        // Padding on the repair stream is a bandwidth probe.
        let (Some((number, payload)), Some(ssrc)) =
            (view.payload().split_first_chunk::<2>(), slot.ssrc)
        else {
            return;
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(&packet[..view.header_len()]);
        scratch.extend_from_slice(payload);
        if let Some(fixed) = scratch.first_chunk_mut::<12>() {
            fixed[0] &= !0x20;
            fixed[1] = (fixed[1] & 0x80) | (payload_type & 0x7f);
            fixed[2..4].copy_from_slice(number);
            fixed[8..12].copy_from_slice(&ssrc.to_be_bytes());
        }
        if let Some(view) = RtpView::parse(&scratch) {
            self.ingest(now_us, producer, encoding, &scratch, &view, true);
        }
        self.scratch = scratch;
    }

    fn ingest(
        &mut self,
        now_us: u64,
        index: usize,
        encoding_index: usize,
        packet: &[u8],
        view: &RtpView<'_>,
        repaired: bool,
    ) {
        let producer = &mut self.producers[index];
        let Some(codec_index) = producer.codec_of(view.payload_type()) else {
            return self.discard("payload_type");
        };
        let codec = &producer.codecs[usize::from(codec_index)];
        let encoding = &mut producer.encodings[encoding_index];
        let Some((seq, restart)) = encoding.extend(view.sequence_number()) else {
            return self.discard("stray");
        };
        match encoding.ring.insert(seq, packet, now_us) {
            Inserted::New => {}
            Inserted::Duplicate => {
                encoding.stats.packets_duplicated += 1;
                return;
            }
            Inserted::TooOld => return self.discard("too_old"),
            Inserted::TooLong => return self.discard("too_long"),
        }
        let newest = encoding.highest() == Some(seq);
        encoding.reception.received(seq);
        encoding.stats.packets_received += 1;
        encoding.stats.bytes_received += packet.len() as u64;
        encoding.rate.add(now_us, packet.len());
        encoding.last_arrival_us = Some(now_us);
        if !repaired && encoding.last_timestamp != Some(view.timestamp()) {
            encoding.last_timestamp = Some(view.timestamp());
            encoding
                .reception
                .arrived(now_us, view.timestamp(), codec.parameters.clock_rate);
        }
        let mut due = None;
        if codec.nack {
            encoding.nack.handle(seq, now_us);
            due = encoding.nack.next_timeout();
        }
        let (mut pending, told) = producer.describe(encoding_index, codec_index, seq, packet, view);
        pending.restart = restart;
        let encoding = &mut producer.encodings[encoding_index];
        if producer.kind == MediaKind::Video && !producer.paused {
            encoding.gop.record(now_us, pending, newest);
        }
        encoding.measure(now_us, packet.len(), &told);
        if told.keyframe && producer.kind == MediaKind::Video {
            encoding.stats.key_frames += 1;
            encoding.keyframe.arrived();
            if newest {
                encoding.nack.forget_before(seq);
            }
        }
        producer.codec = codec_index;
        let became_live = !std::mem::replace(&mut encoding.live, true);
        let leg = producer.leg;
        if producer.kind == MediaKind::Audio && !repaired {
            let id = producer.extensions.carried[AUDIO_LEVEL];
            let level = (id != 0)
                .then(|| view.extension(id).and_then(extension::AudioLevel::read))
                .flatten();
            if let Some(level) = level.filter(|_| !producer.paused) {
                // Many senders never set the voice flag: the level decides alone.
                self.speakers
                    .handle(producer.id, level.level_dbov, None, now_us);
            }
        }
        if !producer.paused && !producer.consumers.is_empty() {
            if producer.pending.is_empty() {
                self.dirty_producers.push(index);
            }
            producer.pending.push(pending);
            let consumers = &self.consumers;
            let waits = |at: &usize| consumers[*at].selector.waits_for(encoding_index as u8);
            if !newest && producer.kind == MediaKind::Video && producer.consumers.iter().any(waits)
            {
                producer.catch_up(now_us, encoding_index, codec_index, &pending);
            }
        }
        if let Some(at) = due {
            self.wake_leg(leg, at);
        }
        if became_live {
            self.layers_changed(now_us, index);
        }
        if restart {
            self.restarted(now_us, index);
        }
    }

    /// All who were sent the stream need a key frame of the new one.
    fn restarted(&mut self, now_us: u64, producer: usize) {
        for at in 0..self.producers[producer].consumers.len() {
            let consumer = self.producers[producer].consumers[at];
            self.want_keyframe(now_us, consumer);
        }
    }
}

impl Producer {
    /// Looks into a packet, once for all consumers.
    fn describe(
        &mut self,
        encoding_index: usize,
        codec_index: u8,
        seq: u64,
        packet: &[u8],
        view: &RtpView<'_>,
    ) -> (Pending, PayloadInfo) {
        let codec = self.codecs[usize::from(codec_index)].codec;
        let single = self.encodings.len() == 1;
        let encoding = &mut self.encodings[encoding_index];
        let payload = view.payload();
        let descriptor_id = self.extensions.carried[DEPENDENCY_DESCRIPTOR];
        let descriptor = (descriptor_id != 0)
            .then(|| {
                view.extension(descriptor_id)
                    .and_then(|value| encoding.dependency.parse(value))
            })
            .flatten();
        let told = codec::describe(codec, payload, descriptor.as_ref());
        // What cannot be looked into may start anywhere.
        let opaque = self.kind == MediaKind::Audio || codec == Codec::Other;
        // A key frame's parameter sets may be in the packet before, which is missing.
        let beheaded = matches!(codec, Codec::H264 | Codec::H265)
            && !told.opens_sequence
            && encoding.started
            && encoding.ring.get(seq.wrapping_sub(1)).is_none();
        encoding.started = true;
        // What came late decides nothing about the pictures after it.
        let newest = encoding.highest() == Some(seq);
        // Among several encodings each is a whole: only the choice between them counts (a spatial id inside says nothing).
        let dependency = descriptor.filter(|_| single);
        let layer = told
            .spatial
            .filter(|_| single && codec == Codec::Vp9 && dependency.is_none())
            .map(|spatial| SpatialFrame {
                spatial,
                begins: told.start_of_frame && told.intra && newest,
                end: told.end_of_frame,
            });
        let upper = layer.is_some_and(|layer| layer.spatial > 0);
        let info = PacketInfo {
            entry: !payload.is_empty() && ((told.keyframe && !beheaded) || opaque),
            frame_start: told.start_of_frame && !upper && newest,
            temporal: told.temporal.filter(|_| dependency.is_none()).unwrap_or(0),
            layer_sync: told.layer_sync,
            opens_upper: told.opens_upper,
            layer,
        };
        let pending = Pending {
            seq,
            encoding: encoding_index as u8,
            codec: codec_index,
            marker: view.marker(),
            restart: false,
            again: Again::New,
            info,
            timestamp: view.timestamp(),
            payload_at: view.header_len() as u16,
            payload_len: payload.len() as u16,
            vp8: (codec == Codec::Vp8)
                .then(|| Vp8Descriptor::parse(payload))
                .flatten(),
            dependency,
            carried: Carried::find(packet, view, &self.extensions),
        };
        (pending, told)
    }

    /// `late` came after its successors. If it begins a key frame, or was all that was missing before one, those who wait for a key
    /// frame begin there: the batch gets what follows once more, for them.
    fn catch_up(&mut self, now_us: u64, encoding_index: usize, codec_index: u8, late: &Pending) {
        let mut first = late.info.entry.then_some(late.seq);
        let encoding = &mut self.encodings[encoding_index];
        let Some(highest) = encoding.highest() else {
            return;
        };
        // Publishers do not decide how much work there is.
        if now_us < encoding.catch_up_us {
            return;
        }
        if let Some(begun) = self.pending.last_mut().filter(|_| first.is_some()) {
            begun.again = Again::Late;
        }
        let mut packet = Vec::new();
        for seq in late.seq + 1..=highest.min(late.seq + MAX_CATCH_UP) {
            let Some(kept) = self.encodings[encoding_index].ring.get(seq) else {
                continue;
            };
            packet.clear();
            packet.extend_from_slice(kept);
            let Some(view) = RtpView::parse(&packet) else {
                continue;
            };
            let codec = self.codec_of(view.payload_type()).unwrap_or(codec_index);
            let (mut pending, _) = self.describe(encoding_index, codec, seq, &packet, &view);
            pending.again = match first {
                Some(first) => Again::After(first),
                None if seq == late.seq + 1 && pending.info.entry => {
                    first = Some(seq);
                    Again::Entry
                }
                None => return,
            };
            self.encodings[encoding_index].catch_up_us = now_us + CATCH_UP_INTERVAL_US;
            self.pending.push(pending);
        }
    }
}

impl ProducerEncoding {
    fn measure(&mut self, now_us: u64, bytes: usize, told: &PayloadInfo) {
        let temporal = usize::from(told.temporal.unwrap_or(0)).min(TEMPORAL_LAYERS - 1);
        self.temporal_rates[temporal].add(now_us, bytes);
        self.temporal_layers = self.temporal_layers.max(temporal as u8 + 1);
        if let Some(spatial) = told.spatial {
            let spatial = usize::from(spatial).min(SPATIAL_LAYERS - 1);
            self.spatial_rates[spatial].add(now_us, bytes);
            self.spatial_layers = self.spatial_layers.max(spatial as u8 + 1);
        }
    }
}
