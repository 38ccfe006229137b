//! RTP headers of one consumer. Owns the template of what is the same in all of them and the continuity of frame numbers in
//! dependency descriptors; refuses to know payloads.

use crate::codec::dependency_descriptor;
use crate::extension;
use crate::rtp::{Header, HeaderWriter, RtpView, extension as value};

/// Header with every extension that fits (one dependency descriptor of up to 255 bytes among them).
pub(crate) const HEADER_BYTES: usize = 512;
/// A header with its constant extensions, copied and patched for every packet that carries nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: [u8; TEMPLATE_BYTES],
    len: u8,
    /// Offsets of the values, 0 where there is none.
    transport_cc: u8,
    abs_send_time: u8,
}

/// MID of up to 16 bytes, transport-wide number and send time, in the two-byte form at worst.
const TEMPLATE_BYTES: usize = 48;

impl Template {
    pub(crate) fn new(ids: &extension::Ids, mid: &[u8]) -> Self {
        let mut bytes = [0; TEMPLATE_BYTES];
        let writer = HeaderWriter::new(&mut bytes, &Header::default());
        let len = constant_extensions(writer, ids, mid, 0, [0; 3])
            .finish()
            .expect("invariant: the constant extensions fit");
        let start = bytes.as_ptr() as usize;
        let offset = |id: u8| {
            let view = RtpView::parse(&bytes[..len]).filter(|_| id != 0);
            view.and_then(|view| view.extension(id))
                .map_or(0, |value| (value.as_ptr() as usize - start) as u8)
        };
        let (transport_cc, abs_send_time) = (offset(ids.transport_cc), offset(ids.abs_send_time));
        Self {
            bytes,
            len: len as u8,
            transport_cc,
            abs_send_time,
        }
    }

    #[inline]
    pub(crate) fn write(
        &self,
        buffer: &mut [u8; HEADER_BYTES],
        header: &Header,
        number: u16,
        sent: [u8; 3],
    ) -> usize {
        buffer[..TEMPLATE_BYTES].copy_from_slice(&self.bytes);
        buffer[0] |= u8::from(header.padding) << 5;
        buffer[1] = u8::from(header.marker) << 7 | (header.payload_type & 0x7f);
        buffer[2..4].copy_from_slice(&header.sequence_number.to_be_bytes());
        buffer[4..8].copy_from_slice(&header.timestamp.to_be_bytes());
        buffer[8..12].copy_from_slice(&header.ssrc.to_be_bytes());
        if self.transport_cc != 0 {
            let at = usize::from(self.transport_cc);
            buffer[at..at + 2].copy_from_slice(&number.to_be_bytes());
        }
        if self.abs_send_time != 0 {
            let at = usize::from(self.abs_send_time);
            buffer[at..at + 3].copy_from_slice(&sent);
        }
        usize::from(self.len)
    }
}

pub(crate) fn constant_extensions<'b>(
    mut writer: HeaderWriter<'b>,
    ids: &extension::Ids,
    mid: &[u8],
    number: u16,
    sent: [u8; 3],
) -> HeaderWriter<'b> {
    if ids.mid != 0 && !mid.is_empty() {
        writer = writer.extension(ids.mid, mid);
    }
    if ids.transport_cc != 0 {
        writer = writer.extension(ids.transport_cc, &value::write_transport_cc(number));
    }
    if ids.abs_send_time != 0 {
        writer = writer.extension(ids.abs_send_time, &sent);
    }
    writer
}

/// Frame numbers of dependency descriptors go on at a switch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameNumbers {
    offset: u16,
    last: Option<u16>,
    /// The next frame is the first of another source.
    pub(crate) switched: bool,
}

impl FrameNumbers {
    /// Offset for the frame of this descriptor, which is sent for the first time; 0 for what is too short to be one.
    pub(crate) fn offset_for(&mut self, value: &[u8]) -> u16 {
        let Some([_, high, low]) = value.first_chunk::<3>() else {
            return 0;
        };
        let input = u16::from_be_bytes([*high, *low]);
        if std::mem::take(&mut self.switched) {
            self.offset = self
                .last
                .map_or(0, |last| last.wrapping_add(1).wrapping_sub(input));
        }
        let out = input.wrapping_add(self.offset);
        if self
            .last
            .is_none_or(|last| out.wrapping_sub(last) < 1 << 15)
        {
            self.last = Some(out);
        }
        self.offset
    }
}

/// Appends a dependency descriptor whose frame number is moved by `offset`.
pub(crate) fn dependency_extension<'b>(
    writer: HeaderWriter<'b>,
    id: u8,
    value: &[u8],
    offset: u16,
) -> HeaderWriter<'b> {
    let mut copy = [0; 255];
    let Some(bytes) = copy.get_mut(..value.len()) else {
        return writer;
    };
    bytes.copy_from_slice(value);
    dependency_descriptor::offset_frame_number(bytes, offset);
    writer.extension(id, bytes)
}
