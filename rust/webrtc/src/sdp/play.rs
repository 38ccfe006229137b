//! An offer of a player into consumers and an answer. Owns what each leg may be sent; refuses to know which producer feeds it.

use medianode_sfu::params::{CodecParameters, Encoding, RtpParameters, extension_uri};
use serde::{Deserialize, Serialize};

use super::description::{Description, Direction, ExtensionMap, Kind, Media, Msid};
use super::{SdpError, accept};

/// Names of what one section will carry, chosen by the caller and unique in the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayIds {
    pub ssrc: u32,
    pub rtx_ssrc: u32,
    /// RFC 7022: the same for everything that plays in sync.
    pub cname: String,
    /// First half of `a=msid`: sections with the same stream play in sync.
    pub stream: String,
    /// Second half of `a=msid`.
    pub track: String,
}

/// What one offered section leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayedMedia {
    /// Position in the offer.
    pub index: usize,
    pub mid: String,
    pub kind: Kind,
    /// False: no consumer; the section is answered as rejected or inactive.
    pub accepted: bool,
    /// Every codec that the consumer may be sent, with the player's payload types, and its one encoding; none for data channels
    /// and what is not accepted.
    #[serde(default)]
    pub rtp: Option<RtpParameters>,
    pub answer: Media,
}

/// Plans a player's session. `ids` has one entry for each section of the offer, whatever its kind.
///
/// # Errors
/// `Unsupported` when the offer lacks ICE, DTLS, BUNDLE or RTCP multiplexing, when nothing in it can be accepted, or when `ids` is too
/// short.
pub fn play_answer(offer: &Description, ids: &[PlayIds]) -> Result<Vec<PlayedMedia>, SdpError> {
    accept::check_offer(offer)?;
    if ids.len() < offer.media.len() {
        return Err(SdpError::Unsupported("fewer ids than sections".into()));
    }
    let mut medias: Vec<PlayedMedia> = Vec::with_capacity(offer.media.len());
    for (index, (media, ids)) in offer.media.iter().zip(ids).enumerate() {
        let has_data = medias
            .iter()
            .any(|m| m.accepted && m.kind == Kind::Application);
        let (accepted, rtp, answer) = match media.kind {
            Kind::Application if accept::is_data_channel(media) && !has_data => {
                (true, None, accept::application(media))
            }
            Kind::Application => (false, None, accept::rejected(media)),
            _ => match play_section(media, ids) {
                Some((rtp, answer)) => (rtp.is_some(), rtp, answer),
                None => (false, None, accept::rejected(media)),
            },
        };
        let (mid, kind) = (media.mid.clone(), media.kind);
        medias.push(PlayedMedia {
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
            "nothing that is offered can be sent".into(),
        ));
    }
    Ok(medias)
}

/// None: the section is rejected. No parameters: it stays, inactive.
fn play_section(offer: &Media, ids: &PlayIds) -> Option<(Option<RtpParameters>, Media)> {
    let codecs = accept::codecs(offer);
    if !accept::is_secure_rtp(offer) || codecs.is_empty() {
        return None;
    }
    let mut answer = accept::answer(offer, codecs.clone());
    answer.header_extensions = accept::extensions(offer, Direction::receives);
    answer.header_extensions.retain(is_for_players);
    if !offer.direction.receives() {
        return Some((None, answer));
    }
    let encoding = Encoding {
        ssrc: Some(ids.ssrc),
        rtx_ssrc: codecs.iter().any(is_rtx).then_some(ids.rtx_ssrc),
        ..Encoding::default()
    };
    answer.direction = Direction::SendOnly;
    answer.encodings = vec![encoding.clone()];
    answer.cname = Some(ids.cname.clone());
    answer.msid = Some(Msid {
        stream: ids.stream.clone(),
        track: Some(ids.track.clone()),
    });
    let rtp = RtpParameters {
        mid: (!offer.mid.is_empty()).then(|| offer.mid.clone()),
        header_extensions: answer
            .header_extensions
            .iter()
            .map(|e| e.parameters())
            .collect(),
        codecs,
        encodings: vec![encoding],
        cname: Some(ids.cname.clone()),
    };
    Some((Some(rtp), answer))
}

fn is_rtx(codec: &CodecParameters) -> bool {
    codec.mime_type.to_ascii_lowercase().ends_with("/rtx")
}

/// A player gets one stream with an announced SSRC: rids would say nothing.
fn is_for_players(extension: &ExtensionMap) -> bool {
    ![extension_uri::RID, extension_uri::REPAIRED_RID].contains(&extension.uri.as_str())
}
