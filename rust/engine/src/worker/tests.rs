//! What a panic costs. No input is known that causes one, so it is thrown in the middle of the handling.

use medianode_sfu::{RouterId, TransportId};

use super::*;
use crate::{Command, queue};

fn worker() -> Worker {
    let config = Config {
        listen_ips: vec![[127, 0, 0, 1].into()],
        ..Config::default()
    };
    let certificate = medianode_webrtc::Certificate::generate().unwrap();
    let (_, commands) = queue::commands(&config.limits).unwrap();
    let events = EventQueue::new(&config.limits).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
    let mut worker = Worker::new(Setup {
        index: 0,
        port: udp.local().port(),
        config: Arc::new(config),
        dtls: DtlsContext::new(certificate).unwrap(),
        udp: vec![udp],
        listeners: Vec::new(),
        gso: false,
        commands,
        shared: Arc::new(Shared {
            events,
            snapshots: vec![Mutex::default()],
            stop: false.into(),
        }),
    })
    .unwrap();
    for router in [1, 2] {
        worker
            .handle_command(Command::CreateRouter {
                router: RouterId(router),
            })
            .unwrap();
        for transport in [10 * router, 10 * router + 1] {
            let command = Command::CreateWebRtcTransport {
                router: RouterId(router),
                transport: TransportId(transport),
                sctp: false,
                name: String::new(),
            };
            worker.handle_command(command).unwrap();
        }
    }
    worker.flush();
    worker
}

fn panic_in(worker: &mut Worker, blame: Blame) -> Option<()> {
    worker.guarded(|worker| {
        worker.blame = blame;
        panic!("thrown by a test");
    })
}

fn closures(worker: &mut Worker) -> Vec<String> {
    let name = |event: Event| match event {
        Event::TransportClosed { transport, cause } => {
            format!("transport {} {cause:?}", transport.0)
        }
        Event::RouterClosed { router, cause } => format!("router {} {cause:?}", router.0),
        other => format!("{other:?}"),
    };
    worker.events.drain(..).map(name).collect()
}

#[test]
fn a_panic_in_a_transport_closes_that_transport_only() {
    let mut worker = worker();
    let slot = worker.peer_slot(TransportId(10)).unwrap();
    assert_eq!(panic_in(&mut worker, Blame::Peer(slot)), None);
    assert_eq!(closures(&mut worker), ["transport 10 Panic"]);
    assert_eq!(
        (worker.tables.peers.len(), worker.tables.rooms.len()),
        (3, 2)
    );
    assert_eq!(worker.counters.panics, 1);
    worker.flush();
}

#[test]
fn a_panic_in_a_router_closes_that_router_only() {
    let mut worker = worker();
    let slot = worker.tables.room_ids[&RouterId(2)];
    assert_eq!(panic_in(&mut worker, Blame::Room(slot)), None);
    let told = closures(&mut worker);
    assert_eq!(
        told,
        [
            "transport 20 Parent",
            "transport 21 Parent",
            "router 2 Panic"
        ]
    );
    assert_eq!(
        (worker.tables.peers.len(), worker.tables.rooms.len()),
        (2, 1)
    );
    worker.flush();
}

#[test]
fn a_panic_that_nobody_can_be_blamed_for_empties_the_worker_and_answers_its_command() {
    let mut worker = worker();
    worker.command = Some(77);
    let epochs = worker.epochs;
    let caught = supervise::catch(|| panic_in(&mut worker, Blame::Nobody));
    assert_eq!(caught.unwrap_err(), "thrown by a test");
    let mut worker = worker.restarted();
    let mut told = closures(&mut worker);
    assert!(told.remove(0).contains("id: 77"));
    assert!(
        told[4..]
            .iter()
            .all(|event| event.starts_with("router") && event.ends_with("Worker"))
    );
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 6);
    assert!(worker.tables.peers.is_empty() && worker.epochs == epochs);
    assert_eq!(worker.counters.restarts, 1);
    worker
        .handle_command(Command::CreateRouter {
            router: RouterId(1),
        })
        .unwrap();
    worker.flush();
}

#[test]
fn handshakes_are_let_in_at_a_bounded_rate() {
    let now = clock::now();
    let mut bucket = Bucket::new(5, now);
    assert_eq!((0..20).filter(|_| bucket.take(now)).count(), 5);
    let later = now + Duration::from_millis(400);
    assert_eq!((0..20).filter(|_| bucket.take(later)).count(), 2);
    let much_later = now + Duration::from_secs(60);
    assert_eq!((0..20).filter(|_| bucket.take(much_later)).count(), 5);
}
