//! Runs in, runs out.

mod peer;

use std::time::{Duration, Instant};

use medianode_engine::Command;
use medianode_sfu::params::MediaKind;
use peer::{Client, Link, Node, V4, V6, context, key_frame, payload};

const PACKETS: u16 = 24;

fn frame_through(node: &mut Node, link: Link) -> Vec<Client> {
    let context = context();
    node.router(1);
    let mut publisher = node.connected(1, 1, link, &context);
    node.produce(&publisher, 10, MediaKind::Video);
    let mut players: Vec<Client> = (0..3)
        .map(|at| node.connected(1, 2 + at, link, &context))
        .collect();
    for (at, player) in (0..).zip(&players) {
        node.consume(player, 20 + at, 10, MediaKind::Video);
    }
    publisher.send_rtp(&key_frame(10, 100, PACKETS, 1000));
    for player in &mut players {
        player.run("a frame", |player| {
            player.packets.len() >= usize::from(PACKETS)
        });
        let sequence: Vec<u8> = player.packets[1..]
            .iter()
            .map(|packet| payload(packet)[1])
            .collect();
        assert_eq!(sequence, (1..PACKETS as u8).collect::<Vec<u8>>());
    }
    players
}

fn worker(
    node: &Node,
    ready: impl Fn(&medianode_engine::snapshot::WorkerSnapshot) -> bool,
) -> std::sync::Arc<medianode_engine::snapshot::WorkerSnapshot> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let worker = node.engine.snapshot().workers[0].clone();
        if ready(&worker) || Instant::now() > deadline {
            return worker;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_frame_that_arrives_as_one_run_leaves_as_one_run_per_player() {
    for ip in [V4, V6] {
        let mut node = Node::start();
        frame_through(&mut node, Link::Udp(ip));
        let worker = worker(&node, |worker| worker.datagrams_sent.video >= 72);
        assert_eq!(worker.datagrams_sent.video, 72);
        assert!(worker.gso && worker.gro);
        // Three runs of 24 for the three players.
        assert_eq!(worker.send_run_lengths[4], 3, "{worker:?}");
    }
}

#[test]
fn without_offload_each_packet_leaves_alone_and_all_arrive() {
    let mut node = Node::with(|config| config.offload = false);
    frame_through(&mut node, Link::Udp(V4));
    let worker = worker(&node, |worker| worker.datagrams_sent.video >= 72);
    assert!(!worker.gso);
    assert_eq!(worker.send_runs, worker.send_segments);
}

#[test]
fn a_player_over_tcp_gets_the_same_frame() {
    let mut node = Node::start();
    frame_through(&mut node, Link::Tcp(V4));
}

#[test]
fn events_are_told_through_a_descriptor() {
    let node = Node::start();
    let mut epoll = medianode_engine::net::epoll::Epoll::new().unwrap();
    let interest = medianode_engine::net::epoll::Interest::READ;
    epoll.add(node.engine.event_fd(), 1, interest).unwrap();
    epoll.wait(Some(Duration::ZERO)).unwrap();
    assert!(epoll.is_empty());
    node.engine
        .submit(Command::CreateRouter {
            router: medianode_sfu::RouterId(1),
        })
        .unwrap();
    epoll.wait(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(epoll.len(), 1);
    assert_eq!(node.engine.poll_events(10).len(), 1);
    epoll.wait(Some(Duration::ZERO)).unwrap();
    assert!(epoll.is_empty());
}
