//! Lines into sections of attributes, with limits before anything is parsed. The only file that names `rtc-sdp`; refuses to know
//! what an attribute means.

use std::io::Cursor;

use rtc_sdp::SessionDescription;
use rtc_sdp::description::common::Attribute as RawAttribute;

use super::{MAX_BYTES, MAX_LINE_BYTES, MAX_LINES, MAX_MEDIA, SdpError};

/// `a=key:value` with the line it stands on.
#[derive(Debug)]
pub(super) struct Attribute {
    pub line: usize,
    pub key: String,
    /// Empty for a flag.
    pub value: String,
}

/// One `m=` section, uninterpreted.
#[derive(Debug)]
pub(super) struct Section {
    pub line: usize,
    pub media: String,
    pub port: u16,
    pub protocol: String,
    pub formats: Vec<String>,
    pub attributes: Vec<Attribute>,
}

/// A whole description, uninterpreted.
#[derive(Debug)]
pub(super) struct Session {
    pub session_id: u64,
    pub attributes: Vec<Attribute>,
    pub sections: Vec<Section>,
}

/// Checks limits and the form of each line (RFC 8866 section 5), then parses. CRLF and LF both end a line.
pub(super) fn parse(text: &str) -> Result<Session, SdpError> {
    let scan = scan(text)?;
    let raw = SessionDescription::unmarshal(&mut Cursor::new(scan.text.as_bytes()))
        .map_err(|error| SdpError::at(1, format!("not a session description: {error}")))?;
    if raw.media_descriptions.len() != scan.media.len() {
        return Err(SdpError::at(
            1,
            "not a session description: m= sections are out of order",
        ));
    }
    let session_id = raw.origin.session_id;
    let mut sections = Vec::with_capacity(scan.media.len());
    for (lines, raw) in scan.media.into_iter().zip(raw.media_descriptions) {
        sections.push(Section {
            line: lines.line,
            media: raw.media_name.media,
            port: u16::try_from(raw.media_name.port.value)
                .map_err(|_| SdpError::at(lines.line, "port is not 0-65535"))?,
            protocol: raw.media_name.protos.join("/"),
            formats: raw.media_name.formats,
            attributes: number(lines.attributes, raw.attributes),
        });
    }
    Ok(Session {
        session_id,
        attributes: number(scan.attributes, raw.attributes),
        sections,
    })
}

/// Every line as `(number, type, value)`, limits checked.
pub(super) fn lines(text: &str) -> Result<Vec<(usize, u8, &str)>, SdpError> {
    if text.len() > MAX_BYTES {
        return Err(SdpError::TooLarge(format!(
            "{} bytes, limit {MAX_BYTES}",
            text.len()
        )));
    }
    let mut lines = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        if number > MAX_LINES {
            return Err(SdpError::TooLarge(format!("more than {MAX_LINES} lines")));
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if line.len() > MAX_LINE_BYTES {
            return Err(SdpError::TooLarge(format!(
                "line {number} has {} bytes, limit {MAX_LINE_BYTES}",
                line.len()
            )));
        }
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(SdpError::at(number, "control character"));
        }
        let (kind, value) = match line.as_bytes() {
            [kind, b'=', ..] if kind.is_ascii_lowercase() => (*kind, &line[2..]),
            _ => return Err(SdpError::at(number, "not of the form <letter>=<value>")),
        };
        lines.push((number, kind, value));
    }
    Ok(lines)
}

#[derive(Default)]
struct MediaLines {
    line: usize,
    attributes: Vec<usize>,
}

#[derive(Default)]
struct Scan {
    /// The lines that matter to us, each known to be well formed.
    text: String,
    attributes: Vec<usize>,
    media: Vec<MediaLines>,
}

fn scan(text: &str) -> Result<Scan, SdpError> {
    let mut scan = Scan {
        text: String::with_capacity(text.len()),
        ..Scan::default()
    };
    for (number, kind, value) in lines(text)? {
        match kind {
            b'm' => {
                if scan.media.len() == MAX_MEDIA {
                    return Err(SdpError::TooLarge(format!(
                        "more than {MAX_MEDIA} m= lines"
                    )));
                }
                check_media_line(number, value)?;
                scan.media.push(MediaLines {
                    line: number,
                    attributes: Vec::new(),
                });
            }
            b'a' => match scan.media.last_mut() {
                Some(media) => media.attributes.push(number),
                None => scan.attributes.push(number),
            },
            b'v' | b'o' | b's' | b't' if scan.media.is_empty() => {}
            // Titles, contacts, connection data, bandwidth and time zones say nothing to a bundled ICE session.
            _ => continue,
        }
        scan.text.push(char::from(kind));
        scan.text.push('=');
        scan.text.push_str(value.trim());
        scan.text.push_str("\r\n");
    }
    Ok(scan)
}

fn check_media_line(number: usize, value: &str) -> Result<(), SdpError> {
    let fields: Vec<&str> = value.split_whitespace().collect();
    let [media, port, _, _, ..] = fields[..] else {
        return Err(SdpError::at(
            number,
            "m= needs media, port, protocol and format",
        ));
    };
    if !matches!(media, "audio" | "video" | "application") {
        return Err(SdpError::Unsupported(format!("line {number}: m={media}")));
    }
    port.parse::<u16>()
        .map(drop)
        .map_err(|_| SdpError::at(number, "port is not 0-65535"))
}

fn number(lines: Vec<usize>, raw: Vec<RawAttribute>) -> Vec<Attribute> {
    lines
        .into_iter()
        .zip(raw)
        .map(|(line, raw)| Attribute {
            line,
            key: raw.key,
            value: raw.value.map(|v| v.trim().to_owned()).unwrap_or_default(),
        })
        .collect()
}
