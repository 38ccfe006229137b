//! Data channels of one association (RFC 8831): opened, written and closed.

use std::time::Instant;

use super::{SecureEvent, SecureTransport};
use crate::Error;
use crate::params::ChannelParameters;
use crate::sctp::{self, DataChannels};

impl SecureTransport {
    /// Opens a channel with DCEP (RFC 8832), or a pre-negotiated one when `negotiated` names its stream; the latter also before
    /// [`SecureTransport::connect`], which then opens it, or tells its end if the peer has no data channels.
    ///
    /// # Errors
    /// [`Error::State`] without data channels, else as [`DataChannels::open`].
    pub fn open_channel(
        &mut self,
        now: Instant,
        channel: &ChannelParameters,
        negotiated: Option<u16>,
    ) -> Result<u16, Error> {
        match negotiated {
            Some(stream_id) if !self.is_started() => self.plan_channel(stream_id, channel),
            _ => self.data()?.open(now, channel, negotiated),
        }
    }

    fn plan_channel(&mut self, stream_id: u16, channel: &ChannelParameters) -> Result<u16, Error> {
        if !sctp::channel::is_valid(channel) {
            let detail = "channel parameters exceed RFC 8832";
            return Err(Error::Parameters(detail.to_owned()));
        }
        if self
            .planned
            .iter()
            .any(|(planned, _)| *planned == stream_id)
        {
            return Err(Error::Parameters(format!("stream {stream_id} is not free")));
        }
        if self.planned.len() >= self.limits.data_channels {
            return Err(Error::Limit("data channels"));
        }
        self.planned.push((stream_id, channel.clone()));
        Ok(stream_id)
    }

    pub fn close_channel(&mut self, now: Instant, stream_id: u16) {
        let planned = |(planned, _): &mut (u16, ChannelParameters)| *planned == stream_id;
        for (stream_id, _) in self.planned.extract_if(.., planned) {
            self.events
                .push_back(SecureEvent::ChannelClosed { stream_id });
        }
        if let Some(data) = &mut self.data {
            data.close(now, stream_id);
        }
    }

    /// Refused with [`Error::Limit`] when the peer does not drain what is queued already.
    ///
    /// # Errors
    /// [`Error::State`] without data channels, else as [`DataChannels::send`].
    pub fn send_message(
        &mut self,
        now: Instant,
        stream_id: u16,
        text: bool,
        data: &[u8],
    ) -> Result<(), Error> {
        self.data()?.send(now, stream_id, text, data)
    }

    /// Bytes queued in data channels and not yet acknowledged.
    pub fn data_bytes_queued(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.queued_bytes())
    }

    fn data(&mut self) -> Result<&mut DataChannels, Error> {
        self.data
            .as_deref_mut()
            .ok_or(Error::State("no data channels"))
    }

    pub(super) fn seal_data(&mut self, now: Instant) {
        let mut packet = [0; sctp::association::MAX_PACKET];
        let (Some(dtls), Some(data)) = (&self.dtls, &mut self.data) else {
            return;
        };
        let Some(len) = data.poll_transmit(now, &mut packet) else {
            return;
        };
        if dtls
            .record_limit()
            .is_some_and(|limit| self.records_sent >= limit)
        {
            self.counters.dtls_records_exhausted += 1;
            self.data = None;
            return;
        }
        self.records_sent += 1;
        if let Some(packet) = packet.get(..len) {
            self.with_dtls(now, |dtls| dtls.send(packet));
        }
    }
}
