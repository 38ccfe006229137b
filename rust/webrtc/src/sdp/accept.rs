//! What of an offered section this node can carry, the same for publishers and players. Refuses to know which way media goes.

use medianode_sfu::params::{CodecParameters, extension_uri};

use super::SdpError;
use super::description::{Description, Direction, ExtensionMap, Kind, Media};
use crate::params::SctpParameters;

/// Our side of SCTP: the port of every WebRTC implementation (RFC 8841 section 5.1 leaves it free), and what browsers accept.
const SCTP: SctpParameters = SctpParameters {
    port: 5000,
    max_message_size: 262_144,
};

/// What the core forwards, each with the clock rate its payload format fixes.
const CODECS: [(&str, u32); 10] = [
    ("audio/opus", 48_000),
    ("audio/PCMU", 8000),
    ("audio/PCMA", 8000),
    ("audio/G722", 8000),
    ("video/VP8", 90_000),
    ("video/VP9", 90_000),
    ("video/H264", 90_000),
    ("video/H265", 90_000),
    ("video/AV1", 90_000),
    ("video/AV1X", 90_000),
];

const FEEDBACK: [&str; 5] = ["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"];

const EXTENSIONS: [&str; 11] = [
    extension_uri::MID,
    extension_uri::RID,
    extension_uri::REPAIRED_RID,
    extension_uri::AUDIO_LEVEL,
    extension_uri::TRANSPORT_CC,
    extension_uri::ABS_SEND_TIME,
    extension_uri::DEPENDENCY_DESCRIPTOR,
    extension_uri::VIDEO_ORIENTATION,
    extension_uri::TRANSMISSION_OFFSET,
    extension_uri::ABS_CAPTURE_TIME,
    extension_uri::PLAYOUT_DELAY,
];

/// What RFC 9725 section 4 asks of an offer: ICE, DTLS, one transport for everything, RTCP on the same port.
pub(super) fn check_offer(offer: &Description) -> Result<(), SdpError> {
    let unsupported = |reason: String| Err(SdpError::Unsupported(reason));
    if offer.media.is_empty() {
        return unsupported("the offer has no m= section".into());
    }
    if offer.ice.is_none() {
        return unsupported("the offer has no ICE credentials".into());
    }
    if offer.ice_lite {
        return unsupported("ICE-lite on both sides".into());
    }
    if offer.dtls.is_none() {
        return unsupported("the offer has no DTLS fingerprint that we know".into());
    }
    let live: Vec<&Media> = offer.media.iter().filter(|media| !media.rejected).collect();
    if offer.bundle.is_empty() && live.len() > 1 {
        return unsupported("several m= sections without a=group:BUNDLE".into());
    }
    for media in &live {
        if !offer.bundle.is_empty() && !offer.bundle.contains(&media.mid) {
            return unsupported(format!(
                "section {:?} is not in the BUNDLE group",
                media.mid
            ));
        }
        if media.kind != Kind::Application && !media.rtcp_mux && !media.rtcp_mux_only {
            return unsupported(format!("section {:?} without a=rtcp-mux", media.mid));
        }
    }
    check_shared_numbers(&live)
}

/// RFC 8843 sections 10.1.2 and 15: in one BUNDLE group a payload type means one codec and an id one header extension.
fn check_shared_numbers(live: &[&Media]) -> Result<(), SdpError> {
    let mut codecs: [Option<&CodecParameters>; 128] = [None; 128];
    let mut extensions: [Option<&ExtensionMap>; 256] = [None; 256];
    for media in live {
        for codec in &media.codecs {
            let Some(slot) = codecs.get_mut(usize::from(codec.payload_type)) else {
                continue;
            };
            let known = slot.get_or_insert(codec);
            if !known.mime_type.eq_ignore_ascii_case(&codec.mime_type)
                || known.clock_rate != codec.clock_rate
            {
                let number = codec.payload_type;
                return Err(SdpError::Unsupported(format!(
                    "payload type {number} means two codecs in one BUNDLE group"
                )));
            }
        }
        for extension in &media.header_extensions {
            let known = extensions[usize::from(extension.id)].get_or_insert(extension);
            if known.uri != extension.uri {
                return Err(SdpError::Unsupported(format!(
                    "a=extmap id {} means two header extensions in one BUNDLE group",
                    extension.id
                )));
            }
        }
    }
    Ok(())
}

/// The offered codecs that we forward and their retransmission, in the offerer's order, with the feedback that we answer.
pub(super) fn codecs(offer: &Media) -> Vec<CodecParameters> {
    let has_transport_cc = offer
        .header_extensions
        .iter()
        .any(|e| e.uri == extension_uri::TRANSPORT_CC);
    let is_media = |codec: &&CodecParameters| {
        CODECS.iter().any(|(mime_type, clock_rate)| {
            mime_type.eq_ignore_ascii_case(&codec.mime_type) && *clock_rate == codec.clock_rate
        })
    };
    let media: Vec<u8> = offer
        .codecs
        .iter()
        .filter(is_media)
        .map(|c| c.payload_type)
        .collect();
    let accepted = offer.codecs.iter().filter(|codec| {
        media.contains(&codec.payload_type)
            || repaired(codec).is_some_and(|payload_type| media.contains(&payload_type))
    });
    accepted
        .map(|codec| CodecParameters {
            rtcp_feedback: feedback(codec, has_transport_cc),
            ..codec.clone()
        })
        .collect()
}

/// The payload type that an RTX codec repairs (RFC 4588 section 8.6).
fn repaired(codec: &CodecParameters) -> Option<u8> {
    let is_rtx = codec.mime_type.to_ascii_lowercase().ends_with("/rtx");
    codec.parameters.get("apt").filter(|_| is_rtx)?.parse().ok()
}

/// One congestion signal per codec: transport-wide feedback where its sequence numbers are there too, else REMB.
fn feedback(codec: &CodecParameters, has_transport_cc: bool) -> Vec<String> {
    let offers_cc = has_transport_cc && codec.rtcp_feedback.iter().any(|f| f == "transport-cc");
    let refused = if offers_cc {
        "goog-remb"
    } else {
        "transport-cc"
    };
    codec
        .rtcp_feedback
        .iter()
        .filter(|f| *f != refused && FEEDBACK.contains(&f.as_str()))
        .cloned()
        .collect()
}

/// The header extensions that we know and that may go the way `allowed` says, as the offerer sees it. The answer mirrors the
/// direction (RFC 8285 section 6).
pub(super) fn extensions(offer: &Media, allowed: fn(Direction) -> bool) -> Vec<ExtensionMap> {
    let mut accepted: Vec<ExtensionMap> = Vec::new();
    for extension in &offer.header_extensions {
        let known = EXTENSIONS.contains(&extension.uri.as_str()) && allowed(extension.direction);
        // A URI may be offered under several ids, one for each direction; the first that fits is enough.
        if known && !accepted.iter().any(|a| a.uri == extension.uri) {
            let direction = mirrored(extension.direction);
            accepted.push(ExtensionMap {
                direction,
                ..extension.clone()
            });
        }
    }
    accepted
}

fn mirrored(direction: Direction) -> Direction {
    match direction {
        Direction::SendOnly => Direction::RecvOnly,
        Direction::RecvOnly => Direction::SendOnly,
        symmetric => symmetric,
    }
}

/// An answering section that carries nothing yet.
pub(super) fn answer(offer: &Media, codecs: Vec<CodecParameters>) -> Media {
    let is_rtp = offer.kind != Kind::Application;
    Media {
        mid: offer.mid.clone(),
        kind: offer.kind,
        protocol: offer.protocol.clone(),
        direction: if is_rtp {
            Direction::Inactive
        } else {
            Direction::SendRecv
        },
        rtcp_mux: is_rtp,
        rtcp_rsize: offer.rtcp_rsize,
        codecs,
        ..Media::default()
    }
}

/// Port zero, with one format since the `m=` line needs it (RFC 3264 section 6).
pub(super) fn rejected(offer: &Media) -> Media {
    let codecs = offer.codecs.iter().take(1).cloned().collect();
    Media {
        rejected: true,
        ..answer(offer, codecs)
    }
}

/// The answer to a data channel section (RFC 8841 section 10.2).
pub(super) fn application(offer: &Media) -> Media {
    Media {
        direction: Direction::SendRecv,
        sctp: Some(SCTP),
        ..answer(offer, Vec::new())
    }
}

/// Can we carry data channels for this section?
pub(super) fn is_data_channel(offer: &Media) -> bool {
    !offer.rejected && offer.sctp.is_some() && offer.protocol.ends_with("DTLS/SCTP")
}

/// RTP over DTLS-SRTP with feedback (RFC 5764), whatever lies below.
pub(super) fn is_secure_rtp(offer: &Media) -> bool {
    !offer.rejected
        && matches!(
            offer.protocol.as_str(),
            "UDP/TLS/RTP/SAVPF" | "TCP/TLS/RTP/SAVPF" | "RTP/SAVPF"
        )
}

/// RFC 7587 section 7: what we would like to receive, as far as the offerer spoke of it. We never decode, so the offer's limits stand.
pub(super) fn opus_answer(codec: &mut CodecParameters) {
    if !codec.mime_type.eq_ignore_ascii_case("audio/opus") {
        return;
    }
    let sends_stereo = codec
        .parameters
        .remove("sprop-stereo")
        .is_some_and(|v| v == "1");
    codec.parameters.insert("useinbandfec".into(), "1".into());
    codec
        .parameters
        .entry("minptime".into())
        .or_insert_with(|| "10".into());
    if sends_stereo {
        codec.parameters.insert("stereo".into(), "1".into());
    }
}
