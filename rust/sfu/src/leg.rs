//! One transport as the router sees it. Owns SSRC tables, congestion state and what is to be said by RTCP; refuses to know media.

use std::collections::HashMap;

use ahash::RandomState;

use crate::bwe::Estimator;
use crate::extension;
use crate::feedback::Feedback;
use crate::prefetch::{prefetch, prefetch_span};
use crate::report::PeerClock;
use crate::twcc::Recorder;
use crate::{TransportId, TransportKey};

/// Assumed until a report tells.
pub(crate) const DEFAULT_RTT_US: u64 = 100_000;

/// SSRCs of a leg that are asked for all at once.
const FEW_SSRCS: usize = 16;

/// Closed streams of one transport that are remembered; then it has to connect anew.
pub(crate) const MAX_RETIRED: usize = 1 << 16;

/// What an incoming SSRC carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    Media { producer: usize, encoding: usize },
    Repair { producer: usize, encoding: usize },
}

impl Binding {
    pub(crate) fn producer(self) -> usize {
        match self {
            Self::Media { producer, .. } | Self::Repair { producer, .. } => producer,
        }
    }
}

/// Who a peer speaks of when it names an SSRC of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnSsrc {
    pub(crate) consumer: usize,
    pub(crate) repair: bool,
}

/// A consumer of a leg and the producer whose packets it takes, so that a flush need not visit those that get nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taker {
    pub(crate) consumer: usize,
    pub(crate) producer: Option<usize>,
}

/// All SSRCs of a leg's consumers, in order and side by side: what a report names can be asked for before it is read.
#[derive(Debug, Default)]
pub(crate) struct OwnSsrcs(Vec<(u32, OwnSsrc)>);

impl OwnSsrcs {
    pub(crate) fn get(&self, ssrc: u32) -> Option<OwnSsrc> {
        let at = self.place(ssrc).ok()?;
        self.0.get(at).map(|(_, own)| *own)
    }

    pub(crate) fn insert(&mut self, ssrc: u32, own: OwnSsrc) {
        match self.place(ssrc) {
            Ok(at) => self.0[at].1 = own,
            Err(at) => self.0.insert(at, (ssrc, own)),
        }
    }

    pub(crate) fn remove_consumer(&mut self, consumer: usize) {
        self.0.retain(|(_, own)| own.consumer != consumer);
    }

    pub(crate) fn prefetch(&self) {
        if self.0.len() <= FEW_SSRCS {
            prefetch(self.0.as_slice());
        }
    }

    fn place(&self, ssrc: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc)
    }
}

/// When work of a leg is due, microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Schedule {
    /// What the running service has found to be the next.
    pub(crate) next: Option<u64>,
    pub(crate) receiver_report: u64,
    pub(crate) sender_report: u64,
    pub(crate) allocation: u64,
}

impl Schedule {
    pub(crate) fn at(&mut self, at_us: u64) {
        self.next = Some(self.next.map_or(at_us, |next| next.min(at_us)));
    }
}

/// In memory as written here, from a line's start: what sending needs comes first, what reports need follows, so that each is a few lines
/// of memory to wait for, not the whole.
#[repr(C, align(64))]
pub(crate) struct Leg {
    pub(crate) key: TransportKey,
    pub(crate) ready: bool,
    /// A consumer catches up with a group of pictures.
    pub(crate) replays: bool,
    /// A consumer was asked to repeat packets.
    pub(crate) repeats: bool,
    /// A consumer's stream began or changed: a sender report is due before its time.
    pub(crate) report_due: bool,
    /// Reports and layer checks go on until this long after the last packet.
    pub(crate) active_until_us: u64,
    /// Audio first: it leaves first and is never held back.
    pub(crate) consumers: Vec<Taker>,
    pub(crate) producers: Vec<usize>,
    pub(crate) schedule: Schedule,
    pub(crate) rtt_us: Option<u64>,
    pub(crate) probe_packets_sent: u64,
    pub(crate) estimator: Estimator,
    pub(crate) outgoing: OwnSsrcs,
    pub(crate) cap: Option<u64>,
    pub(crate) feedback: Vec<Feedback>,
    /// Names us in RTCP.
    pub(crate) ssrc: u32,
    pub(crate) fir_seq: u8,
    pub(crate) sends_remb: bool,
    pub(crate) cname: String,
    pub(crate) id: TransportId,
    pub(crate) incoming: HashMap<u32, Binding, RandomState>,
    /// SSRCs of closed consumers and the next SRTP index of each: whoever gets such an SSRC again goes on there, because an index
    /// must never be used twice under one key (RFC 3711 section 9.1).
    pub(crate) retired: HashMap<u32, u64, RandomState>,
    /// Of all producers on this transport.
    pub(crate) extensions: extension::Ids,
    /// Of a publisher that understands transport-cc feedback; else REMB is its signal.
    pub(crate) recorder: Option<Recorder>,
    pub(crate) peer_clock: PeerClock,
}

impl Leg {
    /// What sending needs here.
    #[inline]
    pub(crate) fn prefetch_sending(&self) {
        prefetch_span(&self.key, &self.probe_packets_sent);
        self.estimator.prefetch_sending();
    }

    /// What a peer's report needs here.
    #[inline]
    pub(crate) fn prefetch_reported(&self) {
        prefetch_span(&self.key, &self.cap);
    }

    pub(crate) fn takes_from(&mut self, consumer: usize, producer: Option<usize>) {
        let mut takers = self.consumers.iter_mut();
        if let Some(taker) = takers.find(|taker| taker.consumer == consumer) {
            taker.producer = producer;
        }
    }

    pub(crate) fn rtt_us(&self) -> u64 {
        self.rtt_us.unwrap_or(DEFAULT_RTT_US)
    }

    /// When the first of what comes again and again is due, reports and the division of the bitrate; none while there is nothing.
    pub(crate) fn periodic_at(&self) -> Option<u64> {
        let reception = (!self.producers.is_empty()).then_some(self.schedule.receiver_report);
        let sending = self.ready && !self.consumers.is_empty();
        let reports = reception
            .into_iter()
            .chain(sending.then_some(self.schedule.sender_report));
        reports.min().map(|at| at.min(self.schedule.allocation))
    }

    /// Smoothed as in RFC 6298.
    pub(crate) fn observe_rtt(&mut self, rtt_us: u64) {
        self.rtt_us = Some(self.rtt_us.map_or(rtt_us, |old| (old * 7 + rtt_us) / 8));
    }

    /// bit/s; none without any limit.
    pub(crate) fn budget(&self) -> Option<u64> {
        match (self.cap, self.estimator.estimate()) {
            (Some(cap), Some(estimate)) => Some(cap.min(estimate)),
            (cap, estimate) => cap.or(estimate),
        }
    }

    /// What is to be said now, as one compound: reports come first (RFC 3550 section 6.1).
    pub(crate) fn take_feedback(&mut self) -> Option<Vec<Feedback>> {
        if self.feedback.is_empty() {
            return None;
        }
        let mut packets = std::mem::take(&mut self.feedback);
        let is_report = |packet: &Feedback| {
            matches!(
                packet,
                Feedback::SenderReport { .. } | Feedback::ReceiverReport { .. }
            )
        };
        packets.sort_by_key(|packet| !is_report(packet));
        if !packets.first().is_some_and(is_report) {
            packets.insert(
                0,
                Feedback::ReceiverReport {
                    sender_ssrc: self.ssrc,
                    reports: Vec::new(),
                },
            );
        }
        Some(packets)
    }
}
