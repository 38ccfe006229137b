//! Writes compounds. Owns the hot types' encoding; the order of packets (RFC 3550 section 6.1) is the caller's.

use medianode_sfu::feedback::{Arrival, Feedback, TransportCc};

use super::cold::RtcRtcp;
use super::{FEEDBACK_HEADER_LEN, HEADER_LEN, MAX_COUNT, RtcpCodec, format, packet_type};

/// Writes the packets one behind the other and returns the length, a multiple of 4. `None`: no room, or something that the wire
/// cannot say (more than 31 report blocks, a NACK or report of nothing, a CNAME beyond 255 bytes).
pub fn write(packets: &[Feedback], out: &mut [u8]) -> Option<usize> {
    let mut len = 0;
    for packet in packets {
        let room = out.get_mut(len..)?;
        len += match packet {
            Feedback::Nack {
                sender_ssrc,
                media_ssrc,
                seqs,
            } => nack(*sender_ssrc, *media_ssrc, seqs, room)?,
            Feedback::Remb {
                sender_ssrc,
                bitrate,
                ssrcs,
            } => remb(*sender_ssrc, *bitrate, ssrcs, room)?,
            Feedback::Bye { ssrcs } => bye(ssrcs, room)?,
            Feedback::TransportCc(report) => transport_cc(report, room)?,
            cold => RtcRtcp.encode(cold, room)?,
        };
    }
    Some(len)
}

/// RFC 4585 section 6.2.1: each item names a packet and any of the 16 behind it. Ascending input packs best.
fn nack(sender_ssrc: u32, media_ssrc: u32, seqs: &[u16], out: &mut [u8]) -> Option<usize> {
    let mut writer = Writer::feedback(out, sender_ssrc, media_ssrc)?;
    let mut rest = seqs.iter().copied().peekable();
    while let Some(pid) = rest.next() {
        let mut blp = 0u16;
        while let Some(seq) = rest.peek() {
            match seq.wrapping_sub(pid) {
                0 => {}
                distance @ 1..=16 => blp |= 1 << (distance - 1),
                _ => break,
            }
            rest.next();
        }
        writer.put(&pid.to_be_bytes())?;
        writer.put(&blp.to_be_bytes())?;
    }
    (!seqs.is_empty()).then_some(())?;
    writer.finish(packet_type::TRANSPORT_FEEDBACK, format::NACK)
}

/// RFC 3550 section 6.6, without a reason.
fn bye(ssrcs: &[u32], out: &mut [u8]) -> Option<usize> {
    let count = u8::try_from(ssrcs.len())
        .ok()
        .filter(|count| usize::from(*count) <= MAX_COUNT)?;
    let mut writer = Writer {
        out,
        len: HEADER_LEN,
    };
    for ssrc in ssrcs {
        writer.put(&ssrc.to_be_bytes())?;
    }
    writer.finish(packet_type::BYE, count)
}

/// draft-alvestrand-rmcat-remb-03 section 2.2; the bitrate loses what does not fit 18 bits.
fn remb(sender_ssrc: u32, bitrate: u64, ssrcs: &[u32], out: &mut [u8]) -> Option<usize> {
    let mut writer = Writer::feedback(out, sender_ssrc, 0)?;
    let exponent = (64 - bitrate.leading_zeros()).saturating_sub(18);
    let [.., high, middle, low] = ((bitrate >> exponent) as u32).to_be_bytes();
    writer.put(b"REMB")?;
    writer.put(&[
        u8::try_from(ssrcs.len()).ok()?,
        (exponent as u8) << 2 | high,
        middle,
        low,
    ])?;
    for ssrc in ssrcs {
        writer.put(&ssrc.to_be_bytes())?;
    }
    writer.finish(packet_type::PAYLOAD_FEEDBACK, format::APPLICATION)
}

/// draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.
fn transport_cc(report: &TransportCc, out: &mut [u8]) -> Option<usize> {
    let count = u16::try_from(report.arrivals.len())
        .ok()
        .filter(|count| *count > 0)?;
    let mut writer = Writer::feedback(out, report.sender_ssrc, report.media_ssrc)?;
    writer.put(&report.base_seq.to_be_bytes())?;
    writer.put(&count.to_be_bytes())?;
    let [_, reference @ ..] = report.reference_time.to_be_bytes();
    writer.put(&reference)?;
    writer.put(&[report.feedback_count])?;
    let mut rest = report.arrivals.as_slice();
    while !rest.is_empty() {
        let (chunk, told) = status_chunk(rest);
        writer.put(&chunk.to_be_bytes())?;
        rest = rest.get(told..)?;
    }
    for arrival in &report.arrivals {
        match arrival {
            Arrival::Delta(delta) => match u8::try_from(*delta) {
                Ok(small) => writer.put(&[small])?,
                Err(_) => writer.put(&delta.to_be_bytes())?,
            },
            Arrival::Lost | Arrival::Untimed => {}
        }
    }
    writer.finish(packet_type::TRANSPORT_FEEDBACK, format::TRANSPORT_CC)
}

fn symbol(arrival: &Arrival) -> u16 {
    match arrival {
        Arrival::Lost => 0,
        Arrival::Delta(0..=255) => 1,
        Arrival::Delta(_) => 2,
        Arrival::Untimed => 3,
    }
}

/// The chunk that tells most of `arrivals` (not empty), and how many it tells.
fn status_chunk(arrivals: &[Arrival]) -> (u16, usize) {
    const MAX_RUN: usize = 0x1fff;
    let first = arrivals.first().map_or(0, symbol);
    let run = arrivals
        .iter()
        .take(MAX_RUN)
        .take_while(|next| symbol(next) == first)
        .count();
    let one_bit = arrivals
        .iter()
        .take(14)
        .take_while(|next| symbol(next) <= 1)
        .count();
    let two_bit = arrivals.len().min(7);
    // A vector tells as many as it has places for, or all that is left; what is behind the last packet reads as lost.
    let one_bit = if one_bit == arrivals.len().min(14) {
        one_bit
    } else {
        0
    };
    if run >= one_bit.max(two_bit) {
        return (first << 13 | run as u16, run);
    }
    if one_bit > 0 {
        let bits = arrivals.iter().take(14).enumerate();
        let vector = bits.fold(0, |vector, (at, next)| vector | symbol(next) << (13 - at));
        return (1 << 15 | vector, one_bit);
    }
    let pairs = arrivals.iter().take(7).enumerate();
    let vector = pairs.fold(0, |vector, (at, next)| {
        vector | symbol(next) << (12 - 2 * at)
    });
    (3 << 14 | vector, two_bit)
}

/// One packet under construction; its header comes last, when the length is known.
struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    fn feedback(out: &'a mut [u8], sender_ssrc: u32, media_ssrc: u32) -> Option<Self> {
        let mut writer = Self {
            out,
            len: HEADER_LEN,
        };
        writer.put(&sender_ssrc.to_be_bytes())?;
        writer.put(&media_ssrc.to_be_bytes())?;
        debug_assert_eq!(writer.len, FEEDBACK_HEADER_LEN);
        Some(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len.checked_add(bytes.len())?;
        self.out.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    /// Pads to whole words (RFC 3550 section 6.4.1) and writes the header.
    fn finish(mut self, packet_type: u8, count: u8) -> Option<usize> {
        let padding = self.len.wrapping_neg() % 4;
        if padding > 0 {
            self.put(&[0, 0, padding as u8][3 - padding..])?;
        }
        let words = u16::try_from(self.len / 4 - 1).ok()?.to_be_bytes();
        let first = 2 << 6 | u8::from(padding > 0) << 5 | count;
        let header = [first, packet_type, words[0], words[1]];
        self.out.get_mut(..HEADER_LEN)?.copy_from_slice(&header);
        Some(self.len)
    }
}
