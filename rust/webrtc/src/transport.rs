//! The node's side of one peer: ICE-lite under a [`SecureTransport`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::classify::{Kind, classify};
use crate::ice::IceLite;
use crate::ice::lite::IceEvent;
use crate::params::{DtlsParameters, DtlsRole, IceParameters, SctpParameters, TransportTuple};
use crate::secure::{DtlsContext, Received, SecureEvent, SecureLimits, SecureTransport};
use crate::{Error, TransportCounters};

/// Bounds of one transport.
#[derive(Clone, Debug)]
pub struct TransportLimits {
    pub tuples: usize,
    pub ssrcs: usize,
    pub data_channels: usize,
    pub data_bytes: usize,
    pub consent_timeout: Duration,
    pub connect_timeout: Duration,
}

/// Facts of one transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportEvent {
    /// A check with this tuple verified: datagrams from it belong to this transport from now on.
    TupleAdded(TransportTuple),
    /// Replaced or expired.
    TupleRemoved(TransportTuple),
    /// Nominated by the peer; media goes here.
    TupleSelected(TransportTuple),
    Secure(SecureEvent),
    ConsentLost,
    ConnectTimeout,
}

/// ICE-lite, DTLS, SRTP and SCTP of one peer.
pub struct WebRtcTransport {
    ice: IceLite,
    secure: SecureTransport,
    connect_timeout: Duration,
    /// From the peer's parameters until SRTP keys exist: some clients take their time before they use a transport.
    connect_deadline: Option<Instant>,
    connect_timed_out: bool,
}

impl WebRtcTransport {
    /// `ice` are our credentials; the engine chooses the username fragment, which carries worker and slot.
    pub fn new(
        now: Instant,
        ice: IceParameters,
        dtls: Arc<DtlsContext>,
        limits: TransportLimits,
    ) -> Self {
        let secure_limits = SecureLimits {
            ssrcs: limits.ssrcs,
            data_channels: limits.data_channels,
            data_bytes: limits.data_bytes,
        };
        Self {
            ice: IceLite::new(
                Box::new(dtls.stun()),
                ice,
                limits.tuples,
                limits.consent_timeout,
            ),
            secure: SecureTransport::with_limits(now, dtls, DtlsRole::Server, secure_limits),
            connect_timeout: limits.connect_timeout,
            connect_deadline: None,
            connect_timed_out: false,
        }
    }
    /// The peer's role and fingerprints: `Auto` or `Client` makes us the server, `Server` makes us the client.
    ///
    /// # Errors
    /// As [`SecureTransport::connect`].
    pub fn connect(
        &mut self,
        now: Instant,
        dtls: &DtlsParameters,
        sctp: Option<SctpParameters>,
    ) -> Result<(), Error> {
        if self.secure.is_started() {
            return Err(Error::State("connected before"));
        }
        self.secure.set_role(match dtls.role {
            DtlsRole::Auto | DtlsRole::Client => DtlsRole::Server,
            DtlsRole::Server => DtlsRole::Client,
        });
        self.secure.connect(now, dtls.fingerprints.clone(), sctp)?;
        self.connect_deadline = Some(now + self.connect_timeout);
        Ok(())
    }
    /// New credentials of ours; the old ones stay valid until a check with the new ones verifies.
    pub fn restart_ice(&mut self, _now: Instant, ice: IceParameters) {
        self.ice.restart(ice);
    }
    /// Username fragments that belong to this transport now (current, and previous during a restart).
    pub fn username_fragments(&self) -> impl Iterator<Item = &str> {
        self.ice.username_fragments()
    }
    /// Any datagram that the demultiplexer assigned to this transport. Non-STUN from an unknown tuple is dropped.
    pub fn handle_datagram<'a>(
        &mut self,
        now: Instant,
        tuple: TransportTuple,
        datagram: &'a mut [u8],
    ) -> Received<'a> {
        let kind = classify(datagram);
        if kind == Kind::Stun {
            self.ice
                .handle_datagram(now, tuple, datagram, &mut self.secure.counters);
            return Received::None;
        }
        if kind == Kind::Drop {
            self.secure.counters.unclassified += 1;
            return Received::None;
        }
        if !self.ice.is_validated(&tuple) {
            self.secure.counters.unvalidated_tuple += 1;
            return Received::None;
        }
        self.secure.handle_datagram(now, datagram)
    }
    /// A TCP connection ended.
    pub fn handle_tuple_closed(&mut self, _now: Instant, tuple: TransportTuple) {
        self.ice.handle_tuple_closed(tuple);
    }
    pub fn handle_timeout(&mut self, now: Instant) {
        self.ice.handle_timeout(now);
        self.secure.handle_timeout(now);
        if self.connecting().is_some_and(|deadline| deadline <= now) {
            self.connect_deadline = None;
            self.connect_timed_out = true;
        }
    }
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.ice.poll_timeout(),
            self.secure.poll_timeout(),
            self.connecting(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
    /// Next STUN or DTLS datagram and where it goes; its length in `out` (at least 2048 bytes).
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut [u8],
    ) -> Option<(TransportTuple, usize)> {
        if let Some(answer) = self.ice.poll_transmit(out) {
            return Some(answer);
        }
        let tuple = self.ice.selected_tuple()?;
        Some((tuple, self.secure.poll_transmit(now, out)?))
    }
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        if let Some(event) = self.ice.poll_event() {
            return Some(match event {
                IceEvent::TupleAdded(tuple) => TransportEvent::TupleAdded(tuple),
                IceEvent::TupleRemoved(tuple) => TransportEvent::TupleRemoved(tuple),
                IceEvent::TupleSelected(tuple) => TransportEvent::TupleSelected(tuple),
                IceEvent::ConsentLost => TransportEvent::ConsentLost,
            });
        }
        if std::mem::take(&mut self.connect_timed_out) {
            return Some(TransportEvent::ConnectTimeout);
        }
        let event = self.secure.poll_event()?;
        if matches!(
            event,
            SecureEvent::Connected { .. } | SecureEvent::Closed { .. }
        ) {
            self.connect_deadline = None;
        }
        Some(TransportEvent::Secure(event))
    }
    /// Where media goes.
    pub fn selected_tuple(&self) -> Option<TransportTuple> {
        self.ice.selected_tuple()
    }
    /// All tuples that checks have validated.
    pub fn tuples(&self) -> impl Iterator<Item = TransportTuple> {
        self.ice.tuples()
    }
    /// Drops by cause.
    pub fn counters(&self) -> &TransportCounters {
        self.secure.counters()
    }
    /// Sealing and data channels.
    pub fn secure(&mut self) -> &mut SecureTransport {
        &mut self.secure
    }
    /// What the transport itself needs for a datagram, before [`WebRtcTransport::prefetch_opening`].
    pub fn prefetch_receiving(&self) {
        self.ice.prefetch();
        self.secure.prefetch_receiving();
    }
    /// What opening a peer's RTCP needs beyond that.
    pub fn prefetch_opening(&self) {
        self.ice.prefetch_tuples();
        self.secure.prefetch_opening();
    }
    /// What the transport itself needs to send media, before [`WebRtcTransport::prefetch_sealing`].
    pub fn prefetch_sending(&self) {
        self.secure.prefetch_sending();
    }
    /// What sealing needs beyond that.
    pub fn prefetch_sealing(&self) {
        self.secure.prefetch_sealing();
    }
    /// Says goodbye; poll what is left to send, then drop.
    pub fn close(&mut self, now: Instant) {
        self.connect_deadline = None;
        self.secure.close(now);
    }

    fn connecting(&self) -> Option<Instant> {
        self.connect_deadline
            .filter(|_| !self.secure.is_connected())
    }
}
