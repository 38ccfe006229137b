//! How things end: leaf first, once, with a goodbye, and without a rest.

mod peer;

use medianode_engine::{CloseCause, Command, Error, Event};
use medianode_sfu::feedback::Feedback;
use medianode_sfu::params::MediaKind;
use medianode_sfu::{RouterId, TransportId};
use medianode_webrtc::SecureEvent;
use medianode_webrtc::secure::SecureClose;
use peer::{Client, Link, Node, V4, context};

/// A room of one publisher (transport 1, producer 10) and one player (transport 2, consumer 20).
fn call(node: &mut Node) -> (Client, Client) {
    let context = context();
    node.router(1);
    let publisher = node.connected(1, 1, Link::Udp(V4), &context);
    let player = node.connected(1, 2, Link::Udp(V4), &context);
    node.produce(&publisher, 10, MediaKind::Audio);
    node.consume(&player, 20, 10, MediaKind::Audio);
    node.told();
    (publisher, player)
}

fn closures(events: &[Event]) -> Vec<String> {
    let name = |event: &Event| match event {
        Event::ConsumerClosed { consumer, cause } => {
            Some(format!("consumer {} {cause:?}", consumer.0))
        }
        Event::ProducerClosed { producer, cause } => {
            Some(format!("producer {} {cause:?}", producer.0))
        }
        Event::TransportClosed { transport, cause } => {
            Some(format!("transport {} {cause:?}", transport.0))
        }
        Event::RouterClosed { router, cause } => Some(format!("router {} {cause:?}", router.0)),
        _ => None,
    };
    events.iter().filter_map(name).collect()
}

fn said_goodbye(client: &Client) -> bool {
    client.events.iter().any(|event| {
        matches!(
            event,
            SecureEvent::Closed {
                cause: SecureClose::PeerClosed
            }
        )
    })
}

#[test]
fn a_router_ends_leaf_first_and_each_object_once() {
    let mut node = Node::start();
    let (mut publisher, mut player) = call(&mut node);
    node.must(Command::CloseRouter {
        router: RouterId(1),
    });
    let told = closures(&node.told());
    let at = |name: &str| {
        told.iter()
            .position(|event| event.starts_with(name))
            .unwrap()
    };
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(at("consumer 20") < at("transport 2") && at("producer 10") < at("transport 1"));
    assert_eq!(told[4], "router 1 Closed");
    publisher.run("goodbye", said_goodbye);
    player.run("goodbye", said_goodbye);
    let is_bye = |feedback: &Feedback| matches!(feedback, Feedback::Bye { .. });
    assert!(player.feedback.iter().any(is_bye), "no BYE");
    node.must(Command::CloseTransport {
        transport: TransportId(1),
    });
    assert!(closures(&node.told()).is_empty());
}

#[test]
fn a_transport_takes_its_legs_along() {
    let mut node = Node::start();
    let (_publisher, _player) = call(&mut node);
    node.must(Command::CloseTransport {
        transport: TransportId(2),
    });
    assert_eq!(
        closures(&node.told()),
        ["consumer 20 Parent", "transport 2 Closed"]
    );
    node.must(Command::CloseProducer {
        producer: medianode_sfu::ProducerId(10),
    });
    assert_eq!(closures(&node.told()), ["producer 10 Closed"]);
}

#[test]
fn a_peer_that_says_goodbye_is_gone() {
    let mut node = Node::start();
    let (mut publisher, _player) = call(&mut node);
    publisher.secure.close(std::time::Instant::now());
    publisher.turn();
    node.wait("the end", |event| {
        matches!(
            event,
            Event::TransportClosed {
                transport: TransportId(1),
                cause: CloseCause::PeerClosed
            }
        )
    });
}

#[test]
fn who_never_connects_is_given_up() {
    let mut node = Node::with(|config| config.limits.connect_timeout_s = 1);
    node.router(1);
    let _client = node.client(1, 1, Link::Udp(V4), &context());
    node.wait("the end", |event| {
        matches!(
            event,
            Event::TransportClosed {
                cause: CloseCause::ConnectTimeout,
                ..
            }
        )
    });
}

#[test]
fn who_is_silent_loses_consent() {
    let mut node = Node::with(|config| config.limits.consent_timeout_s = 1);
    node.router(1);
    let _client = node.connected(1, 1, Link::Udp(V4), &context());
    node.wait("the end", |event| {
        matches!(
            event,
            Event::TransportClosed {
                cause: CloseCause::ConsentLost,
                ..
            }
        )
    });
}

#[test]
fn closing_the_engine_ends_everything_and_refuses_more() {
    let mut node = Node::start();
    let (mut publisher, mut player) = call(&mut node);
    node.engine.close();
    node.engine.close();
    let told = closures(&node.told());
    assert_eq!(told.last().map(String::as_str), Some("router 1 Worker"));
    assert_eq!(told.len(), 5);
    publisher.run("goodbye", said_goodbye);
    player.run("goodbye", said_goodbye);
    let again = node.engine.submit(Command::CreateRouter {
        router: RouterId(9),
    });
    assert!(matches!(again, Err(Error::NotRunning)));
}
