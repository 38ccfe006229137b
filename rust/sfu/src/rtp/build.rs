//! Writes RTP headers into a caller's buffer. Owns the layout of RFC 3550 section 5.1 and RFC 8285; refuses to know values.

/// Fixed part of a header without CSRCs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The payload ends in RTP padding, which the caller appends.
    pub padding: bool,
    pub marker: bool,
    pub payload_type: u8,
    pub sequence_number: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

const FIXED_HEADER: usize = 12;
/// First extension element: after the fixed header, the profile and the length.
const ELEMENTS: usize = FIXED_HEADER + 4;

/// One header in the making. Starts in the one-byte form and changes to two bytes when an id or a length demands it.
#[derive(Debug)]
pub struct HeaderWriter<'b> {
    buffer: &'b mut [u8],
    /// End of what is written; `ELEMENTS` while there is no extension.
    end: usize,
    elements: usize,
    two_byte: bool,
    overflow: bool,
}

impl<'b> HeaderWriter<'b> {
    pub fn new(buffer: &'b mut [u8], header: &Header) -> Self {
        let mut overflow = true;
        if let Some(fixed) = buffer.first_chunk_mut::<FIXED_HEADER>() {
            let [s0, s1] = header.sequence_number.to_be_bytes();
            let [t0, t1, t2, t3] = header.timestamp.to_be_bytes();
            let [c0, c1, c2, c3] = header.ssrc.to_be_bytes();
            let first = 0x80 | u8::from(header.padding) << 5;
            let second = u8::from(header.marker) << 7 | (header.payload_type & 0x7F);
            *fixed = [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3];
            overflow = false;
        }
        Self {
            buffer,
            end: ELEMENTS,
            elements: 0,
            two_byte: false,
            overflow,
        }
    }

    /// Appends one element. Id 0 (padding) and values above 255 bytes are skipped: they have no encoding.
    pub fn extension(mut self, id: u8, value: &[u8]) -> Self {
        let Ok(len) = u8::try_from(value.len()) else {
            return self;
        };
        if id == 0 || self.overflow {
            return self;
        }
        if !self.two_byte && (id > 14 || len == 0 || len > 16) {
            self.widen();
        }
        if self.two_byte {
            self.put(&[id, len]);
        } else {
            self.put(&[id << 4 | (len - 1)]);
        }
        self.put(value);
        self.elements += 1;
        self
    }

    /// Length of the complete header, a multiple of four; none when the buffer was too small.
    pub fn finish(mut self) -> Option<usize> {
        if self.overflow {
            return None;
        }
        if self.elements == 0 {
            return Some(FIXED_HEADER);
        }
        while !self.overflow && !self.end.is_multiple_of(4) {
            self.put(&[0]);
        }
        let words = u16::try_from((self.end - ELEMENTS) / 4).ok()?;
        if self.overflow {
            return None;
        }
        let [p0, p1] = if self.two_byte {
            [0x10, 0x00]
        } else {
            [0xBE, 0xDE]
        };
        let [l0, l1] = words.to_be_bytes();
        self.buffer
            .get_mut(FIXED_HEADER..ELEMENTS)?
            .copy_from_slice(&[p0, p1, l0, l1]);
        *self.buffer.first_mut()? |= 0x10;
        Some(self.end)
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.end + bytes.len();
        match self.buffer.get_mut(self.end..end) {
            Some(target) if !self.overflow => {
                target.copy_from_slice(bytes);
                self.end = end;
            }
            _ => self.overflow = true,
        }
    }

    /// Gives each element a second head byte: all elements move back by as many bytes as there are elements, then each
    /// moves forward to its place, which never lies behind its source.
    fn widen(&mut self) {
        self.two_byte = true;
        let shift = self.elements;
        if self.end + shift > self.buffer.len() {
            self.overflow |= shift > 0;
            return;
        }
        self.buffer
            .copy_within(ELEMENTS..self.end, ELEMENTS + shift);
        let (mut to, mut from) = (ELEMENTS, ELEMENTS + shift);
        for _ in 0..self.elements {
            let head = self.buffer[from];
            let len = (head & 0x0F) + 1;
            self.buffer[to] = head >> 4;
            self.buffer[to + 1] = len;
            self.buffer
                .copy_within(from + 1..from + 1 + usize::from(len), to + 2);
            to += 2 + usize::from(len);
            from += 1 + usize::from(len);
        }
        self.end = to;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtp::RtpView;

    const HEADER: Header = Header {
        padding: false,
        marker: true,
        payload_type: 111,
        sequence_number: 0xFFFE,
        timestamp: 0x0102_0304,
        ssrc: 0xA0B0_C0D0,
    };

    #[test]
    fn header_without_extensions_has_twelve_bytes() {
        let mut buffer = [0xFF; 12];
        assert_eq!(HeaderWriter::new(&mut buffer, &HEADER).finish(), Some(12));
        assert_eq!(
            buffer,
            [
                0x80,
                0x80 | 111,
                0xFF,
                0xFE,
                1,
                2,
                3,
                4,
                0xA0,
                0xB0,
                0xC0,
                0xD0
            ]
        );
    }

    #[test]
    fn uses_the_one_byte_form_when_it_suffices() {
        let mut buffer = [0; 64];
        let len = HeaderWriter::new(&mut buffer, &HEADER)
            .extension(1, &[9])
            .extension(14, &[1, 2])
            .finish();
        assert_eq!(
            &buffer[12..len.unwrap()],
            &[0xBE, 0xDE, 0, 2, 0x10, 9, 0xE1, 1, 2, 0, 0, 0]
        );
    }

    #[test]
    fn too_small_buffers_give_none() {
        for size in 0..24 {
            let mut buffer = vec![0; size];
            let writer = HeaderWriter::new(&mut buffer, &HEADER)
                .extension(1, &[9])
                .extension(20, &[1, 2]);
            assert_eq!(writer.finish(), None, "{size}");
        }
    }

    proptest! {
        #[test]
        fn reader_finds_what_was_written(elements in proptest::collection::vec(
            (1u8..30, proptest::collection::vec(any::<u8>(), 0..24)), 0..12), padding in any::<bool>()) {
            let mut buffer = [0xEE; 512];
            let mut writer = HeaderWriter::new(&mut buffer, &Header { padding, ..HEADER });
            for (id, value) in &elements {
                writer = writer.extension(*id, value);
            }
            let len = writer.finish().unwrap();
            let mut packet = buffer[..len].to_vec();
            packet.push(1);
            let view = RtpView::parse(&packet).unwrap();
            prop_assert_eq!(view.header_len(), len);
            prop_assert_eq!(view.has_padding(), padding);
            let read: Vec<_> = view.extensions().map(|(id, value)| (id, value.to_vec())).collect();
            prop_assert_eq!(read, elements);
        }
    }
}
