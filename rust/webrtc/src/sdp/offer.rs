//! Offers of our own: what the load generator and the tests say to a node. Owns the usual shape; refuses to know the network.

use std::collections::BTreeMap;

use medianode_sfu::params::{CodecParameters, Encoding, extension_uri};

use super::description::{
    Description, Direction, ExtensionMap, Kind, Media, Msid, Rid, RidDirection, Simulcast,
    SimulcastStream,
};
use crate::params::{DtlsParameters, IceParameters, SctpParameters};

/// What to offer.
#[derive(Clone, Debug)]
pub struct OfferPlan {
    pub session_id: u64,
    pub ice: IceParameters,
    pub dtls: DtlsParameters,
    pub media: Vec<OfferedMedia>,
}

/// One section; its mid is its position.
#[derive(Clone, Debug)]
pub enum OfferedMedia {
    /// Sends opus under this SSRC.
    PublishAudio {
        ssrc: u32,
    },
    /// Sends one codec (`VP8`, `VP9`, `H264`, `H265`, `AV1`) as one stream of this SSRC and RTX SSRC.
    PublishVideo {
        codec: &'static str,
        ssrc: u32,
        rtx_ssrc: u32,
    },
    /// Sends one codec as simulcast, lowest first.
    PublishSimulcast {
        codec: &'static str,
        rids: Vec<String>,
    },
    /// Receives opus.
    PlayAudio,
    /// Receives VP8 and H264.
    PlayVideo,
    DataChannels,
}

/// Builds an offer that this node accepts as it is.
pub fn offer(plan: OfferPlan) -> Description {
    let media: Vec<Media> = plan
        .media
        .iter()
        .enumerate()
        .map(|(index, media)| Media {
            mid: index.to_string(),
            ..section(media)
        })
        .collect();
    Description {
        session_id: plan.session_id,
        ice: Some(plan.ice),
        ice_options: vec!["trickle".into()],
        end_of_candidates: true,
        dtls: Some(plan.dtls),
        bundle: media.iter().map(|media| media.mid.clone()).collect(),
        extmap_allow_mixed: true,
        media,
        ..Description::default()
    }
}

fn section(media: &OfferedMedia) -> Media {
    match media {
        OfferedMedia::PublishAudio { ssrc } => {
            let encoding = Encoding {
                ssrc: Some(*ssrc),
                ..Encoding::default()
            };
            sending(audio(Direction::SendOnly), vec![encoding])
        }
        OfferedMedia::PublishVideo {
            codec,
            ssrc,
            rtx_ssrc,
        } => {
            let encoding = Encoding {
                ssrc: Some(*ssrc),
                rtx_ssrc: Some(*rtx_ssrc),
                ..Encoding::default()
            };
            sending(video(Direction::SendOnly, &[codec]), vec![encoding])
        }
        OfferedMedia::PublishSimulcast { codec, rids } => {
            let encodings = rids
                .iter()
                .map(|rid| Encoding {
                    rid: Some(rid.clone()),
                    ..Encoding::default()
                })
                .collect();
            let mut media = sending(video(Direction::SendOnly, &[codec]), encodings);
            media.rids = rids.iter().map(|rid| send_rid(rid)).collect();
            let stream = |rid: &String| {
                vec![SimulcastStream {
                    rid: rid.clone(),
                    paused: false,
                }]
            };
            media.simulcast = Simulcast {
                send: rids.iter().map(stream).collect(),
                recv: vec![],
            };
            media
        }
        OfferedMedia::PlayAudio => audio(Direction::RecvOnly),
        OfferedMedia::PlayVideo => video(Direction::RecvOnly, &["VP8", "H264"]),
        OfferedMedia::DataChannels => Media {
            kind: Kind::Application,
            protocol: "UDP/DTLS/SCTP".into(),
            sctp: Some(SctpParameters {
                port: 5000,
                max_message_size: 262_144,
            }),
            ..Media::default()
        },
    }
}

fn sending(mut media: Media, encodings: Vec<Encoding>) -> Media {
    media.msid = Some(Msid {
        stream: "stream".into(),
        track: Some(media.kind.name().into()),
    });
    if encodings.iter().any(|encoding| encoding.ssrc.is_some()) {
        media.cname = Some("medianode".into());
    }
    media.encodings = encodings;
    media
}

fn send_rid(rid: &str) -> Rid {
    Rid {
        id: rid.to_owned(),
        direction: RidDirection::Send,
        payload_types: Vec::new(),
        restrictions: BTreeMap::new(),
    }
}

fn rtp(kind: Kind, direction: Direction, codecs: Vec<CodecParameters>, uris: &[&str]) -> Media {
    let header_extensions = (1..)
        .zip(uris)
        .map(|(id, uri)| ExtensionMap {
            uri: (*uri).into(),
            id,
            direction: Direction::SendRecv,
        })
        .collect();
    Media {
        kind,
        protocol: "UDP/TLS/RTP/SAVPF".into(),
        direction,
        rtcp_mux: true,
        rtcp_rsize: true,
        codecs,
        header_extensions,
        ..Media::default()
    }
}

/// The same ids in every section, as BUNDLE asks.
const EXTENSIONS: [&str; 7] = [
    extension_uri::MID,
    extension_uri::TRANSPORT_CC,
    extension_uri::ABS_SEND_TIME,
    extension_uri::AUDIO_LEVEL,
    extension_uri::RID,
    extension_uri::REPAIRED_RID,
    extension_uri::DEPENDENCY_DESCRIPTOR,
];

fn audio(direction: Direction) -> Media {
    let opus = CodecParameters {
        mime_type: "audio/opus".into(),
        payload_type: 111,
        clock_rate: 48_000,
        channels: Some(2),
        parameters: parameters(&[("minptime", "10"), ("useinbandfec", "1")]),
        rtcp_feedback: vec!["transport-cc".into()],
    };
    rtp(Kind::Audio, direction, vec![opus], &EXTENSIONS[..4])
}

fn video(direction: Direction, names: &[&str]) -> Media {
    let codecs = names.iter().flat_map(|name| {
        let number = payload_type(name);
        let fmtp = match *name {
            "H264" => parameters(&[
                ("level-asymmetry-allowed", "1"),
                ("packetization-mode", "1"),
                ("profile-level-id", "42e01f"),
            ]),
            "VP9" => parameters(&[("profile-id", "0")]),
            _ => BTreeMap::new(),
        };
        let feedback = ["transport-cc", "ccm fir", "nack", "nack pli"]
            .map(String::from)
            .to_vec();
        let codec = |name: &str, payload_type, parameters, rtcp_feedback| CodecParameters {
            mime_type: format!("video/{name}"),
            payload_type,
            clock_rate: 90_000,
            channels: None,
            parameters,
            rtcp_feedback,
        };
        let apt = parameters(&[("apt", &number.to_string())]);
        [
            codec(name, number, fmtp, feedback),
            codec("rtx", number + 1, apt, Vec::new()),
        ]
    });
    rtp(Kind::Video, direction, codecs.collect(), &EXTENSIONS)
}

/// The same in every section, as BUNDLE asks; the next number is its RTX.
fn payload_type(codec: &str) -> u8 {
    match codec {
        "VP8" => 96,
        "VP9" => 98,
        "H264" => 102,
        "AV1" => 45,
        _ => 49,
    }
}

fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect()
}
