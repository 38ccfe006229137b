//! An offer of a player into consumers and an answer. Owns what each leg may be sent; refuses to know which producer feeds it.

use medianode_sfu::params::{CodecParameters, Encoding, extension_uri};
use serde::{Deserialize, Serialize};

use super::answer::{self, AnsweredMedia, Section};
use super::description::{Description, Direction, ExtensionMap, Media, Msid};
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

/// Plans a player's session. `ids` has one entry for each section of the offer, whatever its kind.
///
/// # Errors
/// `Unsupported` when the offer lacks ICE, DTLS, BUNDLE or RTCP multiplexing, when nothing in it can be accepted, or when `ids` is too
/// short.
pub fn play_answer(offer: &Description, ids: &[PlayIds]) -> Result<Vec<AnsweredMedia>, SdpError> {
    accept::check_offer(offer)?;
    if ids.len() < offer.media.len() {
        return Err(SdpError::Unsupported("fewer ids than sections".into()));
    }
    answer::sections(offer, |index, media| play_section(media, &ids[index]))
        .ok_or_else(|| SdpError::Unsupported("nothing that is offered can be sent".into()))
}

/// None: the section is rejected.
fn play_section(offer: &Media, ids: &PlayIds) -> Option<Section> {
    let codecs = accept::codecs(offer);
    if !accept::is_secure_rtp(offer) || codecs.is_empty() {
        return None;
    }
    let has_rtx = codecs.iter().any(is_rtx);
    let mut answer = accept::answer(offer, codecs);
    answer.header_extensions = accept::extensions(offer, Direction::receives);
    answer.header_extensions.retain(is_for_players);
    if !offer.direction.receives() {
        return Some((None, answer));
    }
    let encoding = Encoding {
        ssrc: Some(ids.ssrc),
        rtx_ssrc: has_rtx.then_some(ids.rtx_ssrc),
        ..Encoding::default()
    };
    answer.direction = Direction::SendOnly;
    answer.encodings = vec![encoding.clone()];
    answer.cname = Some(ids.cname.clone());
    answer.msid = Some(Msid {
        stream: ids.stream.clone(),
        track: Some(ids.track.clone()),
    });
    let rtp = answer::parameters(&answer, vec![encoding], answer.cname.clone());
    Some((Some(rtp), answer))
}

fn is_rtx(codec: &CodecParameters) -> bool {
    codec.mime_type.to_ascii_lowercase().ends_with("/rtx")
}

/// A player gets one stream with an announced SSRC: rids would say nothing.
fn is_for_players(extension: &ExtensionMap) -> bool {
    ![extension_uri::RID, extension_uri::REPAIRED_RID].contains(&extension.uri.as_str())
}
