//! Our vocabulary of RTCP. Owns what a report says; the bytes live in `medianode-webrtc`.

/// One reception report (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// 1/256 since the previous report.
    pub fraction_lost: u8,
    /// Signed 24-bit in the wire format.
    pub cumulative_lost: i32,
    /// Cycles in the upper, sequence number in the lower 16 bits.
    pub highest_seq: u32,
    /// Timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report, 0 if none.
    pub last_sender_report: u32,
    /// 1/65536 s since that report arrived.
    pub delay_since_last: u32,
}

/// Arrival of one packet in a transport-wide report, in order of sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    Lost,
    /// Multiples of 250 us after the previous arrived packet (the first: after the reference time).
    Delta(i16),
    /// Arrived, time not told.
    Untimed,
}

/// draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportCc {
    pub sender_ssrc: u32,
    pub media_ssrc: u32,
    pub base_seq: u16,
    /// Multiples of 64 ms, signed 24 bit.
    pub reference_time: i32,
    pub feedback_count: u8,
    pub arrivals: Vec<Arrival>,
}

/// One RTCP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feedback {
    SenderReport {
        ssrc: u32,
        ntp: u64,
        rtp: u32,
        packets: u32,
        octets: u32,
        reports: Vec<ReportBlock>,
    },
    ReceiverReport {
        sender_ssrc: u32,
        reports: Vec<ReportBlock>,
    },
    /// Only the CNAME item is read or written.
    Sdes {
        ssrc: u32,
        cname: String,
    },
    Bye {
        ssrcs: Vec<u32>,
    },
    /// RFC 4585 section 6.2.1, expanded.
    Nack {
        sender_ssrc: u32,
        media_ssrc: u32,
        seqs: Vec<u16>,
    },
    /// RFC 4585 section 6.3.1.
    Pli {
        sender_ssrc: u32,
        media_ssrc: u32,
    },
    /// RFC 5104 section 4.3.1.
    Fir {
        sender_ssrc: u32,
        media_ssrc: u32,
        seq: u8,
    },
    /// draft-alvestrand-rmcat-remb-03; bit/s.
    Remb {
        sender_ssrc: u32,
        bitrate: u64,
        ssrcs: Vec<u32>,
    },
    TransportCc(TransportCc),
}
