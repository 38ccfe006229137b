//! A [`Description`] into text, CRLF, in the order that browsers print. Owns the printing; refuses to decide anything.

use std::fmt::Write as _;

use medianode_sfu::params::{CodecParameters, Encoding};

use super::description::{Description, Direction, ExtensionMap, Kind, Media, Rid, SimulcastStream};
use crate::params::{DtlsRole, IceCandidate, Protocol};

/// Prints a description. What [`super::read`] makes of it is the same description.
pub fn write(description: &Description) -> String {
    let mut text = Printer(String::with_capacity(4096));
    text.line(format_args!("v=0"));
    text.line(format_args!(
        "o=- {} 2 IN IP4 127.0.0.1",
        description.session_id
    ));
    text.line(format_args!("s=-"));
    text.line(format_args!("t=0 0"));
    if !description.bundle.is_empty() {
        text.line(format_args!(
            "a=group:BUNDLE {}",
            description.bundle.join(" ")
        ));
    }
    if description.ice_lite {
        text.line(format_args!("a=ice-lite"));
    }
    if description.extmap_allow_mixed {
        text.line(format_args!("a=extmap-allow-mixed"));
    }
    text.line(format_args!("a=msid-semantic: WMS *"));
    let tagged = description.tagged();
    if description.media.is_empty() {
        text.transport(description);
        text.candidates(&description.candidates, description.end_of_candidates);
    }
    for (index, media) in description.media.iter().enumerate() {
        text.media(description, media, tagged == Some(index));
    }
    text.0
}

pub(super) struct Printer(pub String);

impl Printer {
    pub(super) fn line(&mut self, content: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(content)
            .expect("writing to a String cannot fail");
        self.0.push_str("\r\n");
    }

    fn flag(&mut self, set: bool, name: &str) {
        if set {
            self.line(format_args!("a={name}"));
        }
    }

    fn media(&mut self, description: &Description, media: &Media, tagged: bool) {
        let default = default_candidate(description).filter(|_| tagged && !media.rejected);
        let port = match default {
            _ if media.rejected || media.bundle_only => 0,
            Some(candidate) => candidate.port,
            None => 9,
        };
        self.line(format_args!("m={}", media_line(media, port)));
        match default {
            Some(candidate) => {
                let family = if candidate.ip.is_ipv4() { "IP4" } else { "IP6" };
                self.line(format_args!("c=IN {family} {}", candidate.ip));
            }
            None => self.line(format_args!("c=IN IP4 0.0.0.0")),
        }
        if !media.mid.is_empty() {
            self.line(format_args!("a=mid:{}", media.mid));
        }
        self.flag(media.bundle_only, "bundle-only");
        if tagged || !media.rejected {
            self.transport(description);
            // RFC 8829 section 5.3.1 wants candidates in one section of a bundle; some clients look at the last alone.
            self.candidates(&description.candidates, description.end_of_candidates);
        }
        if media.kind == Kind::Application {
            self.sctp(media);
        } else {
            self.rtp(media);
        }
    }

    /// Credentials, fingerprints and role, the same in every bundled section.
    fn transport(&mut self, description: &Description) {
        if let Some(ice) = &description.ice {
            self.line(format_args!("a=ice-ufrag:{}", ice.username_fragment));
            self.line(format_args!("a=ice-pwd:{}", ice.password));
        }
        if !description.ice_options.is_empty() {
            self.line(format_args!(
                "a=ice-options:{}",
                description.ice_options.join(" ")
            ));
        }
        if let Some(dtls) = &description.dtls {
            for fingerprint in &dtls.fingerprints {
                let (algorithm, value) = (&fingerprint.algorithm, &fingerprint.value);
                self.line(format_args!("a=fingerprint:{algorithm} {value}"));
            }
            let setup = match dtls.role {
                DtlsRole::Auto => "actpass",
                DtlsRole::Client => "active",
                DtlsRole::Server => "passive",
            };
            self.line(format_args!("a=setup:{setup}"));
        }
    }

    pub(super) fn candidates(&mut self, candidates: &[IceCandidate], end: bool) {
        for candidate in candidates {
            let IceCandidate {
                foundation,
                priority,
                ip,
                port,
                protocol,
            } = candidate;
            let (transport, tcp_type) = match protocol {
                Protocol::Udp => ("udp", ""),
                Protocol::Tcp => ("tcp", " tcptype passive"),
            };
            self.line(format_args!(
                "a=candidate:{foundation} 1 {transport} {priority} {ip} {port} typ host{tcp_type}"
            ));
        }
        self.flag(end, "end-of-candidates");
    }

    fn sctp(&mut self, media: &Media) {
        if let Some(sctp) = media.sctp {
            self.line(format_args!("a=sctp-port:{}", sctp.port));
            self.line(format_args!("a=max-message-size:{}", sctp.max_message_size));
        }
    }

    fn rtp(&mut self, media: &Media) {
        self.line(format_args!("a=rtcp:9 IN IP4 0.0.0.0"));
        self.line(format_args!("a={}", media.direction.name()));
        self.flag(media.rtcp_mux, "rtcp-mux");
        self.flag(media.rtcp_mux_only, "rtcp-mux-only");
        self.flag(media.rtcp_rsize, "rtcp-rsize");
        for codec in &media.codecs {
            self.codec(codec);
        }
        for extension in &media.header_extensions {
            self.extension(extension);
        }
        if let Some(msid) = &media.msid {
            match &msid.track {
                Some(track) => self.line(format_args!("a=msid:{} {track}", msid.stream)),
                None => self.line(format_args!("a=msid:{}", msid.stream)),
            }
        }
        for rid in &media.rids {
            self.rid(rid);
        }
        if !media.simulcast.is_empty() {
            let lists = [
                ("send", &media.simulcast.send),
                ("recv", &media.simulcast.recv),
            ];
            let lists = lists.into_iter().filter(|(_, streams)| !streams.is_empty());
            let lists = join(
                lists.map(|(name, list)| format!("{name} {}", simulcast(list))),
                " ",
            );
            self.line(format_args!("a=simulcast:{lists}"));
        }
        for encoding in &media.encodings {
            self.encoding(encoding, media);
        }
    }

    fn codec(&mut self, codec: &CodecParameters) {
        let payload_type = codec.payload_type;
        let name = codec
            .mime_type
            .split_once('/')
            .map_or(&*codec.mime_type, |(_, name)| name);
        let rate = codec.clock_rate;
        match codec.channels {
            Some(channels) => self.line(format_args!(
                "a=rtpmap:{payload_type} {name}/{rate}/{channels}"
            )),
            None => self.line(format_args!("a=rtpmap:{payload_type} {name}/{rate}")),
        }
        for feedback in &codec.rtcp_feedback {
            self.line(format_args!("a=rtcp-fb:{payload_type} {feedback}"));
        }
        if !codec.parameters.is_empty() {
            self.line(format_args!(
                "a=fmtp:{payload_type} {}",
                join(codec.parameters.iter().map(pair), ";")
            ));
        }
    }

    fn extension(&mut self, extension: &ExtensionMap) {
        let ExtensionMap { uri, id, direction } = extension;
        match direction {
            Direction::SendRecv => self.line(format_args!("a=extmap:{id} {uri}")),
            direction => self.line(format_args!("a=extmap:{id}/{} {uri}", direction.name())),
        }
    }

    fn rid(&mut self, rid: &Rid) {
        let types = (!rid.payload_types.is_empty())
            .then(|| format!("pt={}", join(rid.payload_types.iter(), ",")));
        let restrictions = join(
            types.into_iter().chain(rid.restrictions.iter().map(pair)),
            ";",
        );
        let separator = if restrictions.is_empty() { "" } else { " " };
        self.line(format_args!(
            "a=rid:{} {}{separator}{restrictions}",
            rid.id,
            rid.direction.name()
        ));
    }

    fn encoding(&mut self, encoding: &Encoding, media: &Media) {
        let Some(ssrc) = encoding.ssrc else { return };
        if let Some(rtx) = encoding.rtx_ssrc {
            self.line(format_args!("a=ssrc-group:FID {ssrc} {rtx}"));
        }
        // A stream without CNAME still needs a line of its own to be announced (RFC 5576 section 4.1).
        let cname = media.cname.as_deref().unwrap_or_default();
        for ssrc in std::iter::once(ssrc).chain(encoding.rtx_ssrc) {
            self.line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
            if let Some(msid) = &media.msid {
                let track = msid.track.as_deref().unwrap_or_default();
                self.line(format_args!("a=ssrc:{ssrc} msid:{} {track}", msid.stream));
            }
        }
    }
}

fn media_line(media: &Media, port: u16) -> String {
    let formats = match media.kind {
        Kind::Application => "webrtc-datachannel".to_owned(),
        // The line needs a format; this one maps to nothing.
        _ if media.codecs.is_empty() => "127".to_owned(),
        _ => join(media.codecs.iter().map(|codec| codec.payload_type), " "),
    };
    format!("{} {port} {} {formats}", media.kind.name(), media.protocol)
}

/// The `m=` value of a trickle message: it stands for a section without describing it (RFC 8840 section 9.2).
pub(super) fn pseudo_media_line(media: &Media) -> String {
    media_line(media, 9)
}

/// RFC 8839 section 4.2.1.2: what a peer without ICE would use.
fn default_candidate(description: &Description) -> Option<&IceCandidate> {
    description
        .candidates
        .iter()
        .find(|candidate| candidate.protocol == Protocol::Udp)
}

fn simulcast(streams: &[Vec<SimulcastStream>]) -> String {
    let rid = |stream: &SimulcastStream| {
        format!("{}{}", if stream.paused { "~" } else { "" }, stream.rid)
    };
    join(
        streams
            .iter()
            .map(|alternatives| join(alternatives.iter().map(rid), ",")),
        ";",
    )
}

fn pair((key, value): (&String, &String)) -> String {
    if value.is_empty() {
        key.clone()
    } else {
        format!("{key}={value}")
    }
}

fn join<T: ToString>(items: impl Iterator<Item = T>, separator: &str) -> String {
    items
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(separator)
}
