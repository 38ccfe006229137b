//! Text into a [`Description`]: strict where a wrong value would misdirect packets, tolerant of everything that says nothing to us.

use std::net::IpAddr;

use super::description::{Description, Direction, Kind, Media, Msid};
use super::syntax::{self, Attribute, Section};
use super::{MAX_CANDIDATES, MAX_FINGERPRINTS, SdpError, rtp_section};
use crate::params::{
    DtlsFingerprint, DtlsParameters, DtlsRole, IceCandidate, IceParameters, Protocol,
    SctpParameters,
};

/// Reads an offer or an answer.
///
/// # Errors
/// Limits are checked before anything is parsed; a syntax error names its line.
pub fn read(text: &str) -> Result<Description, SdpError> {
    let session = syntax::parse(text)?;
    let mut description = Description {
        session_id: session.session_id,
        ..Description::default()
    };
    let direction = session
        .attributes
        .iter()
        .find_map(|a| Direction::from_name(&a.key));
    for section in &session.sections {
        let media = read_media(section, direction.unwrap_or_default())?;
        if !media.mid.is_empty() && description.media.iter().any(|m| m.mid == media.mid) {
            return Err(SdpError::at(
                section.line,
                format!("mid {} stands twice", media.mid),
            ));
        }
        description.media.push(media);
    }
    for attribute in &session.attributes {
        match attribute.key.as_str() {
            "ice-lite" => description.ice_lite = true,
            "extmap-allow-mixed" => description.extmap_allow_mixed = true,
            "group" if description.bundle.is_empty() => {
                description.bundle = read_bundle(attribute, &description.media)?;
            }
            _ => {}
        }
    }
    description.extmap_allow_mixed |= allows_mixed_everywhere(&session.sections);
    let tagged = description
        .tagged()
        .and_then(|index| session.sections.get(index));
    let mut transport = TransportAttributes::read(tagged.map_or(&[][..], |s| &s.attributes))?;
    transport.fill_from(TransportAttributes::read(&session.attributes)?);
    transport.store(&mut description);
    Ok(description)
}

/// RFC 8843 section 5; mids that no section has are refused, so that an answer cannot name them.
fn read_bundle(attribute: &Attribute, media: &[Media]) -> Result<Vec<String>, SdpError> {
    let mut words = attribute.value.split_whitespace();
    if words.next() != Some("BUNDLE") {
        return Ok(Vec::new());
    }
    let mut mids: Vec<String> = Vec::new();
    for mid in words {
        if !media.iter().any(|m| m.mid == mid) {
            return Err(SdpError::at(
                attribute.line,
                format!("no section has the mid {mid}"),
            ));
        }
        if mids.iter().any(|m| m == mid) {
            return Err(SdpError::at(
                attribute.line,
                format!("mid {mid} stands twice"),
            ));
        }
        mids.push(mid.to_owned());
    }
    Ok(mids)
}

fn allows_mixed_everywhere(sections: &[Section]) -> bool {
    let mut rtp = sections
        .iter()
        .filter(|s| s.media != "application")
        .peekable();
    rtp.peek().is_some() && rtp.all(|s| s.attributes.iter().any(|a| a.key == "extmap-allow-mixed"))
}

fn read_media(section: &Section, direction: Direction) -> Result<Media, SdpError> {
    let kind = match section.media.as_str() {
        "audio" => Kind::Audio,
        "video" => Kind::Video,
        _ => Kind::Application,
    };
    let mut media = Media {
        kind,
        protocol: section.protocol.clone(),
        direction: if kind == Kind::Application {
            Direction::SendRecv
        } else {
            direction
        },
        ..Media::default()
    };
    let mut sctp = SctpParameters {
        port: 0,
        max_message_size: DEFAULT_MAX_MESSAGE_SIZE,
    };
    for attribute in &section.attributes {
        match attribute.key.as_str() {
            "mid" => media.mid = read_mid(attribute)?,
            "bundle-only" => media.bundle_only = section.port == 0,
            "sctp-port" => sctp.port = parse_number(attribute, &attribute.value)?,
            "max-message-size" => {
                // RFC 8841 section 6.1: 0 means any size. A larger value than we can say is as good as the largest.
                let size: u64 = parse_number(attribute, &attribute.value)?;
                sctp.max_message_size = u32::try_from(size).unwrap_or(u32::MAX);
            }
            _ if kind == Kind::Application => {}
            "rtcp-mux" => media.rtcp_mux = true,
            "rtcp-mux-only" => media.rtcp_mux_only = true,
            "rtcp-rsize" => media.rtcp_rsize = true,
            "msid" if media.msid.is_none() => media.msid = read_msid(&attribute.value),
            key => media.direction = Direction::from_name(key).unwrap_or(media.direction),
        }
    }
    media.rejected = section.port == 0 && !media.bundle_only;
    if kind == Kind::Application {
        media.sctp = (sctp.port != 0).then_some(sctp);
    } else {
        rtp_section::read(section, &mut media)?;
    }
    Ok(media)
}

/// RFC 8841 section 6.1: without the attribute.
const DEFAULT_MAX_MESSAGE_SIZE: u32 = 64 * 1024;

/// RFC 9143: a token. It must fit one SDES item (RFC 8843 section 15).
pub(super) fn read_mid(attribute: &Attribute) -> Result<String, SdpError> {
    let mid = attribute.value.as_str();
    if mid.is_empty() || mid.len() > 255 || !mid.bytes().all(is_token_byte) {
        return Err(SdpError::at(
            attribute.line,
            "mid is not a token of 1-255 characters",
        ));
    }
    Ok(mid.to_owned())
}

/// RFC 8866 section 9, `token-char`.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&byte)
}

fn read_msid(value: &str) -> Option<Msid> {
    let mut words = value.split_whitespace();
    let stream = words.next()?.to_owned();
    Some(Msid {
        stream,
        track: words.next().map(str::to_owned),
    })
}

/// A decimal number, the error naming line and attribute.
pub(super) fn parse_number<N: std::str::FromStr>(
    attribute: &Attribute,
    text: &str,
) -> Result<N, SdpError> {
    text.trim().parse().map_err(|_| {
        SdpError::at(
            attribute.line,
            format!("a={}: number expected or out of range", attribute.key),
        )
    })
}

/// ICE and DTLS attributes of one level.
#[derive(Default)]
pub(super) struct TransportAttributes {
    pub username_fragment: Option<String>,
    pub password: Option<String>,
    ice_options: Vec<String>,
    pub candidates: Vec<IceCandidate>,
    pub end_of_candidates: bool,
    role: Option<DtlsRole>,
    fingerprints: Vec<DtlsFingerprint>,
    candidate_lines: usize,
}

impl TransportAttributes {
    pub(super) fn read(attributes: &[Attribute]) -> Result<Self, SdpError> {
        let mut level = TransportAttributes::default();
        for attribute in attributes {
            level.take(attribute)?;
        }
        Ok(level)
    }

    pub(super) fn take(&mut self, attribute: &Attribute) -> Result<(), SdpError> {
        let value = attribute.value.as_str();
        match attribute.key.as_str() {
            "ice-ufrag" => self.username_fragment = Some(read_credential(attribute, 4)?),
            "ice-pwd" => self.password = Some(read_credential(attribute, 22)?),
            "ice-options" => {
                self.ice_options = value.split_whitespace().map(str::to_owned).collect();
            }
            "candidate" => {
                self.candidate_lines += 1;
                if self.candidate_lines > MAX_CANDIDATES {
                    return Err(SdpError::TooLarge(format!(
                        "more than {MAX_CANDIDATES} candidates"
                    )));
                }
                self.candidates.extend(read_candidate(attribute)?);
            }
            "end-of-candidates" => self.end_of_candidates = true,
            "setup" => self.role = Some(read_setup(attribute)?),
            "fingerprint" => {
                if self.fingerprints.len() == MAX_FINGERPRINTS {
                    return Err(SdpError::TooLarge(format!(
                        "more than {MAX_FINGERPRINTS} fingerprints"
                    )));
                }
                self.fingerprints.extend(read_fingerprint(attribute)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Each attribute of `other` that this level lacks; ICE credentials only as a pair.
    fn fill_from(&mut self, other: TransportAttributes) {
        if self.username_fragment.is_none() || self.password.is_none() {
            self.username_fragment = other.username_fragment;
            self.password = other.password;
        }
        if self.ice_options.is_empty() {
            self.ice_options = other.ice_options;
        }
        if self.candidates.is_empty() {
            self.candidates = other.candidates;
        }
        self.end_of_candidates |= other.end_of_candidates;
        self.role = self.role.or(other.role);
        if self.fingerprints.is_empty() {
            self.fingerprints = other.fingerprints;
        }
    }

    fn store(self, description: &mut Description) {
        if let (Some(username_fragment), Some(password)) = (self.username_fragment, self.password) {
            let ice_lite = description.ice_lite;
            description.ice = Some(IceParameters {
                username_fragment,
                password,
                ice_lite,
            });
        }
        description.ice_options = self.ice_options;
        description.candidates = self.candidates;
        description.end_of_candidates = self.end_of_candidates;
        if !self.fingerprints.is_empty() {
            description.dtls = Some(DtlsParameters {
                role: self.role.unwrap_or(DtlsRole::Auto),
                fingerprints: self.fingerprints,
            });
        }
    }
}

/// RFC 8839 section 5.4: at least 24 bits (128 bits for the password), at most 256 characters.
fn read_credential(attribute: &Attribute, least: usize) -> Result<String, SdpError> {
    let value = attribute.value.as_str();
    let well_formed = value
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"+/-_=#".contains(&b));
    if !well_formed || !(least..=256).contains(&value.len()) {
        let reason = format!("a={} is not {least}-256 ice-chars", attribute.key);
        return Err(SdpError::at(attribute.line, reason));
    }
    Ok(value.to_owned())
}

/// RFC 4145 section 4, RFC 8842 section 5.
fn read_setup(attribute: &Attribute) -> Result<DtlsRole, SdpError> {
    match attribute.value.as_str() {
        "actpass" => Ok(DtlsRole::Auto),
        "active" => Ok(DtlsRole::Client),
        "passive" => Ok(DtlsRole::Server),
        other => Err(SdpError::at(attribute.line, format!("a=setup:{other}"))),
    }
}

/// RFC 8122 section 5; a hash that we do not know is skipped.
fn read_fingerprint(attribute: &Attribute) -> Result<Option<DtlsFingerprint>, SdpError> {
    let mut words = attribute.value.split_whitespace();
    let (Some(algorithm), Some(value), None) = (words.next(), words.next(), words.next()) else {
        return Err(SdpError::at(
            attribute.line,
            "a=fingerprint needs a hash and its value",
        ));
    };
    let algorithm = algorithm.to_ascii_lowercase();
    let bytes = match algorithm.as_str() {
        "sha-1" => 20,
        "sha-224" => 28,
        "sha-256" => 32,
        "sha-384" => 48,
        "sha-512" => 64,
        _ => return Ok(None),
    };
    let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    if value.split(':').count() != bytes || !value.split(':').all(is_pair) {
        let reason = format!("a=fingerprint: {algorithm} needs {bytes} bytes in hex");
        return Err(SdpError::at(attribute.line, reason));
    }
    Ok(Some(DtlsFingerprint {
        algorithm,
        value: value.to_ascii_uppercase(),
    }))
}

/// RFC 8839 section 5.1. Keeps host candidates of component 1 over UDP or passive TCP; names (mDNS) and other types are skipped,
/// since an ICE-lite agent answers where checks come from.
fn read_candidate(attribute: &Attribute) -> Result<Option<IceCandidate>, SdpError> {
    let words: Vec<&str> = attribute.value.split_whitespace().collect();
    let [
        foundation,
        component,
        transport,
        priority,
        address,
        port,
        typ,
        kind,
        ref rest @ ..,
    ] = words[..]
    else {
        if words.is_empty() {
            return Ok(None); // An empty candidate says "no more" in some trickle clients.
        }
        return Err(SdpError::at(
            attribute.line,
            "a=candidate has fewer than 8 fields",
        ));
    };
    let component: u16 = parse_number(attribute, component)?;
    let priority: u32 = parse_number(attribute, priority)?;
    let port: u16 = parse_number(attribute, port)?;
    if typ != "typ" || foundation.len() > 32 {
        return Err(SdpError::at(attribute.line, "a=candidate is malformed"));
    }
    let tcp_type = rest
        .chunks_exact(2)
        .find_map(|pair| (pair[0] == "tcptype").then_some(pair[1]));
    let protocol = match (transport.to_ascii_lowercase().as_str(), tcp_type) {
        ("udp", _) => Protocol::Udp,
        ("tcp", Some("passive")) => Protocol::Tcp,
        _ => return Ok(None),
    };
    let Ok(ip) = address.parse::<IpAddr>() else {
        return Ok(None);
    };
    if component != 1 || kind != "host" {
        return Ok(None);
    }
    Ok(Some(IceCandidate {
        foundation: foundation.to_owned(),
        priority,
        ip,
        protocol,
        port,
    }))
}
