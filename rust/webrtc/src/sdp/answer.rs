//! Answers, the same for publishers and players: an offer section by section, and the whole put together. Refuses to know which way
//! media goes.

use medianode_sfu::params::{Encoding, RtpParameters};
use serde::{Deserialize, Serialize};

use super::description::{Description, Kind, Media};
use super::{SdpError, accept};
use crate::params::{DtlsParameters, DtlsRole, IceCandidate, IceParameters, SctpParameters};

/// What one offered section leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredMedia {
    /// Position in the offer.
    pub index: usize,
    pub mid: String,
    pub kind: Kind,
    /// False: neither producer nor consumer; the section is answered as rejected or inactive.
    pub accepted: bool,
    /// What the producer will send, or all that the consumer may be sent, with the peer's payload types; none for data channels and
    /// what is not accepted.
    #[serde(default)]
    pub rtp: Option<RtpParameters>,
    pub answer: Media,
}

/// A section that is not rejected, and what flows in it; without parameters it stays, inactive.
pub(super) type Section = (Option<RtpParameters>, Media);

/// One data channel section at most, and of the media sections, by their position, what `section` accepts. None when that is nothing.
pub(super) fn sections(
    offer: &Description,
    section: impl Fn(usize, &Media) -> Option<Section>,
) -> Option<Vec<AnsweredMedia>> {
    let mut medias: Vec<AnsweredMedia> = Vec::with_capacity(offer.media.len());
    for (index, media) in offer.media.iter().enumerate() {
        let has_data = medias
            .iter()
            .any(|m| m.accepted && m.kind == Kind::Application);
        let (accepted, rtp, answer) = match media.kind {
            Kind::Application if accept::is_data_channel(media) && !has_data => {
                (true, None, accept::application(media))
            }
            Kind::Application => (false, None, accept::rejected(media)),
            _ => match section(index, media) {
                Some((rtp, answer)) => (rtp.is_some(), rtp, answer),
                None => (false, None, accept::rejected(media)),
            },
        };
        let (mid, kind) = (media.mid.clone(), media.kind);
        medias.push(AnsweredMedia {
            index,
            mid,
            kind,
            accepted,
            rtp,
            answer,
        });
    }
    medias.iter().any(|media| media.accepted).then_some(medias)
}

/// What flows in an answered section.
pub(super) fn parameters(
    answer: &Media,
    encodings: Vec<Encoding>,
    cname: Option<String>,
) -> RtpParameters {
    RtpParameters {
        mid: (!answer.mid.is_empty()).then(|| answer.mid.clone()),
        header_extensions: answer
            .header_extensions
            .iter()
            .map(|e| e.parameters())
            .collect(),
        codecs: answer.codecs.clone(),
        encodings,
        cname,
    }
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
