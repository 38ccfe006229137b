//! Coming and going; alone in its process, because it counts the process's descriptors.

mod peer;

use medianode_engine::Command;
use medianode_sfu::{RouterId, TransportId};
use peer::{Link, Node, V4, context};

#[test]
fn a_thousand_comings_and_goings_leave_nothing_behind() {
    let mut node = Node::start();
    let context = context();
    node.router(1);
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let one = |node: &mut Node, id: u64| {
        node.router(1000 + id);
        let router = RouterId(1000 + id);
        for transport in [2 * id, 2 * id + 1] {
            node.must(Command::CreateWebRtcTransport {
                router,
                transport: TransportId(transport),
                sctp: false,
                name: String::new(),
            });
        }
        node.must(Command::CloseTransport {
            transport: TransportId(2 * id),
        });
        node.must(Command::CloseRouter { router });
        node.told();
    };
    one(&mut node, 0);
    let before = descriptors();
    for id in 1..1000 {
        one(&mut node, id);
    }
    // Ten real ones on connections of their own.
    for id in 0..10 {
        let client = node.connected(1, 5000 + id, Link::Tcp(V4), &context);
        node.must(Command::CloseTransport {
            transport: client.transport,
        });
        drop(client);
        node.told();
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let settled = |node: &Node| {
        let worker = node.engine.snapshot().workers[0].clone();
        (
            worker.transports,
            worker.tcp_connections,
            worker.tuples,
            worker.routers.len(),
        ) == (0, 0, 0, 1)
            && worker.handshakes >= 10
    };
    while !settled(&node) && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(settled(&node), "{:?}", node.engine.snapshot().workers[0]);
    assert_eq!(descriptors(), before);
}
