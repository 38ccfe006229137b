//! The send arena: datagrams are built in it back to back, consecutive ones of one receiver and size form a run, and each run leaves as
//! one message with UDP_SEGMENT. Owns batching, fallback where a path refuses runs, and what waits while the kernel refuses more.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;

use ahash::AHashMap;
use serde::Serialize;

use super::address;
use super::udp::{UDP_SEGMENT, UdpSocket};

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
const CONTROL_WORDS: usize = 8;

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Index of the socket it leaves by.
    pub socket: usize,
    pub to: SocketAddr,
    /// Local address to send from, where the socket has several.
    pub source: Option<IpAddr>,
}

/// Why a datagram is sent: what goes first under pressure, and what the counters tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Audio,
    Video,
    Retransmission,
    Probe,
    Rtcp,
    /// STUN, DTLS and data channels.
    Control,
}

/// One number per class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PerClass {
    pub audio: u64,
    pub video: u64,
    pub retransmission: u64,
    pub probe: u64,
    pub rtcp: u64,
    pub control: u64,
}

impl PerClass {
    pub fn add(&mut self, class: Class, amount: u64) {
        let number = match class {
            Class::Audio => &mut self.audio,
            Class::Video => &mut self.video,
            Class::Retransmission => &mut self.retransmission,
            Class::Probe => &mut self.probe,
            Class::Rtcp => &mut self.rtcp,
            Class::Control => &mut self.control,
        };
        *number += amount;
    }

    /// The same for each class.
    pub fn plus(self, other: Self) -> Self {
        Self {
            audio: self.audio + other.audio,
            video: self.video + other.video,
            retransmission: self.retransmission + other.retransmission,
            probe: self.probe + other.probe,
            rtcp: self.rtcp + other.rtcp,
            control: self.control + other.control,
        }
    }

    pub fn sum(&self) -> u64 {
        self.audio + self.video + self.retransmission + self.probe + self.rtcp + self.control
    }
}

/// What an arena has done since it exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SendCounters {
    pub datagrams: PerClass,
    pub bytes: PerClass,
    /// Messages handed to the kernel; datagrams / runs is the mean run length.
    pub runs: u64,
    /// Runs by length: 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64.
    pub run_lengths: [u64; 7],
    pub syscalls: u64,
    /// Times the kernel took no more.
    pub would_block: u64,
    /// Runs that a path refused and that were sent one by one.
    pub runs_refused: u64,
    /// Datagrams not sent because too many bytes waited for the kernel.
    pub dropped_waiting: PerClass,
    /// Datagrams that the kernel refused: no route, too long, forbidden.
    pub dropped_refused: u64,
    /// Bytes that wait now.
    pub bytes_waiting: u64,
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

impl SendCounters {
    fn count_run(&mut self, count: usize) {
        self.runs += 1;
        let bucket = count.max(1).ilog2() as usize;
        self.run_lengths[bucket.min(6)] += 1;
    }
}

/// Message headers for one system call.
struct Messages {
    headers: Box<[libc::mmsghdr]>,
    vectors: Box<[libc::iovec]>,
    names: Box<[libc::sockaddr_storage]>,
    controls: Box<[[u64; CONTROL_WORDS]]>,
}

impl Messages {
    fn new() -> Self {
        // SAFETY: all-zero is a valid value of these plain structures.
        unsafe {
            Self {
                headers: vec![std::mem::zeroed(); MAX_RUNS].into_boxed_slice(),
                vectors: vec![std::mem::zeroed(); MAX_RUNS].into_boxed_slice(),
                names: vec![std::mem::zeroed(); MAX_RUNS].into_boxed_slice(),
                controls: vec![[0; CONTROL_WORDS]; MAX_RUNS].into_boxed_slice(),
            }
        }
    }

    /// Sends `runs`, whose bytes lie in `bytes`; how many the kernel took. An error belongs to the first.
    fn send(&mut self, fd: RawFd, runs: &[Run], bytes: &[u8]) -> io::Result<usize> {
        let count = runs.len().min(MAX_RUNS);
        for (at, run) in runs.iter().take(count).enumerate() {
            let data = &bytes[run.start..run.start + run.len];
            self.vectors[at] = libc::iovec {
                iov_base: data.as_ptr().cast_mut().cast(),
                iov_len: run.len,
            };
            let name_len = address::write(&run.destination.to, &mut self.names[at]);
            let mut control = Control {
                words: &mut self.controls[at],
                len: 0,
            };
            if run.count > 1 {
                control.push(
                    libc::SOL_UDP,
                    UDP_SEGMENT,
                    &(run.segment as u16).to_ne_bytes(),
                );
            }
            match run.destination.source {
                Some(IpAddr::V4(ip)) => {
                    let mut info = [0; 12];
                    info[4..8].copy_from_slice(&ip.octets());
                    control.push(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
                }
                Some(IpAddr::V6(ip)) => {
                    let mut info = [0; 20];
                    info[..16].copy_from_slice(&ip.octets());
                    control.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
                }
                None => {}
            }
            let control_len = control.len;
            let header = &mut self.headers[at].msg_hdr;
            header.msg_name = (&raw mut self.names[at]).cast();
            header.msg_namelen = name_len;
            header.msg_iov = &raw mut self.vectors[at];
            header.msg_iovlen = 1;
            header.msg_control = if control_len == 0 {
                std::ptr::null_mut()
            } else {
                (&raw mut self.controls[at]).cast()
            };
            header.msg_controllen = control_len;
        }
        // SAFETY: each of the `count` headers was just pointed at boxed memory of ours and at `bytes`, which outlive the call; the kernel
        // only reads what they point at.
        let sent = unsafe {
            libc::sendmmsg(
                fd,
                self.headers.as_mut_ptr(),
                count as u32,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Writes control messages one behind the other.
struct Control<'a> {
    words: &'a mut [u64; CONTROL_WORDS],
    len: usize,
}

impl Control<'_> {
    fn push(&mut self, level: i32, kind: i32, data: &[u8]) {
        // SAFETY: CMSG_SPACE and CMSG_LEN only compute.
        let (space, len) = unsafe {
            (
                libc::CMSG_SPACE(data.len() as u32) as usize,
                libc::CMSG_LEN(data.len() as u32) as usize,
            )
        };
        assert!(
            self.len + space <= size_of_val(self.words),
            "invariant: two messages fit"
        );
        // SAFETY: the assertion keeps header and data within `words`, whose start is aligned for a cmsghdr, as is every CMSG_SPACE.
        unsafe {
            let at = self
                .words
                .as_mut_ptr()
                .cast::<u8>()
                .add(self.len)
                .cast::<libc::cmsghdr>();
            (*at).cmsg_len = len;
            (*at).cmsg_level = level;
            (*at).cmsg_type = kind;
            std::ptr::copy_nonoverlapping(data.as_ptr(), libc::CMSG_DATA(at), data.len());
        }
        self.len += space;
    }
}

#[cfg(test)]
mod tests {
    use super::super::arena::ReceiveArena;
    use super::super::option;
    use super::*;

    struct Pair {
        sender: Vec<UdpSocket>,
        receiver: UdpSocket,
        arena: SendArena,
    }

    impl Pair {
        fn new(ip: &str) -> Self {
            let bind = |gro| UdpSocket::bind(SocketAddr::new(ip.parse().unwrap(), 0), gro).unwrap();
            Self {
                sender: vec![bind(false)],
                receiver: bind(true),
                arena: SendArena::new(1, true, 10_000),
            }
        }

        fn put(&mut self, owner: u32, len: usize) {
            let destination = Destination {
                socket: 0,
                to: self.receiver.local(),
                source: None,
            };
            self.arena.room()[..len].fill(owner as u8);
            self.arena
                .commit(len, owner, &destination, true, Class::Video);
        }

        /// Lengths of the datagrams that arrive.
        fn received(&self) -> Vec<usize> {
            let mut arena = ReceiveArena::new();
            let mut lengths = Vec::new();
            while let Ok(count) = arena.receive(&self.receiver) {
                for at in 0..count {
                    let slot = arena.slot(at).unwrap();
                    assert_eq!(slot.remote, self.sender[0].local());
                    lengths.extend(slot.bytes.chunks(slot.segment).map(<[u8]>::len));
                }
            }
            lengths
        }
    }

    #[test]
    fn joins_equal_datagrams_of_one_owner_and_lets_the_last_be_shorter() {
        for ip in ["127.0.0.1", "::1"] {
            let mut pair = Pair::new(ip);
            for (owner, len) in [(1, 1000), (1, 1000), (1, 700), (1, 700), (2, 700), (2, 900)] {
                pair.put(owner, len);
            }
            pair.arena.flush(&pair.sender);
            assert_eq!(pair.received(), [1000, 1000, 700, 700, 700, 900]);
            let counters = pair.arena.counters();
            assert_eq!((counters.runs, counters.syscalls), (4, 1));
            assert_eq!(counters.run_lengths, [3, 1, 0, 0, 0, 0, 0]);
        }
    }

    #[test]
    fn bounds_runs_by_segments_and_bytes() {
        let mut pair = Pair::new("127.0.0.1");
        (0..65).for_each(|_| pair.put(1, 100));
        (0..60).for_each(|_| pair.put(2, 1500));
        pair.arena.flush(&pair.sender);
        let counters = pair.arena.counters();
        assert_eq!((counters.runs, counters.datagrams.video), (4, 125));
        assert_eq!(pair.received().len(), 125);
    }

    #[test]
    fn sends_between_runs_what_is_enough_for_a_call() {
        let mut pair = Pair::new("127.0.0.1");
        let mut received = 0;
        for owner in 0..40 {
            for _ in 0..9 {
                pair.arena.make_room(owner, &pair.sender);
                pair.put(owner, 1240);
            }
            received += pair.received().len();
        }
        pair.arena.flush(&pair.sender);
        received += pair.received().len();
        let counters = pair.arena.counters();
        assert_eq!((received, counters.runs, counters.syscalls), (360, 40, 7));
    }

    #[test]
    fn an_endless_run_leaves_in_pieces() {
        let mut pair = Pair::new("127.0.0.1");
        for _ in 0..200 {
            pair.arena.make_room(7, &pair.sender);
            pair.put(7, 1240);
            assert!(pair.arena.used < CAPACITY + MAX_DATAGRAM);
        }
        assert_eq!(pair.received().len(), 104);
    }

    #[test]
    fn sends_singly_where_a_path_refuses_runs() {
        let mut pair = Pair::new("127.0.0.1");
        // A socket that sends without checksums cannot send runs: the kernel answers EINVAL.
        option::set(
            pair.sender[0].as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NO_CHECK,
            1,
        )
        .unwrap();
        pair.put(1, 500);
        (0..3).for_each(|_| pair.put(7, 500));
        pair.put(8, 400);
        pair.arena.flush(&pair.sender);
        assert_eq!(pair.received(), [500, 500, 500, 500, 400]);
        assert_eq!(pair.arena.poll_refusing(), Some(7));
        assert_eq!(pair.arena.poll_refusing(), None);
        assert_eq!(pair.arena.counters().runs_refused, 1);
    }

    #[test]
    fn drops_one_datagram_that_has_no_route_and_sends_the_rest() {
        let mut pair = Pair::new("127.0.0.1");
        pair.put(1, 500);
        let nowhere = Destination {
            socket: 0,
            to: "192.0.2.1:9".parse().unwrap(),
            source: None,
        };
        pair.arena.commit(500, 2, &nowhere, true, Class::Video);
        pair.put(3, 500);
        pair.arena.flush(&pair.sender);
        assert_eq!(pair.received(), [500, 500]);
        assert_eq!(pair.arena.counters().dropped_refused, 1);
    }

    #[test]
    fn keeps_a_bounded_rest_while_the_kernel_refuses_video_first() {
        let mut pair = Pair::new("127.0.0.1");
        pair.arena.outlets[0].blocked = true;
        let mut put = |class: Class| {
            let admitted = pair.arena.admits(1, class);
            if admitted {
                let destination = Destination {
                    socket: 0,
                    to: pair.receiver.local(),
                    source: None,
                };
                pair.arena.commit(1000, 1, &destination, true, class);
                pair.arena.flush(&pair.sender);
            }
            admitted
        };
        let video = (0..20).filter(|_| put(Class::Video)).count();
        let audio = (0..20).filter(|_| put(Class::Audio)).count();
        assert_eq!((video, audio), (5, 5));
        assert!(pair.arena.is_blocked(0));
        assert_eq!(pair.arena.counters().dropped_waiting.video, 15);
        let socket = &pair.sender[0];
        pair.arena.drain(0, socket);
        assert!(!pair.arena.is_blocked(0));
        assert_eq!(pair.arena.counters().bytes_waiting, 0);
        assert_eq!(pair.received().len(), 10);
        assert!(pair.arena.admits(1, Class::Video));
    }

    #[test]
    fn names_the_source_address_where_the_socket_has_several() {
        let mut pair = Pair::new("127.0.0.1");
        pair.sender = vec![UdpSocket::bind("0.0.0.0:0".parse().unwrap(), false).unwrap()];
        let source: IpAddr = "127.0.0.2".parse().unwrap();
        let destination = Destination {
            socket: 0,
            to: pair.receiver.local(),
            source: Some(source),
        };
        (0..2).for_each(|_| pair.arena.commit(300, 1, &destination, true, Class::Audio));
        pair.arena.flush(&pair.sender);
        let mut arena = ReceiveArena::new();
        assert_eq!(arena.receive(&pair.receiver).unwrap(), 1);
        let slot = arena.slot(0).unwrap();
        assert_eq!((slot.bytes.len(), slot.segment), (600, 300));
        assert_eq!(slot.remote.ip(), source);
    }
}
