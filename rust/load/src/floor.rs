//! What this machine charges at least for one forwarded packet: one AEAD seal and one packet's share of a GSO send.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use crate::net;

/// What to measure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Key length in bits, 128 or 256.
    pub key_bits: u32,
    /// Bytes sealed, and bytes of the datagram that carries them.
    pub payload: usize,
    pub datagram: usize,
    /// Mean segments per send that the node reached.
    pub run_length: f64,
    /// Cores for sender and receiver.
    #[serde(default)]
    pub send_core: Option<usize>,
    #[serde(default)]
    pub receive_core: Option<usize>,
    pub offload: bool,
    /// Receiving sockets in rotation.
    pub receivers: usize,
    /// Time from burst to burst of the paced part.
    pub interval_ms: f64,
}

/// CPU nanoseconds per packet, user and system together.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Floor {
    /// In a tight loop with one key: nothing leaves the caches.
    pub seal_ns: f64,
    pub send_ns: f64,
    /// In the scenario's rhythm: a burst for all receivers, each with its own key, then idleness until the next.
    pub paced_seal_ns: f64,
    pub paced_send_ns: f64,
}

const SEALS: u32 = 200_000;
const SENDS: u32 = 40_000;
/// Bursts of the paced part; the first are warm-up.
const BURSTS: u32 = 125;
const WARM_UP: u32 = 5;

/// Measures all parts on this machine, now.
pub fn measure(request: &Request) -> io::Result<Floor> {
    if let Some(core) = request.send_core {
        net::pin_thread(core);
    }
    let receivers = Receivers::start(request)?;
    let (paced_seal_ns, paced_send_ns) = paced(request, &receivers)?;
    Ok(Floor {
        seal_ns: seal(request),
        send_ns: send(request, &receivers)?,
        paced_seal_ns,
        paced_send_ns,
    })
}

fn key(request: &Request, number: usize) -> LessSafeKey {
    let (algorithm, length) = if request.key_bits == 128 {
        (&AES_128_GCM, 16)
    } else {
        (&AES_256_GCM, 32)
    };
    let bytes = [number as u8; 32];
    LessSafeKey::new(
        UnboundKey::new(algorithm, &bytes[..length]).expect("the length fits the algorithm"),
    )
}

fn seal_one(key: &LessSafeKey, number: u32, payload: &mut [u8]) {
    let mut nonce = [0u8; 12];
    nonce[..4].copy_from_slice(&number.to_be_bytes());
    let tag = key.seal_in_place_separate_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from([1u8; 20]),
        payload,
    );
    std::hint::black_box(tag.is_ok());
}

fn seal(request: &Request) -> f64 {
    let key = key(request, 7);
    let mut payload = vec![0u8; request.payload];
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = net::thread_cpu_ns();
        for number in 0..SEALS / 5 {
            seal_one(&key, number, &mut payload);
        }
        best = best.min((net::thread_cpu_ns() - start) as f64 / f64::from(SEALS / 5));
    }
    best
}

/// Sockets that another thread drains, and one that sends to them.
struct Receivers {
    sender: UdpSocket,
    addresses: Vec<SocketAddr>,
    stop: Arc<AtomicBool>,
    drain: Option<thread::JoinHandle<()>>,
}

impl Receivers {
    fn start(request: &Request) -> io::Result<Self> {
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for _ in 0..request.receivers.max(1) {
            let receiver = UdpSocket::bind("127.0.0.1:0")?;
            net::prepare(&receiver, request.offload)?;
            addresses.push(receiver.local_addr()?);
            sockets.push(receiver);
        }
        let sender = UdpSocket::bind("127.0.0.1:0")?;
        net::prepare(&sender, false)?;
        let stop = Arc::new(AtomicBool::new(false));
        let drain = thread::spawn({
            let (stop, core) = (stop.clone(), request.receive_core);
            move || drain(&sockets, &stop, core)
        });
        Ok(Self {
            sender,
            addresses,
            stop,
            drain: Some(drain),
        })
    }

    /// One run of `segments` datagrams to the `number`th receiver.
    fn send(&self, run: &[u8], datagram: usize, segments: usize, number: usize) -> io::Result<()> {
        let to = self.addresses[number % self.addresses.len()];
        net::send_run_to(
            self.sender.as_raw_fd(),
            &run[..segments * datagram],
            datagram,
            to,
        )
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(drain) = self.drain.take() {
            let _ = drain.join();
        }
    }
}

/// Run lengths whose mean is the asked one.
struct Runs {
    short: usize,
    share: f64,
    owed: f64,
}

impl Runs {
    fn new(request: &Request) -> Self {
        let short = request.run_length.floor().clamp(1.0, 49.0);
        Self {
            short: short as usize,
            share: request.run_length.fract(),
            owed: 0.0,
        }
    }

    fn next(&mut self) -> usize {
        self.owed += self.share;
        let longer = self.owed >= 1.0;
        self.owed -= self.owed.floor();
        self.short + usize::from(longer)
    }
}

fn send(request: &Request, receivers: &Receivers) -> io::Result<f64> {
    let run = vec![0u8; request.datagram * 50];
    let mut runs = Runs::new(request);
    let mut best = f64::MAX;
    for _ in 0..5 {
        let mut packets = 0;
        let start = net::thread_cpu_ns();
        for number in 0..SENDS as usize / 5 / runs.short {
            let segments = runs.next();
            receivers.send(&run, request.datagram, segments, number)?;
            packets += segments;
        }
        best = best.min((net::thread_cpu_ns() - start) as f64 / packets as f64);
    }
    Ok(best)
}

/// The same work in bursts `interval_ms` apart; means, not bests, since this is what the rhythm costs.
fn paced(request: &Request, receivers: &Receivers) -> io::Result<(f64, f64)> {
    let count = request.receivers.max(1);
    let keys: Vec<LessSafeKey> = (0..count).map(|number| key(request, number)).collect();
    let interval = Duration::from_secs_f64(request.interval_ms / 1e3);
    let mut runs = Runs::new(request);
    let mut arena = vec![0u8; request.datagram * 50];
    let (mut sealing, mut sending, mut packets, mut rounds) = (0, 0, 0usize, 0);
    for burst in 0..BURSTS {
        let next = Instant::now() + interval;
        for (number, key) in keys.iter().enumerate() {
            let segments = runs.next();
            let start = net::thread_cpu_ns();
            for (at, datagram) in arena
                .chunks_mut(request.datagram)
                .take(segments)
                .enumerate()
            {
                seal_one(
                    key,
                    burst * 64 + at as u32,
                    &mut datagram[..request.payload],
                );
            }
            let sealed = net::thread_cpu_ns();
            receivers.send(&arena, request.datagram, segments, number)?;
            let sent = net::thread_cpu_ns();
            if burst >= WARM_UP {
                sealing += sealed - start;
                sending += sent - sealed;
                packets += segments;
                rounds += 1;
            }
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let clock = rounds as f64 * clock_ns();
    Ok((
        (sealing as f64 - clock) / packets as f64,
        (sending as f64 - clock) / packets as f64,
    ))
}

/// What reading the thread's clock adds to an interval between two readings.
fn clock_ns() -> f64 {
    const READINGS: u32 = 10_000;
    let start = net::thread_cpu_ns();
    let end = (0..READINGS).fold(start, |_, _| net::thread_cpu_ns());
    (end - start) as f64 / f64::from(READINGS)
}

fn drain(sockets: &[UdpSocket], stop: &AtomicBool, core: Option<usize>) {
    if let Some(core) = core {
        net::pin_thread(core);
    }
    let Ok(mut poller) = net::Poller::new() else {
        return;
    };
    for (number, socket) in sockets.iter().enumerate() {
        let _ = poller.add(socket.as_raw_fd(), number);
    }
    let (mut buffer, mut ready) = (vec![0u8; 65_536], Vec::new());
    while !stop.load(Ordering::Relaxed) {
        poller.wait(std::time::Duration::from_millis(20), &mut ready);
        for number in &ready {
            while let Ok(Some(_)) = net::receive(sockets[*number].as_raw_fd(), &mut buffer) {}
        }
    }
}
