//! RTCP that a leg is due to send: transport-cc, repeat and key-frame requests, reception and sender reports. Refuses to know the
//! wire format.

use super::Router;
use crate::feedback::Feedback;
use crate::params::MediaKind;
use crate::report;

const REPORT_US: u64 = 1_000_000;
const SENDER_REPORT_US: u64 = 2_000_000;
/// Told to publishers that understand only REMB; above what any browser sends.
pub(super) const REMB_BITRATE: u64 = 20_000_000;
/// Blocks of one report (RFC 3550 section 6.4.1).
const MAX_REPORT_BLOCKS: usize = 31;

impl Router {
    pub(super) fn report_arrivals(&mut self, now_us: u64, index: usize) {
        let leg = &mut self.legs[index];
        let Some(recorder) = &mut leg.recorder else {
            return;
        };
        while let Some(report) = recorder.poll(now_us) {
            leg.feedback.push(Feedback::TransportCc(report));
        }
        if let Some(at) = recorder.next_timeout() {
            leg.schedule.at(at);
        }
    }

    /// NACK and key-frame requests for what this leg publishes, and which of its encodings are alive.
    pub(super) fn ask_publisher(&mut self, now_us: u64, index: usize) {
        let mut changed = Vec::new();
        let leg = &mut self.legs[index];
        let rtt_us = leg.rtt_us();
        for &at in &leg.producers {
            let producer = &mut self.producers[at];
            let codec = producer.current_codec();
            let (pli, fir) = (codec.pli, codec.fir);
            let video = producer.kind == MediaKind::Video;
            for encoding in &mut producer.encodings {
                if encoding.live && !encoding.is_live(now_us) {
                    encoding.live = false;
                    changed.push(at);
                }
                let Some(ssrc) = encoding.ssrc else { continue };
                let seqs = encoding.nack.poll(now_us, rtt_us);
                if !seqs.is_empty() {
                    encoding.stats.nack_count += 1;
                    leg.feedback.push(Feedback::Nack {
                        sender_ssrc: leg.ssrc,
                        media_ssrc: ssrc,
                        seqs,
                    });
                }
                if encoding.nack.take_gave_up() && video && !producer.consumers.is_empty() {
                    encoding.keyframe.want();
                }
                if let Some(at) = encoding.nack.next_timeout() {
                    leg.schedule.at(at);
                }
                // A request that cannot go out yet is not used up.
                if !leg.ready || !(pli || fir) {
                    continue;
                }
                if encoding.keyframe.poll(now_us) {
                    if pli {
                        encoding.stats.pli_count += 1;
                        leg.feedback.push(Feedback::Pli {
                            sender_ssrc: leg.ssrc,
                            media_ssrc: ssrc,
                        });
                    } else {
                        encoding.stats.fir_count += 1;
                        leg.fir_seq = leg.fir_seq.wrapping_add(1);
                        leg.feedback.push(Feedback::Fir {
                            sender_ssrc: leg.ssrc,
                            media_ssrc: ssrc,
                            seq: leg.fir_seq,
                        });
                    }
                }
                if let Some(at) = encoding.keyframe.deadline() {
                    leg.schedule.at(at);
                }
            }
        }
        for producer in changed {
            self.layers_changed(now_us, producer);
        }
    }

    pub(super) fn report_reception(&mut self, now_us: u64, index: usize) {
        let leg = &mut self.legs[index];
        if now_us >= leg.active_until_us
            || now_us < leg.schedule.receiver_report
            || leg.producers.is_empty()
        {
            return;
        }
        leg.schedule.receiver_report = now_us + REPORT_US;
        let mut blocks = Vec::new();
        let mut ssrcs = Vec::new();
        for &at in &leg.producers {
            for encoding in &mut self.producers[at].encodings {
                let Some(ssrc) = encoding.ssrc.filter(|_| encoding.reception.received > 0) else {
                    continue;
                };
                let mut block = encoding.reception.report(ssrc);
                if let Some(clock) = &encoding.clock {
                    block.last_sender_report = clock.ntp_middle;
                    block.delay_since_last =
                        report::delay_units(now_us.saturating_sub(clock.at_us));
                }
                blocks.push(block);
                ssrcs.push(ssrc);
            }
        }
        for chunk in blocks.chunks(MAX_REPORT_BLOCKS) {
            leg.feedback.push(Feedback::ReceiverReport {
                sender_ssrc: leg.ssrc,
                reports: chunk.to_vec(),
            });
        }
        if leg.sends_remb && leg.recorder.is_none() && !ssrcs.is_empty() {
            leg.feedback.push(Feedback::Remb {
                sender_ssrc: leg.ssrc,
                bitrate: REMB_BITRATE,
                ssrcs,
            });
        }
    }

    pub(super) fn report_sending(&mut self, now_us: u64, index: usize) {
        let leg = &mut self.legs[index];
        let active = now_us < leg.active_until_us && leg.ready;
        let all = active && now_us >= leg.schedule.sender_report;
        if all {
            leg.schedule.sender_report = now_us + SENDER_REPORT_US;
        }
        if !std::mem::take(&mut leg.report_due) && !all {
            return;
        }
        for taker in &leg.consumers {
            let consumer = &mut self.consumers[taker.consumer];
            if !all && !consumer.report_due {
                continue;
            }
            consumer.report_due = false;
            let Some(producer) = consumer.producer.map(|producer| &self.producers[producer]) else {
                continue;
            };
            if let Some(sent) = consumer.sender_report(now_us, producer) {
                leg.feedback.push(sent);
                leg.feedback.push(Feedback::Sdes {
                    ssrc: consumer.ssrc,
                    cname: leg.cname.clone(),
                });
            }
        }
    }
}
