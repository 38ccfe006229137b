//! One load run: join everybody, warm up, measure, leave. Owns the loop and the output lines (JSON, one object a line).

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use medianode_sfu::params::extension_uri;
use medianode_webrtc::params::IceParameters;
use medianode_webrtc::sdp::{Description, Kind, Media as Section, OfferedMedia};
use medianode_webrtc::{Certificate, DtlsContext};
use serde::Serialize;
use serde_json::json;

use crate::client::{Client, Playing, Role};
use crate::join::Signalling;
use crate::net;
use crate::pattern::Shape;
use crate::scenario::{Media, Scenario};
use crate::sink::Tally;
use crate::source::{Shaping, Source};

/// Figures of the measured part.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    pub seconds: f64,
    pub tally: Tally,
    /// Packets that publishers sent meanwhile, all encodings.
    pub packets_published: u64,
    /// Microseconds from the publisher's send call to the subscriber's read.
    pub delay_p50_us: u32,
    pub delay_p99_us: u32,
    pub delay_max_us: u32,
    /// Milliseconds from the WHEP request to the first media packet, sorted.
    pub join_ms: Vec<f64>,
    pub connected: usize,
    pub asked: usize,
    /// What went wrong, each once with how often.
    pub errors: Vec<String>,
}

/// Runs `scenario`, writing progress and phase lines to `out`; the last line is the result.
pub fn run(scenario: &Scenario, out: &mut impl Write) -> Result<Outcome, String> {
    scenario.check()?;
    if let Some(core) = scenario.core {
        net::pin_thread(core);
    }
    let certificate = Certificate::generate().map_err(|error| error.to_string())?;
    let dtls = DtlsContext::new(certificate).map_err(|error| error.to_string())?;
    let joins = spawn_joins(scenario.clone(), dtls);
    let mut fleet = Fleet::new().map_err(|error| error.to_string())?;
    let asked = scenario.publishers + scenario.subscribers;
    fleet.gather(&joins, asked, out)?;
    fleet.spin(Duration::from_secs_f64(scenario.warmup_s), out);
    let before = fleet.tally();
    let sent_before = fleet.published();
    fleet.forget_delays();
    line(
        out,
        &json!({"type": "phase", "phase": "measure_begin", "connected": fleet.connected()}),
    );
    let start = Instant::now();
    fleet.spin(Duration::from_secs_f64(scenario.duration_s), out);
    let mut outcome = Outcome {
        seconds: start.elapsed().as_secs_f64(),
        tally: fleet.tally().since(&before),
        packets_published: fleet.published() - sent_before,
        connected: fleet.connected(),
        asked,
        errors: fleet.errors.lines(),
        ..Outcome::default()
    };
    line(out, &json!({"type": "phase", "phase": "measure_end"}));
    fleet.delays(&mut outcome);
    fleet.leave(scenario);
    Ok(outcome)
}

fn line(out: &mut impl Write, value: &serde_json::Value) {
    // A reader that went away ends the process by SIGPIPE or at the next line; nothing else can be done about it.
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}

type Join = Result<Box<Client>, String>;

/// Joins one after another in its own thread, since HTTP blocks; publishers first.
fn spawn_joins(scenario: Scenario, dtls: Arc<DtlsContext>) -> Receiver<Join> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let signalling = Signalling::new(&scenario.token);
        for number in 0..scenario.publishers + scenario.subscribers {
            let joined = if number < scenario.publishers {
                publish(&scenario, &signalling, &dtls, number)
            } else {
                play(&scenario, &signalling, &dtls, number - scenario.publishers)
            };
            if sender.send(joined.map(Box::new)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn credentials(number: usize) -> IceParameters {
    IceParameters {
        username_fragment: format!("load{number:04}"),
        password: format!("synthetic-client-password-{number:06}"),
        ice_lite: false,
    }
}

const RIDS: [&str; 3] = ["q", "h", "f"];
const SIZES: [(u16, u16); 3] = [(320, 180), (640, 360), (1280, 720)];

fn ssrc(number: usize, encoding: usize) -> u32 {
    0x1000_0000 + number as u32 * 16 + encoding as u32 * 2
}

fn publish(
    scenario: &Scenario,
    signalling: &Signalling,
    dtls: &Arc<DtlsContext>,
    number: usize,
) -> Result<Client, String> {
    let media = match &scenario.media {
        Media::Audio { .. } => OfferedMedia::PublishAudio {
            ssrc: ssrc(number, 0),
        },
        Media::Video { bitrates, .. } if bitrates.len() > 1 => OfferedMedia::PublishSimulcast {
            codec: "VP8",
            rids: RIDS[..bitrates.len()]
                .iter()
                .map(ToString::to_string)
                .collect(),
        },
        Media::Video { .. } => OfferedMedia::PublishVideo {
            codec: "VP8",
            ssrc: ssrc(number, 0),
            rtx_ssrc: ssrc(number, 0) + 1,
        },
    };
    let url = scenario.whip_url.replace("{n}", &number.to_string());
    let ice = credentials(number);
    let joined = signalling.join(&url, ice.clone(), dtls, vec![media])?;
    let now = Instant::now();
    let sources = sources(scenario, number, &joined.answer, now)?;
    Client::new(
        now,
        ice,
        dtls,
        &joined,
        Role::Publish(sources),
        scenario.offload,
    )
}

fn sources(
    scenario: &Scenario,
    number: usize,
    answer: &Description,
    now: Instant,
) -> Result<Vec<Source>, String> {
    let section = answer
        .media
        .iter()
        .find(|media| media.kind != Kind::Application && !media.rejected);
    let section = section.ok_or("the server rejected our media")?;
    let codec = section.codecs.first().ok_or("the answer names no codec")?;
    let (shape, payload_len, bitrates, fps) = match &scenario.media {
        Media::Audio { payload } => (Shape::Opus, *payload, vec![0], 50),
        Media::Video {
            payload,
            bitrates,
            fps,
        } => (Shape::Vp8, *payload, bitrates.clone(), *fps),
    };
    let many = bitrates.len() > 1;
    let shape_of = |(index, bitrate): (usize, u64)| Shaping {
        ssrc: ssrc(number, index),
        payload_type: codec.payload_type,
        shape,
        payload_len,
        bitrate,
        fps,
        extensions: extensions(section, many.then(|| RIDS[index])),
        stream: (number as u32) << 8 | index as u32,
        size: SIZES[if many { index } else { 2 }],
    };
    Ok(bitrates
        .into_iter()
        .enumerate()
        .map(|each| Source::new(now, shape_of(each)))
        .collect())
}

/// MID and, with simulcast, RID in every packet (RFC 8852).
fn extensions(section: &Section, rid: Option<&str>) -> Vec<(u8, Vec<u8>)> {
    let id = |uri: &str| {
        section
            .header_extensions
            .iter()
            .find(|e| e.uri == uri)
            .map(|e| e.id)
    };
    let mid = id(extension_uri::MID).map(|id| (id, section.mid.clone().into_bytes()));
    let rid = rid.and_then(|rid| id(extension_uri::RID).map(|id| (id, rid.as_bytes().to_vec())));
    mid.into_iter().chain(rid).collect()
}

fn play(
    scenario: &Scenario,
    signalling: &Signalling,
    dtls: &Arc<DtlsContext>,
    number: usize,
) -> Result<Client, String> {
    let (shape, media) = match &scenario.media {
        Media::Audio { .. } => (Shape::Opus, OfferedMedia::PlayAudio),
        Media::Video { .. } => (Shape::Vp8, OfferedMedia::PlayVideo),
    };
    let watched = number % scenario.publishers;
    let url = scenario.whep_url.replace("{n}", &watched.to_string());
    let ice = credentials(scenario.publishers + number);
    let asked = Instant::now();
    let joined = signalling.join(&url, ice.clone(), dtls, vec![media])?;
    let role = Role::Play(Box::new(Playing::new(asked, shape, &joined.answer)));
    Client::new(Instant::now(), ice, dtls, &joined, role, scenario.offload)
}

/// Different errors that are kept.
const MAX_ERRORS: usize = 20;

/// What went wrong: one cause mostly hits every client, and is told once.
#[derive(Default)]
struct Errors(BTreeMap<String, usize>);

impl Errors {
    fn add(&mut self, error: String) {
        if let Some(count) = self.0.get_mut(&error) {
            *count += 1;
        } else if self.0.len() < MAX_ERRORS {
            self.0.insert(error, 1);
        }
    }

    fn lines(&self) -> Vec<String> {
        let line = |(error, count): (&String, &usize)| match count {
            1 => error.clone(),
            _ => format!("{error} ({count} times)"),
        };
        self.0.iter().map(line).collect()
    }
}

/// All clients of one run and the loop that drives them.
struct Fleet {
    clients: Vec<(Box<Client>, Instant)>,
    poller: net::Poller,
    ready: Vec<usize>,
    buffer: Vec<u8>,
    errors: Errors,
    reported: Instant,
}

impl Fleet {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            clients: Vec::new(),
            poller: net::Poller::new()?,
            ready: Vec::new(),
            buffer: vec![0; 65_536],
            errors: Errors::default(),
            reported: Instant::now(),
        })
    }

    /// Takes clients as they join until all have joined or failed and all have keys.
    fn gather(
        &mut self,
        joins: &Receiver<Join>,
        asked: usize,
        out: &mut impl Write,
    ) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(60 + asked as u64 / 20);
        let mut arrived = 0;
        while arrived < asked || self.connected() < self.clients.len() {
            while let Ok(join) = joins.try_recv() {
                arrived += 1;
                match join {
                    Ok(client) => {
                        self.poller
                            .add(client.fd(), self.clients.len())
                            .map_err(|error| error.to_string())?;
                        self.clients.push((client, Instant::now()));
                    }
                    Err(error) => self.errors.add(error),
                }
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "{} of {asked} connected in time; errors: {:?}",
                    self.connected(),
                    self.errors.lines()
                ));
            }
            self.turn(Instant::now() + Duration::from_millis(5));
            self.progress(out);
        }
        if self.clients.is_empty() {
            return Err(format!("nobody could join: {:?}", self.errors.lines()));
        }
        Ok(())
    }

    fn spin(&mut self, how_long: Duration, out: &mut impl Write) {
        let end = Instant::now() + how_long;
        while Instant::now() < end {
            self.turn(end);
            self.progress(out);
        }
    }

    /// Waits for datagrams or the next deadline, then serves both.
    fn turn(&mut self, until: Instant) {
        let now = Instant::now();
        let next = self
            .clients
            .iter()
            .map(|(_, at)| *at)
            .fold(until, Instant::min);
        let mut ready = std::mem::take(&mut self.ready);
        self.poller
            .wait(next.saturating_duration_since(now), &mut ready);
        let now = Instant::now();
        for number in &ready {
            let (client, next) = &mut self.clients[*number];
            if client.receive(&mut self.buffer, now).is_err() {
                self.errors.add(format!("client {number}: socket failed"));
            }
            *next = (*next).min(now + Duration::from_millis(5));
        }
        self.ready = ready;
        let now = Instant::now();
        for (client, next) in &mut self.clients {
            if *next <= now {
                *next = client.turn(now);
            }
        }
    }

    fn progress(&mut self, out: &mut impl Write) {
        if self.reported.elapsed() >= Duration::from_secs(1) {
            self.reported = Instant::now();
            let tally = self.tally();
            line(
                out,
                &json!({"type": "progress", "connected": self.connected(), "clients": self.clients.len(),
                "packets": tally.packets, "lost": tally.lost, "integrity_errors": tally.integrity_errors}),
            );
        }
    }

    fn connected(&self) -> usize {
        self.clients
            .iter()
            .filter(|(client, _)| client.is_connected())
            .count()
    }

    fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for tally in self
            .clients
            .iter()
            .filter_map(|(client, _)| client.role.tally())
        {
            sum.add(tally);
        }
        sum
    }

    fn published(&self) -> u64 {
        let packets = |client: &Client| match &client.role {
            Role::Publish(sources) => sources.iter().map(Source::packets).sum(),
            Role::Play(_) => 0,
        };
        self.clients.iter().map(|(client, _)| packets(client)).sum()
    }

    fn forget_delays(&mut self) {
        for (client, _) in &mut self.clients {
            if let Role::Play(playing) = &mut client.role {
                playing.delays.clear();
            }
        }
    }

    fn delays(&self, outcome: &mut Outcome) {
        let mut delays = Vec::new();
        for (client, _) in &self.clients {
            if let Role::Play(playing) = &client.role {
                delays.extend_from_slice(&playing.delays);
                outcome.join_ms.extend(
                    playing
                        .first_packet_after()
                        .map(|after| after.as_secs_f64() * 1e3),
                );
            }
        }
        delays.sort_unstable();
        outcome.join_ms.sort_by(f64::total_cmp);
        let at = |share: f64| {
            delays
                .get((delays.len() as f64 * share) as usize)
                .or(delays.last())
                .copied()
                .unwrap_or(0)
        };
        outcome.delay_p50_us = at(0.5);
        outcome.delay_p99_us = at(0.99);
        outcome.delay_max_us = at(1.0);
    }

    fn leave(&mut self, scenario: &Scenario) {
        let signalling = Signalling::new(&scenario.token);
        for (client, _) in &mut self.clients {
            client.close(Instant::now());
            signalling.leave(&client.resource);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_each_error_once_and_a_bounded_number_of_them() {
        let mut errors = Errors::default();
        for client in 0..200 {
            errors.add("status 500".to_owned());
            errors.add(format!("client {client}"));
        }
        let lines = errors.lines();
        assert_eq!(lines.len(), MAX_ERRORS);
        assert!(lines.contains(&"status 500 (200 times)".to_owned()));
        assert!(lines.contains(&"client 0".to_owned()));
    }
}
