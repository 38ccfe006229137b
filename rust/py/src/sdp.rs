//! SDP functions as JSON text, over `medianode_webrtc::sdp`. Translates; decides nothing.

use medianode_webrtc::sdp::{self, Description, Fragment, LocalTransport, Media, PlayIds};
use pyo3::{PyResult, pyfunction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{from_json, from_sdp};

fn read<T: DeserializeOwned>(what: &str, text: &str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|error| from_json(what, &error))
}

fn write(what: &str, value: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| from_json(what, &error))
}

/// SDP text to a description.
#[pyfunction]
pub fn sdp_read(text: &str) -> PyResult<String> {
    write(
        "description",
        &sdp::read(text).map_err(|error| from_sdp(&error))?,
    )
}

/// A description to SDP text.
#[pyfunction]
pub fn sdp_write(description: &str) -> PyResult<String> {
    Ok(sdp::write(&read::<Description>(
        "description",
        description,
    )?))
}

/// What a publisher's offer makes: one entry per section.
#[pyfunction]
pub fn sdp_publish_answer(offer: &str) -> PyResult<String> {
    let offer: Description = read("offer", offer)?;
    write(
        "sections",
        &sdp::publish_answer(&offer).map_err(|error| from_sdp(&error))?,
    )
}

/// What a player's offer makes, with the given SSRCs and names: one entry per section.
#[pyfunction]
pub fn sdp_play_answer(offer: &str, ids: &str) -> PyResult<String> {
    let offer: Description = read("offer", offer)?;
    let ids: Vec<PlayIds> = read("ids", ids)?;
    write(
        "sections",
        &sdp::play_answer(&offer, &ids).map_err(|error| from_sdp(&error))?,
    )
}

/// The whole answer from its sections and our transport.
#[pyfunction]
pub fn sdp_assemble_answer(
    offer: &str,
    medias: &str,
    local: &str,
    session_id: u64,
) -> PyResult<String> {
    let offer: Description = read("offer", offer)?;
    let medias: Vec<Media> = read("sections", medias)?;
    let local: LocalTransport = read("transport", local)?;
    let answer = sdp::assemble_answer(&offer, medias, local, session_id);
    write("answer", &answer.map_err(|error| from_sdp(&error))?)
}

/// A trickle message (RFC 8840) to a fragment.
#[pyfunction]
pub fn sdp_fragment_read(text: &str) -> PyResult<String> {
    write(
        "fragment",
        &sdp::read_fragment(text).map_err(|error| from_sdp(&error))?,
    )
}

/// A fragment to a trickle message.
#[pyfunction]
pub fn sdp_fragment_write(fragment: &str) -> PyResult<String> {
    Ok(sdp::write_fragment(&read::<Fragment>(
        "fragment", fragment,
    )?))
}
