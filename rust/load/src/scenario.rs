//! What a load run does, as read from JSON. Owns the shapes and their bounds.

use serde::{Deserialize, Serialize};

/// One run: publishers and subscribers of one kind, joined over WHIP and WHEP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    #[serde(default)]
    pub name: String,
    /// `{n}` is replaced by the publisher's number.
    pub whip_url: String,
    /// `{n}` is replaced by the number of the publisher to be watched.
    pub whep_url: String,
    /// Bearer token for both; may be empty for servers that want none.
    #[serde(default)]
    pub token: String,
    pub media: Media,
    #[serde(default = "one")]
    pub publishers: usize,
    pub subscribers: usize,
    /// Seconds measured, after `warmup_s`.
    #[serde(default = "ten")]
    pub duration_s: f64,
    #[serde(default = "two")]
    pub warmup_s: f64,
    /// Keep the load on this core.
    #[serde(default)]
    pub core: Option<usize>,
    /// GSO and GRO on the clients' sockets.
    #[serde(default = "yes")]
    pub offload: bool,
}

/// What publishers send.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Media {
    /// 20 ms packets of `payload` bytes.
    Audio { payload: usize },
    /// Frames in bursts of packets of `payload` bytes; one entry of `bitrates` (bit/s) per encoding, lowest first.
    Video {
        payload: usize,
        bitrates: Vec<u64>,
        fps: u32,
    },
}

fn one() -> usize {
    1
}
fn two() -> f64 {
    2.0
}
fn ten() -> f64 {
    10.0
}
fn yes() -> bool {
    true
}

impl Scenario {
    /// Says what is wrong with a scenario before anything is started.
    pub fn check(&self) -> Result<(), String> {
        let bound = |name: &str, value: usize, low: usize, high: usize| {
            (low..=high)
                .contains(&value)
                .then_some(())
                .ok_or(format!("{name} is {value}; it must be {low} to {high}"))
        };
        bound("publishers", self.publishers, 1, 1000)?;
        bound("subscribers", self.subscribers, 0, 10_000)?;
        if !(0.1..=86_400.0).contains(&self.duration_s) || !(0.0..=600.0).contains(&self.warmup_s) {
            return Err("duration_s must be 0.1 to 86400 and warmup_s 0 to 600".into());
        }
        match &self.media {
            Media::Audio { payload } => bound("payload", *payload, 40, 1200),
            Media::Video {
                payload,
                bitrates,
                fps,
            } => {
                bound("payload", *payload, 60, 1200)?;
                bound("encodings", bitrates.len(), 1, 3)?;
                bound("fps", *fps as usize, 1, 120)
            }
        }
    }
}
