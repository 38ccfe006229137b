//! Arrival reports for a peer's uplink (draft-holmer-rmcat-transport-wide-cc-extensions-01). Owns which packets came when;
//! refuses to know the wire format and what the sender makes of it.

use crate::feedback::{Arrival, TransportCc};
use crate::rtp::Unwrapper;

/// Arrivals remembered; also how far back a late packet is still reported.
const WINDOW: u64 = 2_048;
/// Status and delta of one packet take at most 2.3 bytes, so that a report stays below 1200.
const MAX_ARRIVALS: u64 = 480;
const MAX_INTERVAL_US: u64 = 100_000;
const MIN_INTERVAL_US: u64 = 50_000;
/// A report goes out after the shorter interval when it is about so many packets.
const BUSY_PACKETS: u32 = 20;
const TICK_US: u64 = 250;
const REFERENCE_US: u64 = 64_000;

/// Notes arrivals of one transport and reports them every 50 to 100 ms.
#[derive(Clone, Debug)]
pub struct Recorder {
    sender_ssrc: u32,
    media_ssrc: u32,
    numbers: Unwrapper,
    /// Arrival time plus one by the number's low bits; 0 for nothing. Valid for the last [`WINDOW`] numbers.
    arrivals: Box<[u64]>,
    /// First number that the next report tells of; none while nothing is waiting.
    next: Option<u64>,
    /// Arrivals since the last report.
    waiting: u32,
    /// First number that no report told of.
    unreported: Option<u64>,
    last_report_us: u64,
    feedback_count: u8,
}

impl Recorder {
    /// `sender_ssrc` goes into the reports.
    pub fn new(sender_ssrc: u32) -> Self {
        Self {
            sender_ssrc,
            media_ssrc: 0,
            numbers: Unwrapper::new(16),
            arrivals: vec![0; WINDOW as usize].into_boxed_slice(),
            next: None,
            waiting: 0,
            unreported: None,
            last_report_us: 0,
            feedback_count: 0,
        }
    }

    /// Packet `number` of stream `ssrc` arrived.
    pub fn handle(&mut self, number: u16, ssrc: u32, now_us: u64) {
        let highest = self.numbers.highest();
        let number = self.numbers.unwrap(u32::from(number));
        let newest = self.numbers.highest().unwrap_or(number);
        if newest - number >= WINDOW {
            return;
        }
        if let Some(highest) = highest {
            // Numbers that are passed over take the slots of those that left the window.
            for passed in (highest + 1).max((newest + 1).saturating_sub(WINDOW))..=newest {
                self.set(passed, 0);
            }
        } else {
            self.last_report_us = now_us;
        }
        if self.time(number).is_some() {
            return;
        }
        self.set(number, now_us.saturating_add(1));
        self.media_ssrc = ssrc;
        self.waiting = self.waiting.saturating_add(1);
        // A late packet takes the next report back to its place; else it begins where the last one ended.
        let from = self
            .unreported
            .map_or(number, |unreported| unreported.min(number));
        self.next = Some(self.next.map_or(from, |next| next.min(from)));
    }

    /// A report that is due. More than one may be due after a burst: call until none.
    pub fn poll(&mut self, now_us: u64) -> Option<TransportCc> {
        if self.next_timeout()? > now_us {
            return None;
        }
        let newest = self.numbers.highest()?;
        let oldest = (newest + 1).saturating_sub(WINDOW);
        let begin = self.next?.max(oldest);
        let (first, first_us) = (begin..=newest).find_map(|n| Some((n, self.time(n)?)))?;
        // Losses that no report has room for are left out.
        let begin = begin.max(first.saturating_sub(MAX_ARRIVALS - 1));
        let reference = first_us / REFERENCE_US;
        let last = newest.min(begin + MAX_ARRIVALS - 1);
        let mut arrivals = Vec::with_capacity((last - begin + 1) as usize);
        let mut clock = reference * (REFERENCE_US / TICK_US);
        let mut trailing = 0;
        for number in begin..=last {
            let Some(at_us) = self.time(number) else {
                arrivals.push(Arrival::Lost);
                trailing += 1;
                continue;
            };
            let ticks = at_us / TICK_US;
            let delta = i16::try_from(i128::from(ticks) - i128::from(clock));
            // What is too far away in time begins the next report.
            let Ok(delta) = delta else { break };
            arrivals.push(Arrival::Delta(delta));
            clock = ticks;
            trailing = 0;
        }
        // Whether numbers after the last arrival are lost is for the next report to say.
        arrivals.truncate(arrivals.len() - trailing);
        let end = begin + arrivals.len() as u64;
        self.settle(end, newest, now_us);
        let feedback_count = self.feedback_count;
        self.feedback_count = feedback_count.wrapping_add(1);
        Some(TransportCc {
            sender_ssrc: self.sender_ssrc,
            media_ssrc: self.media_ssrc,
            base_seq: begin as u16,
            // 24 bits, signed.
            reference_time: ((reference as i32) << 8) >> 8,
            feedback_count,
            arrivals,
        })
    }

    /// When a report is due; none while nothing has arrived since the last one.
    pub fn next_timeout(&self) -> Option<u64> {
        self.next?;
        let busy = self.waiting >= BUSY_PACKETS;
        let interval = if busy {
            MIN_INTERVAL_US
        } else {
            MAX_INTERVAL_US
        };
        Some(self.last_report_us.saturating_add(interval))
    }

    /// The report told of everything before `end`. What is left stays due at once.
    fn settle(&mut self, end: u64, newest: u64, now_us: u64) {
        self.unreported = Some(
            self.unreported
                .map_or(end, |unreported| unreported.max(end)),
        );
        if end <= newest {
            self.next = Some(end);
            return;
        }
        self.next = None;
        self.waiting = 0;
        self.last_report_us = now_us;
    }

    fn time(&self, number: u64) -> Option<u64> {
        self.arrivals
            .get((number % WINDOW) as usize)?
            .checked_sub(1)
    }

    fn set(&mut self, number: u64, value: u64) {
        if let Some(slot) = self.arrivals.get_mut((number % WINDOW) as usize) {
            *slot = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000;

    /// Number and arrival in ticks of everything that a report calls arrived.
    fn arrived(report: &TransportCc) -> Vec<(u16, i64)> {
        let mut clock = i64::from(report.reference_time) * 256;
        let mut found = Vec::new();
        for (at, arrival) in report.arrivals.iter().enumerate() {
            if let Arrival::Delta(delta) = arrival {
                clock += i64::from(*delta);
                found.push((report.base_seq.wrapping_add(at as u16), clock));
            }
        }
        found
    }

    #[test]
    fn reports_arrivals_and_losses_after_the_interval() {
        let mut recorder = Recorder::new(1);
        recorder.handle(65_535, 9, 1_000 * MS);
        recorder.handle(1, 9, 1_010 * MS);
        assert_eq!(recorder.poll(1_099 * MS), None);
        assert_eq!(recorder.next_timeout(), Some(1_100 * MS));
        let report = recorder.poll(1_100 * MS).unwrap();
        assert_eq!(
            (report.base_seq, report.reference_time, report.media_ssrc),
            (65_535, 15, 9)
        );
        assert_eq!(
            report.arrivals,
            [Arrival::Delta(160), Arrival::Lost, Arrival::Delta(40)]
        );
        assert_eq!(
            (recorder.poll(2_000 * MS), recorder.next_timeout()),
            (None, None)
        );
        recorder.handle(4, 9, 2_000 * MS);
        let report = recorder.poll(2_000 * MS).unwrap();
        assert_eq!(
            (
                report.base_seq,
                report.arrivals.len(),
                report.feedback_count
            ),
            (2, 3, 1)
        );
    }

    #[test]
    fn busy_transport_reports_twice_as_often() {
        let mut recorder = Recorder::new(1);
        (0..20).for_each(|number| recorder.handle(number, 9, 0));
        assert_eq!(recorder.next_timeout(), Some(50 * MS));
    }

    #[test]
    fn late_packet_is_reported_with_its_place() {
        let mut recorder = Recorder::new(1);
        recorder.handle(10, 9, 0);
        recorder.handle(12, 9, 0);
        recorder.poll(100 * MS).unwrap();
        recorder.handle(11, 9, 120 * MS);
        let report = recorder.poll(200 * MS).unwrap();
        assert_eq!((report.base_seq, arrived(&report)[0]), (11, (11, 480)));
    }

    #[test]
    fn burst_is_split_into_reports_that_fit() {
        let mut recorder = Recorder::new(1);
        (0..1_000).for_each(|number| recorder.handle(number, 9, 0));
        let sizes: Vec<_> = std::iter::from_fn(|| recorder.poll(100 * MS))
            .map(|r| r.arrivals.len())
            .collect();
        assert_eq!(sizes, [480, 480, 40]);
    }

    #[test]
    fn long_silence_between_packets_splits_the_report() {
        let mut recorder = Recorder::new(1);
        recorder.handle(1, 9, 0);
        recorder.handle(2, 9, 60_000 * MS);
        assert_eq!(
            recorder.poll(60_000 * MS).unwrap().arrivals,
            [Arrival::Delta(0)]
        );
        let second = recorder.poll(60_000 * MS).unwrap();
        assert_eq!((second.base_seq, arrived(&second)), (2, vec![(2, 240_000)]));
    }

    #[test]
    fn huge_gaps_stay_within_one_report() {
        let mut recorder = Recorder::new(1);
        let mut now = 0;
        for number in (0..2_000u32).map(|step| (step * 30_011) as u16) {
            now += 60 * MS;
            recorder.handle(number, 9, now);
            while let Some(report) = recorder.poll(now) {
                assert!(report.arrivals.len() <= MAX_ARRIVALS as usize);
            }
        }
    }

    proptest! {
        /// Whatever is lost, late or twice: reports end, fit, and tell only true arrivals, and every arrival is told.
        #[test]
        fn every_arrival_is_told_truly(steps in proptest::collection::vec((-30i64..40, 0u64..30 * MS), 1..400), start in any::<u16>()) {
            let mut recorder = Recorder::new(1);
            let (mut now, mut place) = (5_000 * MS, i64::from(start) + 65_536);
            let mut truth: HashMap<u16, i64> = HashMap::new();
            let mut told: HashMap<u16, i64> = HashMap::new();
            let mut highest = i64::MIN;
            let check = |recorder: &mut Recorder, now: u64, truth: &HashMap<u16, i64>, told: &mut HashMap<u16, i64>| {
                let mut reports = 0;
                while let Some(report) = recorder.poll(now) {
                    reports += 1;
                    assert!(reports < 20 && report.arrivals.len() <= MAX_ARRIVALS as usize && !report.arrivals.is_empty());
                    for (number, ticks) in arrived(&report) {
                        assert_eq!(truth.get(&number), Some(&ticks));
                        told.insert(number, ticks);
                    }
                }
            };
            for (step, pause) in steps {
                now += pause;
                place += step;
                highest = highest.max(place);
                if highest - place < WINDOW as i64 {
                    truth.entry(place as u16).or_insert((now / TICK_US) as i64);
                }
                recorder.handle(place as u16, 9, now);
                check(&mut recorder, now, &truth, &mut told);
            }
            check(&mut recorder, now + 200 * MS, &truth, &mut told);
            prop_assert_eq!(told, truth);
        }

        #[test]
        fn any_input_never_panics(packets in proptest::collection::vec((any::<u16>(), any::<u64>()), 0..200)) {
            let mut recorder = Recorder::new(1);
            for (number, now) in packets {
                recorder.handle(number, 1, now);
                let mut reports = 0;
                while recorder.poll(now).is_some() { reports += 1; prop_assert!(reports <= WINDOW as usize); }
            }
        }
    }
}
