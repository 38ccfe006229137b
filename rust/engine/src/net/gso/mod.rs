//! The send arena: datagrams are built in it back to back, consecutive ones of one receiver and size form a run, and each run leaves as
//! one message with UDP_SEGMENT. Owns batching, fallback where a path refuses runs, and what waits while the kernel refuses more.

mod counters;
mod messages;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;

use ahash::AHashMap;

use super::udp::UdpSocket;
use messages::Messages;

pub use counters::{Class, PerClass, SendCounters};

/// Datagrams of one run, what every kernel with UDP GSO takes.
pub const MAX_SEGMENTS: usize = 64;
/// Bytes of one run, below the 65507 of one UDP payload.
const MAX_RUN_BYTES: usize = 65_000;
/// Runs of one `sendmmsg`.
const MAX_RUNS: usize = 64;
/// The arena is sent between two runs once it holds this much: a few runs a call, and few enough that sealing and the kernel's copy both
/// find the arena in the core's nearest caches, burst after burst.
const FLUSH_BYTES: usize = 64 << 10;
/// A run that began just below [`FLUSH_BYTES`] ends below this.
const CAPACITY: usize = FLUSH_BYTES + MAX_RUN_BYTES;
/// Longest datagram that [`SendArena::room`] promises room for.
pub const MAX_DATAGRAM: usize = 2048;
/// Bytes that may wait for the kernel in one worker.
const MAX_WAITING: usize = 64 << 20;

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Index of the socket it leaves by.
    pub socket: usize,
    pub to: SocketAddr,
    /// Local address to send from, where the socket has several.
    pub source: Option<IpAddr>,
}

/// Fixed memory for datagrams on their way out.
pub struct SendArena {
    bytes: Box<[u8]>,
    used: usize,
    runs: Vec<Run>,
    messages: Messages,
    outlets: Vec<Outlet>,
    /// Waiting bytes by owner; empty while nothing waits.
    waiting: AHashMap<u32, usize>,
    max_waiting: usize,
    offload: bool,
    refusing: Vec<u32>,
    counters: SendCounters,
}

#[derive(Clone, Copy)]
struct Run {
    start: usize,
    len: usize,
    segment: usize,
    count: usize,
    /// No datagram may follow: the last one was shorter, or runs are off.
    closed: bool,
    owner: u32,
    destination: Destination,
}

/// What one socket could not take yet.
#[derive(Default)]
struct Outlet {
    blocked: bool,
    runs: VecDeque<(Run, Box<[u8]>)>,
}

impl SendArena {
    /// For `sockets` sockets; `offload` says whether runs may be longer than one, `max_waiting` how many bytes of one owner may wait.
    pub fn new(sockets: usize, offload: bool, max_waiting: usize) -> Self {
        Self {
            bytes: vec![0; CAPACITY + MAX_DATAGRAM].into_boxed_slice(),
            used: 0,
            runs: Vec::with_capacity(MAX_RUNS + 1),
            messages: Messages::new(),
            outlets: (0..sockets).map(|_| Outlet::default()).collect(),
            waiting: AHashMap::new(),
            max_waiting,
            offload,
            refusing: Vec::new(),
            counters: SendCounters::default(),
        }
    }

    pub fn counters(&self) -> &SendCounters {
        &self.counters
    }

    /// Runs longer than one are made.
    pub fn offload(&self) -> bool {
        self.offload
    }

    /// The next datagram of `owner` would be kept even if the kernel took nothing. What does not fit is counted as dropped: video and
    /// what belongs to it at half the room, everything else when it is full.
    #[inline]
    pub fn admits(&mut self, owner: u32, class: Class) -> bool {
        self.waiting.is_empty() || self.admits_waiting(owner, class)
    }

    #[cold]
    fn admits_waiting(&mut self, owner: u32, class: Class) -> bool {
        let share = match class {
            Class::Video | Class::Retransmission | Class::Probe => 2,
            Class::Audio | Class::Rtcp | Class::Control => 1,
        };
        let own = self.waiting.get(&owner).copied().unwrap_or(0);
        let all = self.counters.bytes_waiting as usize;
        let admitted = own * share < self.max_waiting && all * share < MAX_WAITING;
        if !admitted {
            self.counters.dropped_waiting.add(class, 1);
        }
        admitted
    }

    /// Room for one datagram of up to [`MAX_DATAGRAM`] bytes; build it there, then [`SendArena::commit`] it.
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.used..self.used + MAX_DATAGRAM]
    }

    /// The datagram in the first `len` bytes of the room is complete. `owner` names the receiver, `runs` whether its path takes runs.
    #[inline]
    pub fn commit(
        &mut self,
        len: usize,
        owner: u32,
        destination: &Destination,
        runs: bool,
        class: Class,
    ) {
        self.counters.datagrams.add(class, 1);
        self.counters.bytes.add(class, len as u64);
        let start = self.used;
        self.used += len;
        if let Some(last) = self.runs.last_mut()
            && last.takes(len, owner, destination)
        {
            last.closed = len < last.segment || last.count + 1 == MAX_SEGMENTS;
            last.len += len;
            last.count += 1;
            return;
        }
        let closed = !(runs && self.offload);
        let destination = *destination;
        self.runs.push(Run {
            start,
            len,
            segment: len,
            count: 1,
            closed,
            owner,
            destination,
        });
    }

    /// Sends what was built if that is much, before the next datagram, `owner`'s, is built. A run that this datagram may still join is
    /// not cut.
    #[inline]
    pub fn make_room(&mut self, owner: u32, sockets: &[UdpSocket]) {
        if (self.used >= FLUSH_BYTES || self.runs.len() >= MAX_RUNS)
            && (self.used >= CAPACITY || !self.grows(owner))
        {
            self.flush(sockets);
        }
    }

    /// The last run may take another datagram of `owner`.
    fn grows(&self, owner: u32) -> bool {
        let open =
            |run: &Run| !run.closed && run.owner == owner && run.len + run.segment <= MAX_RUN_BYTES;
        self.runs.last().is_some_and(open)
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Hands everything built to the kernel. What it does not take waits in order for [`SendArena::drain`].
    pub fn flush(&mut self, sockets: &[UdpSocket]) {
        let mut at = 0;
        while at < self.runs.len() {
            let outlet = self.runs[at].destination.socket;
            let same = |r: &&Run| r.destination.socket == outlet;
            let count = self.runs[at..]
                .iter()
                .take_while(same)
                .count()
                .min(MAX_RUNS);
            let blocked = self.outlets.get(outlet).is_none_or(|outlet| outlet.blocked);
            at += match sockets.get(outlet) {
                Some(socket) if !blocked => self.send(socket.as_raw_fd(), at, count),
                _ => self.keep(at, count),
            };
        }
        self.runs.clear();
        self.used = 0;
    }

    /// One system call for `count` runs; how many of them are dealt with.
    fn send(&mut self, fd: RawFd, at: usize, count: usize) -> usize {
        let runs = &self.runs[at..at + count];
        self.counters.syscalls += 1;
        match self.messages.send(fd, runs, &self.bytes) {
            Ok(sent) => {
                for run in &runs[..sent.min(count)] {
                    self.counters.count_run(run.count);
                }
                sent
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.counters.would_block += 1;
                self.outlets[runs[0].destination.socket].blocked = true;
                0
            }
            Err(error) => {
                let run = runs[0];
                let bytes = std::mem::take(&mut self.bytes);
                self.send_singly(fd, &run, &bytes[run.start..run.start + run.len], &error);
                self.bytes = bytes;
                1
            }
        }
    }

    /// A path refused a run: sends its datagrams one by one, and tells that this owner gets no more runs. A single datagram that was
    /// refused is dropped.
    fn send_singly(&mut self, fd: RawFd, run: &Run, bytes: &[u8], error: &io::Error) {
        if run.count == 1 {
            self.counters.dropped_refused += 1;
            return;
        }
        self.counters.runs_refused += 1;
        self.refusing.push(run.owner);
        // The device cannot checksum what it segments: no path over it takes runs.
        if error.raw_os_error() == Some(libc::EIO) {
            self.offload = false;
        }
        for datagram in bytes.chunks(run.segment) {
            let (len, segment) = (datagram.len(), datagram.len());
            let single = Run {
                start: 0,
                len,
                segment,
                count: 1,
                closed: true,
                ..*run
            };
            self.counters.syscalls += 1;
            match self.messages.send(fd, &[single], datagram) {
                Ok(_) => self.counters.count_run(1),
                Err(_) => self.counters.dropped_refused += 1,
            }
        }
    }

    /// Moves runs behind those that wait already.
    fn keep(&mut self, at: usize, count: usize) -> usize {
        for run in &self.runs[at..at + count] {
            let bytes = &self.bytes[run.start..run.start + run.len];
            let Some(outlet) = self.outlets.get_mut(run.destination.socket) else {
                continue;
            };
            *self.waiting.entry(run.owner).or_default() += run.len;
            self.counters.bytes_waiting += run.len as u64;
            outlet
                .runs
                .push_back((Run { start: 0, ..*run }, bytes.into()));
        }
        count
    }

    /// The kernel takes more on `socket`: sends what waits, as far as it goes.
    pub fn drain(&mut self, index: usize, socket: &UdpSocket) {
        let Some(outlet) = self.outlets.get_mut(index) else {
            return;
        };
        outlet.blocked = false;
        while let Some((run, bytes)) = self.outlets[index].runs.pop_front() {
            self.counters.syscalls += 1;
            match self.messages.send(socket.as_raw_fd(), &[run], &bytes) {
                Ok(_) => self.counters.count_run(run.count),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) =>
                {
                    let outlet = &mut self.outlets[index];
                    outlet.blocked = true;
                    outlet.runs.push_front((run, bytes));
                    return;
                }
                Err(error) => self.send_singly(socket.as_raw_fd(), &run, &bytes, &error),
            }
            self.counters.bytes_waiting -= run.len as u64;
            if let Some(own) = self.waiting.get_mut(&run.owner) {
                *own -= run.len;
                if *own == 0 {
                    self.waiting.remove(&run.owner);
                }
            }
        }
    }

    /// The kernel refused more on this socket; wait until it is writable, then [`SendArena::drain`].
    pub fn is_blocked(&self, socket: usize) -> bool {
        self.outlets
            .get(socket)
            .is_some_and(|outlet| outlet.blocked)
    }

    /// An owner whose path refused a run.
    pub fn poll_refusing(&mut self) -> Option<u32> {
        self.refusing.pop()
    }
}

impl Run {
    #[inline]
    fn takes(&self, len: usize, owner: u32, destination: &Destination) -> bool {
        !self.closed
            && self.owner == owner
            && len <= self.segment
            && self.len + len <= MAX_RUN_BYTES
            && self.destination == *destination
    }
}
