//! Walks a compound (RFC 3550 section 6.1, also reduced-size by RFC 5506) and reads the hot types. Bounded: what one datagram may
//! expand to is a constant.

use medianode_sfu::feedback::{Arrival, Feedback, ReportBlock, TransportCc};

use super::cold::RtcRtcp;
use super::{
    FEEDBACK_HEADER_LEN, HEADER_LEN, RtcpCodec, RtcpError, RtcpFault, format, packet_type,
};

/// Common header, SSRC and sender info; common header and SSRC; one block (RFC 3550 sections 6.4.1 and 6.4.2).
const SENDER_REPORT_LEN: usize = 28;
const RECEIVER_REPORT_LEN: usize = 8;
const REPORT_BLOCK_LEN: usize = 24;
/// Packets of one compound.
const MAX_PACKETS: usize = 256;
/// Sequence numbers that the NACKs of one compound may ask for.
const MAX_NACKED: usize = 17 * 64;
/// Packet statuses that the transport-wide feedback of one compound may tell; two bytes can claim 8191.
const MAX_STATUSES: usize = 2 * 8192;

/// Reads a decrypted RTCP datagram. Unknown types are skipped; a malformed packet ends the walk, and the error carries what stood
/// before it.
pub fn read(compound: &[u8]) -> Result<Vec<Feedback>, RtcpError> {
    let mut reader = Reader {
        read: Vec::new(),
        nacked: 0,
        statuses: 0,
    };
    let mut rest = compound;
    while !rest.is_empty() {
        match reader.packet(rest) {
            Ok(len) => rest = rest.get(len..).unwrap_or_default(),
            Err(fault) => {
                return Err(RtcpError {
                    read: reader.read,
                    fault,
                });
            }
        }
    }
    Ok(reader.read)
}

struct Reader {
    read: Vec<Feedback>,
    nacked: usize,
    statuses: usize,
}

impl Reader {
    /// Reads the first packet of `rest` and returns its length.
    fn packet(&mut self, rest: &[u8]) -> Result<usize, RtcpFault> {
        let [first, kind, words @ ..] = rest
            .first_chunk::<HEADER_LEN>()
            .ok_or(RtcpFault::Malformed)?;
        let len = 4 * (usize::from(u16::from_be_bytes(*words)) + 1);
        let packet = rest.get(..len).ok_or(RtcpFault::Malformed)?;
        if first >> 6 != 2 {
            return Err(RtcpFault::Malformed);
        }
        if self.read.len() >= MAX_PACKETS {
            return Err(RtcpFault::TooMuch);
        }
        let bare = without_padding(packet)?;
        match (*kind, first & 0x1f) {
            (packet_type::SENDER_REPORT, blocks) => self.sender_report(bare, blocks)?,
            (packet_type::RECEIVER_REPORT, blocks) => self.receiver_report(bare, blocks)?,
            (packet_type::TRANSPORT_FEEDBACK, format::NACK) => self.nack(bare)?,
            (packet_type::TRANSPORT_FEEDBACK, format::TRANSPORT_CC) => self.transport_cc(bare)?,
            (packet_type::PAYLOAD_FEEDBACK, format::APPLICATION) => self.application(bare)?,
            (packet_type::SDES, chunks) => self.sdes(bare, chunks)?,
            (packet_type::BYE, sources) => self.bye(bare, sources)?,
            _ if bare.len() == packet.len() => RtcRtcp.decode(packet, &mut self.read)?,
            _ => RtcRtcp.decode(&never_padded(bare)?, &mut self.read)?,
        }
        Ok(len)
    }

    /// RFC 3550 section 6.4.1; profile-specific extensions are skipped.
    fn sender_report(&mut self, packet: &[u8], blocks: u8) -> Result<(), RtcpFault> {
        let (head, body) = packet
            .split_first_chunk::<SENDER_REPORT_LEN>()
            .ok_or(RtcpFault::Malformed)?;
        let words = head.as_chunks::<4>().0;
        let word = |at: usize| u32::from_be_bytes(words[at]);
        self.read.push(Feedback::SenderReport {
            ssrc: word(1),
            ntp: u64::from(word(2)) << 32 | u64::from(word(3)),
            rtp: word(4),
            packets: word(5),
            octets: word(6),
            reports: report_blocks(body, blocks)?,
        });
        Ok(())
    }

    /// RFC 3550 section 6.4.2.
    fn receiver_report(&mut self, packet: &[u8], blocks: u8) -> Result<(), RtcpFault> {
        let (head, body) = packet
            .split_first_chunk::<RECEIVER_REPORT_LEN>()
            .ok_or(RtcpFault::Malformed)?;
        let [_, _, _, _, ssrc @ ..] = *head;
        self.read.push(Feedback::ReceiverReport {
            sender_ssrc: u32::from_be_bytes(ssrc),
            reports: report_blocks(body, blocks)?,
        });
        Ok(())
    }

    /// RFC 4585 section 6.2.1. What is beyond the bound is left out: a peer that still misses it asks again.
    fn nack(&mut self, packet: &[u8]) -> Result<(), RtcpFault> {
        let (sender_ssrc, media_ssrc, items) = feedback(packet)?;
        let mut seqs = Vec::new();
        for item in items.as_chunks::<4>().0 {
            let pid = u16::from_be_bytes([item[0], item[1]]);
            let blp = u16::from_be_bytes([item[2], item[3]]);
            seqs.push(pid);
            let lost = |bit: &u16| blp >> bit & 1 == 1;
            seqs.extend((0..16).filter(lost).map(|bit| pid.wrapping_add(bit + 1)));
            if seqs.len() >= MAX_NACKED {
                break;
            }
        }
        seqs.truncate(MAX_NACKED.saturating_sub(self.nacked));
        self.nacked += seqs.len();
        if !seqs.is_empty() {
            self.read.push(Feedback::Nack {
                sender_ssrc,
                media_ssrc,
                seqs,
            });
        }
        Ok(())
    }

    /// draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.
    fn transport_cc(&mut self, packet: &[u8]) -> Result<(), RtcpFault> {
        let (sender_ssrc, media_ssrc, body) = feedback(packet)?;
        let (head, mut rest) = body.split_first_chunk::<8>().ok_or(RtcpFault::Malformed)?;
        let [base @ .., _, _, _, _, _, _] = *head;
        let count = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let reference = i32::from_be_bytes([head[4], head[5], head[6], 0]) >> 8;
        if self.statuses + count > MAX_STATUSES {
            return Err(RtcpFault::TooMuch);
        }
        self.statuses += count;
        // The chunks that are needed must be there before memory is taken for what they claim.
        let mut arrivals = Vec::with_capacity(count.min(7 * rest.len()));
        while arrivals.len() < count {
            let (chunk, behind) = rest.split_first_chunk().ok_or(RtcpFault::Malformed)?;
            statuses(u16::from_be_bytes(*chunk), count, &mut arrivals);
            rest = behind;
        }
        read_deltas(&mut arrivals, rest)?;
        self.read.push(Feedback::TransportCc(TransportCc {
            sender_ssrc,
            media_ssrc,
            base_seq: u16::from_be_bytes(base),
            reference_time: reference,
            feedback_count: head[7],
            arrivals,
        }));
        Ok(())
    }

    /// RFC 3550 section 6.6; the reason is not read.
    fn bye(&mut self, packet: &[u8], sources: u8) -> Result<(), RtcpFault> {
        let ssrcs = packet
            .get(HEADER_LEN..HEADER_LEN + 4 * usize::from(sources))
            .ok_or(RtcpFault::Malformed)?;
        let ssrcs = ssrcs
            .as_chunks::<4>()
            .0
            .iter()
            .map(|ssrc| u32::from_be_bytes(*ssrc))
            .collect();
        self.read.push(Feedback::Bye { ssrcs });
        Ok(())
    }

    /// RFC 3550 section 6.5. Items other than the CNAME are skipped, those of later RFCs too (MID, RFC 9143 section 15.1).
    fn sdes(&mut self, packet: &[u8], chunks: u8) -> Result<(), RtcpFault> {
        let mut rest = packet.get(HEADER_LEN..).ok_or(RtcpFault::Malformed)?;
        for _ in 0..chunks {
            let (ssrc, items) = rest.split_first_chunk().ok_or(RtcpFault::Malformed)?;
            let (cname, behind) = sdes_chunk(items).ok_or(RtcpFault::Malformed)?;
            if let Some(cname) = cname {
                let cname = String::from_utf8_lossy(cname).into_owned();
                self.read.push(Feedback::Sdes {
                    ssrc: u32::from_be_bytes(*ssrc),
                    cname,
                });
            }
            rest = behind;
        }
        Ok(())
    }

    /// draft-alvestrand-rmcat-remb-03 section 2.2; other application layer feedback is skipped.
    fn application(&mut self, packet: &[u8]) -> Result<(), RtcpFault> {
        let (sender_ssrc, _, body) = feedback(packet)?;
        let Some(body) = body.strip_prefix(b"REMB") else {
            return Ok(());
        };
        let (head, body) = body.split_first_chunk::<4>().ok_or(RtcpFault::Malformed)?;
        let ssrcs = body
            .get(..4 * usize::from(head[0]))
            .ok_or(RtcpFault::Malformed)?;
        let exponent = u32::from(head[1] >> 2);
        let mantissa = u32::from_be_bytes([0, head[1] & 3, head[2], head[3]]);
        let bitrate = u64::try_from(u128::from(mantissa) << exponent).unwrap_or(u64::MAX);
        let ssrcs = ssrcs
            .as_chunks::<4>()
            .0
            .iter()
            .map(|ssrc| u32::from_be_bytes(*ssrc))
            .collect();
        self.read.push(Feedback::Remb {
            sender_ssrc,
            bitrate,
            ssrcs,
        });
        Ok(())
    }
}

/// RFC 3550 section 6.4.1.
fn report_blocks(body: &[u8], count: u8) -> Result<Vec<ReportBlock>, RtcpFault> {
    let blocks = body.as_chunks::<REPORT_BLOCK_LEN>().0;
    let blocks = blocks
        .get(..usize::from(count))
        .ok_or(RtcpFault::Malformed)?;
    Ok(blocks.iter().map(report_block).collect())
}

fn report_block(block: &[u8; REPORT_BLOCK_LEN]) -> ReportBlock {
    let words = block.as_chunks::<4>().0;
    let word = |at: usize| u32::from_be_bytes(words[at]);
    ReportBlock {
        ssrc: word(0),
        fraction_lost: block[4],
        // 24 bits with a sign.
        cumulative_lost: (word(1) << 8).cast_signed() >> 8,
        highest_seq: word(2),
        jitter: word(3),
        last_sender_report: word(4),
        delay_since_last: word(5),
    }
}

/// Sender SSRC, media SSRC and what follows.
fn feedback(packet: &[u8]) -> Result<(u32, u32, &[u8]), RtcpFault> {
    let (head, body) = packet
        .split_first_chunk::<FEEDBACK_HEADER_LEN>()
        .ok_or(RtcpFault::Malformed)?;
    let [_, _, _, _, sender @ .., _, _, _, _] = *head;
    let [_, _, _, _, _, _, _, _, media @ ..] = *head;
    Ok((u32::from_be_bytes(sender), u32::from_be_bytes(media), body))
}

/// Cuts the padding off. Only whole words may be padded (RFC 3550 section 6.4.1), but transport-wide feedback comes with fewer.
fn without_padding(packet: &[u8]) -> Result<&[u8], RtcpFault> {
    let (Some(first), Some(last)) = (packet.first(), packet.last()) else {
        return Err(RtcpFault::Malformed);
    };
    if first & 0x20 == 0 {
        return Ok(packet);
    }
    packet
        .len()
        .checked_sub(usize::from(*last))
        .filter(|len| *last > 0 && *len >= HEADER_LEN)
        .and_then(|len| packet.get(..len))
        .ok_or(RtcpFault::Malformed)
}

/// The packet with a header that says nothing of the padding it had.
fn never_padded(bare: &[u8]) -> Result<Vec<u8>, RtcpFault> {
    let mut packet = bare.to_vec();
    let [first, _, words @ ..] = packet
        .first_chunk_mut::<HEADER_LEN>()
        .ok_or(RtcpFault::Malformed)?;
    if !bare.len().is_multiple_of(4) {
        return Err(RtcpFault::Malformed);
    }
    *first &= !0x20;
    *words = ((bare.len() / 4 - 1) as u16).to_be_bytes();
    Ok(packet)
}

/// The CNAME among one chunk's items, and what follows the chunk, which ends with a zero and fills whole words.
fn sdes_chunk(items: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    const CNAME: u8 = 1;
    let mut cname = None;
    let mut rest = items;
    loop {
        let (kind, behind) = rest.split_first()?;
        if *kind == 0 {
            let used = (items.len() - behind.len()).next_multiple_of(4);
            return Some((cname, items.get(used..)?));
        }
        let (len, behind) = behind.split_first()?;
        let (text, behind) = behind.split_at_checked(usize::from(*len))?;
        if *kind == CNAME && cname.is_none() {
            cname = Some(text);
        }
        rest = behind;
    }
}

/// Appends the statuses of one chunk, no more than `count` in all. Deltas are filled in later: a zero stands for a small one, any
/// other value for a large one.
fn statuses(chunk: u16, count: usize, arrivals: &mut Vec<Arrival>) {
    let left = count - arrivals.len();
    if chunk >> 15 == 0 {
        let run = usize::from(chunk & 0x1fff).min(left);
        arrivals.resize(arrivals.len() + run, arrival(chunk >> 13));
    } else if chunk >> 14 & 1 == 0 {
        arrivals.extend(
            (0..14)
                .rev()
                .take(left)
                .map(|bit| arrival(chunk >> bit & 1)),
        );
    } else {
        arrivals.extend(
            (0..7)
                .rev()
                .take(left)
                .map(|pair| arrival(chunk >> (2 * pair))),
        );
    }
}

const SMALL: Arrival = Arrival::Delta(0);
const LARGE: Arrival = Arrival::Delta(1);

/// Symbol 3 is reserved in the draft; senders that use it mean a packet whose time they do not tell.
fn arrival(symbol: u16) -> Arrival {
    match symbol & 3 {
        0 => Arrival::Lost,
        1 => SMALL,
        2 => LARGE,
        _ => Arrival::Untimed,
    }
}

fn read_deltas(arrivals: &mut [Arrival], mut rest: &[u8]) -> Result<(), RtcpFault> {
    for arrival in arrivals {
        let Arrival::Delta(_) = arrival else { continue };
        let (delta, behind) = if *arrival == SMALL {
            let (byte, behind) = rest.split_first().ok_or(RtcpFault::Malformed)?;
            (i16::from(*byte), behind)
        } else {
            let (bytes, behind) = rest.split_first_chunk().ok_or(RtcpFault::Malformed)?;
            (i16::from_be_bytes(*bytes), behind)
        };
        *arrival = Arrival::Delta(delta);
        rest = behind;
    }
    Ok(())
}
