//! Publishers and players that negotiate without SDP: producers told apart by MID and RID, each with numbers of its own, and
//! consumers that come and go on a connected transport.

mod peer;

use medianode_engine::{Command, Event};
use medianode_sfu::feedback::Feedback;
use medianode_sfu::params::{
    CodecParameters, Encoding, HeaderExtension, MediaKind, RtpParameters, extension_uri,
};
use medianode_sfu::{ConsumerId, ProducerId, TransportId};
use peer::{Client, Link, Node, V4, context, payload, run_all};

const RIDS: [&str; 3] = ["r0", "r1", "r2"];
/// Ids of a publisher: MID, RID, repaired RID.
type Ids = (u8, u8, u8);

fn codec(mime_type: &str, payload_type: u8, parameters: &[(&str, &str)]) -> CodecParameters {
    let audio = mime_type.starts_with("audio");
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    CodecParameters {
        mime_type: mime_type.to_owned(),
        payload_type,
        clock_rate: if audio { 48_000 } else { 90_000 },
        channels: audio.then_some(2),
        parameters: parameters.iter().map(own).collect(),
        rtcp_feedback: ["nack", "nack pli", "ccm fir", "goog-remb"]
            .map(str::to_owned)
            .to_vec(),
    }
}

fn h264(payload_type: u8) -> CodecParameters {
    let parameters = [
        ("packetization-mode", "1"),
        ("profile-level-id", "42e01f"),
        ("level-asymmetry-allowed", "1"),
    ];
    codec("video/H264", payload_type, &parameters)
}

fn rtx(payload_type: u8, of: u8) -> CodecParameters {
    codec("video/rtx", payload_type, &[("apt", &of.to_string())])
}

fn extensions((mid, rid, repaired): Ids) -> Vec<HeaderExtension> {
    [
        (extension_uri::MID, mid),
        (extension_uri::RID, rid),
        (extension_uri::REPAIRED_RID, repaired),
    ]
    .into_iter()
    .filter(|(_, id)| *id != 0)
    .map(|(uri, id)| HeaderExtension {
        uri: uri.to_owned(),
        id,
    })
    .collect()
}

fn rtp(
    mid: &str,
    codecs: Vec<CodecParameters>,
    ids: Ids,
    encodings: Vec<Encoding>,
) -> RtpParameters {
    RtpParameters {
        mid: Some(mid.to_owned()),
        codecs,
        header_extensions: extensions(ids),
        encodings,
        cname: None,
    }
}

fn layers() -> Vec<Encoding> {
    RIDS.map(|rid| Encoding {
        rid: Some(rid.to_owned()),
        ..Encoding::default()
    })
    .to_vec()
}

fn stream(ssrc: Option<u32>) -> Vec<Encoding> {
    vec![Encoding {
        ssrc,
        ..Encoding::default()
    }]
}

fn produce(node: &mut Node, transport: u64, producer: u64, kind: MediaKind, rtp: RtpParameters) {
    node.must(Command::CreateProducer {
        transport: TransportId(transport),
        producer: ProducerId(producer),
        kind,
        rtp,
        paused: false,
    });
}

fn consume(node: &mut Node, consumer: u64, producer: u64, kind: MediaKind, rtp: RtpParameters) {
    node.must(Command::CreateConsumer {
        transport: TransportId(2),
        consumer: ConsumerId(consumer),
        kind,
        rtp,
        producer: Some(ProducerId(producer)),
        paused: false,
    });
}

/// A packet with one-byte header extensions (RFC 8285 section 4.2), and its SRTP index.
fn packet(
    payload_type: u8,
    ssrc: u32,
    seq: u16,
    extensions: &[(u8, &[u8])],
    payload: &[u8],
) -> (u64, Vec<u8>) {
    let mut values = Vec::new();
    for (id, value) in extensions {
        values.push(id << 4 | (value.len() as u8 - 1));
        values.extend(*value);
    }
    values.resize(values.len().next_multiple_of(4), 0);
    let mut packet = vec![0x90, 0x80 | payload_type];
    packet.extend(seq.to_be_bytes());
    packet.extend(3000u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xbe, 0xde]);
    packet.extend((values.len() as u16 / 4).to_be_bytes());
    packet.extend(values);
    packet.extend(payload);
    (u64::from(seq), packet)
}

/// Value of a one-byte header extension.
fn extension(packet: &[u8], id: u8) -> Option<&[u8]> {
    let mut rest = &packet[16..packet.len() - payload(packet).len()];
    while let [head, after @ ..] = rest {
        let len = if *head == 0 {
            0
        } else {
            usize::from(head & 15) + 1
        };
        if head >> 4 == id {
            return Some(&after[..len]);
        }
        rest = &after[len..];
    }
    None
}

fn ssrc_of(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[8..12].try_into().unwrap())
}

/// The media packets that came with this SSRC.
fn received(client: &Client, ssrc: u32) -> Vec<&Vec<u8>> {
    let of = |packet: &&Vec<u8>| ssrc_of(packet) == ssrc;
    client.packets.iter().filter(of).collect()
}

const KEY: &[u8] = &[0x65, 0x88, 1, 2, 3];

#[test]
fn producers_of_one_transport_are_told_apart_by_mid_and_rid() {
    let (mut node, context) = (Node::start(), context());
    node.router(1);
    let mut publisher = node.connected(1, 1, Link::Udp(V4), &context);
    let (camera, screen) = ((9, 10, 11), (4, 0, 0));
    let codecs = || vec![h264(108), rtx(109, 108)];
    produce(
        &mut node,
        1,
        10,
        MediaKind::Video,
        rtp("1", codecs(), camera, layers()),
    );
    let screen_codecs = vec![h264(108), rtx(109, 108)];
    produce(
        &mut node,
        1,
        11,
        MediaKind::Video,
        rtp("2", screen_codecs, screen, stream(None)),
    );
    let opus = || vec![codec("audio/opus", 111, &[])];
    produce(
        &mut node,
        1,
        12,
        MediaKind::Audio,
        rtp("0", opus(), screen, stream(None)),
    );
    produce(
        &mut node,
        1,
        13,
        MediaKind::Audio,
        rtp("3", opus(), (8, 0, 0), stream(None)),
    );
    for (at, rid) in RIDS.iter().enumerate() {
        let names: &[(u8, &[u8])] = &[(9, b"1"), (10, rid.as_bytes())];
        publisher.send_rtp(&[packet(108, 1000 + at as u32, 7, names, KEY)]);
    }
    // The same payload type, told apart by MID, which has another id here; audio likewise.
    publisher.send_rtp(&[packet(108, 2000, 7, &[(4, b"2")], KEY)]);
    publisher.send_rtp(&[packet(111, 3000, 7, &[(4, b"0")], b"voice")]);
    publisher.send_rtp(&[packet(111, 4000, 7, &[(8, b"3")], b"music")]);
    let mut live = std::collections::BTreeMap::new();
    node.wait("all encodings", |event| {
        if let Event::ProducerLayers {
            producer,
            live: count,
        } = event
        {
            live.insert(producer.0, *count);
        }
        live == [(10, 3), (11, 1), (12, 1), (13, 1)].into()
    });
}

#[test]
fn consumers_come_and_go_on_a_connected_transport_with_numbers_of_their_own() {
    let (mut node, context) = (Node::start(), context());
    node.router(1);
    let mut publisher = node.connected(1, 1, Link::Udp(V4), &context);
    let mut player = node.connected(1, 2, Link::Udp(V4), &context);
    let ids = (4, 0, 0);
    produce(
        &mut node,
        1,
        10,
        MediaKind::Video,
        rtp("1", vec![h264(108), rtx(109, 108)], ids, stream(None)),
    );
    produce(
        &mut node,
        1,
        11,
        MediaKind::Audio,
        rtp("0", vec![codec("audio/opus", 111, &[])], ids, stream(None)),
    );
    let router_ids = (1, 0, 0);
    let video = |mid: &str, ssrc| {
        rtp(
            mid,
            vec![h264(103), rtx(104, 103)],
            router_ids,
            stream(Some(ssrc)),
        )
    };
    let audio = |mid: &str, ssrc| {
        rtp(
            mid,
            vec![codec("audio/opus", 100, &[])],
            router_ids,
            stream(Some(ssrc)),
        )
    };
    let mut seq = 0;
    let mut run = |player: &mut Client, what: &str, done: &dyn Fn(&Client) -> bool| {
        run_all(&mut [&mut publisher, player], what, |clients| {
            seq += 1;
            if seq % 64 == 0 {
                let names = |mid: &'static [u8]| [(4, mid)];
                let at = seq / 64;
                clients[0].send_rtp(&[packet(108, 1000, at, &names(b"1"), KEY)]);
                clients[0].send_rtp(&[packet(111, 3000, at, &names(b"0"), b"voice")]);
            }
            done(clients[1])
        });
    };
    consume(&mut node, 20, 10, MediaKind::Video, video("0", 9000));
    run(&mut player, "video", &|player| {
        !received(player, 9000).is_empty()
    });
    consume(&mut node, 21, 11, MediaKind::Audio, audio("1", 9001));
    run(&mut player, "audio", &|player| {
        !received(player, 9001).is_empty()
    });
    for (ssrc, payload_type, mid) in [(9000, 103, b"0"), (9001, 100, b"1")] {
        let packet = received(&player, ssrc)[0];
        assert_eq!(packet[1] & 0x7f, payload_type);
        assert_eq!(extension(packet, 1), Some(&mid[..]));
    }
    node.must(Command::CloseConsumer {
        consumer: ConsumerId(20),
    });
    // A new one for the same source, in the section after.
    consume(&mut node, 22, 10, MediaKind::Video, video("2", 9002));
    player.packets.clear();
    run(&mut player, "both", &|player| {
        !received(player, 9001).is_empty() && !received(player, 9002).is_empty()
    });
    assert!(received(&player, 9000).len() <= 1);
}

#[test]
fn publishers_hear_of_their_uplink_in_the_way_that_they_negotiated() {
    let (mut node, context) = (Node::start(), context());
    node.router(1);
    let mut with_remb = node.connected(1, 1, Link::Udp(V4), &context);
    let mut with_transport_cc = node.connected(1, 2, Link::Udp(V4), &context);
    let remb = rtp("0", vec![h264(108)], (4, 0, 0), stream(Some(1000)));
    let mut transport_cc = remb.clone();
    transport_cc.codecs[0]
        .rtcp_feedback
        .push("transport-cc".to_owned());
    transport_cc.header_extensions.push(HeaderExtension {
        uri: extension_uri::TRANSPORT_CC.to_owned(),
        id: 5,
    });
    produce(&mut node, 1, 10, MediaKind::Video, remb);
    produce(&mut node, 2, 11, MediaKind::Video, transport_cc);
    let mut seq = 0;
    run_all(
        &mut [&mut with_remb, &mut with_transport_cc],
        "feedback",
        |clients| {
            seq += 1;
            if seq % 64 == 0 {
                let at: u16 = seq / 64;
                let number = at.to_be_bytes();
                clients[0].send_rtp(&[packet(108, 1000, at, &[(4, b"0")], KEY)]);
                clients[1].send_rtp(&[packet(108, 1000, at, &[(4, b"0"), (5, &number)], KEY)]);
            }
            clients[0].feedback.iter().any(is_remb)
                && clients[1].feedback.iter().any(is_transport_cc)
        },
    );
    assert!(!with_remb.feedback.iter().any(is_transport_cc));
    assert!(!with_transport_cc.feedback.iter().any(is_remb));
}

fn is_remb(feedback: &Feedback) -> bool {
    matches!(feedback, Feedback::Remb { ssrcs, .. } if ssrcs.contains(&1000))
}

fn is_transport_cc(feedback: &Feedback) -> bool {
    matches!(feedback, Feedback::TransportCc(_))
}

#[test]
fn a_camera_can_be_switched_on_more_often_than_streams_are_allowed_at_once() {
    let (mut node, context) = (
        Node::with(|config| config.limits.ssrcs_per_transport = 4),
        context(),
    );
    node.router(1);
    let mut publisher = node.connected(1, 1, Link::Udp(V4), &context);
    for round in 0..20u32 {
        let mid = round.to_string();
        let producer = 100 + u64::from(round);
        produce(
            &mut node,
            1,
            producer,
            MediaKind::Video,
            rtp(&mid, vec![h264(108)], (4, 10, 11), layers()),
        );
        for (at, rid) in RIDS.iter().enumerate() {
            let names: &[(u8, &[u8])] = &[(4, mid.as_bytes()), (10, rid.as_bytes())];
            let ssrc = 1000 + 10 * round + at as u32;
            publisher.send_rtp(&[packet(108, ssrc, 7, names, KEY)]);
        }
        node.wait("all layers", |event| {
            matches!(event, Event::ProducerLayers { producer: ProducerId(of), live: 3 } if *of == producer)
        });
        node.must(Command::CloseProducer {
            producer: ProducerId(producer),
        });
    }
}
