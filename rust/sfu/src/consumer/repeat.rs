//! Packets that a consumer sends again: repeats that were asked for, and padding that finds out what the link carries.

use super::send::Shape;
use super::{Consumer, Egress};
use crate::extension::Carried;
use crate::history::Entry;
use crate::producer::Producer;
use crate::rtp::{Header, RtpView};
use crate::sink::{PacketClass, Sink};

/// Repeats that wait for the next flush.
const MAX_REPEATS: usize = 256;
/// Longest padding (RFC 3550 section 5.1).
const PADDING: [u8; 255] = {
    let mut bytes = [0; 255];
    bytes[254] = 255;
    bytes
};

impl Consumer {
    pub(crate) fn ask_repeat(&mut self, seqs: &[u16]) {
        self.counters.nack_count += 1;
        let room = MAX_REPEATS.saturating_sub(self.repeats.len());
        self.repeats.extend(seqs.iter().take(room));
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
        let (now_us, rtt_us) = (egress.now_us, egress.rtt_us);
        let bitrate = self.rate.bitrate(now_us);
        if !self
            .gate
            .allow(number, packet.len(), bitrate, now_us, rtt_us)
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
}

/// The publisher's packet behind a history entry, while its ring has it.
fn kept<'p>(entry: &Entry, producer: &'p Producer) -> Option<&'p [u8]> {
    if !entry.is_from(producer.generation) {
        return None;
    }
    let encoding = producer.encodings.get(usize::from(entry.encoding))?;
    encoding.ring.get(entry.input_number(encoding.highest()?))
}
