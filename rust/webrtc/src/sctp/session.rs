//! The part of the data channels that exists once there is an association: channels, what waits to be written, and the
//! translation between the association's events and ours.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::association::{AssociationEvent, AssociationSettings, SctpAssociation, StreamMessage};
use super::channel::{Channel, ChannelState, Dcep, ppid};
use super::guard::Guard;
use super::{DataLimits, Event};
use crate::Error;
use crate::params::ChannelParameters;

/// Streams beyond the channels on which a peer may have DATA: refused OPENs whose reset is under way.
const SPARE_STREAMS: usize = 32;
/// OPENs beyond the limit that are refused by a reset; then the peer does not listen.
const REFUSED_OPENS: usize = 256;
/// INITs with new tags before the association is established.
const RESTARTS: usize = 8;
/// 65535 is not a stream id (RFC 8832 section 6).
const STREAM_IDS: u16 = 65_535;

/// Why a session is over.
pub enum Ended {
    /// We said goodbye.
    Quietly,
    ByPeer,
    /// A bound or a rule was broken.
    ByUs(&'static str),
}

/// Streams on which a peer may have DATA at the same time.
pub fn max_streams(limits: &DataLimits) -> usize {
    limits.channels.saturating_add(SPARE_STREAMS)
}

/// An association and its channels.
pub struct Session<A> {
    association: A,
    pub guard: Guard,
    limits: DataLimits,
    /// Who began: the peer's initiate tag, or `None` for our own INIT.
    peer_init: Option<u32>,
    restarts: usize,
    refused_opens: usize,
    connected: bool,
    closing: bool,
    channels: BTreeMap<u16, Channel>,
    /// Messages that the association does not take yet: not connected, or the stream's last reset is not done.
    backlog: VecDeque<Outgoing>,
    backlog_bytes: usize,
    /// Sum of [`Channel::buffered`], and the channels where it is not zero.
    buffered: usize,
    sending: Vec<u16>,
    transmits: VecDeque<Vec<u8>>,
}

struct Outgoing {
    stream_id: u16,
    ppid: u32,
    data: Vec<u8>,
}

impl<A: SctpAssociation> Session<A> {
    pub fn begin(
        now: Instant,
        settings: &AssociationSettings,
        limits: &DataLimits,
        init: Option<(&[u8], u32)>,
    ) -> Option<Self> {
        let mut guard = Guard::new(max_streams(limits));
        let association = match init {
            Some((packet, _)) => {
                guard.accept_init(packet);
                A::accept(now, settings, packet)?
            }
            None => A::connect(now, settings)?,
        };
        Some(Self {
            association,
            guard,
            limits: *limits,
            peer_init: init.map(|(_, tag)| tag),
            restarts: 0,
            refused_opens: 0,
            connected: false,
            closing: false,
            channels: BTreeMap::new(),
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            buffered: 0,
            sending: Vec::new(),
            transmits: VecDeque::new(),
        })
    }

    pub fn handle_packet(
        &mut self,
        now: Instant,
        packet: &[u8],
        events: &mut VecDeque<Event>,
    ) -> Result<(), Ended> {
        self.association.handle_packet(now, packet);
        self.handle_events(now, events)
    }

    /// An INIT while an association is there. Both may have sent one (simultaneous open): then the DTLS client's counts. A
    /// conforming peer answers ours as well (RFC 9260 section 5.2.1), so this also works with those that do not know the rule.
    pub fn handle_init(
        &mut self,
        now: Instant,
        packet: &[u8],
        tag: u32,
        settings: &AssociationSettings,
        is_dtls_client: bool,
    ) -> Result<(), Ended> {
        let ours_counts = self.peer_init.is_none() && is_dtls_client;
        // An established association does not restart: DTLS would have to as well.
        if self.connected || ours_counts {
            return Ok(());
        }
        if self.peer_init == Some(tag) {
            self.association.handle_packet(now, packet);
            return Ok(());
        }
        self.restarts += 1;
        if self.restarts > RESTARTS {
            return Err(Ended::ByUs("too many restarts"));
        }
        if let Some(association) = A::accept(now, settings, packet) {
            self.association = association;
            self.guard = Guard::new(max_streams(&self.limits));
            self.guard.accept_init(packet);
            self.peer_init = Some(tag);
            self.transmits.clear();
        }
        Ok(())
    }

    pub fn handle_timeout(
        &mut self,
        now: Instant,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Ended> {
        if self
            .guard
            .stall_deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            return Err(Ended::ByUs("receive buffer full and nothing completes"));
        }
        self.association.handle_timeout(now);
        self.handle_events(now, events)
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let stall = self.guard.stall_deadline();
        self.association
            .poll_timeout()
            .into_iter()
            .chain(stall)
            .min()
    }

    pub fn poll_transmit(
        &mut self,
        now: Instant,
        events: &mut VecDeque<Event>,
    ) -> Result<Option<Vec<u8>>, Ended> {
        if self.transmits.is_empty() {
            match self.association.poll_transmit(now) {
                Some(packet) => self.guard.outgoing(now, &packet, &mut self.transmits),
                // Messages may have been given up while there was nothing to send.
                None => self.handle_events(now, events)?,
            }
        }
        Ok(self.transmits.pop_front())
    }

    pub fn open(
        &mut self,
        now: Instant,
        parameters: &ChannelParameters,
        negotiated: Option<u16>,
        limits: &DataLimits,
        is_dtls_client: bool,
        events: &mut VecDeque<Event>,
    ) -> Result<u16, Error> {
        if self.closing {
            return Err(Error::State("shutting down"));
        }
        if self.channels.len() >= limits.channels {
            return Err(Error::Limit("data channels"));
        }
        let stream_id = match negotiated {
            Some(id) if !self.is_usable(id) => {
                return Err(Error::Parameters(format!("stream {id} is not free")));
            }
            Some(id) => id,
            None => (u16::from(!is_dtls_client)..STREAM_IDS)
                .step_by(2)
                .take(2 * limits.channels + SPARE_STREAMS)
                .find(|&id| self.is_usable(id))
                .ok_or(Error::Limit("stream ids"))?,
        };
        let state = if negotiated.is_some() {
            ChannelState::Open
        } else {
            ChannelState::Opening
        };
        let channel = Channel::new(parameters.clone(), state);
        self.association.set_delivery(stream_id, channel.delivery());
        self.channels.insert(stream_id, channel);
        if negotiated.is_none() {
            self.write(
                now,
                stream_id,
                ppid::DCEP,
                Dcep::Open(parameters.clone()).to_bytes(),
            );
        } else if self.connected {
            events.push_back(Event::Opened {
                stream_id,
                channel: parameters.clone(),
            });
        }
        Ok(stream_id)
    }

    /// Free here and, as far as known, in the association.
    fn is_usable(&mut self, stream_id: u16) -> bool {
        stream_id < self.guard.peer_inbound_streams()
            && !self.channels.contains_key(&stream_id)
            && (!self.connected || self.association.open_stream(stream_id))
    }

    pub fn close(&mut self, now: Instant, stream_id: u16, events: &mut VecDeque<Event>) {
        let Some(channel) = self.channels.get_mut(&stream_id) else {
            return;
        };
        if !matches!(channel.state, ChannelState::Open | ChannelState::Opening) {
            return;
        }
        channel.state = ChannelState::Closing;
        self.backlog
            .retain(|waiting| waiting.stream_id != stream_id);
        self.backlog_bytes = self.backlog.iter().map(|waiting| waiting.data.len()).sum();
        if self.connected {
            self.association.reset_stream(now, stream_id);
        } else {
            self.channels.remove(&stream_id);
            events.push_back(Event::Closed { stream_id });
        }
    }

    pub fn send(
        &mut self,
        now: Instant,
        stream_id: u16,
        text: bool,
        data: &[u8],
    ) -> Result<(), Error> {
        match self.channels.get(&stream_id).map(|channel| channel.state) {
            Some(ChannelState::Open | ChannelState::Opening) if !self.closing => {}
            Some(_) => return Err(Error::State("channel is closing")),
            None => return Err(Error::State("no such channel")),
        }
        let (ppid, data) = match (text, data.is_empty()) {
            (true, false) => (ppid::STRING, data.to_vec()),
            (false, false) => (ppid::BINARY, data.to_vec()),
            // SCTP has no empty messages (RFC 8831 section 6.6).
            (true, true) => (ppid::STRING_EMPTY, vec![0]),
            (false, true) => (ppid::BINARY_EMPTY, vec![0]),
        };
        self.write(now, stream_id, ppid, data);
        Ok(())
    }

    pub fn queued_bytes(&self) -> usize {
        self.backlog_bytes + self.buffered
    }

    pub fn shutdown(&mut self, now: Instant) -> Result<(), Ended> {
        if !self.connected {
            return Err(Ended::Quietly);
        }
        self.closing = true;
        self.association.shutdown(now);
        Ok(())
    }

    /// Writes behind what already waits for the same stream, or waits with it.
    fn write(&mut self, now: Instant, stream_id: u16, ppid: u32, data: Vec<u8>) {
        let waits = !self.connected
            || self
                .backlog
                .iter()
                .any(|waiting| waiting.stream_id == stream_id)
            || !self.association.write(now, stream_id, ppid, &data);
        if waits {
            self.backlog_bytes += data.len();
            self.backlog.push_back(Outgoing {
                stream_id,
                ppid,
                data,
            });
        } else {
            self.note_buffered(stream_id);
        }
    }

    fn flush_backlog(&mut self, now: Instant) {
        if !self.connected {
            return;
        }
        self.backlog_bytes = 0;
        for Outgoing {
            stream_id,
            ppid,
            data,
        } in std::mem::take(&mut self.backlog)
        {
            self.write(now, stream_id, ppid, data);
        }
    }

    fn note_buffered(&mut self, stream_id: u16) {
        let Some(channel) = self.channels.get_mut(&stream_id) else {
            return;
        };
        let buffered = self.association.buffered(stream_id);
        if channel.buffered == 0 && buffered > 0 {
            self.sending.push(stream_id);
        }
        self.buffered = self.buffered + buffered - channel.buffered;
        channel.buffered = buffered;
    }

    /// Asks only for streams that had something queued.
    fn note_all_buffered(&mut self) {
        for stream_id in std::mem::take(&mut self.sending) {
            self.note_buffered(stream_id);
            let is_sending = self
                .channels
                .get(&stream_id)
                .is_some_and(|c| c.buffered > 0);
            if is_sending && self.sending.last() != Some(&stream_id) {
                self.sending.push(stream_id);
            }
        }
    }

    fn handle_events(&mut self, now: Instant, events: &mut VecDeque<Event>) -> Result<(), Ended> {
        while let Some(event) = self.association.poll_event() {
            match event {
                AssociationEvent::Connected => self.handle_connected(now, events),
                AssociationEvent::Readable(id) => {
                    while let Some(message) = self.association.read(id) {
                        self.guard.delivered(message.chunks);
                        self.handle_message(now, id, message, events)?;
                    }
                }
                AssociationEvent::Reset(id) => self.handle_reset(id, events),
                AssociationEvent::ResetDone(id) => self.handle_reset_done(now, id, events),
                AssociationEvent::Lost if self.closing => return Err(Ended::Quietly),
                AssociationEvent::Lost => return Err(Ended::ByPeer),
            }
        }
        self.note_all_buffered();
        Ok(())
    }

    fn handle_connected(&mut self, now: Instant, events: &mut VecDeque<Event>) {
        self.connected = true;
        self.guard.connected();
        events.push_back(Event::Connected);
        let ids: Vec<u16> = self.channels.keys().copied().collect();
        for stream_id in ids {
            let usable = stream_id < self.guard.peer_inbound_streams()
                && self.association.open_stream(stream_id);
            if !usable {
                self.channels.remove(&stream_id);
                self.backlog
                    .retain(|waiting| waiting.stream_id != stream_id);
                events.push_back(Event::Closed { stream_id });
                continue;
            }
            let Some(channel) = self.channels.get(&stream_id) else {
                continue;
            };
            self.association.set_delivery(stream_id, channel.delivery());
            if channel.state == ChannelState::Open {
                events.push_back(Event::Opened {
                    stream_id,
                    channel: channel.parameters.clone(),
                });
            }
        }
        self.flush_backlog(now);
    }

    fn handle_message(
        &mut self,
        now: Instant,
        stream_id: u16,
        message: StreamMessage,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Ended> {
        let (text, data) = match message.ppid {
            ppid::DCEP => match Dcep::parse(&message.data) {
                Some(Dcep::Open(parameters)) => {
                    return self.handle_open(now, stream_id, parameters, events);
                }
                Some(Dcep::Ack) => {
                    self.handle_known(stream_id, events);
                    return Ok(());
                }
                None => return Ok(()),
            },
            ppid::STRING => (true, message.data),
            ppid::BINARY => (false, message.data),
            ppid::STRING_EMPTY => (true, Vec::new()),
            ppid::BINARY_EMPTY => (false, Vec::new()),
            _ => return Ok(()),
        };
        // Data on a channel of ours acknowledges it as well (RFC 8832 section 6).
        self.handle_known(stream_id, events);
        if self
            .channels
            .get(&stream_id)
            .is_some_and(|c| c.state == ChannelState::Open)
        {
            events.push_back(Event::Message {
                stream_id,
                text,
                data,
            });
        }
        Ok(())
    }

    /// The peer knows a channel that we opened.
    fn handle_known(&mut self, stream_id: u16, events: &mut VecDeque<Event>) {
        if let Some(channel) = self.channels.get_mut(&stream_id)
            && channel.state == ChannelState::Opening
        {
            channel.state = ChannelState::Open;
            self.association.set_delivery(stream_id, channel.delivery());
            events.push_back(Event::Opened {
                stream_id,
                channel: channel.parameters.clone(),
            });
        }
    }

    fn handle_open(
        &mut self,
        now: Instant,
        stream_id: u16,
        parameters: ChannelParameters,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Ended> {
        match self.channels.get(&stream_id).map(|channel| channel.state) {
            // Negotiated here and not there, both opened the same id, or a repetition: it is open.
            Some(ChannelState::Open | ChannelState::Opening) => return Ok(()),
            // The id is used again, or it is new.
            Some(ChannelState::Closed) => {}
            Some(ChannelState::Closing) => return Ok(()),
            None if self.channels.len() >= self.limits.channels => {
                self.refused_opens += 1;
                if self.refused_opens > REFUSED_OPENS {
                    return Err(Ended::ByUs("too many channels"));
                }
                self.association.reset_stream(now, stream_id);
                return Ok(());
            }
            None => {}
        }
        let channel = Channel::new(parameters.clone(), ChannelState::Open);
        self.association.set_delivery(stream_id, channel.delivery());
        self.channels.insert(stream_id, channel);
        self.write(now, stream_id, ppid::DCEP, Dcep::Ack.to_bytes());
        events.push_back(Event::Opened {
            stream_id,
            channel: parameters,
        });
        Ok(())
    }

    /// The peer's half is reset; the association resets ours.
    fn handle_reset(&mut self, stream_id: u16, events: &mut VecDeque<Event>) {
        self.guard.release_stream(stream_id);
        if let Some(channel) = self.channels.get_mut(&stream_id)
            && channel.state != ChannelState::Closed
        {
            channel.state = ChannelState::Closed;
            self.backlog
                .retain(|waiting| waiting.stream_id != stream_id);
            self.backlog_bytes = self.backlog.iter().map(|waiting| waiting.data.len()).sum();
            events.push_back(Event::Closed { stream_id });
        }
    }

    fn handle_reset_done(&mut self, now: Instant, stream_id: u16, events: &mut VecDeque<Event>) {
        if let Some(channel) = self.channels.get(&stream_id)
            && matches!(channel.state, ChannelState::Closing | ChannelState::Closed)
        {
            if channel.state == ChannelState::Closing {
                events.push_back(Event::Closed { stream_id });
            }
            self.buffered -= channel.buffered;
            self.sending.retain(|&id| id != stream_id);
            self.channels.remove(&stream_id);
        } else if let Some(channel) = self.channels.get(&stream_id) {
            self.association.set_delivery(stream_id, channel.delivery());
        }
        self.flush_backlog(now);
    }
}
