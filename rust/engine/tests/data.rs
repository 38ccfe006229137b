//! Data channels through the whole engine: pre-negotiated ones that several data consumers share, and direct transports.

mod peer;

use std::time::Instant;

use medianode_engine::{CloseCause, Command, Event, Refusal, RefusalKind, Reply};
use medianode_sfu::{DataConsumerId, DataProducerId, RouterId, TransportId};
use medianode_webrtc::SecureEvent;
use medianode_webrtc::params::ChannelParameters;
use peer::{Client, Link, Node, V4, context, run_all};

/// Stream of the pre-negotiated channel.
const BOT: u16 = 0;

/// As clients without DCEP open it on both sides.
fn bot() -> ChannelParameters {
    ChannelParameters {
        label: "bot".into(),
        ordered: false,
        max_retransmits: Some(3),
        ..Default::default()
    }
}

fn open_bot(client: &mut Client) {
    let opened = client
        .secure
        .open_channel(Instant::now(), &bot(), Some(BOT))
        .unwrap();
    assert_eq!(opened, BOT);
}

fn say(client: &mut Client, text: &str) {
    client
        .secure
        .send_message(Instant::now(), BOT, true, text.as_bytes())
        .unwrap();
}

fn producer(transport: u64, data_producer: u64, negotiated: bool) -> Command {
    Command::CreateDataProducer {
        transport: TransportId(transport),
        data_producer: DataProducerId(data_producer),
        stream_id: negotiated.then_some(BOT),
        negotiated: negotiated.then(bot),
    }
}

fn consumer(transport: u64, data_consumer: u64, data_producer: u64, negotiated: bool) -> Command {
    Command::CreateDataConsumer {
        transport: TransportId(transport),
        data_consumer: DataConsumerId(data_consumer),
        data_producer: DataProducerId(data_producer),
        stream_id: negotiated.then_some(BOT),
        channel: negotiated.then(bot),
    }
}

fn direct(router: u64, transport: u64) -> Command {
    Command::CreateDirectTransport {
        router: RouterId(router),
        transport: TransportId(transport),
    }
}

fn send(data_producer: u64, payload: impl Into<String>) -> Command {
    Command::SendData {
        data_producer: DataProducerId(data_producer),
        payload: payload.into(),
    }
}

fn close(data_consumer: u64) -> Command {
    Command::CloseDataConsumer {
        data_consumer: DataConsumerId(data_consumer),
    }
}

fn kind(answer: Result<Reply, Refusal>) -> RefusalKind {
    answer.unwrap_err().kind
}

fn texts(client: &Client) -> Vec<String> {
    let mut texts: Vec<String> = client.texts().into_iter().map(|(_, text)| text).collect();
    texts.sort();
    texts
}

#[test]
fn a_direct_transport_speaks_to_peers_and_hears_them() {
    let (mut node, context) = (Node::start(), context());
    node.router(1);
    node.must(direct(1, 9));
    let mut speaker = node.connected(1, 1, Link::Udp(V4), &context);
    let mut hearer = node.connected(1, 2, Link::Udp(V4), &context);
    open_bot(&mut speaker);
    open_bot(&mut hearer);
    for command in [
        producer(1, 10, true),
        consumer(9, 20, 10, false),
        producer(9, 11, false),
        consumer(2, 21, 11, true),
        // The control plane hears itself as well, if it wants.
        consumer(9, 22, 11, false),
    ] {
        node.must(command);
    }
    say(&mut speaker, "hello \u{fc}");
    speaker
        .secure
        .send_message(Instant::now(), BOT, false, b"binary")
        .unwrap();
    speaker
        .secure
        .send_message(Instant::now(), BOT, true, &[0xff])
        .unwrap();
    node.must(send(11, "news"));
    let mut heard = Vec::new();
    let deadline = Instant::now() + std::time::Duration::from_secs(20);
    while heard.len() < 2 || texts(&hearer).is_empty() {
        assert!(Instant::now() < deadline, "{heard:?}");
        speaker.turn();
        hearer.turn();
        heard.extend(node.told().into_iter().filter_map(|event| match event {
            Event::DataMessage {
                data_consumer,
                payload,
            } => Some((data_consumer.0, payload)),
            _ => None,
        }));
    }
    heard.sort();
    assert_eq!(heard, [(20, "hello \u{fc}".into()), (22, "news".into())]);
    assert_eq!(texts(&hearer), ["news"]);
    while node.engine.snapshot().workers[0].dropped.data_binary < 2 {
        assert!(Instant::now() < deadline);
        speaker.turn();
        std::thread::yield_now();
    }
    assert_eq!(node.engine.snapshot().workers[0].direct_transports, 1);
}

#[test]
fn a_direct_transport_has_no_channels_no_media_and_ends_like_others() {
    let (mut node, context) = (
        Node::with(|c| c.limits.producers_per_transport = 1),
        context(),
    );
    node.router(1);
    node.router(2);
    node.must(direct(1, 9));
    node.must(direct(2, 8));
    let peer = node.client(1, 1, Link::Udp(V4), &context);
    node.must(producer(9, 10, false));
    assert_eq!(kind(node.ask(direct(1, 9))), RefusalKind::Conflict);
    assert_eq!(
        kind(node.ask(producer(9, 11, false))),
        RefusalKind::LimitReached
    );
    assert_eq!(
        kind(node.ask(producer(8, 11, true))),
        RefusalKind::InvalidArgument
    );
    assert_eq!(
        kind(node.ask(producer(1, 11, false))),
        RefusalKind::InvalidArgument
    );
    assert_eq!(
        kind(node.ask(consumer(8, 20, 10, false))),
        RefusalKind::InvalidArgument
    );
    let restart = Command::RestartIce {
        transport: TransportId(9),
    };
    assert_eq!(kind(node.ask(restart)), RefusalKind::Unsupported);
    node.must(producer(1, 12, true));
    assert_eq!(
        kind(node.ask(send(12, "peer's"))),
        RefusalKind::InvalidArgument
    );
    assert_eq!(kind(node.ask(send(13, "nobody's"))), RefusalKind::NotFound);
    let long = "x".repeat(262_145);
    assert_eq!(kind(node.ask(send(10, long))), RefusalKind::InvalidArgument);
    node.must(consumer(9, 20, 10, false));
    node.must(consumer(1, 21, 10, true));
    node.told();
    node.must(Command::CloseRouter {
        router: RouterId(1),
    });
    let told: Vec<String> = node
        .told()
        .iter()
        .map(|event| format!("{event:?}"))
        .collect();
    let ended = |name: &str| told.iter().position(|event| event.starts_with(name));
    assert_eq!(told.len(), 7, "{told:?}");
    assert!(
        ended("DataConsumerClosed { data_consumer: DataConsumerId(20)")
            < ended("DataProducerClosed { data_producer: DataProducerId(10)")
    );
    assert!(
        ended("DataProducerClosed { data_producer: DataProducerId(10)")
            < ended("TransportClosed { transport: TransportId(9), cause: Parent")
    );
    assert_eq!(ended("RouterClosed"), Some(6));
    drop(peer);
}

#[test]
fn several_data_consumers_share_one_negotiated_channel() {
    let (mut node, context) = (Node::start(), context());
    node.router(1);
    node.must(direct(1, 9));
    node.must(producer(9, 10, false));
    let mut one = node.connected(1, 1, Link::Udp(V4), &context);
    let mut other = node.connected(1, 2, Link::Udp(V4), &context);
    open_bot(&mut one);
    open_bot(&mut other);
    node.must(producer(1, 11, true));
    node.must(producer(2, 12, true));
    // Before the transport knows its peer at all.
    let reply = node.create(1, 3);
    for (data_consumer, source) in [(20, 10), (21, 11), (22, 12)] {
        node.must(consumer(3, data_consumer, source, true));
    }
    let reliable = Command::CreateDataConsumer {
        transport: TransportId(3),
        data_consumer: DataConsumerId(23),
        data_producer: DataProducerId(10),
        stream_id: Some(BOT),
        channel: Some(ChannelParameters {
            ordered: true,
            ..Default::default()
        }),
    };
    assert_eq!(kind(node.ask(reliable)), RefusalKind::InvalidArgument);
    let mut hearer = node.join(3, reply, Link::Udp(V4), &context);
    open_bot(&mut hearer);
    run_all(&mut [&mut hearer], "channel", |clients| opened(clients[0]));
    let deliver = |node: &mut Node,
                   one: &mut Client,
                   other: &mut Client,
                   hearer: &mut Client,
                   expected: &[&str]| {
        hearer.events.clear();
        node.must(send(10, "node"));
        say(one, "one");
        say(other, "other");
        run_all(&mut [one, other, hearer], "messages", |clients| {
            texts(clients[2]).len() >= expected.len()
        });
        assert_eq!(texts(hearer), expected);
        assert!(
            hearer
                .texts()
                .iter()
                .all(|(stream_id, _)| *stream_id == BOT)
        );
    };
    deliver(
        &mut node,
        &mut one,
        &mut other,
        &mut hearer,
        &["node", "one", "other"],
    );
    node.must(close(21));
    deliver(
        &mut node,
        &mut one,
        &mut other,
        &mut hearer,
        &["node", "other"],
    );
    node.must(close(20));
    assert!(!hearer.events.iter().any(is_closed));
    node.must(close(22));
    run_all(&mut [&mut hearer], "the end of the channel", |clients| {
        clients[0].events.iter().any(is_closed)
    });
    // Its number is free again once both sides have reset it.
    let deadline = Instant::now() + std::time::Duration::from_secs(20);
    while node.ask(consumer(3, 24, 10, true)).is_err() {
        assert!(Instant::now() < deadline);
        hearer.turn();
    }
    open_bot(&mut hearer);
    hearer.events.clear();
    node.must(send(10, "again"));
    run_all(&mut [&mut hearer], "the new channel", |clients| {
        texts(clients[0]) == ["again"]
    });
    let told = node.told();
    assert!(!told.iter().any(|event| matches!(
        event,
        Event::DataChannelOpened { .. } | Event::DataChannelClosed { .. }
    )));
    assert!(!told.iter().any(|event| matches!(
        event,
        Event::DataConsumerClosed { cause, .. } if *cause != CloseCause::Closed
    )));
}

fn is_closed(event: &SecureEvent) -> bool {
    matches!(event, SecureEvent::ChannelClosed { stream_id: BOT })
}

fn opened(client: &Client) -> bool {
    let opened = |event: &SecureEvent| matches!(event, SecureEvent::ChannelOpened { .. });
    client.events.iter().any(opened)
}

#[test]
fn a_flood_towards_a_direct_transport_is_bounded_and_hurts_nobody_else() {
    let (mut node, context) = (
        Node::with(|config| config.limits.data_bytes_unread_per_consumer = 4096),
        context(),
    );
    node.router(1);
    node.must(direct(1, 9));
    let mut peers = [1, 2].map(|transport| {
        let mut peer = node.connected(1, transport, Link::Udp(V4), &context);
        open_bot(&mut peer);
        node.must(producer(transport, 10 + transport, true));
        node.must(consumer(9, 20 + transport, 10 + transport, false));
        peer
    });
    let [flooder, quiet] = &mut peers;
    run_all(&mut [flooder, quiet], "channels", |clients| {
        clients.iter().all(|client| opened(client))
    });
    for _ in 0..100 {
        say(flooder, &"x".repeat(100));
    }
    let unread = |node: &Node| node.engine.snapshot().workers[0].dropped.data_unread;
    let deadline = Instant::now() + std::time::Duration::from_secs(20);
    while unread(&node) < 90 - 2 {
        assert!(Instant::now() < deadline, "{}", unread(&node));
        flooder.turn();
        std::thread::yield_now();
    }
    say(quiet, "quiet");
    quiet.turn();
    let mut heard = Vec::new();
    while !heard.contains(&"quiet".to_owned()) {
        assert!(Instant::now() < deadline);
        quiet.turn();
        heard.extend(node.told().into_iter().filter_map(|event| match event {
            Event::DataMessage { payload, .. } => Some(payload),
            _ => None,
        }));
    }
    assert_eq!(heard.iter().filter(|text| text.len() == 100).count(), 11);
}
