//! The last step of every packet of a consumer: its header is written, and it goes into the sink.

use super::Consumer;
use crate::TransportKey;
use crate::bwe::Estimator;
use crate::extension::{CARRIED, Carried, DEPENDENCY_DESCRIPTOR};
use crate::header::{HEADER_BYTES, constant_extensions, dependency_extension};
use crate::history::Stamp;
use crate::rtp::{Header, HeaderWriter};
use crate::sink::{Outgoing, PacketClass, Sink};

/// Where the packets of one leg go, and what is counted on the way.
pub(crate) struct Egress<'a, S> {
    pub(crate) now_us: u64,
    pub(crate) key: TransportKey,
    pub(crate) sink: &'a mut S,
    pub(crate) estimator: &'a mut Estimator,
    pub(crate) rtt_us: u64,
    pub(crate) abs_send_time: [u8; 3],
    pub(crate) header: &'a mut [u8; HEADER_BYTES],
}

/// How one packet leaves.
pub(super) struct Shape<'a> {
    pub(super) header: Header,
    pub(super) number: u64,
    pub(super) carried: Carried,
    /// The publisher's packet, with its header.
    pub(super) packet: &'a [u8],
    pub(super) prefix: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) class: PacketClass,
    /// For the dependency descriptor.
    pub(super) frame_offset: u16,
    /// Of the packet that this one repeats under its own number; none for a new number.
    pub(super) stamp: Option<Stamp>,
}

impl Consumer {
    /// Writes the header and hands the packet over. The block of constant extensions comes first and always has the same size.
    pub(super) fn send<S: Sink>(&mut self, egress: &mut Egress<'_, S>, shape: Shape<'_>) -> usize {
        let ids = self.extensions;
        let plain = shape.carried.is_empty() || ids.carried == [0; CARRIED.len()];
        let stamp = shape
            .stamp
            .unwrap_or_else(|| Stamp::new(egress.estimator.next_seq(), egress.abs_send_time));
        let buffer = &mut *egress.header;
        let len = if plain {
            self.template.write(
                buffer,
                &shape.header,
                stamp.transport_cc,
                stamp.abs_send_time,
            )
        } else {
            let mut writer = constant_extensions(
                HeaderWriter::new(buffer, &shape.header),
                &ids,
                &self.mid,
                stamp.transport_cc,
                stamp.abs_send_time,
            );
            for at in 0..CARRIED.len() {
                let id = ids.carried[at];
                let Some(value) = shape.carried.value(at, shape.packet).filter(|_| id != 0) else {
                    continue;
                };
                if at == DEPENDENCY_DESCRIPTOR {
                    writer = dependency_extension(writer, id, value, shape.frame_offset);
                } else {
                    writer = writer.extension(id, value);
                }
            }
            let Some(len) = writer.finish() else { return 0 };
            len
        };
        let packet = Outgoing {
            header: &buffer[..len],
            prefix: shape.prefix,
            payload: shape.payload,
            index: shape.number,
            class: shape.class,
        };
        let sent = egress.sink.send(egress.key, packet);
        if sent == 0 {
            return 0;
        }
        if shape.stamp.is_some() {
            egress.estimator.repeated(egress.now_us, stamp.transport_cc);
        } else if ids.transport_cc != 0 {
            egress.estimator.sent(egress.now_us, sent);
        } else {
            egress.estimator.sent_unnumbered(egress.now_us, sent);
        }
        if shape.header.ssrc == self.ssrc {
            self.history.stamp(shape.number, stamp);
        }
        sent
    }
}
