//! What this machine charges at least for one forwarded packet: one AEAD seal and one packet's share of a GSO send.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

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
}

/// CPU nanoseconds per packet, user and system together.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Floor {
    pub seal_ns: f64,
    pub send_ns: f64,
}

const SEALS: u32 = 200_000;
const SENDS: u32 = 40_000;

/// Measures both parts on this machine, now.
pub fn measure(request: &Request) -> io::Result<Floor> {
    if let Some(core) = request.send_core {
        net::pin_thread(core);
    }
    Ok(Floor { seal_ns: seal(request), send_ns: send(request)? })
}

fn seal(request: &Request) -> f64 {
    let (algorithm, length) = if request.key_bits == 128 { (&AES_128_GCM, 16) } else { (&AES_256_GCM, 32) };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &[7u8; 32][..length]).expect("the length fits the algorithm"));
    let mut payload = vec![0u8; request.payload];
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = net::thread_cpu_ns();
        for number in 0..SEALS / 5 {
            let mut nonce = [0u8; 12];
            nonce[..4].copy_from_slice(&number.to_be_bytes());
            let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from([1u8; 20]), &mut payload);
            std::hint::black_box(tag.is_ok());
        }
        best = best.min((net::thread_cpu_ns() - start) as f64 / f64::from(SEALS / 5));
    }
    best
}

/// Sends runs whose mean length is the asked one, in rotation to sockets that another thread drains.
fn send(request: &Request) -> io::Result<f64> {
    let mut sockets = Vec::new();
    let mut senders = Vec::new();
    for _ in 0..request.receivers.max(1) {
        let receiver = UdpSocket::bind("127.0.0.1:0")?;
        net::prepare(&receiver, request.offload)?;
        senders.push(receiver.local_addr()?);
        sockets.push(receiver);
    }
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    net::prepare(&sender, false)?;
    let stop = Arc::new(AtomicBool::new(false));
    let drain = thread::spawn({
        let (stop, core) = (stop.clone(), request.receive_core);
        move || drain(&sockets, &stop, core)
    });
    let run = vec![0u8; request.datagram * 64];
    let (short, share) = (request.run_length.floor().max(1.0), request.run_length.fract());
    let mut best = f64::MAX;
    for _ in 0..5 {
        let (mut packets, mut owed) = (0u64, 0.0);
        let start = net::thread_cpu_ns();
        for number in 0..SENDS / 5 / short as u32 {
            owed += share;
            let segments = short as usize + usize::from(owed >= 1.0);
            owed -= owed.floor();
            let to = senders[number as usize % senders.len()];
            net::send_run_to(sender.as_raw_fd(), &run[..(segments.min(50)) * request.datagram], request.datagram, to)?;
            packets += segments as u64;
        }
        best = best.min((net::thread_cpu_ns() - start) as f64 / packets as f64);
    }
    stop.store(true, Ordering::Relaxed);
    let _ = drain.join();
    Ok(best)
}

fn drain(sockets: &[UdpSocket], stop: &AtomicBool, core: Option<usize>) {
    if let Some(core) = core {
        net::pin_thread(core);
    }
    let Ok(mut poller) = net::Poller::new() else { return };
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
