//! What an arena counts, by the reason why datagrams are sent.

use serde::Serialize;

/// Why a datagram is sent: what goes first under pressure, and what the counters tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Audio,
    Video,
    Retransmission,
    Probe,
    Rtcp,
    /// STUN, DTLS and data channels.
    Control,
}

/// One number per class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PerClass {
    pub audio: u64,
    pub video: u64,
    pub retransmission: u64,
    pub probe: u64,
    pub rtcp: u64,
    pub control: u64,
}

impl PerClass {
    pub fn add(&mut self, class: Class, amount: u64) {
        let number = match class {
            Class::Audio => &mut self.audio,
            Class::Video => &mut self.video,
            Class::Retransmission => &mut self.retransmission,
            Class::Probe => &mut self.probe,
            Class::Rtcp => &mut self.rtcp,
            Class::Control => &mut self.control,
        };
        *number += amount;
    }

    /// The same for each class.
    pub fn plus(self, other: Self) -> Self {
        Self {
            audio: self.audio + other.audio,
            video: self.video + other.video,
            retransmission: self.retransmission + other.retransmission,
            probe: self.probe + other.probe,
            rtcp: self.rtcp + other.rtcp,
            control: self.control + other.control,
        }
    }

    pub fn sum(&self) -> u64 {
        self.audio + self.video + self.retransmission + self.probe + self.rtcp + self.control
    }
}

/// What an arena has done since it exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SendCounters {
    pub datagrams: PerClass,
    pub bytes: PerClass,
    /// Messages handed to the kernel; datagrams / runs is the mean run length.
    pub runs: u64,
    /// Runs by length: 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64.
    pub run_lengths: [u64; 7],
    pub syscalls: u64,
    /// Times the kernel took no more.
    pub would_block: u64,
    /// Runs that a path refused and that were sent one by one.
    pub runs_refused: u64,
    /// Datagrams not sent because too many bytes waited for the kernel.
    pub dropped_waiting: PerClass,
    /// Datagrams that the kernel refused: no route, too long, forbidden.
    pub dropped_refused: u64,
    /// Bytes that wait now.
    pub bytes_waiting: u64,
}

impl SendCounters {
    pub(super) fn count_run(&mut self, count: usize) {
        self.runs += 1;
        let bucket = count.max(1).ilog2() as usize;
        self.run_lengths[bucket.min(6)] += 1;
    }
}
