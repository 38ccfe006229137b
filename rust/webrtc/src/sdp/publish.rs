//! An offer of a publisher into producers and an answer (RFC 9725). Owns what is accepted of it; refuses to know the room.

use medianode_sfu::params::{CodecParameters, Encoding, extension_uri};

use super::answer::{self, AnsweredMedia, Section};
use super::description::{Description, Direction, Media, Rid, RidDirection, Simulcast};
use super::{SdpError, accept};

/// Plans a publisher's session, section by section in the offer's order.
///
/// # Errors
/// `Unsupported` when the offer lacks ICE, DTLS, BUNDLE or RTCP multiplexing, or when nothing in it can be accepted.
pub fn publish_answer(offer: &Description) -> Result<Vec<AnsweredMedia>, SdpError> {
    accept::check_offer(offer)?;
    answer::sections(offer, |_, media| publish_section(media))
        .ok_or_else(|| SdpError::Unsupported("nothing that is offered can be received".into()))
}

/// None: the section is rejected.
fn publish_section(offer: &Media) -> Option<Section> {
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
    let rtp = answer::parameters(&answer, encodings, offer.cname.clone());
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
