//! Which streams a section announces: SSRCs and their groups (RFC 5576), rids (RFC 8851), simulcast (RFC 8853). Refuses to know codecs.

use std::collections::{BTreeMap, BTreeSet};

use medianode_sfu::params::Encoding;

use super::description::{Media, Msid, Rid, RidDirection, Simulcast, SimulcastStream};
use super::read::parse_number;
use super::rtp_section::read_payload_type;
use super::syntax::{Attribute, Section};
use super::{MAX_RIDS, MAX_SSRCS, SdpError};

/// The rid of each stream that the writer sends: the first alternative of each simulcast stream, or the plain `a=rid`s.
pub(super) fn sending_rids(media: &Media) -> impl Iterator<Item = &str> {
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

/// SSRCs in the order of their first mention, and how they belong together (RFC 5576).
#[derive(Default)]
pub(super) struct Streams {
    ssrcs: Vec<u32>,
    /// `FID`: primary and its retransmission (RFC 4588 section 8.8).
    pairs: Vec<(u32, u32)>,
    /// `SIM`: layers of one source, lowest first, as older clients announce them.
    layers: Vec<u32>,
    /// SSRCs of error correction, which is not a stream to us.
    repair: Vec<u32>,
}

impl Streams {
    pub(super) fn take_ssrc(
        &mut self,
        attribute: &Attribute,
        media: &mut Media,
    ) -> Result<(), SdpError> {
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

    pub(super) fn take_group(&mut self, attribute: &Attribute) -> Result<(), SdpError> {
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
    pub(super) fn encodings(&self) -> Vec<Encoding> {
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

pub(super) fn read_rid(attribute: &Attribute, rids: &mut Vec<Rid>) -> Result<(), SdpError> {
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
pub(super) fn read_simulcast(attribute: &Attribute) -> Result<Simulcast, SdpError> {
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
pub(super) fn check_simulcast(section: &Section, media: &Media) -> Result<(), SdpError> {
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
