//! Data channels of one peer (RFC 8831, RFC 8832) over SCTP packets. Owns what a channel is and how much may be queued;
//! refuses to know DTLS, and who else is in the room.

pub mod association;
pub mod channel;
pub mod guard;
mod proto;
mod session;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::Error;
use crate::params::{ChannelParameters, SctpParameters};
use association::{AssociationSettings, MAX_MESSAGE, SctpAssociation};
use guard::{Guard, Verdict};
pub use proto::ProtoAssociation;
use session::{Ended, Session, max_streams};

/// What a peer accepts that does not say (RFC 8841 section 6.1).
const DEFAULT_MAX_MESSAGE: u32 = 65_536;
/// Where WebRTC's SCTP lives by convention.
const DEFAULT_PORT: u16 = 5_000;

/// Bounds of one peer's data channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataLimits {
    /// Channels that exist at the same time, closing ones included.
    pub channels: usize,
    /// Bytes accepted by [`DataChannels::send`] and not yet acknowledged by the peer.
    pub queued_bytes: usize,
}

/// Facts of one peer's data channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The SCTP association exists.
    Connected,
    /// Opened by the peer, or by us and acknowledged (a negotiated one: usable).
    Opened {
        stream_id: u16,
        channel: ChannelParameters,
    },
    /// Closed by either side.
    Closed { stream_id: u16 },
    /// `text` tells strings from binary (RFC 8831 section 8).
    Message {
        stream_id: u16,
        text: bool,
        data: Vec<u8>,
    },
    /// No more data in either direction: ended by the peer, by one of our bounds or by an error. Media is not concerned.
    Failed,
}

/// SCTP and DCEP of one peer. Costs nothing but itself until the first packet or [`DataChannels::open`].
pub struct DataChannels<A: SctpAssociation = ProtoAssociation> {
    settings: AssociationSettings,
    is_dtls_client: bool,
    limits: DataLimits,
    session: Option<Box<Session<A>>>,
    ended: bool,
    events: VecDeque<Event>,
    /// An ABORT to send after the session is gone.
    last_packet: Option<Vec<u8>>,
}

impl<A: SctpAssociation> DataChannels<A> {
    /// `is_dtls_client` decides the parity of our stream ids (RFC 8832 section 6: client even, server odd).
    pub fn new(
        _now: Instant,
        is_dtls_client: bool,
        local: SctpParameters,
        remote: Option<SctpParameters>,
        limits: DataLimits,
    ) -> Self {
        let remote_max = match remote.map(|remote| remote.max_message_size) {
            // RFC 8841 section 6: any size.
            Some(0) => MAX_MESSAGE,
            Some(size) => size.min(MAX_MESSAGE),
            None => DEFAULT_MAX_MESSAGE,
        };
        Self {
            settings: AssociationSettings {
                local_port: local.port,
                remote_port: remote.map_or(DEFAULT_PORT, |remote| remote.port),
                max_send_message: remote_max,
                max_receive_message: local.max_message_size.min(MAX_MESSAGE),
            },
            is_dtls_client,
            limits,
            session: None,
            ended: false,
            events: VecDeque::new(),
            last_packet: None,
        }
    }

    /// One SCTP packet out of a DTLS record.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        if self.ended {
            return;
        }
        let Some(session) = &mut self.session else {
            // Only an INIT can begin something.
            if let Verdict::Init(tag) = Guard::new(max_streams(&self.limits)).check(now, packet) {
                self.guarded(|this| this.begin(now, Some((packet, tag))));
            }
            return;
        };
        match session.guard.check(now, packet) {
            Verdict::Pass(packet) => {
                self.with_session(|session, events| session.handle_packet(now, &packet, events))
            }
            Verdict::Init(tag) => {
                let (settings, is_dtls_client) = (self.settings, self.is_dtls_client);
                self.with_session(|session, _| {
                    session.handle_init(now, packet, tag, &settings, is_dtls_client)
                });
            }
            Verdict::Drop => {}
            Verdict::Abort(reason) => self.end(reason),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.with_session(|session, events| session.handle_timeout(now, events));
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.session.as_ref()?.poll_timeout()
    }

    /// Next SCTP packet for a DTLS record, at most 1148 bytes; its length in `out`.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let mut packet = None;
        self.with_session(|session, events| {
            packet = session.poll_transmit(now, events)?;
            Ok(())
        });
        let packet = packet.or_else(|| self.last_packet.take())?;
        out.get_mut(..packet.len())?.copy_from_slice(&packet);
        Some(packet.len())
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Opens a channel with DCEP, or a pre-negotiated one when `negotiated` names its stream; its stream id. Messages may be
    /// sent at once.
    pub fn open(
        &mut self,
        now: Instant,
        channel: &ChannelParameters,
        negotiated: Option<u16>,
    ) -> Result<u16, Error> {
        if self.ended {
            return Err(Error::State("data channels have ended"));
        }
        if !channel::is_valid(channel) {
            return Err(Error::Parameters(
                "channel parameters exceed RFC 8832".to_owned(),
            ));
        }
        if self.session.is_none() {
            self.guarded(|this| this.begin(now, None));
        }
        let (limits, is_dtls_client) = (self.limits, self.is_dtls_client);
        let mut result = Err(Error::State("data channels have ended"));
        self.with_session(|session, events| {
            result = session.open(now, channel, negotiated, &limits, is_dtls_client, events);
            Ok(())
        });
        result
    }

    /// Resets the stream once what was sent is acknowledged. [`Event::Closed`] follows when the peer did the same.
    pub fn close(&mut self, now: Instant, stream_id: u16) {
        self.with_session(|session, events| {
            session.close(now, stream_id, events);
            Ok(())
        });
    }

    /// Refused with [`Error::Limit`] when the bytes queued would exceed the bound, with [`Error::Parameters`] when the peer
    /// does not accept messages of this size, with [`Error::State`] when there is no such channel.
    pub fn send(
        &mut self,
        now: Instant,
        stream_id: u16,
        text: bool,
        data: &[u8],
    ) -> Result<(), Error> {
        if data.len() > self.settings.max_send_message as usize {
            return Err(Error::Parameters(format!(
                "message of {} bytes",
                data.len()
            )));
        }
        if self.queued_bytes().saturating_add(data.len()) > self.limits.queued_bytes {
            return Err(Error::Limit("data queued"));
        }
        let mut result = Err(Error::State("data channels have ended"));
        self.with_session(|session, _| {
            result = session.send(now, stream_id, text, data);
            Ok(())
        });
        result
    }

    /// Bytes accepted and not yet acknowledged.
    pub fn queued_bytes(&self) -> usize {
        self.session
            .as_ref()
            .map_or(0, |session| session.queued_bytes())
    }

    /// Ends the association politely; poll what is left to send, then drop.
    pub fn shutdown(&mut self, now: Instant) {
        self.with_session(|session, _| session.shutdown(now));
    }

    /// Starts an association: by answering an INIT, or by sending one.
    fn begin(&mut self, now: Instant, init: Option<(&[u8], u32)>) {
        self.session = Session::begin(now, &self.settings, &self.limits, init).map(Box::new);
    }

    fn with_session(
        &mut self,
        call: impl FnOnce(&mut Session<A>, &mut VecDeque<Event>) -> Result<(), Ended>,
    ) {
        let Some(session) = self.session.as_deref_mut() else {
            return;
        };
        let events = &mut self.events;
        // A panic is a defect of the implementation below: it costs this peer its data channels and nobody else anything.
        match catch_unwind(AssertUnwindSafe(|| call(session, events))) {
            Ok(Ok(())) => {}
            Ok(Err(Ended::Quietly)) => self.drop_session(),
            Ok(Err(Ended::ByPeer)) => {
                self.drop_session();
                self.events.push_back(Event::Failed);
            }
            Ok(Err(Ended::ByUs(reason))) => self.end(reason),
            Err(_) => self.end("panic in the SCTP implementation"),
        }
    }

    /// For calls that create the session: what panics leaves none.
    fn guarded(&mut self, call: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| call(self))).is_err() {
            self.end("panic in the SCTP implementation");
        }
    }

    fn end(&mut self, reason: &'static str) {
        tracing::debug!(reason, "data channels failed");
        if let Some(session) = &self.session {
            self.last_packet = session
                .guard
                .abort_packet(self.settings.local_port, self.settings.remote_port);
        }
        self.drop_session();
        self.events.push_back(Event::Failed);
    }

    fn drop_session(&mut self) {
        self.ended = true;
        let session = self.session.take();
        // After a panic its invariants may not hold.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(session)));
    }
}
