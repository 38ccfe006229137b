//! One received RTP packet, checked once. Owns the bounds of its parts; refuses to know what extensions and payload mean.

const FIXED_HEADER: usize = 12;
/// RFC 8285 section 4.2.
const ONE_BYTE_PROFILE: u16 = 0xBEDE;
/// RFC 8285 section 4.3; the low four bits are free for the application.
const TWO_BYTE_PROFILE: u16 = 0x1000;

/// A packet whose header, extension block and padding lie within its bytes. Every getter is infallible.
#[derive(Clone, Copy, Debug)]
pub struct RtpView<'a> {
    marker: bool,
    payload_type: u8,
    sequence_number: u16,
    timestamp: u32,
    ssrc: u32,
    header_len: usize,
    extensions: Extensions<'a>,
    payload: &'a [u8],
    padding_len: u8,
}

impl<'a> RtpView<'a> {
    /// None when the packet is no RTP version 2 packet or its lengths contradict each other.
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let (fixed, mut rest) = packet.split_first_chunk::<FIXED_HEADER>()?;
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if first >> 6 != 2 {
            return None;
        }
        rest = rest.get(usize::from(first & 0x0F) * 4..)?;
        let mut extensions = Extensions {
            bytes: &[],
            two_byte: false,
        };
        if first & 0x10 != 0 {
            let (&[p0, p1, l0, l1], after) = rest.split_first_chunk::<4>()?;
            let (block, after) =
                after.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])) * 4)?;
            rest = after;
            let profile = u16::from_be_bytes([p0, p1]);
            if profile == ONE_BYTE_PROFILE {
                extensions = Extensions {
                    bytes: block,
                    two_byte: false,
                };
            } else if profile & 0xFFF0 == TWO_BYTE_PROFILE {
                extensions = Extensions {
                    bytes: block,
                    two_byte: true,
                };
            }
        }
        let header_len = packet.len() - rest.len();
        let mut padding_len = 0;
        let mut payload = rest;
        if first & 0x20 != 0 {
            padding_len = *rest.last()?;
            // The count includes itself (RFC 3550 section 5.1).
            if padding_len == 0 {
                return None;
            }
            payload = rest.get(..rest.len().checked_sub(usize::from(padding_len))?)?;
        }
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence_number: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            header_len,
            extensions,
            payload,
            padding_len,
        })
    }

    pub fn marker(&self) -> bool {
        self.marker
    }

    pub fn payload_type(&self) -> u8 {
        self.payload_type
    }

    pub fn sequence_number(&self) -> u16 {
        self.sequence_number
    }

    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Bytes before the payload: fixed header, CSRCs and extension block.
    pub fn header_len(&self) -> usize {
        self.header_len
    }

    /// Without padding; empty in a padding-only packet.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    pub fn has_padding(&self) -> bool {
        self.padding_len != 0
    }

    /// Padding bytes at the packet's end, their count byte included.
    pub fn padding_len(&self) -> usize {
        usize::from(self.padding_len)
    }

    /// Value of the first extension with this id.
    pub fn extension(&self, id: u8) -> Option<&'a [u8]> {
        self.extensions()
            .find(|(found, _)| *found == id)
            .map(|(_, value)| value)
    }

    /// Ids and values in wire order. Ends silently where the block contradicts itself.
    pub fn extensions(&self) -> Extensions<'a> {
        self.extensions
    }
}

/// Iterator over the elements of one extension block.
#[derive(Clone, Copy, Debug)]
pub struct Extensions<'a> {
    bytes: &'a [u8],
    two_byte: bool,
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // Zero bytes are padding in both forms.
        while let Some((0, rest)) = self.bytes.split_first() {
            self.bytes = rest;
        }
        let (&head, rest) = self.bytes.split_first()?;
        let (id, len, rest) = if self.two_byte {
            let (&len, rest) = rest.split_first()?;
            (head, usize::from(len), rest)
        } else {
            (head >> 4, usize::from(head & 0x0F) + 1, rest)
        };
        // In the one-byte form id 15, and id 0 with a length, end the block (RFC 8285 section 4.2).
        let terminator = !self.two_byte && matches!(id, 0 | 15);
        let Some((value, rest)) = rest.split_at_checked(len).filter(|_| !terminator) else {
            self.bytes = &[];
            return None;
        };
        self.bytes = rest;
        Some((id, value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first, 0x80 | 96, 0x12, 0x34, 0, 0, 0, 7, 0, 0, 0, 9];
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn reads_fixed_fields_and_payload() {
        let bytes = packet(0x80, b"payload");
        let view = RtpView::parse(&bytes).unwrap();
        assert!(view.marker());
        assert_eq!((view.payload_type(), view.sequence_number()), (96, 0x1234));
        assert_eq!(
            (view.timestamp(), view.ssrc(), view.header_len()),
            (7, 9, 12)
        );
        assert_eq!(view.payload(), b"payload");
        assert!(!view.has_padding());
    }

    #[test]
    fn reads_one_byte_extensions_between_padding() {
        let bytes = packet(
            0x90,
            &[0xBE, 0xDE, 0, 2, 0x10, 0xAA, 0, 0, 0x31, 1, 2, 0, 0xFF],
        );
        let view = RtpView::parse(&bytes).unwrap();
        assert_eq!(view.extension(1), Some(&[0xAA][..]));
        assert_eq!(view.extension(3), Some(&[1, 2][..]));
        assert_eq!(view.extension(2), None);
        assert_eq!(view.payload(), &[0xFF]);
    }

    #[test]
    fn reads_two_byte_extensions_with_application_bits() {
        let bytes = packet(0x90, &[0x10, 0x05, 0, 2, 20, 0, 15, 2, 8, 9, 0, 0]);
        let view = RtpView::parse(&bytes).unwrap();
        assert_eq!(
            view.extensions().collect::<Vec<_>>(),
            [(20, &[][..]), (15, &[8, 9][..])]
        );
    }

    #[test]
    fn id_15_and_lying_lengths_end_the_block() {
        let bytes = packet(
            0x90,
            &[0xBE, 0xDE, 0, 2, 0x10, 0xAA, 0xF0, 1, 0x20, 1, 0, 0],
        );
        assert_eq!(RtpView::parse(&bytes).unwrap().extensions().count(), 1);
        let bytes = packet(
            0x90,
            &[0xBE, 0xDE, 0, 2, 0x10, 0xAA, 0x01, 0, 0, 0x20, 1, 0],
        );
        assert_eq!(RtpView::parse(&bytes).unwrap().extensions().count(), 1);
        let bytes = packet(0x90, &[0xBE, 0xDE, 0, 1, 0x10, 0xAA, 0x2F, 1]);
        assert_eq!(RtpView::parse(&bytes).unwrap().extensions().count(), 1);
    }

    #[test]
    fn padding_only_packet_is_legal_and_false_padding_is_not() {
        let bytes = packet(0xA0, &[0, 0, 3]);
        let view = RtpView::parse(&bytes).unwrap();
        assert_eq!((view.payload(), view.padding_len()), (&[][..], 3));
        assert!(RtpView::parse(&packet(0xA0, &[0, 0, 4])).is_none());
        assert!(RtpView::parse(&packet(0xA0, &[0, 0, 0])).is_none());
        assert!(RtpView::parse(&packet(0xA0, &[])).is_none());
    }

    #[test]
    fn refuses_truncated_parts() {
        assert!(RtpView::parse(&packet(0x80, &[])[..11]).is_none());
        assert!(RtpView::parse(&packet(0x40, &[])).is_none());
        assert!(RtpView::parse(&packet(0x82, &[0; 7])).is_none());
        assert!(RtpView::parse(&packet(0x90, &[0xBE, 0xDE, 0])).is_none());
        assert!(RtpView::parse(&packet(0x90, &[0xBE, 0xDE, 0, 1, 0, 0, 0])).is_none());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80),
                                       first in 0x80u8..0xC0, two_byte in any::<bool>()) {
            if let Some(byte) = bytes.first_mut() { *byte = first; }
            if bytes.len() > 16 && first & 0x0F == 0 {
                let profile = if two_byte { TWO_BYTE_PROFILE } else { ONE_BYTE_PROFILE };
                bytes[12..14].copy_from_slice(&profile.to_be_bytes());
                bytes[14] = 0;
            }
            if let Some(view) = RtpView::parse(&bytes) {
                prop_assert_eq!(view.header_len() + view.payload().len() + view.padding_len(), bytes.len());
                let total: usize = view.extensions().map(|(_, value)| value.len()).sum();
                prop_assert!(total <= bytes.len());
            }
        }
    }
}
