//! `sctp-proto` as our [`SctpAssociation`]; the only file that names it. Why not `rtc-sctp` 0.21.1: without the guard one
//! FORWARD-TSN costs that 12 s of CPU and a message above its receive buffer stalls it for ever, where this one takes 5 µs
//! and ends; at 10 % loss this one is twice as fast (0.49 against 0.25 Mb/s), without loss it needs four times the CPU.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event,
    Payload, PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent,
    TransportConfig,
};

use super::association::{
    AssociationEvent, AssociationSettings, Delivery, MAX_PACKET, RECEIVE_BUFFER, RTO_INITIAL,
    RTO_MAX, RTO_MIN, Reliability, SctpAssociation, StreamMessage,
};

/// Common and DATA chunk headers.
const DATA_OVERHEAD: u32 = 12 + 16;
/// The crate wants an address of the peer; packets travel in DTLS and have none.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// One association with the endpoint that the crate insists on.
pub struct ProtoAssociation {
    endpoint: Endpoint,
    handle: AssociationHandle,
    association: Association,
    transmits: VecDeque<Bytes>,
}

impl SctpAssociation for ProtoAssociation {
    fn connect(_now: Instant, settings: &AssociationSettings) -> Option<Self> {
        let config = transport_config(settings);
        let mut endpoint = endpoint(&config);
        let mut client = ClientConfig::new();
        client.transport = config;
        // The crate reads the clock here, for the first INIT timeout only: at worst one INIT is repeated early.
        let (handle, association) = endpoint.connect(client, PEER).ok()?;
        Some(Self {
            endpoint,
            handle,
            association,
            transmits: VecDeque::new(),
        })
    }

    fn accept(now: Instant, settings: &AssociationSettings, init: &[u8]) -> Option<Self> {
        let mut endpoint = endpoint(&transport_config(settings));
        let init = Bytes::copy_from_slice(init);
        match endpoint.handle(now, PEER, None, None, init)? {
            (handle, DatagramEvent::NewAssociation(association)) => Some(Self {
                endpoint,
                handle,
                association,
                transmits: VecDeque::new(),
            }),
            (_, DatagramEvent::AssociationEvent(_)) => None,
        }
    }

    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        let packet = Bytes::copy_from_slice(packet);
        // `poll_endpoint_event` is not pumped: it would only unmap the association, too early for a shutdown to complete.
        if let Some((handle, DatagramEvent::AssociationEvent(event))) =
            self.endpoint.handle(now, PEER, None, None, packet)
            && handle == self.handle
        {
            self.association.handle_event(event);
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
            && let Payload::RawEncode(packets) = transmit.payload
        {
            self.transmits.extend(packets);
        }
        self.transmits.pop_front()
    }

    fn poll_event(&mut self) -> Option<AssociationEvent> {
        loop {
            return Some(match self.association.poll()? {
                Event::Connected => AssociationEvent::Connected,
                Event::HandshakeFailed { .. } | Event::AssociationLost { .. } => {
                    AssociationEvent::Lost
                }
                Event::Stream(StreamEvent::Readable { id }) => AssociationEvent::Readable(id),
                Event::Stream(StreamEvent::Finished { id }) => AssociationEvent::Reset(id),
                Event::Stream(
                    StreamEvent::ResetComplete { id } | StreamEvent::ResetFailed { id, .. },
                ) => AssociationEvent::ResetDone(id),
                Event::Stream(StreamEvent::Opened { .. }) => {
                    // The crate keeps a second list of new streams.
                    while self.association.accept_stream().is_some() {}
                    continue;
                }
                _ => continue,
            });
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
            // Fails only for a stream that does not exist.
            let _ = stream.set_reliability_params(!delivery.ordered, kind, value);
        }
    }

    fn write(&mut self, _now: Instant, stream_id: u16, ppid: u32, data: &[u8]) -> bool {
        let ppid = PayloadProtocolIdentifier::from(ppid);
        self.association
            .stream(stream_id)
            .and_then(|mut stream| stream.write_with_ppi(data, ppid))
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
            .and_then(|stream| stream.buffered_amount())
            .unwrap_or(0)
    }

    fn reset_stream(&mut self, _now: Instant, stream_id: u16) {
        if let Ok(mut stream) = self.association.stream(stream_id) {
            // Fails only before the association exists; then there is nothing to reset.
            let _ = stream.close();
        }
    }

    fn shutdown(&mut self, _now: Instant) {
        // Fails only before the association exists or when it is closing already.
        let _ = self.association.shutdown();
    }
}

fn transport_config(settings: &AssociationSettings) -> Arc<TransportConfig> {
    Arc::new(
        TransportConfig::default()
            .with_local_port(settings.local_port)
            .with_remote_port(settings.remote_port)
            .with_max_receive_buffer_size(RECEIVE_BUFFER)
            .with_max_send_message_size(settings.max_send_message)
            .with_max_receive_message_size(settings.max_receive_message)
            .with_max_init_retransmits(None)
            .with_max_data_retransmits(None)
            .with_rto_initial_ms(RTO_INITIAL.as_millis() as u64)
            .with_rto_min_ms(RTO_MIN.as_millis() as u64)
            .with_rto_max_ms(RTO_MAX.as_millis() as u64),
    )
}

fn endpoint(config: &Arc<TransportConfig>) -> Endpoint {
    let mut endpoint_config = EndpointConfig::new();
    endpoint_config.max_payload_size(MAX_PACKET as u32 - DATA_OVERHEAD);
    let mut server = ServerConfig::new();
    server.transport = Arc::clone(config);
    Endpoint::new(Arc::new(endpoint_config), Some(Arc::new(server)))
}
