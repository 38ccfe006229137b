//! An offer of a publisher into producers and an answer (RFC 9725). Owns what is accepted of it; refuses to know the room.

use medianode_sfu::params::{CodecParameters, Encoding, RtpParameters, extension_uri};
use serde::{Deserialize, Serialize};

use super::description::{Description, Direction, Kind, Media, Rid, RidDirection, Simulcast};
use super::{SdpError, accept};
use crate::params::{DtlsParameters, DtlsRole, IceCandidate, IceParameters, SctpParameters};

/// What one offered section leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedMedia {
    /// Position in the offer.
    pub index: usize,
    pub mid: String,
    pub kind: Kind,
    /// False: no producer; the section is answered as rejected or inactive.
    pub accepted: bool,
    /// What the producer will send; none for data channels and what is not accepted.
    #[serde(default)]
    pub rtp: Option<RtpParameters>,
    pub answer: Media,
}

/// Plans a publisher's session, section by section in the offer's order.
///
/// # Errors
/// `Unsupported` when the offer lacks ICE, DTLS, BUNDLE or RTCP multiplexing, or when nothing in it can be accepted.
pub fn publish_answer(offer: &Description) -> Result<Vec<PublishedMedia>, SdpError> {
    accept::check_offer(offer)?;
    let mut medias: Vec<PublishedMedia> = Vec::with_capacity(offer.media.len());
    for (index, media) in offer.media.iter().enumerate() {
        let has_data = medias
            .iter()
            .any(|m| m.accepted && m.kind == Kind::Application);
        let (accepted, rtp, answer) = match media.kind {
            Kind::Application if accept::is_data_channel(media) && !has_data => {
                (true, None, accept::application(media))
            }
            Kind::Application => (false, None, accept::rejected(media)),
            _ => match publish_section(media) {
                Some((rtp, answer)) => (rtp.is_some(), rtp, answer),
                None => (false, None, accept::rejected(media)),
            },
        };
        let (mid, kind) = (media.mid.clone(), media.kind);
        medias.push(PublishedMedia {
            index,
            mid,
            kind,
            accepted,
            rtp,
            answer,
        });
    }
    if !medias.iter().any(|media| media.accepted) {
        return Err(SdpError::Unsupported(
            "nothing that is offered can be received".into(),
        ));
    }
    Ok(medias)
}

/// None: the section is rejected. No parameters: it stays, inactive.
fn publish_section(offer: &Media) -> Option<(Option<RtpParameters>, Media)> {
    let mut codecs = accept::codecs(offer);
    if !accept::is_secure_rtp(offer) || codecs.is_empty() {
        return None;
    }
    codecs.iter_mut().for_each(accept::opus_answer);
    let mut answer = accept::answer(offer, codecs.clone());
    answer.header_extensions = accept::extensions(offer, Direction::sends);
    if !offer.direction.sends() {
        return Some((None, answer));
    }
    answer.direction = Direction::RecvOnly;
    let encodings = accept_encodings(offer, &codecs, &mut answer);
    let rtp = RtpParameters {
        mid: (!offer.mid.is_empty()).then(|| offer.mid.clone()),
        header_extensions: answer
            .header_extensions
            .iter()
            .map(|e| e.parameters())
            .collect(),
        codecs,
        encodings,
        cname: offer.cname.clone(),
    };
    Some((Some(rtp), answer))
}

/// Streams that will be sent, and the `a=rid` and `a=simulcast` that say so (RFC 8853 section 5.3.2). Without the RID header
/// extension nothing binds a rid to an SSRC: then one stream without rid is accepted.
fn accept_encodings(
    offer: &Media,
    codecs: &[CodecParameters],
    answer: &mut Media,
) -> Vec<Encoding> {
    let has_rids = offer
        .encodings
        .iter()
        .any(|encoding| encoding.rid.is_some());
    if !has_rids {
        return match &offer.encodings[..] {
            [] => vec![Encoding::default()],
            announced => announced.to_vec(),
        };
    }
    if !answer
        .header_extensions
        .iter()
        .any(|e| e.uri == extension_uri::RID)
    {
        return vec![Encoding::default()];
    }
    let mut accepted: Vec<Encoding> = offer
        .encodings
        .iter()
        .filter_map(|encoding| {
            let id = encoding.rid.as_deref()?;
            let offered = offer
                .rids
                .iter()
                .find(|r| r.id == id && r.direction == RidDirection::Send)?;
            let rid = accept_rid(offered, codecs)?;
            let max_bitrate = rid
                .restrictions
                .get("max-br")
                .and_then(|value| value.parse().ok());
            answer.rids.push(rid);
            Some(Encoding {
                max_bitrate,
                ..encoding.clone()
            })
        })
        .collect();
    let is_accepted = |rid: &str| accepted.iter().any(|e| e.rid.as_deref() == Some(rid));
    // `~` is kept: a sender takes its absence as the wish to resume what it paused itself.
    let recv = offer
        .simulcast
        .send
        .iter()
        .filter_map(|alternatives| alternatives.first())
        .filter(|stream| is_accepted(&stream.rid))
        .map(|stream| vec![stream.clone()])
        .collect();
    answer.simulcast = Simulcast {
        send: Vec::new(),
        recv,
    };
    lowest_first(&mut accepted);
    if accepted.is_empty() {
        vec![Encoding::default()]
    } else {
        accepted
    }
}

/// Simulcast order says what the sender prefers, not what is larger (RFC 8853 section 5.2). Names in common use do say it; any other
/// set keeps its order.
fn lowest_first(encodings: &mut [Encoding]) {
    const NAMES: [&[&str]; 3] = [&["q", "h", "f"], &["l", "m", "h"], &["low", "mid", "high"]];
    let rank = |names: &[&str], encoding: &Encoding| {
        names
            .iter()
            .position(|name| encoding.rid.as_deref() == Some(*name))
    };
    let fits = |names: &&&[&str]| encodings.iter().all(|e| rank(names, e).is_some());
    if let Some(names) = NAMES.iter().find(fits) {
        encodings.sort_by_key(|encoding| rank(names, encoding));
    }
}

/// The answering rid, its payload types reduced to those accepted (RFC 8851 section 6.2.2).
fn accept_rid(offered: &Rid, codecs: &[CodecParameters]) -> Option<Rid> {
    let is_accepted = |p: &u8| codecs.iter().any(|c| c.payload_type == *p);
    let payload_types: Vec<u8> = offered
        .payload_types
        .iter()
        .copied()
        .filter(is_accepted)
        .collect();
    if payload_types.is_empty() && !offered.payload_types.is_empty() {
        return None;
    }
    Some(Rid {
        direction: RidDirection::Recv,
        payload_types,
        ..offered.clone()
    })
}

/// This node's side of one session: what creating a transport gave back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalTransport {
    pub ice: IceParameters,
    pub candidates: Vec<IceCandidate>,
    /// The fingerprints count; the role follows from the offer.
    pub dtls: DtlsParameters,
    /// Where given, what our data channels accept.
    #[serde(default)]
    pub sctp: Option<SctpParameters>,
}

/// Puts answered sections and our transport together. `session_id` is any number below 2^63 (RFC 8829 section 5.2.1).
///
/// # Errors
/// `Unsupported` when `medias` does not answer the offer section by section.
pub fn assemble_answer(
    offer: &Description,
    mut medias: Vec<Media>,
    local: LocalTransport,
    session_id: u64,
) -> Result<Description, SdpError> {
    let matches = |(offered, answer): (&Media, &Media)| {
        offered.mid == answer.mid && offered.kind == answer.kind
    };
    if medias.len() != offer.media.len() || !offer.media.iter().zip(&medias).all(matches) {
        return Err(SdpError::Unsupported(
            "the answer does not match the offer's sections".into(),
        ));
    }
    for media in &mut medias {
        if let (Some(answered), Some(sctp)) = (&mut media.sctp, local.sctp) {
            *answered = sctp;
        }
    }
    let is_live = |mid: &&String| medias.iter().any(|m| m.mid == **mid && !m.rejected);
    let bundle = offer.bundle.iter().filter(is_live).cloned().collect();
    let trickle = offer
        .ice_options
        .iter()
        .filter(|option| *option == "trickle")
        .cloned()
        .collect();
    // RFC 8842 section 5.3, and RFC 8445 section 6.1.1: the ICE-lite side waits for the other wherever it may.
    let role = match offer.dtls.as_ref().map(|dtls| dtls.role) {
        Some(DtlsRole::Server) => DtlsRole::Client,
        _ => DtlsRole::Server,
    };
    Ok(Description {
        session_id,
        ice_lite: true,
        ice: Some(IceParameters {
            ice_lite: true,
            ..local.ice
        }),
        ice_options: trickle,
        candidates: local.candidates,
        end_of_candidates: true,
        dtls: Some(DtlsParameters {
            role,
            fingerprints: local.dtls.fingerprints,
        }),
        bundle,
        extmap_allow_mixed: offer.extmap_allow_mixed,
        media: medias,
    })
}
