//! The RTP attributes of one section: codecs, header extensions, streams and simulcast. Refuses to know transports.

use std::collections::{BTreeMap, BTreeSet};

use medianode_sfu::params::{CodecParameters, Encoding};

use super::description::{
    Direction, ExtensionMap, Kind, Media, Msid, Rid, RidDirection, Simulcast, SimulcastStream,
};
use super::read::parse_number;
use super::syntax::{Attribute, Section};
use super::{MAX_CODECS, MAX_EXTENSIONS, MAX_RIDS, MAX_SSRCS, SdpError};

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

/// The rid of each stream that the writer sends: the first alternative of each simulcast stream, or the plain `a=rid`s.
fn sending_rids(media: &Media) -> impl Iterator<Item = &str> {
    let simulcast = media
        .simulcast
        .send
        .iter()
        .filter_map(|s| s.first())
        .map(|s| s.rid.as_str());
    let plain = media
        .rids
        .iter()
        .filter(|rid| media.simulcast.send.is_empty() && rid.direction == RidDirection::Send)
        .map(|rid| rid.id.as_str());
    simulcast.chain(plain)
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
fn read_payload_type(line: usize, text: &str) -> Result<u8, SdpError> {
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

/// SSRCs in the order of their first mention, and how they belong together (RFC 5576).
#[derive(Default)]
struct Streams {
    ssrcs: Vec<u32>,
    /// `FID`: primary and its retransmission (RFC 4588 section 8.8).
    pairs: Vec<(u32, u32)>,
    /// `SIM`: layers of one source, lowest first, as older clients announce them.
    layers: Vec<u32>,
    /// SSRCs of error correction, which is not a stream to us.
    repair: Vec<u32>,
}

impl Streams {
    fn take_ssrc(&mut self, attribute: &Attribute, media: &mut Media) -> Result<(), SdpError> {
        let (ssrc, rest) = attribute
            .value
            .split_once(char::is_whitespace)
            .unwrap_or((&attribute.value, ""));
        let ssrc: u32 = parse_number(attribute, ssrc)?;
        if !self.ssrcs.contains(&ssrc) {
            if self.ssrcs.len() == MAX_SSRCS {
                return Err(SdpError::TooLarge(format!("more than {MAX_SSRCS} SSRCs")));
            }
            self.ssrcs.push(ssrc);
        }
        let (key, value) = rest.trim().split_once(':').unwrap_or((rest.trim(), ""));
        match key {
            "cname" if media.cname.is_none() && !value.is_empty() => {
                media.cname = Some(value.to_owned());
            }
            "msid" if media.msid.is_none() => {
                let mut words = value.split_whitespace();
                media.msid = words.next().map(|stream| Msid {
                    stream: stream.to_owned(),
                    track: words.next().map(str::to_owned),
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn take_group(&mut self, attribute: &Attribute) -> Result<(), SdpError> {
        let mut words = attribute.value.split_whitespace();
        let semantics = words.next().unwrap_or_default();
        let ssrcs = words
            .map(|word| parse_number(attribute, word))
            .collect::<Result<Vec<u32>, _>>()?;
        if ssrcs.len() > MAX_SSRCS {
            return Err(SdpError::TooLarge(format!("more than {MAX_SSRCS} SSRCs")));
        }
        match (semantics, &ssrcs[..]) {
            ("FID", &[primary, repair]) if primary != repair => {
                if self
                    .pairs
                    .iter()
                    .any(|(p, r)| *p == primary || *r == repair || *r == primary || *p == repair)
                {
                    return Err(SdpError::at(
                        attribute.line,
                        "a=ssrc-group: SSRC in two FID pairs",
                    ));
                }
                self.pairs.push((primary, repair));
            }
            ("FID", _) => {
                return Err(SdpError::at(
                    attribute.line,
                    "a=ssrc-group:FID needs two SSRCs",
                ));
            }
            ("SIM", layers) => self.layers = layers.to_vec(),
            ("FEC" | "FEC-FR", [_, repair @ ..]) => self.repair.extend(repair),
            _ => {}
        }
        Ok(())
    }

    /// Primaries that `a=ssrc` announces, in the order of the `SIM` group where there is one.
    fn encodings(&self) -> Vec<Encoding> {
        let is_repair =
            |ssrc: u32| self.repair.contains(&ssrc) || self.pairs.iter().any(|(_, r)| *r == ssrc);
        let mut primaries: Vec<u32> = self
            .ssrcs
            .iter()
            .copied()
            .filter(|ssrc| !is_repair(*ssrc))
            .collect();
        primaries.sort_by_key(|ssrc| self.layers.iter().position(|l| l == ssrc));
        primaries
            .into_iter()
            .map(|ssrc| Encoding {
                ssrc: Some(ssrc),
                rtx_ssrc: self
                    .pairs
                    .iter()
                    .find(|(p, _)| *p == ssrc)
                    .map(|(_, rtx)| *rtx),
                ..Encoding::default()
            })
            .collect()
    }
}

/// RFC 8851 section 10: `1*(alpha-numeric / "-" / "_")`; it must fit one SDES item, hence 255 (RFC 8852 section 3.1).
fn is_rid(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn read_rid(attribute: &Attribute, rids: &mut Vec<Rid>) -> Result<(), SdpError> {
    let mut words = attribute.value.splitn(3, ' ');
    let id = words.next().unwrap_or_default();
    if !is_rid(id) {
        return Err(SdpError::at(
            attribute.line,
            "a=rid: id is not 1-255 letters, digits, - or _",
        ));
    }
    let direction = match words.next() {
        Some("send") => RidDirection::Send,
        Some("recv") => RidDirection::Recv,
        _ => {
            return Err(SdpError::at(
                attribute.line,
                "a=rid: direction is not send or recv",
            ));
        }
    };
    if rids
        .iter()
        .any(|rid| rid.id == id && rid.direction == direction)
    {
        return Err(SdpError::at(
            attribute.line,
            format!("a=rid: {id} stands twice"),
        ));
    }
    if rids.len() == MAX_RIDS {
        return Err(SdpError::TooLarge(format!("more than {MAX_RIDS} rids")));
    }
    let mut rid = Rid {
        id: id.to_owned(),
        direction,
        payload_types: Vec::new(),
        restrictions: BTreeMap::new(),
    };
    let restrictions = words.next().unwrap_or_default();
    for pair in restrictions
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
    {
        match pair.split_once('=') {
            Some(("pt", list)) => {
                for payload_type in list.split(',') {
                    rid.payload_types
                        .push(read_payload_type(attribute.line, payload_type.trim())?);
                }
            }
            Some((key, value)) => {
                rid.restrictions
                    .insert(key.trim().to_owned(), value.trim().to_owned());
            }
            None => {
                rid.restrictions.insert(pair.to_owned(), String::new());
            }
        }
    }
    rids.push(rid);
    Ok(())
}

/// `a=simulcast:send q;h,h2;~f recv ...`. Older drafts wrote `send rid=q;h;f`.
fn read_simulcast(attribute: &Attribute) -> Result<Simulcast, SdpError> {
    let mut simulcast = Simulcast::default();
    let mut words = attribute.value.split_whitespace();
    while let Some(direction) = words.next() {
        let list = words.next().unwrap_or_default();
        let list = list.strip_prefix("rid=").unwrap_or(list);
        let streams = list
            .split(';')
            .map(|stream| {
                stream
                    .split(',')
                    .map(|rid| read_stream(attribute, rid))
                    .collect()
            })
            .collect::<Result<Vec<Vec<_>>, _>>()?;
        if streams.iter().map(Vec::len).sum::<usize>() > MAX_RIDS {
            return Err(SdpError::TooLarge(format!(
                "more than {MAX_RIDS} simulcast streams"
            )));
        }
        let slot = match direction {
            "send" => &mut simulcast.send,
            "recv" => &mut simulcast.recv,
            _ => {
                return Err(SdpError::at(
                    attribute.line,
                    "a=simulcast: send or recv expected",
                ));
            }
        };
        if !std::mem::replace(slot, streams).is_empty() {
            return Err(SdpError::at(
                attribute.line,
                "a=simulcast: a direction stands twice",
            ));
        }
    }
    Ok(simulcast)
}

fn read_stream(attribute: &Attribute, text: &str) -> Result<SimulcastStream, SdpError> {
    let (paused, rid) = match text.strip_prefix('~') {
        Some(rid) => (true, rid),
        None => (false, text),
    };
    if !is_rid(rid) {
        return Err(SdpError::at(
            attribute.line,
            format!("a=simulcast: {rid:?} is not a rid"),
        ));
    }
    Ok(SimulcastStream {
        rid: rid.to_owned(),
        paused,
    })
}

/// RFC 8853 section 5.1: every stream has its `a=rid` of that direction, and none stands twice.
fn check_simulcast(section: &Section, media: &Media) -> Result<(), SdpError> {
    let line = section
        .attributes
        .iter()
        .find(|a| a.key == "simulcast")
        .map_or(section.line, |a| a.line);
    let lists = [
        (&media.simulcast.send, RidDirection::Send),
        (&media.simulcast.recv, RidDirection::Recv),
    ];
    for (streams, direction) in lists {
        let mut seen = BTreeSet::new();
        for stream in streams.iter().flatten() {
            if !media
                .rids
                .iter()
                .any(|r| r.id == stream.rid && r.direction == direction)
            {
                let reason = format!(
                    "a=simulcast: {} has no a=rid {}",
                    stream.rid,
                    direction.name()
                );
                return Err(SdpError::at(line, reason));
            }
            if !seen.insert(&stream.rid) {
                return Err(SdpError::at(
                    line,
                    format!("a=simulcast: {} stands twice", stream.rid),
                ));
            }
        }
    }
    Ok(())
}
