//! STUN messages of ICE checks (RFC 8489, RFC 8445 section 7): reads only what verifies, writes what the other side can verify.
//! Refuses to know candidates and paths. The one file that names `rtc-stun`.

use std::net::SocketAddr;
use std::sync::Arc;

use rtc_crypto::RTCCryptoProvider;
use rtc_stun::attributes::{
    ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING,
    ATTR_MESSAGE_INTEGRITY, ATTR_PRIORITY, ATTR_UNKNOWN_ATTRIBUTES, ATTR_USE_CANDIDATE,
    ATTR_USERNAME, ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter,
    TransactionId as RtcTransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;

use crate::Error;
use crate::classify::{StunClass, StunShape};

/// Pairs a response with its request.
pub type TransactionId = [u8; 12];

/// Role that a check claims for its sender, with its tie-breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceRole {
    Controlling(u64),
    Controlled(u64),
}

/// A Binding message whose FINGERPRINT and MESSAGE-INTEGRITY hold. Attributes behind the integrity are not in it (RFC 8489 section 14.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    Request {
        transaction_id: TransactionId,
        role: Option<IceRole>,
        use_candidate: bool,
        /// Comprehension-required attributes that we do not know.
        unknown: Vec<u16>,
    },
    Success {
        transaction_id: TransactionId,
        mapped: Option<SocketAddr>,
    },
    Error {
        transaction_id: TransactionId,
        code: u16,
    },
}

/// A Binding message to write.
#[derive(Clone, Debug)]
pub enum Outgoing<'a> {
    Request {
        transaction_id: TransactionId,
        username: &'a str,
        priority: u32,
        role: IceRole,
        use_candidate: bool,
    },
    Success {
        transaction_id: TransactionId,
        mapped: SocketAddr,
    },
    Error {
        transaction_id: TransactionId,
        code: u16,
        /// For 420 (RFC 8489 section 14.9).
        unknown: &'a [u16],
    },
}

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StunFault {
    #[error("malformed message")]
    Malformed,
    #[error("fingerprint missing or wrong")]
    Fingerprint,
    #[error("message integrity missing or wrong")]
    Integrity,
}

/// What ICE needs from a STUN implementation.
pub trait StunCodec: Send {
    /// Believes nothing but the shape until fingerprint and integrity (short-term credentials, HMAC-SHA1) hold.
    fn read(&self, datagram: &[u8], password: &str) -> Result<Verified, StunFault>;
    /// Writes with integrity and fingerprint; the length in `out`, `None` if it does not fit.
    fn write(&self, message: &Outgoing<'_>, password: &str, out: &mut [u8]) -> Option<usize>;
}

/// [`StunCodec`] by `rtc-stun`.
#[derive(Clone)]
pub struct RtcStun {
    crypto: Arc<dyn RTCCryptoProvider>,
}

impl RtcStun {
    /// # Errors
    /// When no crypto provider was compiled in.
    pub fn new() -> Result<Self, Error> {
        let crypto =
            rtc_crypto::default_provider().map_err(|error| Error::Parameters(error.to_string()))?;
        Ok(Self { crypto })
    }
}

const KNOWN_REQUIRED: [AttrType; 4] = [
    ATTR_USERNAME,
    ATTR_MESSAGE_INTEGRITY,
    ATTR_PRIORITY,
    ATTR_USE_CANDIDATE,
];

impl StunCodec for RtcStun {
    fn read(&self, datagram: &[u8], password: &str) -> Result<Verified, StunFault> {
        // The shape bounds what the library is given: whole, few attributes, integrity of full length, fingerprint last.
        let shape = StunShape::read(datagram).ok_or(StunFault::Malformed)?;
        if !shape.fingerprint {
            return Err(StunFault::Fingerprint);
        }
        if !shape.integrity {
            return Err(StunFault::Integrity);
        }
        let mut message = Message::new();
        message
            .unmarshal_binary(datagram)
            .map_err(|_| StunFault::Malformed)?;
        FINGERPRINT
            .check(&message)
            .map_err(|_| StunFault::Fingerprint)?;
        MessageIntegrity::check(&mut message, password.as_bytes(), self.crypto.crypto())
            .map_err(|_| StunFault::Integrity)?;
        let covered = message
            .attributes
            .0
            .iter()
            .take_while(|a| a.typ != ATTR_MESSAGE_INTEGRITY)
            .count();
        message.attributes.0.truncate(covered);
        match shape.class {
            StunClass::Request => Ok(request(&message, shape.transaction_id)),
            StunClass::Success => {
                let mut mapped = XorMappedAddress::default();
                let found = mapped.get_from(&message).is_ok();
                Ok(Verified::Success {
                    transaction_id: shape.transaction_id,
                    mapped: found.then(|| SocketAddr::new(mapped.ip, mapped.port)),
                })
            }
            StunClass::Error => {
                let value = message
                    .get(ATTR_ERROR_CODE)
                    .map_err(|_| StunFault::Malformed)?;
                let &[_, _, class, number, ..] = value.as_slice() else {
                    return Err(StunFault::Malformed);
                };
                let code = u16::from(class & 7) * 100 + u16::from(number);
                Ok(Verified::Error {
                    transaction_id: shape.transaction_id,
                    code,
                })
            }
            StunClass::Other => Err(StunFault::Malformed),
        }
    }

    fn write(&self, message: &Outgoing<'_>, password: &str, out: &mut [u8]) -> Option<usize> {
        let mut m = Message::new();
        let (typ, transaction_id) = match message {
            Outgoing::Request { transaction_id, .. } => (BINDING_REQUEST, transaction_id),
            Outgoing::Success { transaction_id, .. } => (BINDING_SUCCESS, transaction_id),
            Outgoing::Error { transaction_id, .. } => (BINDING_ERROR, transaction_id),
        };
        m.typ = typ;
        m.transaction_id = RtcTransactionId(*transaction_id);
        m.write_header();
        match message {
            Outgoing::Request {
                username,
                priority,
                role,
                use_candidate,
                ..
            } => {
                m.add(ATTR_USERNAME, username.as_bytes());
                m.add(ATTR_PRIORITY, &priority.to_be_bytes());
                match role {
                    IceRole::Controlling(tie) => m.add(ATTR_ICE_CONTROLLING, &tie.to_be_bytes()),
                    IceRole::Controlled(tie) => m.add(ATTR_ICE_CONTROLLED, &tie.to_be_bytes()),
                }
                if *use_candidate {
                    m.add(ATTR_USE_CANDIDATE, &[]);
                }
            }
            Outgoing::Success { mapped, .. } => {
                XorMappedAddress {
                    ip: mapped.ip(),
                    port: mapped.port(),
                }
                .add_to(&mut m)
                .ok()?;
            }
            Outgoing::Error { code, unknown, .. } => {
                m.add(
                    ATTR_ERROR_CODE,
                    &[0, 0, (code / 100) as u8, (code % 100) as u8],
                );
                if !unknown.is_empty() {
                    let list: Vec<u8> =
                        unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
                    m.add(ATTR_UNKNOWN_ATTRIBUTES, &list);
                }
            }
        }
        MessageIntegrity::new_short_term_integrity_with_provider(
            password.to_owned(),
            self.crypto.crypto(),
        )
        .add_to(&mut m)
        .ok()?;
        FINGERPRINT.add_to(&mut m).ok()?;
        out.get_mut(..m.raw.len())?.copy_from_slice(&m.raw);
        Some(m.raw.len())
    }
}

fn request(message: &Message, transaction_id: TransactionId) -> Verified {
    let attributes = &message.attributes.0;
    let tie_breaker = |kind: AttrType| -> Option<u64> {
        let attribute = attributes.iter().find(|a| a.typ == kind)?;
        Some(u64::from_be_bytes(
            attribute.value.as_slice().try_into().ok()?,
        ))
    };
    Verified::Request {
        transaction_id,
        role: tie_breaker(ATTR_ICE_CONTROLLED)
            .map(IceRole::Controlled)
            .or_else(|| tie_breaker(ATTR_ICE_CONTROLLING).map(IceRole::Controlling)),
        use_candidate: attributes.iter().any(|a| a.typ == ATTR_USE_CANDIDATE),
        unknown: attributes
            .iter()
            .filter(|a| a.typ.required() && !KNOWN_REQUIRED.contains(&a.typ))
            .filter(|a| a.typ != ATTR_XORMAPPED_ADDRESS && a.typ != ATTR_FINGERPRINT)
            .map(|a| a.typ.value())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 sections 2.1 to 2.3; the offset of the padding, which there is spaces.
    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
    const REQUEST: (&str, usize, usize) = (
        "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff\
         80290008932ff9b151263b36000600096576746a3a68367659202020\
         000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf",
        73,
        3,
    );
    const RESPONSE_V4: (&str, usize, usize) = (
        "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643\
         000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96",
        35,
        1,
    );
    const RESPONSE_V6: (&str, usize, usize) = (
        "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a147\
         0113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c",
        35,
        1,
    );
    const ID: TransactionId = [
        0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    fn read(datagram: &[u8]) -> Result<Verified, StunFault> {
        RtcStun::new().unwrap().read(datagram, PASSWORD)
    }

    #[test]
    fn reads_the_vectors_of_rfc_5769() {
        let request = read(&bytes(REQUEST.0)).unwrap();
        assert_eq!(
            request,
            Verified::Request {
                transaction_id: ID,
                role: Some(IceRole::Controlled(0x932f_f9b1_5126_3b36)),
                use_candidate: false,
                unknown: vec![],
            }
        );
        assert_eq!(
            StunShape::read(&bytes(REQUEST.0)).unwrap().local_ufrag(),
            Some("evtj")
        );
        for (vector, mapped) in [
            (RESPONSE_V4, "192.0.2.1:32853"),
            (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
        ] {
            let expected = Verified::Success {
                transaction_id: ID,
                mapped: Some(mapped.parse().unwrap()),
            };
            assert_eq!(read(&bytes(vector.0)), Ok(expected));
        }
    }

    #[test]
    fn any_flipped_bit_of_the_vectors_fails() {
        for (hex, _, _) in [REQUEST, RESPONSE_V4, RESPONSE_V6] {
            let vector = bytes(hex);
            for bit in 0..vector.len() * 8 {
                let mut flipped = vector.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(read(&flipped).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn reencodes_the_vectors_up_to_padding() {
        for (hex, padding, len) in [REQUEST, RESPONSE_V4, RESPONSE_V6] {
            let mut vector = bytes(hex);
            let mut message = Message::new();
            message.unmarshal_binary(&vector).unwrap();
            message.encode();
            vector[padding..padding + len].fill(0);
            assert_eq!(message.raw, vector);
        }
    }

    #[test]
    fn ignores_what_stands_behind_the_integrity() {
        let codec = RtcStun::new().unwrap();
        let request = Outgoing::Request {
            transaction_id: ID,
            username: "node:peer",
            priority: 1,
            role: IceRole::Controlling(7),
            use_candidate: false,
        };
        let mut out = [0; 256];
        let len = codec.write(&request, PASSWORD, &mut out).unwrap();
        let mut message = Message::new();
        message.unmarshal_binary(&out[..len - 8]).unwrap_err();
        out[2..4].copy_from_slice(&(len as u16 - 28).to_be_bytes());
        message.unmarshal_binary(&out[..len - 8]).unwrap();
        message.add(ATTR_USE_CANDIDATE, &[]);
        FINGERPRINT.add_to(&mut message).unwrap();
        let Ok(Verified::Request {
            use_candidate,
            role,
            ..
        }) = codec.read(&message.raw, PASSWORD)
        else {
            panic!()
        };
        assert_eq!(
            (use_candidate, role),
            (false, Some(IceRole::Controlling(7)))
        );
    }

    #[test]
    fn writes_only_what_fits() {
        let message = Outgoing::Error {
            transaction_id: ID,
            code: 420,
            unknown: &[1, 2],
        };
        assert_eq!(
            RtcStun::new()
                .unwrap()
                .write(&message, PASSWORD, &mut [0; 40]),
            None
        );
    }
}
