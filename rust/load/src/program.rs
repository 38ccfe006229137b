//! The program around the parts: JSON on standard input, JSON lines on standard output.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{TryRecvError, channel};
use std::thread;

use serde_json::json;

use crate::link::{Link, Settings};
use crate::scenario::Scenario;
use crate::{floor, run};

/// Runs one mode: `run` (a scenario on standard input), `floor` (a request on standard input), or `link SERVER SEED`
/// (settings, one JSON object a line, until standard input ends). The exit status: 0, or 1 with an error line, or 2 for wrong usage.
pub fn main(arguments: &[String]) -> i32 {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["run"] => run_mode(),
        ["floor"] => floor_mode(),
        ["link", server, seed] => link_mode(server, seed),
        _ => {
            print(&json!({"type": "error", "detail": "usage: run | floor | link SERVER SEED"}));
            return 2;
        }
    };
    match result {
        Ok(()) => 0,
        Err(detail) => {
            print(&json!({"type": "error", "detail": detail}));
            1
        }
    }
}

fn print(value: &serde_json::Value) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}

fn input<T: serde::de::DeserializeOwned>() -> Result<T, String> {
    serde_json::from_reader(io::stdin().lock()).map_err(|error| format!("standard input: {error}"))
}

fn run_mode() -> Result<(), String> {
    let scenario: Scenario = input()?;
    let outcome = run::run(&scenario, &mut io::stdout())?;
    print(&json!({"type": "result", "result": outcome}));
    Ok(())
}

fn floor_mode() -> Result<(), String> {
    let floor = floor::measure(&input()?).map_err(|error| error.to_string())?;
    print(&json!({"type": "floor", "floor": floor}));
    Ok(())
}

fn link_mode(server: &str, seed: &str) -> Result<(), String> {
    let server: SocketAddr = server
        .parse()
        .map_err(|_| format!("{server:?} is not ADDRESS:PORT"))?;
    let seed = seed
        .parse()
        .map_err(|_| format!("{seed:?} is not a number"))?;
    let mut link = Link::new(server, seed).map_err(|error| error.to_string())?;
    let (sender, settings) = channel();
    thread::spawn(move || {
        for text in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    let port = link.address().map_err(|error| error.to_string())?.port();
    print(&json!({"type": "link", "port": port}));
    let mut buffer = vec![0u8; 65_536];
    loop {
        match settings.try_recv() {
            Ok(text) => change(&mut link, &text)?,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
        let next = link.turn(&mut buffer);
        link.wait(next).map_err(|error| error.to_string())?;
    }
}

fn change(link: &mut Link, text: &str) -> Result<(), String> {
    let settings: Settings =
        serde_json::from_str(text).map_err(|error| format!("settings: {error}"))?;
    link.set(settings).map_err(|error| error.to_string())?;
    let (up, down) = link.counts();
    print(&json!({"type": "counts", "up": up, "down": down}));
    Ok(())
}
