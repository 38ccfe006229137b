//! The RTP attributes of one section: codecs and header extensions here, streams in `streams`. Refuses to know transports.

use std::collections::{BTreeMap, BTreeSet};

use medianode_sfu::params::{CodecParameters, Encoding};

use super::description::{Direction, ExtensionMap, Kind, Media};
use super::read::parse_number;
use super::streams::{Streams, check_simulcast, read_rid, read_simulcast, sending_rids};
use super::syntax::{Attribute, Section};
use super::{MAX_CODECS, MAX_EXTENSIONS, SdpError};

/// Fills `media` from the section's RTP attributes.
pub(super) fn read(section: &Section, media: &mut Media) -> Result<(), SdpError> {
    media.codecs = read_codecs(section, media.kind)?;
    let mut streams = Streams::default();
    for attribute in &section.attributes {
        match attribute.key.as_str() {
            "extmap" => read_extension(attribute, &mut media.header_extensions)?,
            "ssrc" => streams.take_ssrc(attribute, media)?,
            "ssrc-group" => streams.take_group(attribute)?,
            "rid" => read_rid(attribute, &mut media.rids)?,
            "simulcast" => media.simulcast = read_simulcast(attribute)?,
            _ => {}
        }
    }
    check_simulcast(section, media)?;
    media.encodings = sending_rids(media)
        .map(|rid| Encoding {
            rid: Some(rid.to_owned()),
            ..Encoding::default()
        })
        .collect();
    if media.encodings.is_empty() {
        media.encodings = streams.encodings();
    }
    // Said of SSRCs that nothing binds to the rids: the name comes with RTCP.
    media.cname = media
        .cname
        .take()
        .filter(|_| media.encodings.iter().any(|e| e.ssrc.is_some()));
    Ok(())
}

fn read_codecs(section: &Section, kind: Kind) -> Result<Vec<CodecParameters>, SdpError> {
    if section.formats.len() > MAX_CODECS {
        return Err(SdpError::TooLarge(format!(
            "line {}: more than {MAX_CODECS} payload types",
            section.line
        )));
    }
    let mut order = Vec::with_capacity(section.formats.len());
    for format in &section.formats {
        let payload_type = read_payload_type(section.line, format)?;
        if order.contains(&payload_type) {
            let reason = format!("payload type {payload_type} stands twice");
            return Err(SdpError::at(section.line, reason));
        }
        order.push(payload_type);
    }
    let mut codecs: BTreeMap<u8, CodecParameters> = order
        .iter()
        .filter(|_| kind == Kind::Audio)
        .filter_map(|payload_type| Some((*payload_type, static_codec(*payload_type)?)))
        .collect();
    let mut mapped = BTreeSet::new();
    for attribute in section.attributes.iter().filter(|a| a.key == "rtpmap") {
        let codec = read_rtpmap(section, attribute)?;
        if !mapped.insert(codec.payload_type) {
            return Err(SdpError::at(
                attribute.line,
                "a second a=rtpmap of one payload type",
            ));
        }
        codecs.insert(codec.payload_type, codec);
    }
    for attribute in &section.attributes {
        match attribute.key.as_str() {
            "fmtp" => read_fmtp(attribute, &mut codecs)?,
            "rtcp-fb" => read_feedback(attribute, &mut codecs)?,
            _ => {}
        }
    }
    Ok(order
        .iter()
        .filter_map(|payload_type| codecs.remove(payload_type))
        .collect())
}

/// RFC 5761 section 4: with RTP and RTCP on one port, 64-95 cannot be told from RTCP packet types.
pub(super) fn read_payload_type(line: usize, text: &str) -> Result<u8, SdpError> {
    match text.parse::<u8>() {
        Ok(64..=95) => Err(SdpError::at(
            line,
            format!("payload type {text} collides with RTCP"),
        )),
        Ok(payload_type @ 0..=127) => Ok(payload_type),
        _ => Err(SdpError::at(line, "payload type is not 0-127")),
    }
}

/// RFC 3551 section 6, as far as WebRTC uses static types.
fn static_codec(payload_type: u8) -> Option<CodecParameters> {
    let mime_type = match payload_type {
        0 => "audio/PCMU",
        8 => "audio/PCMA",
        9 => "audio/G722",
        13 => "audio/CN",
        _ => return None,
    };
    Some(codec(mime_type.to_owned(), payload_type, 8000, None))
}

fn codec(
    mime_type: String,
    payload_type: u8,
    clock_rate: u32,
    channels: Option<u8>,
) -> CodecParameters {
    let (parameters, rtcp_feedback) = (BTreeMap::new(), Vec::new());
    CodecParameters {
        mime_type,
        payload_type,
        clock_rate,
        channels,
        parameters,
        rtcp_feedback,
    }
}

fn read_rtpmap(section: &Section, attribute: &Attribute) -> Result<CodecParameters, SdpError> {
    let malformed = || SdpError::at(attribute.line, "a=rtpmap is not <type> <name>/<rate>");
    let (payload_type, encoding) = attribute
        .value
        .split_once(char::is_whitespace)
        .ok_or_else(malformed)?;
    let payload_type = read_payload_type(attribute.line, payload_type)?;
    let mut parts = encoding.trim().split('/');
    let (Some(name), Some(clock_rate)) = (parts.next(), parts.next()) else {
        return Err(malformed());
    };
    if name.is_empty() || !name.bytes().all(super::read::is_token_byte) {
        return Err(malformed());
    }
    let clock_rate = parse_number(attribute, clock_rate)?;
    if clock_rate == 0 {
        return Err(SdpError::at(attribute.line, "a=rtpmap: clock rate is zero"));
    }
    let channels = parts
        .next()
        .map(|n| parse_number(attribute, n))
        .transpose()?;
    Ok(codec(
        format!("{}/{name}", section.media),
        payload_type,
        clock_rate,
        channels,
    ))
}

/// Keys in lower case; a word without `=` becomes a key with an empty value.
fn read_fmtp(
    attribute: &Attribute,
    codecs: &mut BTreeMap<u8, CodecParameters>,
) -> Result<(), SdpError> {
    let Some((payload_type, list)) = attribute.value.split_once(char::is_whitespace) else {
        return Ok(());
    };
    let payload_type = read_payload_type(attribute.line, payload_type)?;
    let Some(codec) = codecs.get_mut(&payload_type) else {
        return Ok(());
    };
    for pair in list
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
    {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if key.trim().is_empty() {
            return Err(SdpError::at(
                attribute.line,
                "a=fmtp: a value without a name",
            ));
        }
        codec
            .parameters
            .insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok(())
}

/// RFC 4585 section 4.2; `*` means every payload type of the section.
fn read_feedback(
    attribute: &Attribute,
    codecs: &mut BTreeMap<u8, CodecParameters>,
) -> Result<(), SdpError> {
    let mut words = attribute.value.split_whitespace();
    let payload_type = words.next().unwrap_or_default();
    let feedback = words.collect::<Vec<_>>().join(" ");
    if feedback.is_empty() {
        return Err(SdpError::at(attribute.line, "a=rtcp-fb names no feedback"));
    }
    let only = match payload_type {
        "*" => None,
        number => Some(read_payload_type(attribute.line, number)?),
    };
    for codec in codecs.values_mut() {
        let wanted = only.is_none_or(|payload_type| payload_type == codec.payload_type);
        if wanted && !codec.rtcp_feedback.contains(&feedback) {
            codec.rtcp_feedback.push(feedback.clone());
        }
    }
    Ok(())
}

/// RFC 8285 section 5. Ids above 255 stand for "assign me one" (section 6) and are not usable as they are.
fn read_extension(
    attribute: &Attribute,
    extensions: &mut Vec<ExtensionMap>,
) -> Result<(), SdpError> {
    let mut words = attribute.value.split_whitespace();
    let (Some(id), Some(uri)) = (words.next(), words.next()) else {
        return Err(SdpError::at(attribute.line, "a=extmap is not <id> <uri>"));
    };
    let (id, direction) = match id.split_once('/') {
        Some((id, name)) => (
            id,
            Direction::from_name(name)
                .ok_or_else(|| SdpError::at(attribute.line, "a=extmap: unknown direction"))?,
        ),
        None => (id, Direction::SendRecv),
    };
    let id = match parse_number::<u16>(attribute, id)? {
        0 => {
            return Err(SdpError::at(
                attribute.line,
                "a=extmap: id 0 is reserved for padding",
            ));
        }
        id => match u8::try_from(id) {
            Ok(id) => id,
            Err(_) => return Ok(()),
        },
    };
    if extensions.len() == MAX_EXTENSIONS {
        return Err(SdpError::TooLarge(format!(
            "more than {MAX_EXTENSIONS} header extensions"
        )));
    }
    if extensions.iter().any(|e| e.id == id) {
        return Err(SdpError::at(
            attribute.line,
            format!("a=extmap: id {id} stands twice"),
        ));
    }
    extensions.push(ExtensionMap {
        uri: uri.to_owned(),
        id,
        direction,
    });
    Ok(())
}
