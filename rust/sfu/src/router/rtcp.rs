//! What peers say by RTCP. Owns what each report, request and estimate changes; refuses to know the wire format.

use std::time::Instant;

use super::Router;
use crate::TransportId;
use crate::feedback::{Feedback, ReportBlock};
use crate::leg::OwnSsrc;
use crate::params::MediaKind;
use crate::report::{self, SenderClock};

impl Router {
    /// RTCP packets of one authenticated compound.
    pub fn handle_feedback(&mut self, now: Instant, from: TransportId, packets: &[Feedback]) {
        let now_us = self.us(now);
        let Some(leg) = self.leg_ids.get(&from).copied() else {
            return;
        };
        for packet in packets {
            match packet {
                Feedback::SenderReport {
                    ssrc,
                    ntp,
                    rtp,
                    reports,
                    ..
                } => {
                    self.sender_report(now_us, leg, *ssrc, *ntp, *rtp);
                    self.reports(now_us, leg, reports);
                }
                Feedback::ReceiverReport { reports, .. } => self.reports(now_us, leg, reports),
                Feedback::Nack {
                    media_ssrc, seqs, ..
                } => self.nack(leg, *media_ssrc, seqs),
                Feedback::Pli { media_ssrc, .. } => {
                    self.picture_lost(now_us, leg, *media_ssrc, false)
                }
                Feedback::Fir { media_ssrc, .. } => {
                    self.picture_lost(now_us, leg, *media_ssrc, true)
                }
                Feedback::Remb { bitrate, .. } => {
                    let before = self.legs[leg].budget();
                    self.legs[leg].estimator.remb(now_us, *bitrate);
                    self.budget_changed(now_us, leg, before);
                }
                Feedback::TransportCc(report) => {
                    let before = self.legs[leg].budget();
                    let rtt_us = self.legs[leg].rtt_us();
                    self.legs[leg]
                        .estimator
                        .transport_cc(now_us, report, rtt_us);
                    self.budget_changed(now_us, leg, before);
                }
                // Streams end by command, not by a peer's word that anybody on the path could repeat.
                Feedback::Bye { .. } | Feedback::Sdes { .. } => {}
            }
        }
    }

    fn sender_report(&mut self, now_us: u64, leg: usize, ssrc: u32, ntp: u64, rtp: u32) {
        let leg = &mut self.legs[leg];
        let Some(crate::leg::Binding::Media { producer, encoding }) =
            leg.incoming.get(&ssrc).copied()
        else {
            return;
        };
        // Zero means that the sender has no clock.
        if ntp == 0 {
            return;
        }
        leg.peer_clock.observe(ntp, now_us);
        let Some(local_us) = leg.peer_clock.to_local_us(ntp) else {
            return;
        };
        self.producers[producer].encodings[encoding].clock = Some(SenderClock {
            local_us,
            rtp,
            ntp_middle: report::ntp_middle(ntp),
            at_us: now_us,
        });
    }

    fn reports(&mut self, now_us: u64, leg: usize, reports: &[ReportBlock]) {
        for block in reports {
            let leg = &mut self.legs[leg];
            let Some(OwnSsrc {
                consumer,
                repair: false,
            }) = leg.outgoing.get(block.ssrc)
            else {
                continue;
            };
            let rtt =
                report::round_trip_us(now_us, block.last_sender_report, block.delay_since_last);
            if let Some(rtt) = rtt {
                leg.observe_rtt(rtt);
            }
            let counters = &mut self.consumers[consumer].counters;
            counters.packets_lost = i64::from(block.cumulative_lost);
            counters.fraction_lost = block.fraction_lost;
            counters.jitter = block.jitter;
            counters.rtt_us = rtt.or(counters.rtt_us);
        }
    }

    fn nack(&mut self, leg_index: usize, ssrc: u32, seqs: &[u16]) {
        let leg = &mut self.legs[leg_index];
        // A lost repair packet is not repaired: its original will be asked for again.
        let Some(OwnSsrc {
            consumer,
            repair: false,
        }) = leg.outgoing.get(ssrc)
        else {
            return;
        };
        leg.repeats = true;
        self.consumers[consumer].ask_repeat(seqs);
        self.dirty_legs.insert(leg_index);
    }

    fn picture_lost(&mut self, now_us: u64, leg: usize, ssrc: u32, full_intra: bool) {
        let Some(own) = self.legs[leg].outgoing.get(ssrc) else {
            return;
        };
        let consumer = &mut self.consumers[own.consumer];
        if consumer.kind == MediaKind::Audio {
            return;
        }
        if full_intra {
            consumer.counters.fir_count += 1;
        } else {
            consumer.counters.pli_count += 1;
        }
        self.want_keyframe(now_us, own.consumer);
    }

    fn budget_changed(&mut self, now_us: u64, leg: usize, before: Option<u64>) {
        let after = self.legs[leg].budget();
        let fell = after.is_some_and(|after| before.is_none_or(|before| after < before));
        if fell {
            self.legs[leg].schedule.allocation = now_us;
            self.wake_leg(leg, now_us);
        }
    }
}
