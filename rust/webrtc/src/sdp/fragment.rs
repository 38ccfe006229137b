//! `application/trickle-ice-sdpfrag` (RFC 8840): credentials and candidates between offer and answer. Refuses to know sessions.

use serde::{Deserialize, Serialize};

use super::description::Description;
use super::read::TransportAttributes;
use super::syntax::{self, Attribute};
use super::write::Printer;
use super::{MAX_MEDIA, SdpError};
use crate::params::{IceCandidate, IceParameters};

/// One trickle message, or the answer to an ICE restart (RFC 9725 section 4.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragment {
    #[serde(default)]
    pub ice_lite: bool,
    #[serde(default)]
    pub bundle: Vec<String>,
    /// The pseudo `m=` line's value, as in the offer; empty when the message has none.
    #[serde(default)]
    pub media: String,
    #[serde(default)]
    pub mid: Option<String>,
    #[serde(default)]
    pub username_fragment: Option<String>,
    #[serde(default)]
    pub password: Option<String>,
    #[serde(default)]
    pub candidates: Vec<IceCandidate>,
    #[serde(default)]
    pub end_of_candidates: bool,
}

/// Reads a trickle message. Of several sections the first with a mid speaks for the BUNDLE group; candidates are taken from all.
///
/// # Errors
/// As for [`super::read`].
pub fn read_fragment(text: &str) -> Result<Fragment, SdpError> {
    let mut fragment = Fragment::default();
    let mut transport = TransportAttributes::default();
    let mut sections = 0;
    for (line, kind, value) in syntax::lines(text)? {
        match kind {
            b'm' => {
                sections += 1;
                if sections > MAX_MEDIA {
                    return Err(SdpError::TooLarge(format!(
                        "more than {MAX_MEDIA} m= lines"
                    )));
                }
                if fragment.media.is_empty() {
                    fragment.media = value.trim().to_owned();
                }
            }
            b'a' => {
                let (key, value) = value.split_once(':').unwrap_or((value, ""));
                let attribute = Attribute {
                    line,
                    key: key.to_owned(),
                    value: value.trim().to_owned(),
                };
                fragment.take(&attribute)?;
                let known = match attribute.key.as_str() {
                    "ice-ufrag" => transport.username_fragment.is_some(),
                    "ice-pwd" => transport.password.is_some(),
                    _ => false,
                };
                if !known {
                    transport.take(&attribute)?;
                }
            }
            _ => {}
        }
    }
    fragment.username_fragment = transport.username_fragment;
    fragment.password = transport.password;
    fragment.candidates = transport.candidates;
    fragment.end_of_candidates = transport.end_of_candidates;
    Ok(fragment)
}

impl Fragment {
    fn take(&mut self, attribute: &Attribute) -> Result<(), SdpError> {
        match attribute.key.as_str() {
            "ice-lite" => self.ice_lite = true,
            "mid" if self.mid.is_none() => self.mid = Some(super::read::read_mid(attribute)?),
            "group" if self.bundle.is_empty() => {
                let words: Vec<&str> = attribute.value.split_whitespace().collect();
                if let ["BUNDLE", ref mids @ ..] = words[..] {
                    self.bundle = mids.iter().map(|mid| (*mid).to_owned()).collect();
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The answer to an ICE restart of the session that `answer` began: new credentials, all candidates.
pub fn restart_fragment(
    answer: &Description,
    ice: IceParameters,
    candidates: Vec<IceCandidate>,
) -> Fragment {
    let tagged = answer.tagged().and_then(|index| answer.media.get(index));
    Fragment {
        ice_lite: true,
        bundle: answer.bundle.clone(),
        media: tagged
            .map(super::write::pseudo_media_line)
            .unwrap_or_default(),
        mid: tagged
            .map(|media| media.mid.clone())
            .filter(|mid| !mid.is_empty()),
        username_fragment: Some(ice.username_fragment),
        password: Some(ice.password),
        candidates,
        end_of_candidates: true,
    }
}

/// Prints a trickle message.
pub fn write_fragment(fragment: &Fragment) -> String {
    let mut text = Printer(String::with_capacity(1024));
    if fragment.ice_lite {
        text.line(format_args!("a=ice-lite"));
    }
    if !fragment.bundle.is_empty() {
        text.line(format_args!("a=group:BUNDLE {}", fragment.bundle.join(" ")));
    }
    if !fragment.media.is_empty() {
        text.line(format_args!("m={}", fragment.media));
    }
    if let Some(mid) = &fragment.mid {
        text.line(format_args!("a=mid:{mid}"));
    }
    if let Some(username_fragment) = &fragment.username_fragment {
        text.line(format_args!("a=ice-ufrag:{username_fragment}"));
    }
    if let Some(password) = &fragment.password {
        text.line(format_args!("a=ice-pwd:{password}"));
    }
    text.candidates(&fragment.candidates, fragment.end_of_candidates);
    text.0
}
