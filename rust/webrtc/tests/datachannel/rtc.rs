//! `rtc-sctp` behind the same trait: the counterpart that our choice was compared with, and still talks to.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use medianode_webrtc::sctp::association::{
    AssociationEvent, AssociationSettings, Delivery, MAX_PACKET, RECEIVE_BUFFER, Reliability,
    SctpAssociation, StreamMessage,
};
use rtc_sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event,
    Payload, PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, TimerConfig,
    TransportConfig,
};
use rtc_shared::TransportProtocol;

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

pub struct RtcAssociation {
    endpoint: Endpoint,
    handle: AssociationHandle,
    association: Association,
    transmits: VecDeque<Bytes>,
    events: VecDeque<AssociationEvent>,
    lost: bool,
}

impl RtcAssociation {
    fn new(endpoint: Endpoint, handle: AssociationHandle, association: Association) -> Self {
        let (transmits, events) = (VecDeque::new(), VecDeque::new());
        Self {
            endpoint,
            handle,
            association,
            transmits,
            events,
            lost: false,
        }
    }
}

impl SctpAssociation for RtcAssociation {
    fn connect(now: Instant, settings: &AssociationSettings) -> Option<Self> {
        let mut endpoint = endpoint(settings);
        let (handle, association) = endpoint
            .connect(now, ClientConfig::new(config(settings)), PEER)
            .ok()?;
        Some(Self::new(endpoint, handle, association))
    }

    fn accept(now: Instant, settings: &AssociationSettings, init: &[u8]) -> Option<Self> {
        let mut endpoint = endpoint(settings);
        match endpoint.handle(now, PEER, None, Bytes::copy_from_slice(init))? {
            (handle, DatagramEvent::NewAssociation(association)) => {
                Some(Self::new(endpoint, handle, association))
            }
            _ => None,
        }
    }

    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        match self
            .endpoint
            .handle(now, PEER, None, Bytes::copy_from_slice(packet))
        {
            Some((handle, DatagramEvent::AssociationEvent(event))) if handle == self.handle => {
                self.association.handle_event(event);
            }
            // A repeated INIT is a new association to this crate.
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.handle = handle;
                self.association = association;
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if self.transmits.is_empty()
            && let Some(transmit) = self.association.poll_transmit(now)
            && let Payload::RawEncode(packets) = transmit.message
        {
            self.transmits.extend(packets);
        }
        self.transmits.pop_front()
    }

    fn poll_event(&mut self) -> Option<AssociationEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.association.poll() {
                Some(Event::Connected) => return Some(AssociationEvent::Connected),
                Some(Event::HandshakeFailed { .. }) => return Some(AssociationEvent::Lost),
                Some(Event::AssociationLost { id, .. }) if !self.association.is_closed() => {
                    self.events.push_back(AssociationEvent::ResetDone(id));
                    return Some(AssociationEvent::Reset(id));
                }
                Some(Event::Stream(StreamEvent::Readable { id })) => {
                    return Some(AssociationEvent::Readable(id));
                }
                Some(Event::Stream(StreamEvent::Opened { .. })) => {
                    while self.association.accept_stream().is_some() {}
                }
                Some(_) => {}
                None if self.association.is_closed()
                    && !self.association.is_handshaking()
                    && !self.lost =>
                {
                    self.lost = true;
                    return Some(AssociationEvent::Lost);
                }
                None => return None,
            }
        }
    }

    fn open_stream(&mut self, stream_id: u16) -> bool {
        self.association
            .stream(stream_id)
            .is_ok_and(|stream| stream.is_writable())
            || self
                .association
                .open_stream(stream_id, PayloadProtocolIdentifier::Binary)
                .is_ok()
    }

    fn set_delivery(&mut self, stream_id: u16, delivery: Delivery) {
        let (kind, value) = match delivery.reliability {
            Reliability::Reliable => (ReliabilityType::Reliable, 0),
            Reliability::Retransmits(count) => (ReliabilityType::Rexmit, u32::from(count)),
            Reliability::Lifetime(ms) => (ReliabilityType::Timed, u32::from(ms)),
        };
        if let Ok(mut stream) = self.association.stream(stream_id) {
            let _ = stream.set_reliability_params(!delivery.ordered, kind, value);
        }
    }

    fn write(&mut self, now: Instant, stream_id: u16, ppid: u32, data: &[u8]) -> bool {
        let ppid = PayloadProtocolIdentifier::from(ppid);
        self.association
            .stream(stream_id)
            .and_then(|mut stream| stream.write_with_ppi(now, data, ppid))
            .is_ok()
    }

    fn read(&mut self, stream_id: u16) -> Option<StreamMessage> {
        let message = self
            .association
            .stream(stream_id)
            .ok()?
            .read_sctp()
            .ok()??;
        let mut data = vec![0; message.len()];
        message.read(&mut data).ok()?;
        Some(StreamMessage {
            ppid: message.ppi as u32,
            data,
            chunks: message.chunks.len(),
        })
    }

    fn buffered(&mut self, stream_id: u16) -> usize {
        self.association
            .stream(stream_id)
            .and_then(|s| s.buffered_amount())
            .unwrap_or(0)
    }

    fn reset_stream(&mut self, now: Instant, stream_id: u16) {
        if let Ok(mut stream) = self.association.stream(stream_id) {
            let _ = stream.close(now);
        }
    }

    fn shutdown(&mut self, _now: Instant) {
        let _ = self.association.shutdown();
    }
}

fn config(settings: &AssociationSettings) -> TransportConfig {
    TransportConfig::default()
        .with_sctp_port(settings.local_port)
        .with_max_receive_buffer_size(RECEIVE_BUFFER)
        .with_max_message_size(settings.max_send_message)
        .with_timer_config(TimerConfig {
            max_t1_init_retrans: usize::MAX,
            max_t1_cookie_retrans: usize::MAX,
            max_t3_rtx_retrans: usize::MAX,
            ..TimerConfig::default()
        })
}

fn endpoint(settings: &AssociationSettings) -> Endpoint {
    let mut endpoint_config = EndpointConfig::new();
    endpoint_config.max_payload_size(MAX_PACKET as u32 - 28);
    Endpoint::new(
        PEER,
        TransportProtocol::UDP,
        Arc::new(endpoint_config),
        Some(Arc::new(ServerConfig::new(config(settings)))),
    )
}
