//! What a datagram claims to be, from its first bytes, without allocation. Owns the ranges of RFC 7983 and RFC 5761 and the shape of a
//! STUN message; refuses to believe any of it.

/// Kind of a datagram (RFC 7983 section 7, RFC 5761 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    /// Nothing we speak, or too short to be it.
    Drop,
}

/// Shortest datagrams worth a look: a DTLS 1.3 short record, the fixed headers of RTP and RTCP.
const DTLS_MIN: usize = 2;
const RTP_MIN: usize = 12;
const RTCP_MIN: usize = 8;

/// Sorts a datagram by its first byte, RTCP from RTP by payload types 64-95.
pub fn classify(datagram: &[u8]) -> Kind {
    match *datagram {
        [0..=3, ..] if datagram.len() >= STUN_HEADER => Kind::Stun,
        [20..=63, ..] if datagram.len() >= DTLS_MIN => Kind::Dtls,
        [128..=191, second, ..] => match second & 0x7f {
            64..=95 if datagram.len() >= RTCP_MIN => Kind::Rtcp,
            64..=95 => Kind::Drop,
            _ if datagram.len() >= RTP_MIN => Kind::Rtp,
            _ => Kind::Drop,
        },
        _ => Kind::Drop,
    }
}

const STUN_HEADER: usize = 20;
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Longest STUN message read, in bytes: no browser's check comes near it.
const STUN_MAX: usize = 1280;
/// Attributes read at most; a check carries about eight.
const STUN_MAX_ATTRIBUTES: usize = 24;
/// RFC 8489 section 14.3.
const USERNAME_MAX: usize = 508;

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const FINGERPRINT: u16 = 0x8028;

/// A STUN message whose attributes fit it, before any of its checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StunShape<'a> {
    pub class: StunClass,
    pub transaction_id: [u8; 12],
    /// The whole USERNAME.
    pub username: Option<&'a str>,
    /// MESSAGE-INTEGRITY of 20 bytes is present.
    pub integrity: bool,
    /// FINGERPRINT of 4 bytes is the last attribute.
    pub fingerprint: bool,
}

/// Message class of a Binding (RFC 8489 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StunClass {
    Request,
    Success,
    Error,
    /// An indication or another method.
    Other,
}

impl<'a> StunShape<'a> {
    /// `None` when it is not one whole STUN message of bounded size.
    pub fn read(datagram: &'a [u8]) -> Option<Self> {
        if datagram.len() > STUN_MAX || datagram.get(4..8)? != STUN_COOKIE {
            return None;
        }
        let (header, mut rest) = datagram.split_at_checked(STUN_HEADER)?;
        if usize::from(be16(header, 2)?) != rest.len() {
            return None;
        }
        let mut shape = Self {
            class: match be16(header, 0)? {
                BINDING_REQUEST => StunClass::Request,
                BINDING_SUCCESS => StunClass::Success,
                BINDING_ERROR => StunClass::Error,
                _ => StunClass::Other,
            },
            transaction_id: header.get(8..20)?.try_into().ok()?,
            username: None,
            integrity: false,
            fingerprint: false,
        };
        let mut attributes = 0;
        while !rest.is_empty() {
            attributes += 1;
            if attributes > STUN_MAX_ATTRIBUTES || shape.fingerprint {
                return None;
            }
            let (kind, len) = (be16(rest, 0)?, usize::from(be16(rest, 2)?));
            let value = rest.get(4..4 + len)?;
            match kind {
                USERNAME if shape.username.is_none() && !shape.integrity => {
                    if len > USERNAME_MAX {
                        return None;
                    }
                    shape.username = Some(std::str::from_utf8(value).ok()?);
                }
                MESSAGE_INTEGRITY if len != 20 || shape.integrity => return None,
                MESSAGE_INTEGRITY => shape.integrity = true,
                FINGERPRINT if len != 4 => return None,
                FINGERPRINT => shape.fingerprint = true,
                _ => {}
            }
            rest = rest.get(4 + len.next_multiple_of(4)..)?;
        }
        Some(shape)
    }

    /// The receiver's username fragment: what stands before the colon (RFC 8445 section 7.2.2).
    pub fn local_ufrag(&self) -> Option<&'a str> {
        let (local, _) = self.username?.split_once(':')?;
        (!local.is_empty()).then_some(local)
    }
}

/// The username fragment that a Binding request is addressed to; to find the transport of an unknown tuple.
pub fn request_ufrag(datagram: &[u8]) -> Option<&str> {
    let shape = StunShape::read(datagram)?;
    (shape.class == StunClass::Request && shape.integrity && shape.fingerprint)
        .then(|| shape.local_ufrag())?
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_all_first_bytes() {
        for first in 0..=255u8 {
            let mut datagram = [0; 64];
            datagram[0] = first;
            let expected = match first {
                0..=3 => Kind::Stun,
                20..=63 => Kind::Dtls,
                128..=191 => Kind::Rtp,
                _ => Kind::Drop,
            };
            assert_eq!(classify(&datagram), expected, "{first}");
        }
    }

    #[test]
    fn tells_rtcp_from_rtp_by_payload_type() {
        for second in 0..=255u8 {
            let mut datagram = [0; 12];
            datagram[..2].copy_from_slice(&[0x80, second]);
            let rtcp = (64..=95).contains(&(second & 0x7f));
            let expected = if rtcp { Kind::Rtcp } else { Kind::Rtp };
            assert_eq!(classify(&datagram), expected, "{second}");
        }
    }

    #[test]
    fn refuses_attributes_that_do_not_fit() {
        let mut datagram = vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42];
        datagram.extend([0; 12]);
        datagram.extend([0, 6, 0, 4, b'a', b':', b'b', 0]);
        assert!(StunShape::read(&datagram).is_some());
        datagram[23] = 5;
        assert_eq!(StunShape::read(&datagram), None);
        datagram[23] = 4;
        datagram.push(0);
        assert_eq!(StunShape::read(&datagram), None);
    }
}
