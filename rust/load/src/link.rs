//! A bad network between one client and one server port: a UDP relay with rate, queue, delay, jitter, loss, duplication and rebinding,
//! from a seed. Put its port in place of the server's in a candidate. Owns the impairment; refuses to know what it carries.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::net;

/// Impairment of one direction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Impairment {
    /// Share of datagrams dropped, 0 to 1.
    pub loss: f64,
    /// Mean length of a loss burst in datagrams (two-state Gilbert model); 1 or less means independent losses.
    pub burst: f64,
    /// Share of datagrams sent twice.
    pub duplicate: f64,
    pub delay_ms: f64,
    /// Uniform, plus or minus; reorders.
    pub jitter_ms: f64,
    /// bit/s of a drop-tail bottleneck; 0 means none.
    pub rate: u64,
    /// Longest wait in the bottleneck's queue.
    pub queue_ms: f64,
}

/// Both directions and the path's identity.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Client to server.
    pub up: Impairment,
    pub down: Impairment,
    /// Drops everything.
    pub cut: bool,
    /// A change makes the relay talk to the server from a new port, as a NAT does when it forgets.
    pub binding: u32,
}

/// Counters of one direction.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Count {
    pub forwarded: u64,
    pub lost: u64,
    pub overflowed: u64,
}

struct Rng(u64);

impl Rng {
    /// SplitMix64.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Decides the fate of each datagram of one direction: when it leaves, or never. No I/O, told the time.
pub struct Path {
    rng: Rng,
    busy_until: Option<Instant>,
    in_burst: bool,
    pub count: Count,
}

impl Path {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng(seed),
            busy_until: None,
            in_burst: false,
            count: Count::default(),
        }
    }

    /// Departure times of a datagram of `bytes` that arrives now: none, one, or two.
    pub fn pass(
        &mut self,
        now: Instant,
        bytes: usize,
        how: &Impairment,
    ) -> impl Iterator<Item = Instant> + use<> {
        let departures = if self.loses(how) {
            self.count.lost += 1;
            [None, None]
        } else if let Some(served) = self.serve(now, bytes, how) {
            self.count.forwarded += 1;
            let twin = self.rng.next() < how.duplicate;
            [
                Some(self.delayed(served, how)),
                twin.then(|| self.delayed(served, how)),
            ]
        } else {
            self.count.overflowed += 1;
            [None, None]
        };
        departures.into_iter().flatten()
    }

    fn loses(&mut self, how: &Impairment) -> bool {
        if how.burst <= 1.0 {
            return self.rng.next() < how.loss;
        }
        // Gilbert: leave a burst with 1/burst, enter one so that the long-run share is `loss`.
        let leave = 1.0 / how.burst;
        let enter = leave * how.loss / (1.0 - how.loss).max(1e-9);
        let draw = self.rng.next();
        self.in_burst = if self.in_burst {
            draw >= leave
        } else {
            draw < enter
        };
        self.in_burst
    }

    /// When the bottleneck has put the datagram on the wire; none when its queue is full.
    fn serve(&mut self, now: Instant, bytes: usize, how: &Impairment) -> Option<Instant> {
        if how.rate == 0 {
            return Some(now);
        }
        let start = self.busy_until.map_or(now, |busy| busy.max(now));
        if (start - now).as_secs_f64() * 1e3 > how.queue_ms {
            return None;
        }
        let done = start + Duration::from_secs_f64(bytes as f64 * 8.0 / how.rate as f64);
        self.busy_until = Some(done);
        Some(done)
    }

    fn delayed(&mut self, at: Instant, how: &Impairment) -> Instant {
        let millis = how.delay_ms + how.jitter_ms * (2.0 * self.rng.next() - 1.0);
        at + Duration::from_secs_f64(millis.max(0.0) / 1e3)
    }
}

type Waiting = Reverse<(Instant, u64, bool, Vec<u8>)>;

/// The running relay of one client.
pub struct Link {
    client_side: UdpSocket,
    server_side: UdpSocket,
    server: SocketAddr,
    client: Option<SocketAddr>,
    up: Path,
    down: Path,
    settings: Settings,
    waiting: BinaryHeap<Waiting>,
    order: u64,
}

/// Datagrams held back at most; more are dropped as overflow.
const WAITING: usize = 100_000;

impl Link {
    /// Listens on a free loopback port and forwards to `server`.
    pub fn new(server: SocketAddr, seed: u64) -> io::Result<Self> {
        let client_side = UdpSocket::bind("127.0.0.1:0")?;
        net::prepare(&client_side, false)?;
        Ok(Self {
            client_side,
            server_side: net::connect(server, false)?,
            server,
            client: None,
            up: Path::new(seed),
            down: Path::new(seed ^ 0x5555_5555),
            settings: Settings::default(),
            waiting: BinaryHeap::new(),
            order: 0,
        })
    }

    /// Where the client must send.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.client_side.local_addr()
    }

    pub fn counts(&self) -> (Count, Count) {
        (self.up.count, self.down.count)
    }

    /// Changes the impairment from now on.
    pub fn set(&mut self, settings: Settings) -> io::Result<()> {
        if settings.binding != self.settings.binding {
            self.server_side = net::connect(self.server, false)?;
        }
        self.settings = settings;
        Ok(())
    }

    /// Forwards what has arrived and what is due; returns when something is due next.
    pub fn turn(&mut self, buffer: &mut [u8]) -> Option<Instant> {
        self.take(buffer, true);
        self.take(buffer, false);
        let now = Instant::now();
        while let Some(Reverse((at, ..))) = self.waiting.peek() {
            if *at > now {
                return Some(*at);
            }
            if let Some(Reverse((_, _, up, data))) = self.waiting.pop() {
                self.forward(up, &data);
            }
        }
        None
    }

    fn take(&mut self, buffer: &mut [u8], up: bool) {
        for _ in 0..256 {
            let received = if up {
                self.client_side.recv_from(buffer).map(|(length, from)| {
                    self.client = Some(from);
                    length
                })
            } else {
                self.server_side.recv(buffer)
            };
            let Ok(length) = received else { return };
            if self.settings.cut || self.waiting.len() >= WAITING {
                continue;
            }
            let now = Instant::now();
            let (path, how) = if up {
                (&mut self.up, &self.settings.up)
            } else {
                (&mut self.down, &self.settings.down)
            };
            for at in path.pass(now, length, how) {
                self.order += 1;
                self.waiting
                    .push(Reverse((at, self.order, up, buffer[..length].to_vec())));
            }
        }
    }

    fn forward(&self, up: bool, data: &[u8]) {
        // A full socket buffer is one more loss on a bad network.
        if up {
            let _ = self.server_side.send(data);
        } else if let Some(client) = self.client {
            let _ = self.client_side.send_to(data, client);
        }
    }

    /// Waits until a datagram arrives or `deadline`.
    pub fn wait(&self, deadline: Option<Instant>) -> io::Result<()> {
        let mut poller = net::Poller::new()?;
        poller.add(self.client_side.as_raw_fd(), 0)?;
        poller.add(self.server_side.as_raw_fd(), 1)?;
        let most = Duration::from_millis(20);
        let wait = deadline.map_or(most, |at| {
            at.saturating_duration_since(Instant::now()).min(most)
        });
        poller.wait(wait, &mut Vec::new());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_lost(how: &Impairment) -> f64 {
        let (mut path, now) = (Path::new(1), Instant::now());
        for _ in 0..100_000 {
            let _ = path.pass(now, 1200, how).count();
        }
        path.count.lost as f64 / 100_000.0
    }

    #[test]
    fn loses_the_asked_share_alone_and_in_bursts() {
        assert!(
            (share_lost(&Impairment {
                loss: 0.1,
                ..Impairment::default()
            }) - 0.1)
                .abs()
                < 0.01
        );
        assert!(
            (share_lost(&Impairment {
                loss: 0.1,
                burst: 5.0,
                ..Impairment::default()
            }) - 0.1)
                .abs()
                < 0.02
        );
    }

    #[test]
    fn a_bottleneck_spaces_datagrams_and_drops_what_waits_too_long() {
        let how = Impairment {
            rate: 1_000_000,
            queue_ms: 100.0,
            ..Impairment::default()
        };
        let (mut path, now) = (Path::new(1), Instant::now());
        let departures: Vec<_> = (0..20).flat_map(|_| path.pass(now, 1250, &how)).collect();
        assert_eq!(departures[1] - departures[0], Duration::from_millis(10));
        assert_eq!((departures.len(), path.count.overflowed), (11, 9));
    }

    #[test]
    fn carries_both_ways_and_changes_its_port_on_rebinding() {
        let server = UdpSocket::bind("127.0.0.1:0").expect("bind");
        let mut link = Link::new(server.local_addr().expect("address"), 1).expect("link");
        let client = UdpSocket::bind("127.0.0.1:0").expect("bind");
        let mut buffer = [0u8; 2048];
        let mut ports = Vec::new();
        for binding in 0..2 {
            link.set(Settings {
                binding,
                ..Settings::default()
            })
            .expect("set");
            client
                .send_to(b"up", link.address().expect("address"))
                .expect("send");
            link.wait(None).expect("wait");
            link.turn(&mut buffer);
            let (_, from) = server.recv_from(&mut buffer).expect("server receives");
            ports.push(from.port());
            server.send_to(b"down", from).expect("send");
            link.wait(None).expect("wait");
            link.turn(&mut buffer);
            assert_eq!(client.recv(&mut buffer).expect("client receives"), 4);
        }
        assert_ne!(ports[0], ports[1]);
    }
}
