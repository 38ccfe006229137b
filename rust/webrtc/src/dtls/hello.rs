//! The first ClientHello (RFC 6347 section 4.2, RFC 8446 section 4.1.2): collects its fragments and reads what decides the
//! configuration. Refuses to validate it: the library does.

use super::guard::{HANDSHAKE, records};

/// What decides which configuration answers a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    pub dtls13: bool,
    /// TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 is offered.
    pub chacha20: bool,
    /// `use_srtp` profiles in the client's order (RFC 5764 section 4.1.2).
    pub srtp_profiles: Vec<u16>,
}

const SUITE_CHACHA20: u16 = 0xcca9;
const EXTENSION_USE_SRTP: u16 = 14;
const EXTENSION_SUPPORTED_VERSIONS: u16 = 43;
const DTLS13: u16 = 0xfefc;
const PROFILE_CM_SHA1_80: u16 = 0x0001;
const PROFILE_GCM_128: u16 = 0x0007;
const PROFILE_GCM_256: u16 = 0x0008;

impl ClientHello {
    /// In 1.3 the client's order decides; only one that puts an AEAD profile first gets it.
    pub fn prefers_aead_in_dtls13(&self) -> bool {
        let first = self.srtp_profiles.iter().find(|&&profile| {
            matches!(
                profile,
                PROFILE_CM_SHA1_80 | PROFILE_GCM_128 | PROFILE_GCM_256
            )
        });
        self.dtls13 && first.is_some_and(|&profile| profile != PROFILE_CM_SHA1_80)
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let mut hello = Self::default();
        reader.take(2 + 32)?; // version, random
        reader.vec8()?; // session id
        reader.vec8()?; // cookie
        hello.chacha20 = Reader(reader.vec16()?)
            .u16s()
            .any(|suite| suite == SUITE_CHACHA20);
        reader.vec8()?; // compression
        if reader.0.is_empty() {
            return Some(hello);
        }
        let mut extensions = Reader(reader.vec16()?);
        while !extensions.0.is_empty() {
            let kind = extensions.u16()?;
            let mut value = Reader(extensions.vec16()?);
            match kind {
                EXTENSION_USE_SRTP => {
                    hello.srtp_profiles = Reader(value.vec16()?).u16s().take(16).collect()
                }
                EXTENSION_SUPPORTED_VERSIONS => {
                    hello.dtls13 = Reader(value.vec8()?)
                        .u16s()
                        .any(|version| version == DTLS13);
                }
                _ => {}
            }
        }
        Some(hello)
    }
}

/// Datagrams of the first ClientHello, kept until it is whole. A hello with post-quantum key shares takes two.
#[derive(Debug, Default)]
pub struct HelloBuffer {
    datagrams: Vec<Vec<u8>>,
}

const MAX_DATAGRAMS: usize = 4;
const MAX_BYTES: usize = 8 * 1024;
const CLIENT_HELLO: u8 = 1;
const FRAGMENT_HEADER: usize = 12;

impl HelloBuffer {
    /// Keeps the datagram if it carries a part of a hello that is not kept yet; false if it does not.
    pub fn push(&mut self, datagram: &[u8]) -> bool {
        let spans = |datagram: &[u8]| {
            fragments(datagram)
                .map(|f| (f.total, f.seq, f.offset, f.data.len()))
                .collect::<Vec<_>>()
        };
        let new = spans(datagram);
        if new.is_empty() || datagram.len() > MAX_BYTES {
            return false;
        }
        // A repeated fragment takes the place of the first.
        self.datagrams.retain(|kept| spans(kept) != new);
        while self.datagrams.len() >= MAX_DATAGRAMS
            || self.datagrams.iter().map(Vec::len).sum::<usize>() + datagram.len() > MAX_BYTES
        {
            // The oldest goes, so that forged parts cannot lock the genuine ones out.
            self.datagrams.remove(0);
        }
        self.datagrams.push(datagram.to_vec());
        true
    }

    /// The hello, if all of it is there.
    pub fn hello(&self) -> Option<ClientHello> {
        let newest = fragments(self.datagrams.last()?).next()?;
        let mut parts: Vec<_> = self
            .datagrams
            .iter()
            .flat_map(|datagram| fragments(datagram))
            .filter(|part| (part.seq, part.total) == (newest.seq, newest.total))
            .collect();
        parts.sort_by_key(|part| part.offset);
        let mut body = Vec::new();
        for part in parts {
            let known = body.len().checked_sub(part.offset)?;
            body.extend_from_slice(part.data.get(known..).unwrap_or_default());
        }
        (body.len() == newest.total).then(|| ClientHello::parse(&body))?
    }

    /// Hands the datagrams over, in order of arrival.
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.datagrams)
    }
}

struct Fragment<'a> {
    total: usize,
    seq: u16,
    offset: usize,
    data: &'a [u8],
}

/// Non-empty ClientHello fragments in the plaintext handshake records of a datagram.
fn fragments(datagram: &[u8]) -> impl Iterator<Item = Fragment<'_>> {
    records(datagram)
        .filter(|record| record.kind == HANDSHAKE && record.epoch == 0)
        .filter_map(|record| fragment(record.body))
}

fn fragment(record: &[u8]) -> Option<Fragment<'_>> {
    let (header, body) = record.split_at_checked(FRAGMENT_HEADER)?;
    let u24 = |at: usize| {
        usize::from(header[at]) << 16
            | usize::from(header[at + 1]) << 8
            | usize::from(header[at + 2])
    };
    let (total, offset, len) = (u24(1), u24(6), u24(9));
    let fits = header[0] == CLIENT_HELLO && len > 0 && total <= MAX_BYTES && offset + len <= total;
    fits.then_some(Fragment {
        total,
        seq: u16::from_be_bytes([header[4], header[5]]),
        offset,
        data: body.get(..len)?,
    })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }
    fn vec8(&mut self) -> Option<&'a [u8]> {
        let len = *self.take(1)?.first()?;
        self.take(usize::from(len))
    }
    fn vec16(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }
    fn u16s(self) -> impl Iterator<Item = u16> + 'a {
        self.0
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hello of both versions with these profiles, in fragments of at most `size` bytes.
    fn hello(profiles: &[u16], size: usize) -> Vec<Vec<u8>> {
        let profiles: Vec<u8> = profiles.iter().flat_map(|p| p.to_be_bytes()).collect();
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 0, 0, 4, 0xc0, 0x2b, 0xcc, 0xa9, 1, 0]);
        let mut extensions = vec![
            0,
            43,
            0,
            5,
            4,
            0xfe,
            0xfc,
            0xfe,
            0xfd,
            0,
            14,
            0,
            profiles.len() as u8 + 3,
        ];
        extensions.extend([0, profiles.len() as u8]);
        extensions.extend(&profiles);
        extensions.push(0);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let u24 = |n: usize| [0, (n >> 8) as u8, n as u8];
        let mut offset = 0;
        body.chunks(size)
            .map(|part| {
                let mut datagram = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
                datagram.extend((part.len() as u16 + 12).to_be_bytes());
                datagram.push(1);
                datagram.extend(u24(body.len()));
                datagram.extend([0, 0]);
                datagram.extend(u24(offset));
                datagram.extend(u24(part.len()));
                datagram.extend(part);
                offset += part.len();
                datagram
            })
            .collect()
    }

    #[test]
    fn reassembles_in_any_order_with_repeats() {
        let parts = hello(&[7, 1], 30);
        assert_eq!(parts.len(), 3);
        let mut buffer = HelloBuffer::default();
        for part in [&parts[2], &parts[0], &parts[0], &parts[2]] {
            assert!(buffer.push(part));
            assert_eq!(buffer.hello(), None);
        }
        assert!(buffer.push(&parts[1]));
        let hello = buffer.hello().unwrap();
        assert_eq!(
            hello,
            ClientHello {
                dtls13: true,
                chacha20: true,
                srtp_profiles: vec![7, 1]
            }
        );
        assert_eq!(buffer.take().len(), 3);
    }

    #[test]
    fn version_follows_the_clients_srtp_order() {
        for (profiles, expected) in [
            (&[7, 8, 1][..], true),
            (&[8, 1], true),
            (&[1, 7, 8], false),
            (&[2, 8], true),
            (&[1], false),
            (&[], false),
        ] {
            let mut buffer = HelloBuffer::default();
            buffer.push(&hello(profiles, 1000)[0]);
            assert_eq!(
                buffer.hello().unwrap().prefers_aead_in_dtls13(),
                expected,
                "{profiles:?}"
            );
        }
    }

    #[test]
    fn stays_bounded_and_lets_genuine_fragments_in() {
        let mut buffer = HelloBuffer::default();
        for n in 0..1000u16 {
            let mut forged = hello(&[1], 1000).remove(0);
            forged[17..19].copy_from_slice(&n.to_be_bytes());
            forged.resize(2000, 0);
            buffer.push(&forged);
            assert!(buffer.datagrams.len() <= MAX_DATAGRAMS);
            assert!(buffer.datagrams.iter().map(Vec::len).sum::<usize>() <= MAX_BYTES);
        }
        for part in hello(&[8], 40) {
            assert!(buffer.push(&part));
        }
        assert_eq!(buffer.hello().unwrap().srtp_profiles, [8]);
        assert!(!buffer.push(&[22; 40]));
    }
}
