//! A hostile peer behind a valid tag and checksum: the guard, the association and the channels above.

use std::time::{Duration, Instant};

use medianode_webrtc::params::{ChannelParameters, SctpParameters};
use medianode_webrtc::sctp::guard::checksum;
use medianode_webrtc::sctp::{DataChannels, DataLimits, Event};

const COMMON_HEADER: usize = 12;
const INIT: u8 = 1;

/// The first byte says whether there is an association before the peer turns hostile; each piece of the rest is the chunks of one
/// packet. TSNs in it count from the peer's initial one.
pub fn sctp(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let mut now = Instant::now();
    let mut node = channels(now, false);
    let mut wire = match first & 1 {
        0 => Wire {
            ports: [0x13, 0x88, 0x13, 0x88],
            tag: [0; 4],
            tsn: 1,
        },
        _ => connect(&mut now, &mut node),
    };
    for chunks in crate::pieces(rest) {
        now += Duration::from_millis(20);
        let packet = wire.packet(chunks);
        node.handle_packet(now, &packet);
        node.handle_timeout(now);
        wire.read(&mut node, now);
        while let Some(event) = node.poll_event() {
            if let Event::Message { data, .. } = event {
                assert!(data.len() <= 1 << 18);
            }
        }
    }
    assert!(node.queued_bytes() <= 1 << 20);
    node.shutdown(now);
    wire.read(&mut node, now);
}

fn channels(now: Instant, is_dtls_client: bool) -> DataChannels {
    let parameters = SctpParameters {
        port: 5000,
        max_message_size: 1 << 18,
    };
    let limits = DataLimits {
        channels: 8,
        queued_bytes: 1 << 18,
    };
    DataChannels::new(now, is_dtls_client, parameters, Some(parameters), limits)
}

/// What the peer needs to be believed.
struct Wire {
    ports: [u8; 4],
    tag: [u8; 4],
    /// The peer's next TSN when it turned hostile.
    tsn: u32,
}

impl Wire {
    fn packet(&self, chunks: &[u8]) -> Vec<u8> {
        let mut packet = self.ports.to_vec();
        packet.extend(match chunks.first() {
            Some(&INIT) => [0; 4],
            _ => self.tag,
        });
        packet.extend([0; 4]);
        packet.extend_from_slice(chunks);
        let mut at = COMMON_HEADER;
        while let Some(&[kind, _, high, low]) = packet.get(at..at + 4) {
            // DATA and FORWARD-TSN, and RE-CONFIG's request number.
            let number = match kind {
                0 | 192 => at + 4,
                130 => at + 8,
                _ => packet.len(),
            };
            if let Some(field) = packet
                .get_mut(number..)
                .and_then(<[u8]>::first_chunk_mut::<4>)
            {
                *field = u32::from_be_bytes(*field)
                    .wrapping_add(self.tsn)
                    .to_be_bytes();
            }
            at += usize::from(u16::from_be_bytes([high, low]))
                .max(4)
                .next_multiple_of(4);
        }
        let sum = checksum(&packet).to_le_bytes();
        packet[8..COMMON_HEADER].copy_from_slice(&sum);
        packet
    }

    /// Takes out what the node sends; its INIT or INIT ACK tells the tag that it expects.
    fn read(&mut self, node: &mut DataChannels, now: Instant) {
        let mut out = [0; 2048];
        for _ in 0..1_000 {
            let Some(len) = node.poll_transmit(now, &mut out) else {
                return;
            };
            if let (1 | 2, Some(tag)) = (out[COMMON_HEADER], out[..len].get(16..20)) {
                self.tag.copy_from_slice(tag);
            }
        }
        panic!("the node answers without end");
    }
}

/// Connects an honest peer with one channel and takes its place.
fn connect(now: &mut Instant, node: &mut DataChannels) -> Wire {
    let mut peer = channels(*now, true);
    let channel = ChannelParameters {
        label: "chat".to_owned(),
        ordered: true,
        ..Default::default()
    };
    peer.open(*now, &channel, None)
        .expect("a first channel opens");
    let mut wire = Wire {
        ports: [0x13, 0x88, 0x13, 0x88],
        tag: [0; 4],
        tsn: 0,
    };
    let mut out = [0; 2048];
    for _ in 0..12 {
        *now += Duration::from_millis(10);
        peer.handle_timeout(*now);
        while let Some(len) = peer.poll_transmit(*now, &mut out) {
            wire.ports.copy_from_slice(&out[..4]);
            wire.tag.copy_from_slice(&out[4..8]);
            match out[COMMON_HEADER] {
                INIT => wire.tsn = u32::from_be_bytes(*out[28..].first_chunk().expect("fits")),
                0 => {
                    wire.tsn =
                        u32::from_be_bytes(*out[16..].first_chunk().expect("fits")).wrapping_add(1)
                }
                _ => {}
            }
            node.handle_packet(*now, &out[..len]);
        }
        node.handle_timeout(*now);
        while let Some(len) = node.poll_transmit(*now, &mut out) {
            peer.handle_packet(*now, &out[..len]);
        }
    }
    assert!(std::iter::from_fn(|| node.poll_event()).any(|event| event == Event::Connected));
    wire
}
