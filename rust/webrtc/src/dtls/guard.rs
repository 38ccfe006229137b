//! The record filter in front of the DTLS library: lets through what frames and what may be plaintext at this stage. Refuses to
//! decrypt, and to know what a handshake message says.

use crate::TransportCounters;

/// Content types (RFC 6347 section 4.1, RFC 9147 section 4).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const LAST_CONTENT_TYPE: u8 = 26;
const HEADER: usize = 13;

/// How far an association is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    pub completed: bool,
    /// Version 1.3 is possible: records with the short, encrypted header are.
    pub dtls13: bool,
}

/// A record with the 13-byte header.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub kind: u8,
    pub epoch: u16,
    pub body: &'a [u8],
}

/// The records of a datagram, up to the first byte that does not frame.
pub fn records(mut datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let len = record_len(datagram)?;
        let (record, rest) = datagram.split_at_checked(len)?;
        datagram = rest;
        Some(Record {
            kind: *record.first()?,
            epoch: u16::from_be_bytes([*record.get(3)?, *record.get(4)?]),
            body: record.get(HEADER..)?,
        })
    })
}

/// Moves the records that the library may see to the front of `datagram`; their length.
pub fn filter(datagram: &mut [u8], stage: Stage, counters: &mut TransportCounters) -> usize {
    let (mut kept, mut at) = (0, 0);
    while let Some(&first) = datagram.get(at) {
        let rest = &datagram[at..];
        if stage.dtls13 && (32..=63).contains(&first) {
            // Encrypted, and the last one may omit its length: the library walks on.
            let len = rest.len();
            datagram.copy_within(at.., kept);
            return kept + len;
        }
        let Some(len) = record_len(rest) else {
            counters.dtls_malformed += 1;
            break;
        };
        let plaintext = rest[3..5] == [0, 0];
        if plaintext && !may_be_plaintext(first, stage) {
            counters.dtls_plaintext += 1;
        } else {
            datagram.copy_within(at..at + len, kept);
            kept += len;
        }
        at += len;
    }
    kept
}

/// Before completion a real failure times out rather than that a forged alert ends it; afterwards only the peer's repeated flight is
/// of use.
fn may_be_plaintext(kind: u8, stage: Stage) -> bool {
    match kind {
        HANDSHAKE => true,
        ALERT | APPLICATION_DATA => false,
        _ => !stage.completed && (kind == CHANGE_CIPHER_SPEC || stage.dtls13),
    }
}

fn record_len(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..HEADER)?;
    let known = (CHANGE_CIPHER_SPEC..=LAST_CONTENT_TYPE).contains(&header[0]) && header[1] == 0xfe;
    let len = HEADER + usize::from(u16::from_be_bytes([header[11], header[12]]));
    (known && len <= bytes.len()).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![
            kind,
            0xfe,
            0xfd,
            0,
            epoch,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            body.len() as u8,
        ];
        record.extend(body);
        record
    }

    fn kept(datagram: &[u8], completed: bool, dtls13: bool) -> (Vec<u8>, TransportCounters) {
        let mut counters = TransportCounters::default();
        let mut datagram = datagram.to_vec();
        let len = filter(&mut datagram, Stage { completed, dtls13 }, &mut counters);
        datagram.truncate(len);
        (datagram, counters)
    }

    #[test]
    fn removes_forgeable_plaintext_from_between_other_records() {
        let handshake = record(HANDSHAKE, 0, &[1, 2]);
        let sealed = record(APPLICATION_DATA, 1, &[3]);
        let datagram = [
            handshake.clone(),
            record(ALERT, 0, &[2, 40]),
            sealed.clone(),
            record(APPLICATION_DATA, 0, &[9]),
        ]
        .concat();
        for completed in [false, true] {
            let (bytes, counters) = kept(&datagram, completed, false);
            assert_eq!(bytes, [handshake.clone(), sealed.clone()].concat());
            assert_eq!(counters.dtls_plaintext, 2);
        }
    }

    #[test]
    fn change_cipher_spec_passes_only_before_completion() {
        let datagram = record(CHANGE_CIPHER_SPEC, 0, &[1]);
        assert_eq!(kept(&datagram, false, false).0, datagram);
        assert_eq!(kept(&datagram, true, false).0, []);
    }

    #[test]
    fn short_headers_pass_only_in_dtls13() {
        let datagram = [record(HANDSHAKE, 0, &[1]), vec![0x2f, 1, 2, 3]].concat();
        assert_eq!(kept(&datagram, false, true).0, datagram);
        let (bytes, counters) = kept(&datagram, false, false);
        assert_eq!(
            (bytes, counters.dtls_malformed),
            (record(HANDSHAKE, 0, &[1]), 1)
        );
    }

    #[test]
    fn counts_what_does_not_frame() {
        let mut short = record(HANDSHAKE, 0, &[1, 2, 3]);
        short.pop();
        let (bytes, counters) = kept(&short, false, false);
        assert_eq!((bytes.len(), counters.dtls_malformed), (0, 1));
    }
}
