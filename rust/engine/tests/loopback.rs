//! Calls through the whole engine over the loopback interface.

mod peer;

use medianode_engine::{Command, Event, RefusalKind, Reply};
use medianode_sfu::params::MediaKind;
use medianode_sfu::{DataConsumerId, DataProducerId, RouterId, TransportId};
use medianode_webrtc::SecureEvent;
use medianode_webrtc::params::{ChannelParameters, Protocol};
use peer::{Link, Node, V4, V6, context, payload, rtp};

#[test]
fn audio_passes_from_each_kind_of_path_to_each() {
    let links = [Link::Udp(V4), Link::Udp(V6), Link::Tcp(V4), Link::Tcp(V6)];
    let (mut node, context) = (Node::start(), context());
    node.router(1);
    let mut publisher = node.connected(1, 1, links[0], &context);
    node.produce(&publisher, 10, MediaKind::Audio);
    let mut players = Vec::new();
    for (at, link) in (0..).zip(links) {
        let player = node.connected(1, 2 + at, link, &context);
        node.consume(&player, 20 + at, 10, MediaKind::Audio);
        players.push(player);
    }
    for seq in 0..20u16 {
        let packet = rtp(MediaKind::Audio, 10, seq, false, &[seq as u8; 80]);
        publisher.send_rtp(&[(u64::from(seq), packet)]);
    }
    for player in &mut players {
        player.run("audio", |player| player.packets.len() >= 20);
        let sequence: Vec<u8> = player
            .packets
            .iter()
            .map(|packet| payload(packet)[0])
            .collect();
        assert_eq!(sequence, (0..20).collect::<Vec<u8>>());
    }
    // The other way round: what a TCP peer sends.
    node.produce(&players[2], 11, MediaKind::Audio);
    node.consume(&publisher, 30, 11, MediaKind::Audio);
    players[2].send_rtp(&[(7, rtp(MediaKind::Audio, 11, 7, false, b"over tcp"))]);
    publisher.run("audio over tcp", |publisher| !publisher.packets.is_empty());
    assert_eq!(payload(&publisher.packets[0]), b"over tcp");
    let told = node.told();
    let paths = |wanted: Protocol| {
        let of = |event: &&Event| matches!(event, Event::IceConnected { protocol, .. } if *protocol == wanted);
        told.iter().filter(of).count()
    };
    assert_eq!((paths(Protocol::Udp), paths(Protocol::Tcp)), (3, 2));
}

#[test]
fn media_follows_a_peer_whose_address_changes() {
    let (mut node, context) = (Node::start(), context());
    node.router(1);
    let mut publisher = node.connected(1, 1, Link::Udp(V4), &context);
    let mut player = node.connected(1, 2, Link::Udp(V4), &context);
    node.produce(&publisher, 10, MediaKind::Audio);
    node.consume(&player, 20, 10, MediaKind::Audio);
    publisher.send_rtp(&[(1, rtp(MediaKind::Audio, 10, 1, false, b"before"))]);
    player.run("media", |player| player.packets.len() == 1);
    player.rebind();
    player.turn();
    node.wait("the new path", |event| {
        matches!(
            event,
            Event::IceConnected {
                transport: TransportId(2),
                ..
            }
        )
    });
    publisher.send_rtp(&[(2, rtp(MediaKind::Audio, 10, 2, false, b"after"))]);
    player.run("media on the new path", |player| player.packets.len() == 2);
}

#[test]
fn media_goes_on_through_an_ice_restart() {
    let (mut node, context) = (Node::start(), context());
    node.router(1);
    let mut publisher = node.connected(1, 1, Link::Udp(V4), &context);
    let mut player = node.connected(1, 2, Link::Udp(V4), &context);
    node.produce(&publisher, 10, MediaKind::Audio);
    node.consume(&player, 20, 10, MediaKind::Audio);
    let transport = TransportId(2);
    let Reply::Ice { ice, candidates } = node.must(Command::RestartIce { transport }) else {
        panic!()
    };
    assert!(!candidates.is_empty());
    publisher.send_rtp(&[(1, rtp(MediaKind::Audio, 10, 1, false, b"old credentials"))]);
    player.run("media", |player| player.packets.len() == 1);
    player.restart_ice(ice);
    player.rebind();
    player.run("checks with the new credentials", peer::Client::has_path);
    publisher.send_rtp(&[(2, rtp(MediaKind::Audio, 10, 2, false, b"new credentials"))]);
    player.run("media on the new path", |player| player.packets.len() == 2);
}

#[test]
fn refuses_in_silence_whatever_belongs_to_nobody() {
    let (mut node, context) = (Node::start(), context());
    node.router(1);
    let mut client = node.client(1, 1, Link::Udp(V4), &context);
    let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    stun.resize(20, 7);
    let hello = [&[22, 254, 253][..], &[0; 60]].concat();
    let media = rtp(MediaKind::Audio, 10, 1, false, &[0; 40]);
    for datagram in [
        vec![],
        vec![4; 30],
        vec![200; 30],
        stun,
        hello,
        media,
        vec![0x80, 200],
    ] {
        client.send_run(&[datagram]);
    }
    // The engine has seen all of it once it has answered what came later.
    client.run("connect", peer::Client::is_connected);
    let sent_before = client.datagrams;
    client.turn();
    assert!(client.datagrams - sent_before <= 2);
    let snapshot = || node.engine.snapshot().workers[0].dropped;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while snapshot().unknown_ufrag == 0 && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    let dropped = snapshot();
    assert_eq!((dropped.unclassified, dropped.unknown_ufrag), (3, 1));
    assert_eq!((dropped.unknown_tuple, dropped.unusable), (2, 1));
}

#[test]
fn messages_reach_every_consumer_and_early_ones_are_kept() {
    let (mut node, context) = (Node::start(), context());
    node.router(1);
    let mut sender = node.connected(1, 1, Link::Udp(V4), &context);
    let mut hearer = node.connected(1, 2, Link::Udp(V4), &context);
    let now = std::time::Instant::now();
    let chat = ChannelParameters {
        label: "chat".into(),
        ordered: true,
        ..Default::default()
    };
    let stream_id = sender.secure.open_channel(now, &chat, None).unwrap();
    sender
        .secure
        .send_message(now, stream_id, true, b"early")
        .unwrap();
    let opened = |events: &[SecureEvent]| {
        events
            .iter()
            .any(|event| matches!(event, SecureEvent::ChannelOpened { .. }))
    };
    sender.run("channel", |sender| opened(&sender.events));
    node.wait("the channel", |event| {
        matches!(event, Event::DataChannelOpened { channel, .. } if channel.label == "chat")
    });
    let data_producer = DataProducerId(5);
    node.must(Command::CreateDataProducer {
        transport: TransportId(1),
        data_producer,
        stream_id: Some(stream_id),
        negotiated: None,
    });
    node.must(Command::CreateDataConsumer {
        transport: TransportId(2),
        data_consumer: DataConsumerId(6),
        data_producer,
        stream_id: None,
        channel: Some(chat.clone()),
    });
    sender
        .secure
        .send_message(now, stream_id, true, b"late")
        .unwrap();
    sender.turn();
    let texts = |events: &[SecureEvent]| -> Vec<Vec<u8>> {
        let text = |event: &SecureEvent| match event {
            SecureEvent::Message {
                text: true, data, ..
            } => Some(data.clone()),
            _ => None,
        };
        events.iter().filter_map(text).collect()
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while texts(&hearer.events).len() < 2 && std::time::Instant::now() < deadline {
        sender.turn();
        hearer.turn();
        std::thread::yield_now();
    }
    assert_eq!(texts(&hearer.events), [b"early".to_vec(), b"late".to_vec()]);
    node.must(Command::CloseDataProducer { data_producer });
    let told = node.told();
    let closures: Vec<&Event> = told
        .iter()
        .filter(|event| {
            matches!(
                event,
                Event::DataConsumerClosed { .. } | Event::DataProducerClosed { .. }
            )
        })
        .collect();
    assert!(matches!(
        closures[..],
        [
            Event::DataConsumerClosed { .. },
            Event::DataProducerClosed { .. }
        ]
    ));
}

#[test]
fn commands_are_bounded_and_refused_with_a_reason() {
    let mut node = Node::with(|config| config.limits.routers_per_worker = 2);
    node.router(1);
    node.router(2);
    let refusal = node
        .ask(Command::CreateRouter {
            router: RouterId(3),
        })
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::LimitReached);
    let refusal = node
        .ask(Command::CreateRouter {
            router: RouterId(1),
        })
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    let refusal = node
        .ask(Command::RestartIce {
            transport: TransportId(9),
        })
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    let close = |router| Command::CloseRouter {
        router: RouterId(router),
    };
    for router in [1, 1, 77] {
        assert!(matches!(node.ask(close(router)), Ok(Reply::Done)));
    }
    node.router(3);
}
