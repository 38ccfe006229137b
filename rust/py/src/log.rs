//! Log lines of the core on their way to Python: bounded, at most so many a second per cause, never touching the interpreter.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Lines kept until Python takes them.
const KEPT: usize = 1024;
/// One line per call site and this long; the next says how many were left out.
const QUIET: Duration = Duration::from_secs(10);
/// Lines a call site may write in a row before it is quietened.
const BURST: u32 = 20;

#[derive(Default)]
struct State {
    lines: Vec<Value>,
    lost: u64,
    sites: HashMap<(&'static str, u32), Site>,
}

struct Site {
    since: Instant,
    written: u32,
    left_out: u64,
}

static STATE: OnceLock<Mutex<State>> = OnceLock::new();

fn with_state<T>(act: impl FnOnce(&mut State) -> T) -> T {
    let state = STATE.get_or_init(Mutex::default);
    act(&mut state.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Sends the core's log lines here from now on; the first call of the process counts.
pub fn install() {
    // An error means that it is installed already.
    let _ = tracing::subscriber::set_global_default(Collector);
}

/// Takes all lines as a JSON array.
pub fn take() -> String {
    with_state(|state| {
        let mut lines = std::mem::take(&mut state.lines);
        let lost = std::mem::take(&mut state.lost);
        if lost > 0 {
            lines.push(json!({"level": "WARN", "message": "log lines of the core were lost", "count": lost}));
        }
        Value::Array(lines).to_string()
    })
}

struct Collector;

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Other people's crates may put addresses into their lines: only their warnings pass, without fields (see `event`).
        let ours = metadata.target().starts_with("medianode");
        *metadata.level() <= if ours { Level::INFO } else { Level::WARN }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let site = (metadata.target(), metadata.line().unwrap_or(0));
        with_state(|state| {
            let Some(left_out) = state.may_write(site) else {
                return;
            };
            if state.lines.len() >= KEPT {
                state.lost += 1;
                return;
            }
            let mut fields = Fields(Map::new());
            if metadata.target().starts_with("medianode") {
                event.record(&mut fields);
            } else {
                fields
                    .0
                    .insert("message".into(), "a library of the core complained".into());
            }
            let mut line = fields.0;
            line.insert("level".into(), metadata.level().as_str().into());
            line.insert("target".into(), metadata.target().into());
            if left_out > 0 {
                line.insert("left_out".into(), left_out.into());
            }
            state.lines.push(Value::Object(line));
        });
    }
}

impl State {
    /// Whether this call site may write now, and how many of its lines were left out before.
    fn may_write(&mut self, name: (&'static str, u32)) -> Option<u64> {
        let now = Instant::now();
        let fresh = || Site {
            since: now,
            written: 0,
            left_out: 0,
        };
        let site = self.sites.entry(name).or_insert_with(fresh);
        if now - site.since >= QUIET {
            let left_out = site.left_out;
            *site = Site {
                written: 1,
                ..fresh()
            };
            return Some(left_out);
        }
        if site.written < BURST {
            site.written += 1;
            return Some(0);
        }
        site.left_out += 1;
        None
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.0.insert(field.name().into(), text.into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
}
