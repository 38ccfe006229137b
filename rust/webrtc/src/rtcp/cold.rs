//! PLI, FIR and the writing of reports and SDES through `rtc-rtcp`, the only file that names it. Owns the translation; refuses to walk compounds.

use bytes::Bytes;
use medianode_sfu::feedback::{Feedback, ReportBlock};
use rtc_rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use rtc_shared::marshal::{Marshal, Unmarshal};

use super::{MAX_COUNT, RtcpCodec, RtcpFault, format, packet_type};

/// [`RtcpCodec`] of webrtc-rs.
pub struct RtcRtcp;

impl RtcpCodec for RtcRtcp {
    fn decode(&self, packet: &[u8], into: &mut Vec<Feedback>) -> Result<(), RtcpFault> {
        let [first, kind, ..] = *packet else {
            return Err(RtcpFault::Malformed);
        };
        match (kind, first & 0x1f) {
            (packet_type::PAYLOAD_FEEDBACK, format::PLI) => {
                let pli: PictureLossIndication = unmarshal(packet)?;
                into.push(Feedback::Pli {
                    sender_ssrc: pli.sender_ssrc,
                    media_ssrc: pli.media_ssrc,
                });
            }
            (packet_type::PAYLOAD_FEEDBACK, format::FIR) => {
                let request: FullIntraRequest = unmarshal(packet)?;
                into.extend(request.fir.iter().map(|entry| Feedback::Fir {
                    sender_ssrc: request.sender_ssrc,
                    media_ssrc: entry.ssrc,
                    seq: entry.sequence_number,
                }));
            }
            _ => {}
        }
        Ok(())
    }

    fn encode(&self, packet: &Feedback, out: &mut [u8]) -> Option<usize> {
        match packet {
            Feedback::SenderReport {
                ssrc,
                ntp,
                rtp,
                packets,
                octets,
                reports,
            } => marshal(
                &SenderReport {
                    ssrc: *ssrc,
                    ntp_time: *ntp,
                    rtp_time: *rtp,
                    packet_count: *packets,
                    octet_count: *octets,
                    reports: blocks_to(reports)?,
                    profile_extensions: Bytes::new(),
                },
                out,
            ),
            Feedback::ReceiverReport {
                sender_ssrc,
                reports,
            } => marshal(
                &ReceiverReport {
                    ssrc: *sender_ssrc,
                    reports: blocks_to(reports)?,
                    profile_extensions: Bytes::new(),
                },
                out,
            ),
            Feedback::Sdes { ssrc, cname } => {
                let item = SourceDescriptionItem {
                    sdes_type: SdesType::SdesCname,
                    text: Bytes::copy_from_slice(cname.as_bytes()),
                };
                let chunk = SourceDescriptionChunk {
                    source: *ssrc,
                    items: vec![item],
                };
                marshal(
                    &SourceDescription {
                        chunks: vec![chunk],
                    },
                    out,
                )
            }
            Feedback::Pli {
                sender_ssrc,
                media_ssrc,
            } => marshal(
                &PictureLossIndication {
                    sender_ssrc: *sender_ssrc,
                    media_ssrc: *media_ssrc,
                },
                out,
            ),
            // RFC 5104 section 4.3.1.2: the media source of the header is 0, the entry names it.
            Feedback::Fir {
                sender_ssrc,
                media_ssrc,
                seq,
            } => marshal(
                &FullIntraRequest {
                    sender_ssrc: *sender_ssrc,
                    media_ssrc: 0,
                    fir: vec![FirEntry {
                        ssrc: *media_ssrc,
                        sequence_number: *seq,
                    }],
                },
                out,
            ),
            Feedback::Bye { .. }
            | Feedback::Nack { .. }
            | Feedback::Remb { .. }
            | Feedback::TransportCc(_) => None,
        }
    }
}

fn unmarshal<T: Unmarshal>(mut packet: &[u8]) -> Result<T, RtcpFault> {
    T::unmarshal(&mut packet).map_err(|_| RtcpFault::Malformed)
}

fn marshal(packet: &impl Marshal, out: &mut [u8]) -> Option<usize> {
    let room = out.get_mut(..packet.marshal_size())?;
    packet.marshal_to(room).ok()
}

fn blocks_to(blocks: &[ReportBlock]) -> Option<Vec<ReceptionReport>> {
    if blocks.len() > MAX_COUNT {
        return None;
    }
    let to = |block: &ReportBlock| ReceptionReport {
        ssrc: block.ssrc,
        fraction_lost: block.fraction_lost,
        // RFC 3550 appendix A.3: clamp to 24 bits, do not wrap.
        total_lost: (block.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) & 0xff_ffff) as u32,
        last_sequence_number: block.highest_seq,
        jitter: block.jitter,
        last_sender_report: block.last_sender_report,
        delay: block.delay_since_last,
    };
    Some(blocks.iter().map(to).collect())
}
