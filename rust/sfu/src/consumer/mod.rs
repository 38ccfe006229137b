//! Egress leg of one media source. Owns everything that makes one continuous stream of what its producers send: numbers,
//! timestamps, descriptors, headers, repeats; refuses to know sockets and who else consumes.

mod forward;
mod repeat;
mod send;

use crate::error::Error;
use crate::extension;
use crate::feedback::Feedback;
use crate::frames::FrameChooser;
use crate::header::{FrameNumbers, Template};
use crate::history::History;
use crate::nack::AnswerGate;
use crate::params::{MediaKind, RtpParameters};
use crate::prefetch::{prefetch, prefetch_span};
use crate::producer::{MAX_CODECS, NegotiatedCodec, Producer};
use crate::rate::RateMeter;
use crate::replay::Replay;
use crate::report::{self, SenderClock};
use crate::rewrite::{SequenceMap, TimestampMap, Vp8Rewriter};
use crate::select::Selector;
use crate::{ConsumerId, Layer};

pub(crate) use send::Egress;

const VIDEO_HISTORY: usize = 512;
const AUDIO_HISTORY: usize = 64;
const NO_CODEC: u8 = u8::MAX;

/// Cumulative numbers of one consumer; what every packet counts stands first.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(crate) struct Counters {
    pub(crate) packets_sent: u64,
    pub(crate) bytes_sent: u64,
    /// Without headers, for sender reports.
    pub(crate) octets_sent: u64,
    pub(crate) retransmitted_packets: u64,
    pub(crate) retransmitted_bytes: u64,
    pub(crate) packets_dropped: u64,
    pub(crate) nack_count: u64,
    pub(crate) pli_count: u64,
    pub(crate) fir_count: u64,
    pub(crate) packets_lost: i64,
    pub(crate) fraction_lost: u8,
    pub(crate) jitter: u32,
    pub(crate) rtt_us: Option<u64>,
}

/// Egress leg of one media source. In memory as written here, from a line's start: what a packet needs comes first and stands together,
/// so that it is a few lines of memory to wait for, not the whole.
#[repr(C, align(64))]
pub(crate) struct Consumer {
    pub(crate) leg: usize,
    pub(crate) producer: Option<usize>,
    pub(crate) ssrc: u32,
    generation: u32,
    pub(crate) kind: MediaKind,
    pub(crate) paused: bool,
    /// Own codec that was used last, and its payload type.
    pub(crate) codec: Option<u8>,
    payload_type: u8,
    last_marker: bool,
    pub(crate) report_due: bool,
    /// The stream cannot be decoded any more without a key frame.
    pub(crate) broken: bool,
    /// The choice that was looked at last.
    pub(crate) layer_seen: Option<Layer>,
    pub(crate) selector: Selector,
    extensions: extension::Ids,
    template: Template,
    frame_number: FrameNumbers,
    /// Encoding and number of the packet where the current source began, if in the running batch its followers come again.
    entered: Option<(u8, u64)>,
    /// Catches up with what was sent since the last key frame.
    pub(crate) replay: Option<Replay>,
    pub(crate) repeats: Vec<u16>,
    seq: SequenceMap,
    timestamps: TimestampMap,
    history: History,
    last_sent_us: Option<u64>,
    /// Sent in the running batch, with everything.
    batch_bytes: usize,
    pub(crate) rate: RateMeter,
    /// Own codec for each of the producer's.
    codec_map: [u8; MAX_CODECS],
    pub(crate) counters: Counters,
    vp8: Vp8Rewriter,
    pub(crate) id: ConsumerId,
    pub(crate) codecs: Vec<NegotiatedCodec>,
    mid: Vec<u8>,
    pub(crate) rtx_ssrc: Option<u32>,
    /// Bound set by the control plane.
    pub(crate) bound: Option<Layer>,
    frames: Box<FrameChooser>,
    rtx_seq: u64,
    gate: AnswerGate,
    /// A moment on our clock and its timestamp in the output, from the last source that had a clock.
    anchor: Option<(i64, u32)>,
    /// What was told of the choice.
    pub(crate) layer_told: Option<Layer>,
}

impl Consumer {
    pub(crate) fn new(
        id: ConsumerId,
        leg: usize,
        kind: MediaKind,
        rtp: &RtpParameters,
        mut random: impl FnMut() -> u64,
    ) -> Result<Self, Error> {
        let codecs = NegotiatedCodec::all(rtp)?;
        let [encoding] = rtp.encodings.as_slice() else {
            return Err(Error::Invalid("a consumer has one encoding".into()));
        };
        let Some(ssrc) = encoding.ssrc else {
            return Err(Error::Invalid("a consumer needs an SSRC".into()));
        };
        let mid = rtp.mid.clone().unwrap_or_default().into_bytes();
        if mid.len() > 16 {
            return Err(Error::Invalid("mid longer than 16 bytes".into()));
        }
        let extensions = extension::Ids::new(&rtp.header_extensions)?;
        // Low, and neither 0 nor 1: the receiver then never guesses a wrong rollover counter (RFC 3711 section 3.3.1).
        let mut first = || 2 + random() % ((1 << 15) - 2);
        let (first_seq, rtx_seq) = (first(), first());
        let repairs = |codec: &NegotiatedCodec| codec.rtx_payload_type.is_some();
        let stamped = encoding.rtx_ssrc.is_none() || !codecs.iter().all(repairs);
        Ok(Self {
            id,
            leg,
            kind,
            paused: false,
            timestamps: TimestampMap::new(codecs[0].parameters.clock_rate, random() as u32),
            codecs,
            codec_map: [NO_CODEC; MAX_CODECS],
            codec: None,
            payload_type: 0,
            template: Template::new(&extensions, &mid),
            mid,
            extensions,
            ssrc,
            rtx_ssrc: encoding.rtx_ssrc,
            producer: None,
            generation: 0,
            selector: Selector::default(),
            bound: None,
            seq: SequenceMap::new(first_seq),
            vp8: Vp8Rewriter::default(),
            frame_number: FrameNumbers::default(),
            frames: Box::default(),
            entered: None,
            replay: None,
            broken: false,
            rtx_seq,
            history: History::new(
                match kind {
                    MediaKind::Video => VIDEO_HISTORY,
                    MediaKind::Audio => AUDIO_HISTORY,
                },
                stamped,
            ),
            gate: AnswerGate::default(),
            batch_bytes: 0,
            repeats: Vec::new(),
            anchor: None,
            last_sent_us: None,
            last_marker: true,
            report_due: false,
            layer_seen: None,
            layer_told: None,
            rate: RateMeter::default(),
            counters: Counters::default(),
        })
    }

    /// Begins where an earlier consumer with the same SSRC ended.
    pub(crate) fn go_on(&mut self, mut next_index: impl FnMut(u32) -> Option<u64>) {
        if let Some(first) = next_index(self.ssrc) {
            self.seq = SequenceMap::new(first);
        }
        if let Some(first) = self.rtx_ssrc.and_then(next_index) {
            self.rtx_seq = first;
        }
    }

    /// The first unused SRTP index of each SSRC.
    pub(crate) fn next_indices(&self) -> impl Iterator<Item = (u32, u64)> {
        let repair = self.rtx_ssrc.map(|ssrc| (ssrc, self.rtx_seq));
        std::iter::once((self.ssrc, self.seq.next_out())).chain(repair)
    }

    /// At least one codec of `producer` can be sent.
    pub(crate) fn accepts(&self, producer: &Producer) -> bool {
        producer.kind == self.kind
            && producer
                .codecs
                .iter()
                .any(|codec| self.own_codec(codec) != NO_CODEC)
    }

    /// Takes packets from `producer` from its next entry on.
    pub(crate) fn attach(&mut self, index: usize, producer: &Producer) {
        self.producer = Some(index);
        self.generation = producer.generation;
        self.codec_map = [NO_CODEC; MAX_CODECS];
        for (own, codec) in self.codec_map.iter_mut().zip(&producer.codecs) {
            let best = self
                .codecs
                .iter()
                .position(|mine| codec.matches(mine) && codec.prefers(mine));
            let any = || self.codecs.iter().position(|mine| codec.matches(mine));
            *own = best.or_else(any).map_or(NO_CODEC, |at| at as u8);
        }
        self.selector.reset();
        self.replay = None;
        self.repeats.clear();
    }

    /// Takes packets from nobody; what was sent stays continuous with what follows.
    pub(crate) fn detach(&mut self, producer: &Producer) {
        self.anchor_to(producer);
        self.producer = None;
        self.selector.set_target(None, None);
        self.repeats.clear();
    }

    fn own_codec(&self, theirs: &NegotiatedCodec) -> u8 {
        self.codecs
            .iter()
            .position(|mine| theirs.matches(mine))
            .map_or(NO_CODEC, |at| at as u8)
    }

    /// Whether the producer's current codec can be sent.
    pub(crate) fn can_send(&self, producer: &Producer) -> bool {
        self.codec_map
            .get(usize::from(producer.codec))
            .is_some_and(|own| *own != NO_CODEC)
    }

    fn clock_rate(&self) -> u32 {
        self.codecs[usize::from(self.codec.unwrap_or(0)).min(self.codecs.len() - 1)]
            .parameters
            .clock_rate
    }

    /// Remembers how the current source's clock lies in the output.
    pub(crate) fn anchor_to(&mut self, producer: &Producer) {
        let Some(current) = self.selector.encoding() else {
            return;
        };
        let Some(encoding) = producer.encodings.get(usize::from(current)) else {
            return;
        };
        if let Some(clock) = &encoding.clock {
            self.anchor = Some((clock.local_us, self.timestamps.lookup(clock.rtp)));
        }
    }

    /// What packets of any kind need here.
    #[inline]
    pub(crate) fn prefetch_sending(&self) {
        prefetch_span(&self.leg, &self.counters.octets_sent);
    }

    /// What `packets` of them need beyond that.
    #[inline]
    pub(crate) fn prefetch_sent(&self, packets: usize) {
        self.history.prefetch(self.seq.next_out(), packets);
        if self.kind == MediaKind::Video {
            prefetch(&self.vp8);
        }
    }

    fn use_codec(&mut self, own: u8) {
        if self.codec != Some(own) {
            self.codec = Some(own);
            self.payload_type = self.codecs[usize::from(own)].parameters.payload_type;
        }
    }

    /// A sender report whose clock is the publisher's, carried over to ours, so that all its streams stay in sync.
    pub(crate) fn sender_report(&self, now_us: u64, producer: &Producer) -> Option<Feedback> {
        let current = self.selector.encoding()?;
        let encoding = producer.encodings.get(usize::from(current))?;
        let rate = self.clock_rate();
        let rtp = match &encoding.clock {
            Some(SenderClock { local_us, rtp, .. }) => {
                let elapsed = report::us_to_ticks((now_us as i64).saturating_sub(*local_us), rate);
                self.timestamps.lookup(*rtp).wrapping_add(elapsed as u32)
            }
            None => {
                let elapsed = now_us.saturating_sub(self.last_sent_us?);
                self.timestamps
                    .last_out()?
                    .wrapping_add(report::us_to_ticks(elapsed as i64, rate) as u32)
            }
        };
        Some(Feedback::SenderReport {
            ssrc: self.ssrc,
            ntp: report::ntp(now_us),
            rtp,
            packets: self.counters.packets_sent as u32,
            octets: self.counters.octets_sent as u32,
            reports: Vec::new(),
        })
    }

    pub(crate) fn layer_changed(&self) -> bool {
        let spatial = |layer: Layer| layer.spatial;
        self.kind == MediaKind::Video
            && self.selector.current().map(spatial) != self.layer_seen.map(spatial)
    }
}
