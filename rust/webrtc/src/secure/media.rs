//! RTP and RTCP of one association: sealed on their way out, opened on their way in.

use medianode_sfu::feedback::Feedback;
use medianode_sfu::prefetch;

use super::SecureTransport;
use crate::srtp::{RxSrtp, SrtpError};

impl SecureTransport {
    /// SRTP keys exist.
    pub fn is_connected(&self) -> bool {
        self.tx.is_some()
    }

    /// Seals the RTP packet in `buffer[..len]` in place; `buffer` has at least 16 bytes of room behind it. Returns the sealed length.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], len: usize, index: u64) -> Option<usize> {
        self.tx.as_mut()?.protect_rtp(buffer, len, index)
    }

    /// What opening a packet needs here.
    pub fn prefetch_receiving(&self) {
        prefetch(&self.rx);
        prefetch(&self.dtls);
    }

    /// What opening RTCP needs beyond that.
    pub fn prefetch_opening(&self) {
        if let Some(rx) = &self.rx {
            rx.prefetch_rtcp();
        }
    }

    /// What [`SecureTransport::protect_rtp`] needs here.
    pub fn prefetch_sending(&self) {
        prefetch(&self.tx);
    }

    /// What it needs beyond that.
    pub fn prefetch_sealing(&self) {
        if let Some(tx) = &self.tx {
            tx.prefetch_rtp();
        }
    }

    /// Encodes and seals one RTCP compound; the datagram's length in `out` (at least 1500 bytes).
    pub fn protect_rtcp(&mut self, packets: &[Feedback], out: &mut [u8]) -> Option<usize> {
        let tx = self.tx.as_mut()?;
        let len = crate::rtcp::write(packets, out)?;
        tx.protect_rtcp(out, len)
    }

    /// The slice of `datagram` that `unprotect` decrypted.
    pub(super) fn open<'a>(
        &mut self,
        datagram: &'a mut [u8],
        unprotect: impl FnOnce(&mut RxSrtp, &mut [u8]) -> Result<usize, SrtpError>,
    ) -> Option<&'a [u8]> {
        let Some(rx) = &mut self.rx else {
            self.counters.rtp_before_keys += 1;
            return None;
        };
        match unprotect(rx, datagram) {
            Ok(len) => datagram.get(..len),
            Err(error) => {
                let counters = &mut self.counters;
                *match error {
                    SrtpError::Malformed | SrtpError::NotEncrypted => &mut counters.srtp_malformed,
                    SrtpError::Authentication => &mut counters.srtp_unauthenticated,
                    SrtpError::Replayed | SrtpError::TooOld | SrtpError::IndexExhausted => {
                        &mut counters.srtp_replayed
                    }
                    SrtpError::TooManySsrcs => &mut counters.srtp_ssrcs_refused,
                } += 1;
                None
            }
        }
    }
}
