//! The lite agent against checks that are genuine, wrong, stale or from elsewhere.

mod lab;

use std::time::Duration;

use lab::{Lab, context, fingerprint_of, ice, limits, tuple};
use medianode_webrtc::TransportEvent::{ConsentLost, TupleAdded, TupleRemoved, TupleSelected};
use medianode_webrtc::params::{DtlsParameters, DtlsRole, IceParameters, Protocol, TransportTuple};
use medianode_webrtc::stun::{IceRole, Outgoing, RtcStun, StunCodec, Verified};
use medianode_webrtc::{TransportEvent, WebRtcTransport};
use std::time::Instant;

struct Node {
    transport: WebRtcTransport,
    now: Instant,
    transactions: u8,
}

impl Node {
    fn new() -> Self {
        let now = Instant::now();
        let transport = WebRtcTransport::new(now, ice("node"), context(), limits());
        Self {
            transport,
            now,
            transactions: 0,
        }
    }

    fn request(
        &mut self,
        username: &str,
        password: &str,
        role: IceRole,
        use_candidate: bool,
    ) -> Vec<u8> {
        self.transactions = self.transactions.wrapping_add(1);
        let request = Outgoing::Request {
            transaction_id: [self.transactions; 12],
            username,
            priority: 1,
            role,
            use_candidate,
        };
        let mut out = [0; 512];
        let len = RtcStun::new()
            .unwrap()
            .write(&request, password, &mut out)
            .unwrap();
        out[..len].to_vec()
    }

    fn check(
        &mut self,
        credentials: &IceParameters,
        tuple: TransportTuple,
        use_candidate: bool,
    ) -> Option<Verified> {
        let username = format!("{}:peer", credentials.username_fragment);
        let request = self.request(
            &username,
            &credentials.password,
            IceRole::Controlling(1),
            use_candidate,
        );
        self.deliver(tuple, &request, &credentials.password)
    }

    /// Delivers a datagram; what it was answered with, to the same tuple.
    fn deliver(&mut self, to: TransportTuple, datagram: &[u8], password: &str) -> Option<Verified> {
        self.transport
            .handle_datagram(self.now, to, &mut datagram.to_vec());
        let mut out = [0; 2048];
        let (tuple, len) = self.transport.poll_transmit(self.now, &mut out)?;
        assert_eq!(tuple, to);
        assert!(self.transport.poll_transmit(self.now, &mut out).is_none());
        Some(RtcStun::new().unwrap().read(&out[..len], password).unwrap())
    }

    fn events(&mut self) -> Vec<TransportEvent> {
        std::iter::from_fn(|| self.transport.poll_event()).collect()
    }
}

fn tcp(n: u16) -> TransportTuple {
    TransportTuple {
        protocol: Protocol::Tcp,
        ..tuple(n)
    }
}

#[test]
fn answers_with_the_address_it_saw_and_selects_the_first() {
    let mut node = Node::new();
    let answer = node.check(&ice("node"), tuple(1), false);
    assert_eq!(
        answer,
        Some(Verified::Success {
            transaction_id: [1; 12],
            mapped: Some(lab::address(1))
        })
    );
    assert_eq!(
        node.events(),
        [TupleAdded(tuple(1)), TupleSelected(tuple(1))]
    );
}

#[test]
fn is_silent_to_whatever_does_not_verify() {
    let mut node = Node::new();
    let node_ice = ice("node");
    let role = IceRole::Controlling(1);
    let wrong_password = node.request("node:peer", "wrong", role, true);
    let wrong_user = node.request("other:peer", &node_ice.password, role, true);
    let no_colon = node.request("node", &node_ice.password, role, true);
    let genuine = node.request("node:peer", &node_ice.password, role, true);
    let mut no_fingerprint = genuine[..genuine.len() - 8].to_vec();
    let len = (no_fingerprint.len() - 20) as u16;
    no_fingerprint[2..4].copy_from_slice(&len.to_be_bytes());
    for datagram in [wrong_password, wrong_user, no_colon, no_fingerprint] {
        assert_eq!(node.deliver(tuple(1), &datagram, ""), None);
    }
    assert!(node.events().is_empty());
    let counters = node.transport.counters();
    assert_eq!(
        (
            counters.stun_wrong_integrity,
            counters.stun_wrong_username,
            counters.stun_no_fingerprint
        ),
        (1, 2, 1)
    );
    for bit in 0..genuine.len() * 8 {
        let mut flipped = genuine.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(node.deliver(tuple(1), &flipped, ""), None, "bit {bit}");
    }
    assert!(node.events().is_empty());
}

#[test]
fn ten_thousand_strangers_leave_nothing_behind() {
    let mut node = Node::new();
    for n in 0..10_000 {
        let request = node.request("node:peer", "wrong", IceRole::Controlling(1), true);
        assert_eq!(node.deliver(tuple(n), &request, ""), None);
    }
    assert!(node.events().is_empty());
    assert_eq!(node.transport.tuples().count(), 0);
    assert_eq!(node.transport.counters().stun_wrong_integrity, 10_000);
}

#[test]
fn role_conflict_is_told_only_to_the_peer() {
    let mut node = Node::new();
    let role = IceRole::Controlled(u64::MAX);
    let forged = node.request("node:peer", "wrong", role, true);
    assert_eq!(node.deliver(tuple(1), &forged, ""), None);
    let password = ice("node").password;
    let genuine = node.request("node:peer", &password, role, true);
    let answer = node.deliver(tuple(1), &genuine, &password);
    assert_eq!(
        answer,
        Some(Verified::Error {
            transaction_id: [2; 12],
            code: 487
        })
    );
    assert!(node.events().is_empty());
}

#[test]
fn follows_the_newest_nomination() {
    let mut node = Node::new();
    node.check(&ice("node"), tuple(1), true);
    node.check(&ice("node"), tuple(2), false);
    assert_eq!(node.transport.selected_tuple(), Some(tuple(1)));
    node.check(&ice("node"), tuple(2), true);
    assert_eq!(node.transport.selected_tuple(), Some(tuple(2)));
    node.check(&ice("node"), tuple(1), false);
    assert_eq!(node.transport.selected_tuple(), Some(tuple(2)));
}

#[test]
fn a_check_repeated_from_another_address_moves_nothing() {
    let mut node = Node::new();
    let local = ice("node");
    let username = format!("{}:peer", local.username_fragment);
    let check = node.request(&username, &local.password, IceRole::Controlling(1), true);
    assert!(node.deliver(tuple(1), &check, &local.password).is_some());
    assert!(node.deliver(tuple(2), &check, &local.password).is_none());
    assert!(node.deliver(tuple(1), &check, &local.password).is_some());
    assert_eq!(node.transport.selected_tuple(), Some(tuple(1)));
    assert_eq!(node.transport.counters().stun_replayed, 1);
    node.check(&local, tuple(2), true);
    assert_eq!(node.transport.selected_tuple(), Some(tuple(2)));
}

#[test]
fn prefers_udp_until_it_goes_quiet() {
    let mut node = Node::new();
    node.check(&ice("node"), tcp(1), true);
    node.check(&ice("node"), tuple(2), true);
    node.check(&ice("node"), tcp(1), true);
    assert_eq!(node.transport.selected_tuple(), Some(tuple(2)));
    node.now += Duration::from_secs(6);
    node.check(&ice("node"), tcp(1), false);
    assert_eq!(node.transport.selected_tuple(), Some(tcp(1)));
    node.transport.handle_tuple_closed(node.now, tcp(1));
    assert_eq!(node.transport.selected_tuple(), Some(tuple(2)));
}

#[test]
fn old_credentials_work_until_the_new_ones_are_used() {
    let mut node = Node::new();
    assert!(node.check(&ice("node"), tuple(1), true).is_some());
    node.transport.restart_ice(node.now, ice("again"));
    assert_eq!(
        node.transport.username_fragments().collect::<Vec<_>>(),
        ["again", "node"]
    );
    assert!(node.check(&ice("node"), tuple(1), false).is_some());
    assert!(node.check(&ice("again"), tuple(2), true).is_some());
    assert!(node.check(&ice("node"), tuple(1), true).is_none());
    assert_eq!(
        node.transport.username_fragments().collect::<Vec<_>>(),
        ["again"]
    );
    assert_eq!(node.transport.selected_tuple(), Some(tuple(2)));
}

#[test]
fn consent_ends_thirty_seconds_after_the_last_genuine_check() {
    let mut node = Node::new();
    node.check(&ice("node"), tuple(1), true);
    node.now += Duration::from_secs(20);
    node.check(&ice("node"), tuple(1), true);
    let forged = node.request("node:peer", "wrong", IceRole::Controlling(1), true);
    node.now += Duration::from_secs(29);
    node.deliver(tuple(1), &forged, "");
    node.transport.handle_timeout(node.now);
    node.events();
    assert_eq!(
        node.transport.poll_timeout(),
        Some(node.now + Duration::from_secs(1))
    );
    node.now += Duration::from_secs(1);
    node.transport.handle_timeout(node.now);
    assert_eq!(node.events(), [TupleRemoved(tuple(1)), ConsentLost]);
    assert_eq!(node.transport.selected_tuple(), None);
}

#[test]
fn connecting_ends_in_time_once_the_peer_is_known() {
    let mut node = Node::new();
    node.now += Duration::from_secs(3600);
    node.transport.handle_timeout(node.now);
    assert_eq!(node.events(), []);
    let dtls = DtlsParameters {
        role: DtlsRole::Client,
        fingerprints: fingerprint_of(&context()),
    };
    node.transport.connect(node.now, &dtls, None).unwrap();
    node.now += Duration::from_secs(60);
    node.transport.handle_timeout(node.now);
    assert_eq!(node.events(), [TransportEvent::ConnectTimeout]);
    assert_eq!(node.transport.poll_timeout(), None);
}

#[test]
fn tuples_are_bounded_and_the_selected_one_stays() {
    let mut node = Node::new();
    node.check(&ice("node"), tuple(0), true);
    for n in 1..1000 {
        node.now += Duration::from_millis(1);
        node.check(&ice("node"), tuple(n), false);
    }
    assert_eq!(node.transport.selected_tuple(), Some(tuple(0)));
    assert_eq!(node.transport.tuples().count(), 4);
    let events = node.events();
    let count =
        |wanted: fn(&TransportEvent) -> bool| events.iter().filter(|event| wanted(event)).count();
    assert_eq!(count(|event| matches!(event, TupleAdded(_))), 1000);
    assert_eq!(count(|event| matches!(event, TupleRemoved(_))), 996);
    assert!(!events.contains(&TupleRemoved(tuple(0))));
}

#[test]
fn media_moves_with_the_clients_address() {
    let mut lab = Lab::connected(1);
    lab.assert_media_flows(1);
    lab.path = tuple(2000);
    lab.agent.check_now(lab.now);
    lab.run_for(Duration::from_millis(200));
    assert_eq!(lab.server.selected_tuple(), Some(tuple(2000)));
    lab.assert_media_flows(2);
}

#[test]
fn media_survives_an_ice_restart() {
    let mut lab = Lab::connected(1);
    lab.server.restart_ice(lab.now, ice("again"));
    lab.run_for(Duration::from_secs(10));
    lab.assert_media_flows(1);
    lab.agent.restart(lab.now, ice("peer2"), ice("again"));
    lab.run_for(Duration::from_secs(60));
    assert!(lab.agent.is_connected());
    lab.assert_media_flows(2);
}

#[test]
fn nothing_is_sent_after_consent_is_lost() {
    let mut lab = Lab::connected(1);
    lab.run_for(Duration::from_secs(5));
    lab.path = tuple(9); // The client's packets stop: its agent is not polled any more.
    let until = lab.now + Duration::from_secs(31);
    while lab.now < until {
        let next = lab
            .server
            .poll_timeout()
            .unwrap_or(until)
            .clamp(lab.now, until);
        lab.now = next;
        lab.server.handle_timeout(lab.now);
        if next == until {
            break;
        }
    }
    let events: Vec<_> = std::iter::from_fn(|| lab.server.poll_event()).collect();
    assert!(events.contains(&ConsentLost));
    assert!(lab.server.poll_transmit(lab.now, &mut [0; 2048]).is_none());
}
