//! Arithmetic of sender and receiver reports (RFC 3550 section 6.4). Owns clocks and loss counts; refuses to know who is told.

use crate::feedback::ReportBlock;

/// Our clock starts at this NTP second; receivers only compare the values of one node with each other.
const NTP_START_SECONDS: u64 = 3_900_000_000;

/// 32.32 fixed-point NTP time of `now_us` on the router's clock.
pub(crate) fn ntp(now_us: u64) -> u64 {
    let seconds = NTP_START_SECONDS + now_us / 1_000_000;
    let fraction = ((now_us % 1_000_000) << 32) / 1_000_000;
    (seconds << 32) | fraction
}

/// Middle 32 bits, as LSR carries them.
pub(crate) fn ntp_middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// `later - earlier` of two NTP times in microseconds, wrap-safe.
pub(crate) fn ntp_diff_us(later: u64, earlier: u64) -> i64 {
    let diff = later.wrapping_sub(earlier) as i64;
    ((i128::from(diff) * 1_000_000) >> 32) as i64
}

/// Microseconds as timestamp units.
pub(crate) fn us_to_ticks(us: i64, clock_rate: u32) -> i64 {
    (i128::from(us) * i128::from(clock_rate) / 1_000_000) as i64
}

/// Timestamp units as microseconds.
pub(crate) fn ticks_to_us(ticks: i64, clock_rate: u32) -> i64 {
    (i128::from(ticks) * 1_000_000 / i128::from(clock_rate.max(1))) as i64
}

/// What a publisher said in its last sender report, on our clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SenderClock {
    /// NTP time of the report on our clock, microseconds.
    pub(crate) local_us: i64,
    pub(crate) rtp: u32,
    /// Middle bits of the publisher's NTP time, for LSR.
    pub(crate) ntp_middle: u32,
    /// Arrival of the report.
    pub(crate) at_us: u64,
}

/// Maps the NTP clock of one peer to ours, once for all its streams, so that they stay in sync with each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerClock {
    /// Our time in microseconds minus the peer's NTP in microseconds (relative to `base`).
    offset_us: Option<i64>,
    base: u64,
}

/// Offsets that differ by more than this mean that the peer set its clock.
const CLOCK_STEP_US: i64 = 2_000_000;

impl PeerClock {
    /// Takes a report into account. The smallest offset wins (least delay on the way); growth is followed slowly, for drift.
    pub(crate) fn observe(&mut self, ntp: u64, now_us: u64) {
        let Some(offset) = self.offset_us else {
            self.base = ntp;
            self.offset_us = Some(now_us as i64);
            return;
        };
        let candidate = now_us as i64 - ntp_diff_us(ntp, self.base);
        let difference = candidate.saturating_sub(offset);
        self.offset_us = Some(if difference.abs() > CLOCK_STEP_US {
            candidate
        } else if difference < 0 {
            // Never a jump: reports of audio and video made before and after must agree.
            offset + difference / 8
        } else {
            offset + difference / 64
        });
    }

    /// The peer's NTP time on our clock, microseconds.
    pub(crate) fn to_local_us(&self, ntp: u64) -> Option<i64> {
        let offset = self.offset_us?;
        Some(offset.saturating_add(ntp_diff_us(ntp, self.base)))
    }
}

/// Reception counters of one incoming stream (RFC 3550 appendix A.3 and A.8).
#[derive(Clone, Debug, Default)]
pub(crate) struct Reception {
    base: Option<u64>,
    highest: u64,
    pub(crate) received: u64,
    expected_before: u64,
    received_before: u64,
    /// Timestamp units, scaled by 16.
    jitter: u64,
    transit: Option<i64>,
}

impl Reception {
    /// `seq` is extended; duplicates are not told.
    pub(crate) fn received(&mut self, seq: u64) {
        match self.base {
            None => {
                self.base = Some(seq);
                self.highest = seq;
            }
            Some(base) => {
                // A packet from before the first one enlarges the expectation.
                self.base = Some(base.min(seq));
                self.highest = self.highest.max(seq);
            }
        }
        self.received += 1;
    }

    /// The first packet of each frame moves the jitter (RFC 3550 appendix A.8).
    pub(crate) fn arrived(&mut self, now_us: u64, timestamp: u32, clock_rate: u32) {
        let arrival = us_to_ticks(now_us as i64, clock_rate);
        // Differences are taken modulo 2^32, so a wrapping timestamp is no jump.
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp));
        if let Some(before) = self.transit {
            let d = u64::from(
                (transit as u32)
                    .wrapping_sub(before as u32)
                    .cast_signed()
                    .unsigned_abs(),
            );
            // A stream restart is not jitter.
            if d < u64::from(clock_rate) * 4 {
                self.jitter = self.jitter + d - ((self.jitter + 8) >> 4);
            }
        }
        self.transit = Some(transit);
    }

    pub(crate) fn jitter(&self) -> u32 {
        (self.jitter >> 4) as u32
    }

    fn expected(&self) -> u64 {
        self.base.map_or(0, |base| self.highest - base + 1)
    }

    pub(crate) fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    /// A block for the next report; begins a new interval.
    pub(crate) fn report(&mut self, ssrc: u32) -> ReportBlock {
        let expected = self.expected();
        let expected_interval = expected.saturating_sub(self.expected_before);
        let received_interval = self.received.saturating_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost = expected_interval.saturating_sub(received_interval);
        let fraction = (lost << 8).checked_div(expected_interval).unwrap_or(0);
        ReportBlock {
            ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_seq: self.highest as u32,
            jitter: self.jitter(),
            last_sender_report: 0,
            delay_since_last: 0,
        }
    }
}

/// Round-trip time from a report's LSR and DLSR (RFC 3550 section 6.4.1), microseconds.
pub(crate) fn round_trip_us(
    now_us: u64,
    last_sender_report: u32,
    delay_since_last: u32,
) -> Option<u64> {
    if last_sender_report == 0 {
        return None;
    }
    let now = ntp_middle(ntp(now_us));
    let units = now
        .wrapping_sub(last_sender_report)
        .wrapping_sub(delay_since_last);
    // A peer that overstates its delay by rounding yields a small negative number.
    if units > u32::MAX - 655 {
        return Some(1000);
    }
    let us = u64::from(units) * 1_000_000 / 65_536;
    (us < 30_000_000).then(|| us.max(100))
}

/// Microseconds as 1/65536 s.
pub(crate) fn delay_units(us: u64) -> u32 {
    (us.saturating_mul(65_536) / 1_000_000).min(u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_differences_are_microseconds() {
        assert_eq!(ntp_diff_us(ntp(3_250_000), ntp(1_000_000)), 2_250_000);
        assert_eq!(ntp_diff_us(ntp(0), ntp(1_000_000)), -1_000_000);
        assert_eq!(ntp_diff_us(1 << 32, u64::MAX - (1 << 32) + 1), 2_000_000);
    }

    #[test]
    fn round_trip_is_what_remains_after_the_delay() {
        let lsr = ntp_middle(ntp(10_000_000));
        let rtt = round_trip_us(10_300_000, lsr, delay_units(250_000)).unwrap();
        assert!((49_000..51_000).contains(&rtt), "{rtt}");
        assert_eq!(round_trip_us(10_300_000, 0, 0), None);
        assert!(round_trip_us(10_300_000, lsr.wrapping_add(0x7fff_ffff), 0).is_none());
    }

    #[test]
    fn loss_is_reported_per_interval_and_in_total() {
        let mut reception = Reception::default();
        for seq in (1000..1100u64).filter(|seq| seq % 4 != 0) {
            reception.received(seq);
        }
        let block = reception.report(7);
        assert_eq!((block.cumulative_lost, block.highest_seq), (24, 1099));
        assert!((60..=64).contains(&block.fraction_lost));
        for seq in 1100..1200u64 {
            reception.received(seq);
        }
        assert_eq!(reception.report(7).fraction_lost, 0);
    }

    #[test]
    fn jitter_ignores_timestamp_wrap_and_grows_with_uneven_arrival() {
        let mut reception = Reception::default();
        for n in 0..200u32 {
            reception.arrived(
                u64::from(n) * 20_000,
                (n * 960).wrapping_add(u32::MAX - 9600),
                48_000,
            );
        }
        assert_eq!(reception.jitter(), 0);
        for n in 200..400u32 {
            let late = if n % 2 == 0 { 10_000 } else { 0 };
            reception.arrived(
                u64::from(n) * 20_000 + late,
                (n * 960).wrapping_add(u32::MAX - 9600),
                48_000,
            );
        }
        assert!(reception.jitter() > 300, "{}", reception.jitter());
    }

    #[test]
    fn a_peer_clock_keeps_audio_and_video_together() {
        let mut clock = PeerClock::default();
        let peer_ntp = |us: u64| ntp(us + 77_000_000);
        clock.observe(peer_ntp(1_000_000), 1_030_000);
        clock.observe(peer_ntp(2_000_000), 2_050_000);
        let audio = clock.to_local_us(peer_ntp(3_000_000)).unwrap();
        let video = clock.to_local_us(peer_ntp(3_040_000)).unwrap();
        assert!((video - audio - 40_000).abs() <= 1);
        assert!((audio - 3_030_000).abs() < 5_000);
    }
}
