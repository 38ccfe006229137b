//! The DTLS association: its datagrams in and out, repeats of a flight, the peer's certificate, keys, and how it fails.

use std::time::{Duration, Instant};

use super::{SecureClose, SecureEvent, SecureTransport};
use crate::dtls::guard::{self, Stage};
use crate::dtls::session::{DtlsFault, DtlsOutput, DtlsSession};
use crate::params::{DtlsRole, SrtpProfile};
use crate::srtp::{Keys, RxSrtp, TxSrtp};

/// DTLS datagrams that wait to be polled at most: a few flights.
const MAX_PACKETS: usize = 32;
/// The library doubles its timer without a bound; a flight unanswered for this long is repeated as it was, which to the peer is a
/// duplicate on the way. At 30 % loss that is the difference between 97.9 and 99.8 % of handshakes in 10 s.
pub(super) const REPEAT: Duration = Duration::from_millis(500);
/// Where the library's output fits, except large certificates.
const SCRATCH: usize = 2048;
/// Bound for the exception.
const MAX_OUTPUT: usize = 64 * 1024;
/// An idle library names a time this far away or farther; nothing happens then.
const IDLE: Duration = Duration::from_secs(3600);

impl SecureTransport {
    pub(super) fn handle_dtls(&mut self, now: Instant, datagram: &mut [u8]) {
        if self.over {
            return;
        }
        let Some(dtls) = &self.dtls else {
            if self.role == DtlsRole::Client || !self.hello.push(datagram) {
                self.counters.dtls_early += 1;
            } else {
                self.accept_hello(now);
            }
            return;
        };
        let stage = Stage {
            completed: self.completed,
            dtls13: dtls.version() != Some("1.2"),
        };
        let len = guard::filter(datagram, stage, &mut self.counters);
        if let Some(records @ [_, ..]) = datagram.get(..len) {
            self.with_dtls(now, |dtls| dtls.handle_datagram(now, records));
        }
    }

    /// Becomes the server of a client whose hello is whole, once we know who it should be.
    pub(super) fn accept_hello(&mut self, now: Instant) {
        if self.peer.is_none() || self.role == DtlsRole::Client {
            return;
        }
        let Some(hello) = self.hello.hello() else {
            return;
        };
        match self.context.sessions.server(now, &hello) {
            Ok(session) => self.dtls = Some(Box::new(session)),
            Err(fault) => return self.fail(fault),
        }
        for mut datagram in self.hello.take() {
            self.handle_dtls(now, &mut datagram);
        }
    }

    pub(super) fn start_client(&mut self, now: Instant) {
        if self.role != DtlsRole::Client || self.peer.is_none() || self.dtls.is_some() || self.over
        {
            return;
        }
        match self.context.sessions.client(now) {
            Ok(session) => {
                self.dtls = Some(Box::new(session));
                self.drain(now);
            }
            Err(fault) => self.fail(fault),
        }
    }

    pub(super) fn with_dtls(
        &mut self,
        now: Instant,
        call: impl FnOnce(&mut dyn DtlsSession) -> Result<(), DtlsFault>,
    ) {
        let Some(dtls) = &mut self.dtls else { return };
        match call(dtls.as_mut()) {
            Ok(()) => self.drain(now),
            Err(fault) => self.fail(fault),
        }
    }

    /// Takes everything the library has to say. Packets of a call leave only after all of it was heard, in case the certificate is wrong.
    pub(super) fn drain(&mut self, now: Instant) {
        let mut scratch = [0; SCRATCH];
        let mut large = Vec::new();
        let mut flight = Vec::new();
        while let Some(dtls) = &mut self.dtls {
            let buffer = if large.is_empty() {
                &mut scratch[..]
            } else {
                &mut large[..]
            };
            let room = buffer.len();
            match dtls.poll(buffer) {
                Err(fault) => self.fail(fault),
                Ok(DtlsOutput::Packet(packet)) => {
                    if self.packets.len() >= MAX_PACKETS {
                        self.packets.pop_front();
                    }
                    self.packets.push_back(packet.to_vec());
                    if !self.completed && flight.len() < MAX_PACKETS {
                        flight.push(packet.to_vec());
                    }
                }
                Ok(DtlsOutput::PeerCertificate(der)) => {
                    self.verified = self.peer.as_ref().is_some_and(|peer| peer.matches(der));
                    if !self.verified {
                        self.counters.fingerprint_mismatches += 1;
                        self.refuse(SecureClose::FingerprintMismatch);
                    }
                }
                Ok(DtlsOutput::Connected) if self.verified => self.completed = true,
                Ok(DtlsOutput::Keys { profile, material }) if self.verified => {
                    self.use_keys(profile, &material)
                }
                // No certificate was seen before: the library broke its word.
                Ok(DtlsOutput::Connected | DtlsOutput::Keys { .. }) => {
                    self.fail(DtlsFault::Protocol)
                }
                Ok(DtlsOutput::Data(packet)) => match &mut self.data {
                    Some(data) if self.completed => data.handle_packet(now, packet),
                    _ => self.counters.sctp_unexpected += 1,
                },
                Ok(DtlsOutput::PeerClosed) => {
                    self.events.push_back(SecureEvent::Closed {
                        cause: SecureClose::PeerClosed,
                    });
                    self.end();
                }
                Ok(DtlsOutput::BufferTooSmall(needed)) if needed > room && needed <= MAX_OUTPUT => {
                    large = vec![0; needed];
                }
                Ok(DtlsOutput::BufferTooSmall(_)) => self.fail(DtlsFault::Protocol),
                Ok(DtlsOutput::Idle(at)) => {
                    self.timeout = (at < now + IDLE).then_some(at);
                    return self.keep_flight(now, flight);
                }
            }
        }
    }

    fn keep_flight(&mut self, now: Instant, flight: Vec<Vec<u8>>) {
        if self.completed {
            (self.flight, self.repeat_at) = (Vec::new(), None);
        } else if !flight.is_empty() {
            (self.flight, self.repeat_at) = (flight, Some(now + REPEAT));
        }
    }

    fn use_keys(&mut self, profile: SrtpProfile, material: &[u8]) {
        let keys = Keys::from_dtls(profile, material, self.role == DtlsRole::Client);
        let pair = keys.and_then(|keys| {
            Some((
                TxSrtp::new(profile, &keys.local)?,
                RxSrtp::new(profile, &keys.remote, self.limits.ssrcs)?,
            ))
        });
        let version = self.dtls.as_ref().and_then(|dtls| dtls.version());
        let (Some((tx, rx)), Some(dtls_version)) = (pair, version) else {
            return self.fail(DtlsFault::Protocol);
        };
        (self.tx, self.rx) = (Some(tx), Some(rx));
        self.events.push_back(SecureEvent::Connected {
            profile,
            dtls_version,
        });
    }

    fn fail(&mut self, fault: DtlsFault) {
        match fault {
            DtlsFault::Protocol => self.refuse(SecureClose::DtlsFailed),
            DtlsFault::Panic => {
                self.counters.panics += 1;
                self.refuse(SecureClose::Panic);
            }
        }
    }

    /// Ends without another byte to the peer.
    fn refuse(&mut self, cause: SecureClose) {
        self.end();
        self.packets.clear();
        self.events.push_back(SecureEvent::Closed { cause });
    }
}
