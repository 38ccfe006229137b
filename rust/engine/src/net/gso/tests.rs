use super::*;
use crate::net::arena::ReceiveArena;
use crate::net::option;

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
