//! Offers of real clients through the reader, the planner and the printer. The files in `sdp/` are what those clients print, without
//! addresses.

use medianode_sfu::params::extension_uri;
use medianode_webrtc::params::{
    DtlsFingerprint, DtlsParameters, DtlsRole, IceCandidate, IceParameters, Protocol,
};
use medianode_webrtc::sdp::{
    Description, Direction, Kind, LocalTransport, OfferPlan, OfferedMedia, PlayIds, SdpError,
    assemble_answer, offer, play_answer, publish_answer, read, read_fragment, restart_fragment,
    write, write_fragment,
};
use proptest::prelude::*;

const GOLDEN: [(&str, &str); 11] = [
    ("aiortc_play", include_str!("sdp/aiortc_play.sdp")),
    ("aiortc_publish", include_str!("sdp/aiortc_publish.sdp")),
    (
        "chromium_add_track",
        include_str!("sdp/chromium_add_track.sdp"),
    ),
    ("chromium_data", include_str!("sdp/chromium_data.sdp")),
    ("chromium_play", include_str!("sdp/chromium_play.sdp")),
    ("chromium_publish", include_str!("sdp/chromium_publish.sdp")),
    (
        "firefox_add_track",
        include_str!("sdp/firefox_add_track.sdp"),
    ),
    ("firefox_play", include_str!("sdp/firefox_play.sdp")),
    ("firefox_publish", include_str!("sdp/firefox_publish.sdp")),
    (
        "gstreamer_publish",
        include_str!("sdp/gstreamer_publish.sdp"),
    ),
    ("obs_publish", include_str!("sdp/obs_publish.sdp")),
];

fn golden(name: &str) -> &'static str {
    GOLDEN
        .iter()
        .find(|(n, _)| *n == name)
        .expect("a golden file")
        .1
}

#[test]
fn what_is_written_reads_as_the_same() {
    for (name, text) in GOLDEN {
        let description = read(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            read(&write(&description)).as_ref(),
            Ok(&description),
            "{name}"
        );
        let lines = text.replace("\r\n", "\n");
        assert_eq!(read(&lines).as_ref(), Ok(&description), "{name} with LF");
    }
}

#[test]
fn descriptions_survive_json() {
    for (name, text) in GOLDEN {
        let description = read(text).unwrap();
        let json = serde_json::to_string(&description).unwrap();
        assert_eq!(
            serde_json::from_str::<Description>(&json).unwrap(),
            description,
            "{name}"
        );
    }
}

#[test]
fn every_client_gets_an_answer_that_reads_back() {
    for (name, text) in GOLDEN {
        let answer = if name.ends_with("_play") {
            play(text)
        } else {
            publish(text)
        };
        let text = write(&answer);
        assert_eq!(read(&text), Ok(answer.clone()), "{name}");
        assert!(
            text.contains("a=ice-lite\r\n") && text.contains("a=setup:passive\r\n"),
            "{name}"
        );
        assert!(!text.contains("a=rtcp-mux-only"), "{name}");
        // Some clients look at the last section alone.
        let sections = text.split("\r\nm=").skip(1);
        for section in sections.filter(|section| section.contains("a=ice-ufrag:")) {
            assert!(section.contains("a=end-of-candidates\r\n"), "{name}");
            let candidates = section.matches("a=candidate:").count();
            assert_eq!(candidates, local().candidates.len(), "{name}");
        }
    }
}

#[test]
fn answers_are_as_recorded() {
    // These answers were given to Chromium's setRemoteDescription.
    assert_eq!(
        write(&publish(golden("chromium_publish"))),
        include_str!("sdp/chromium_publish.answer.sdp")
    );
    assert_eq!(
        write(&play(golden("chromium_play"))),
        include_str!("sdp/chromium_play.answer.sdp")
    );
}

#[test]
fn a_simulcast_publisher_becomes_producers_with_rids() {
    for name in ["chromium_publish", "firefox_publish"] {
        let medias = publish_answer(&read(golden(name)).unwrap()).unwrap();
        let [audio, video, data] = &medias[..] else {
            panic!("{name}: three sections")
        };
        assert!(audio.accepted && video.accepted && data.accepted);
        assert_eq!(data.kind, Kind::Application);
        assert_eq!(data.answer.sctp.map(|s| s.port), Some(5000));
        let rtp = video.rtp.as_ref().unwrap();
        let rids: Vec<_> = rtp
            .encodings
            .iter()
            .filter_map(|e| e.rid.as_deref())
            .collect();
        assert_eq!(rids, ["q", "h", "f"], "{name}");
        assert!(rtp.encodings.iter().all(|e| e.ssrc.is_none()));
        assert!(
            rtp.header_extensions
                .iter()
                .any(|e| e.uri == extension_uri::RID)
        );
        let text = write(&publish(golden(name)));
        assert!(text.contains("a=simulcast:recv q;h;f\r\n"));
        assert!(text.contains("a=rid:q recv\r\n"));
        assert!(audio.rtp.as_ref().unwrap().encodings[0].ssrc.is_some());
    }
}

#[test]
fn accepts_what_it_forwards_and_nothing_else() {
    let medias = publish_answer(&read(golden("chromium_publish")).unwrap()).unwrap();
    let audio: Vec<_> = codec_names(&medias[0].answer.codecs);
    assert_eq!(
        audio,
        ["audio/opus", "audio/G722", "audio/PCMU", "audio/PCMA"]
    );
    let video = &medias[1].answer.codecs;
    assert!(
        !codec_names(video)
            .iter()
            .any(|c| c.ends_with("red") || c.ends_with("ulpfec"))
    );
    for rtx in video.iter().filter(|c| c.mime_type == "video/rtx") {
        let apt: u8 = rtx.parameters["apt"].parse().unwrap();
        assert!(
            video
                .iter()
                .any(|c| c.payload_type == apt && c.mime_type != "video/rtx")
        );
        assert!(rtx.rtcp_feedback.is_empty());
    }
    let h264 = video.iter().find(|c| c.payload_type == 108).unwrap();
    assert_eq!(h264.parameters["profile-level-id"], "42e01f");
    assert_eq!(h264.parameters["level-asymmetry-allowed"], "1");
}

#[test]
fn remb_is_answered_only_where_transport_feedback_is_not() {
    let chromium = publish_answer(&read(golden("chromium_publish")).unwrap()).unwrap();
    let feedback = &chromium[1].answer.codecs[0].rtcp_feedback;
    assert_eq!(*feedback, ["transport-cc", "ccm fir", "nack", "nack pli"]);
    let obs = publish_answer(&read(golden("obs_publish")).unwrap()).unwrap();
    assert_eq!(
        obs[1].answer.codecs[0].rtcp_feedback,
        ["nack", "nack pli", "goog-remb"]
    );
    // Feedback without the sequence number extension would never be sent.
    let text = golden("chromium_add_track").replace("transport-wide-cc-extensions-01", "other");
    let without = publish_answer(&read(&text).unwrap()).unwrap();
    assert_eq!(without[1].answer.codecs[0].rtcp_feedback[0], "goog-remb");
}

#[test]
fn stereo_is_asked_for_where_it_is_offered() {
    for name in ["obs_publish", "gstreamer_publish"] {
        let medias = publish_answer(&read(golden(name)).unwrap()).unwrap();
        let audio = medias.iter().find(|m| m.kind == Kind::Audio).unwrap();
        assert_eq!(audio.answer.codecs[0].parameters["stereo"], "1", "{name}");
        assert_eq!(
            audio.answer.codecs[0].parameters["useinbandfec"], "1",
            "{name}"
        );
    }
    let mono = publish_answer(&read(golden("chromium_publish")).unwrap()).unwrap();
    assert!(!mono[0].answer.codecs[0].parameters.contains_key("stereo"));
}

#[test]
fn bundle_only_sections_are_not_rejected() {
    let offer = read(golden("gstreamer_publish")).unwrap();
    assert!(offer.media[1].bundle_only && !offer.media[1].rejected);
    let answer = publish(golden("gstreamer_publish"));
    assert_eq!(answer.bundle, ["video0", "audio1"]);
    let encoding = &publish_answer(&offer).unwrap()[0]
        .rtp
        .as_ref()
        .unwrap()
        .encodings[0]
        .clone();
    assert_eq!(
        (encoding.ssrc, encoding.rtx_ssrc),
        (Some(2_811_447_162), Some(1_163_045_983))
    );
}

#[test]
fn session_level_transport_attributes_count() {
    let obs = read(golden("obs_publish")).unwrap();
    assert_eq!(obs.ice.unwrap().username_fragment, "nDHz");
    assert_eq!(obs.dtls.unwrap().role, DtlsRole::Auto);
    let firefox = read(golden("firefox_publish")).unwrap();
    assert_eq!(firefox.dtls.unwrap().fingerprints.len(), 1);
    assert_eq!(firefox.ice_options, ["trickle"]);
}

#[test]
fn directional_extensions_are_mirrored_or_dropped() {
    let medias = publish_answer(&read(golden("firefox_publish")).unwrap()).unwrap();
    let answered = &medias[1].answer.header_extensions;
    let rid = answered
        .iter()
        .find(|e| e.uri == extension_uri::RID)
        .unwrap();
    assert_eq!((rid.id, rid.direction), (9, Direction::RecvOnly));
    assert!(
        !answered
            .iter()
            .any(|e| e.uri == extension_uri::PLAYOUT_DELAY)
    );
}

#[test]
fn players_are_sent_announced_streams() {
    for name in ["chromium_play", "firefox_play", "aiortc_play"] {
        let offer = read(golden(name)).unwrap();
        let medias = play_answer(&offer, &ids(offer.media.len())).unwrap();
        let video = &medias[1];
        assert!(video.accepted);
        assert_eq!(video.answer.direction, Direction::SendOnly);
        let rtp = video.rtp.as_ref().unwrap();
        assert_eq!(rtp.encodings.len(), 1);
        assert_eq!(
            (rtp.encodings[0].ssrc, rtp.encodings[0].rtx_ssrc),
            (Some(1001), Some(2001))
        );
        assert!(
            !rtp.header_extensions
                .iter()
                .any(|e| e.uri == extension_uri::RID)
        );
        let text = write(&play(golden(name)));
        assert!(text.contains("a=ssrc-group:FID 1001 2001\r\n"), "{name}");
        assert!(text.contains("a=msid:stream track1\r\n"));
        assert!(text.contains("a=ssrc:1001 cname:peer\r\n"));
        assert_eq!(
            medias[0].rtp.as_ref().unwrap().encodings[0].rtx_ssrc,
            None,
            "no audio RTX"
        );
    }
}

#[test]
fn sections_of_the_other_direction_stay_inactive() {
    let text = golden("chromium_add_track").replacen("a=sendrecv", "a=recvonly", 1);
    let medias = publish_answer(&read(&text).unwrap()).unwrap();
    assert!(!medias[0].accepted && !medias[0].answer.rejected);
    assert_eq!(medias[0].answer.direction, Direction::Inactive);
    assert!(medias[1].accepted);
}

#[test]
fn unknown_codecs_reject_the_section_and_leave_the_group() {
    let text = golden("obs_publish").replace("opus/48000/2", "speex/16000");
    let answer = publish(&text);
    assert!(answer.media[0].rejected);
    assert_eq!(answer.bundle, ["1"]);
    let text = write(&answer);
    assert!(text.contains("m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"));
    assert!(
        text.contains("m=video 40000 "),
        "the first live section carries the candidates"
    );
}

#[test]
fn paused_and_alternative_layers_are_answered_as_a_subset() {
    let text = golden("chromium_publish")
        .replace(
            "a=rid:f send\r\n",
            "a=rid:f send pt=96,118;max-br=900000\r\na=rid:g send\r\n",
        )
        .replace("send q;h;f", "send f,g;~h;q");
    let medias = publish_answer(&read(&text).unwrap()).unwrap();
    let answer = write(&publish(&text));
    assert!(answer.contains("a=simulcast:recv f;~h;q\r\n"), "{answer}");
    assert!(answer.contains("a=rid:f recv pt=96;max-br=900000\r\n"));
    assert!(!answer.contains("a=rid:g"));
    let rtp = medias[1].rtp.as_ref().unwrap();
    let rids: Vec<_> = rtp
        .encodings
        .iter()
        .filter_map(|e| e.rid.as_deref())
        .collect();
    assert_eq!(rids, ["q", "h", "f"], "lowest first");
    assert_eq!(rtp.encodings[2].max_bitrate, Some(900_000));
}

#[test]
fn rids_without_their_header_extension_become_one_stream() {
    let text = golden("chromium_publish").replace("sdes:rtp-stream-id", "sdes:nothing");
    let medias = publish_answer(&read(&text).unwrap()).unwrap();
    assert_eq!(
        medias[1].rtp.as_ref().unwrap().encodings,
        [Default::default()]
    );
    assert!(!write(&publish(&text)).contains("simulcast"));
}

#[test]
fn we_wait_for_the_handshake_unless_the_peer_does() {
    for (offered, answered) in [
        ("actpass", DtlsRole::Server),
        ("active", DtlsRole::Server),
        ("passive", DtlsRole::Client),
    ] {
        let text = golden("chromium_data").replace("actpass", offered);
        assert_eq!(publish(&text).dtls.unwrap().role, answered, "{offered}");
    }
}

#[test]
fn offers_that_cannot_work_say_why() {
    let cases = [
        (
            golden("chromium_publish").replace("a=rtcp-mux\r\n", ""),
            "rtcp-mux",
        ),
        (
            golden("chromium_publish").replace("a=group:BUNDLE 0 1 2\r\n", ""),
            "BUNDLE",
        ),
        (
            golden("chromium_publish").replace("BUNDLE 0 1 2", "BUNDLE 0 1"),
            "\"2\"",
        ),
        (
            golden("chromium_data").replace("a=ice-ufrag", "a=ice-other"),
            "ICE",
        ),
        (
            golden("chromium_data").replace("a=fingerprint", "a=print"),
            "DTLS",
        ),
        (
            golden("chromium_data").replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"),
            "lite",
        ),
        (
            golden("obs_publish").replace("sendonly", "recvonly"),
            "nothing",
        ),
        (
            golden("chromium_publish").replace("extmap:14 ", "extmap:1 "),
            "extmap id 1 ",
        ),
    ];
    for (text, expected) in cases {
        let error = publish_answer(&read(&text).unwrap()).unwrap_err();
        assert!(
            matches!(&error, SdpError::Unsupported(reason) if reason.contains(expected)),
            "{expected}: {error}"
        );
    }
}

#[test]
fn rtcp_mux_only_is_enough() {
    let text = golden("chromium_publish").replace("a=rtcp-mux\r\n", "a=rtcp-mux-only\r\n");
    let answer = write(&publish(&text));
    assert!(answer.contains("a=rtcp-mux\r\n") && !answer.contains("a=rtcp-mux-only"));
}

#[test]
fn malformed_lines_are_named() {
    let data = golden("chromium_data");
    let video = golden("chromium_add_track");
    let cases = [
        (data.replace("a=mid:0", "a=mid:"), "mid"),
        (data.replace("a=mid:0", "mid:0"), "form"),
        (data.replace("a=setup:actpass", "a=setup:holdconn"), "setup"),
        (
            data.replace("a=ice-pwd:", "a=ice-pwd:short\r\na=x:"),
            "ice-pwd",
        ),
        (
            data.replace("a=sctp-port:5000", "a=sctp-port:70000"),
            "sctp-port",
        ),
        (data.replace("BUNDLE 0", "BUNDLE 0 0"), "twice"),
        (data.replace("BUNDLE 0", "BUNDLE 0 7"), "mid 7"),
        (video.replace("a=rtpmap:96 VP8", "a=rtpmap:72 VP8"), "72"),
        (video.replacen("SAVPF 111 63", "SAVPF 111 64", 1), "64"),
        (video.replacen("SAVPF 111 63", "SAVPF 111 128", 1), "0-127"),
        (video.replacen("SAVPF 111 63", "SAVPF 111 111", 1), "twice"),
        (video.replace("a=extmap:14 ", "a=extmap:0 "), "reserved"),
        (video.replace("a=mid:1", "a=mid:0"), "twice"),
        (
            golden("chromium_publish").replace("a=rid:h send", "a=rid:h! send"),
            "a=rid",
        ),
        (
            golden("chromium_publish").replace("a=rid:h send", "a=rid:q send"),
            "twice",
        ),
        (
            golden("chromium_publish").replace("send q;h;f", "send q;h;x"),
            "x has no",
        ),
        (
            golden("chromium_publish").replace("send q;h;f", "send q;h;q"),
            "twice",
        ),
    ];
    for (text, expected) in cases {
        match read(&text) {
            Err(SdpError::Syntax { line, reason }) => {
                assert!(
                    line >= 1 && reason.contains(expected),
                    "{expected}: {reason}"
                );
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
    let Err(SdpError::Syntax { line, .. }) = read(&data.replace("a=mid:0", "a=mid:")) else {
        panic!("refused");
    };
    assert_eq!(
        data.lines()
            .position(|l| l.starts_with("a=mid"))
            .map(|i| i + 1),
        Some(line)
    );
}

#[test]
fn long_rids_are_read_as_the_grammar_allows() {
    let long = "abcdefghijklmnop-";
    let text = golden("chromium_publish")
        .replace("a=rid:h send", &format!("a=rid:{long} send"))
        .replace("send q;h;f", &format!("send q;{long};f"));
    assert_eq!(read(&text).unwrap().media[1].rids[1].id, long);
    let longer = "a".repeat(256);
    assert!(
        read(&text.replace(long, &longer)).is_err(),
        "does not fit an SDES item"
    );
}

#[test]
fn bombs_are_refused_before_they_are_parsed() {
    let data = golden("chromium_data");
    let section = &data[data.find("m=").unwrap()..];
    let candidate = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n";
    let bombs = [
        "a".repeat(1 << 20),
        format!("{data}a={}", "x".repeat(1 << 20)),
        format!(
            "{data}{}",
            "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(10_000)
        ),
        format!("{data}{}", candidate.repeat(100_000)),
        format!("{data}{}", candidate.repeat(101)),
        format!("{data}{}", "a=x\r\n".repeat(2001)),
        format!("{data}a={}\r\n", "x".repeat(5000)),
        format!("{data}{}", section.replace("a=mid:0\r\n", "").repeat(64)),
        format!("{data}m=audio 9 UDP/TLS/RTP/SAVPF {}\r\n", "0 ".repeat(201)),
        format!(
            "{data}m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n{}",
            (0..65)
                .map(|i| format!("a=ssrc:{i} cname:c\r\n"))
                .collect::<String>()
        ),
        format!(
            "{data}m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n{}",
            (1..66)
                .map(|i| format!("a=extmap:{i} urn:x:{i}\r\n"))
                .collect::<String>()
        ),
        format!(
            "{data}m=video 9 UDP/TLS/RTP/SAVPF 96\r\n{}",
            (0..17)
                .map(|i| format!("a=rid:{i} send\r\n"))
                .collect::<String>()
        ),
    ];
    for (index, bomb) in bombs.iter().enumerate() {
        let error = read(bomb).unwrap_err();
        assert!(matches!(error, SdpError::TooLarge(_)), "{index}: {error}");
    }
}

#[test]
fn our_own_offers_are_accepted() {
    let rids = ["q", "h", "f"].map(String::from).to_vec();
    let publishing = offer(OfferPlan {
        session_id: 1,
        ice: local().ice,
        dtls: local().dtls,
        media: vec![
            OfferedMedia::PublishAudio { ssrc: 1 },
            OfferedMedia::PublishVideo {
                codec: "H264",
                ssrc: 2,
                rtx_ssrc: 3,
            },
            OfferedMedia::PublishSimulcast { codec: "VP8", rids },
            OfferedMedia::DataChannels,
        ],
    });
    let publishing = Description {
        ice: Some(peer_ice()),
        ..publishing
    };
    assert_eq!(read(&write(&publishing)), Ok(publishing.clone()));
    let medias = publish_answer(&publishing).unwrap();
    assert!(medias.iter().all(|m| m.accepted));
    assert_eq!(medias[2].rtp.as_ref().unwrap().encodings.len(), 3);
    let playing = offer(OfferPlan {
        session_id: 2,
        ice: peer_ice(),
        dtls: local().dtls,
        media: vec![
            OfferedMedia::PlayAudio,
            OfferedMedia::PlayVideo,
            OfferedMedia::DataChannels,
        ],
    });
    assert_eq!(read(&write(&playing)), Ok(playing.clone()));
    let medias = play_answer(&playing, &ids(3)).unwrap();
    assert!(medias.iter().all(|m| m.accepted));
    let answer = answer(&playing, medias.into_iter().map(|m| m.answer).collect());
    let heard = read(&write(&answer)).unwrap();
    assert_eq!(heard.candidates, local().candidates);
    assert_eq!(heard.media[1].encodings[0].ssrc, Some(1001));
}

#[test]
fn trickle_messages_are_read() {
    let text = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
        a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ srflx raddr 0.0.0.0 rport 0\r\n\
        a=candidate:1 1 udp 2122194687 0b4e3ad7-2ba4-4c4e-8f0e-b1e0dd1b7e23.local 61765 typ host\r\n\
        a=end-of-candidates\r\n";
    let fragment = read_fragment(text).unwrap();
    assert_eq!(fragment.username_fragment.as_deref(), Some("EsAw"));
    assert_eq!(
        fragment.password.as_deref(),
        Some("P2uYro0UCOQ4zxjKXaWCBui1")
    );
    assert_eq!(fragment.mid.as_deref(), Some("0"));
    assert_eq!(fragment.candidates.len(), 1);
    assert!(fragment.end_of_candidates);
    assert!(read_fragment("nonsense").is_err());
    assert!(read_fragment(&"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n".repeat(101)).is_err());
}

#[test]
fn a_restart_is_answered_for_the_bundled_section() {
    let answer = publish(golden("chromium_publish"));
    let fragment = restart_fragment(&answer, peer_ice(), local().candidates);
    let text = write_fragment(&fragment);
    assert_eq!(read_fragment(&text), Ok(fragment));
    assert!(text.starts_with("a=ice-lite\r\na=group:BUNDLE 0 1 2\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8\r\na=mid:0\r\na=ice-ufrag:"));
    assert!(text.contains(" tcptype passive\r\n") && text.ends_with("a=end-of-candidates\r\n"));
}

proptest! {
    #[test]
    fn arbitrary_text_is_survived(text in any::<String>()) {
        let _ = read(&text);
        let _ = read_fragment(&text);
    }

    #[test]
    fn arbitrary_attributes_are_survived(
        lines in prop::collection::vec(
            ("(mid|group|rtpmap|fmtp|rtcp-fb|extmap|ssrc|ssrc-group|rid|simulcast|candidate|fingerprint|setup|sctp-port|msid)",
             "[ -~]{0,40}"), 0..20),
    ) {
        let mut text = golden("obs_publish").to_owned();
        for (key, value) in lines {
            text.push_str(&format!("a={key}:{value}\r\n"));
        }
        survive(&text)?;
        let _ = read_fragment(&text);
    }

    #[test]
    fn mutated_offers_are_survived(
        which in 0..GOLDEN.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..12),
    ) {
        let mut bytes = GOLDEN[which].1.as_bytes().to_vec();
        for (place, byte, edit) in edits {
            if bytes.len() < 2 {
                break;
            }
            let at = place.index(bytes.len());
            match edit {
                0 => bytes[at] = byte & 0x7f,
                1 => bytes.insert(at, byte & 0x7f),
                2 => { bytes.remove(at); }
                _ => bytes.truncate(at.max(1)),
            }
        }
        survive(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn mutated_lines_are_survived(
        which in 0..GOLDEN.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>()), 1..12),
    ) {
        let mut lines: Vec<&str> = GOLDEN[which].1.lines().collect();
        for (from, to, copy) in edits {
            if lines.len() < 2 {
                break;
            }
            let line = if copy { lines[from.index(lines.len())] } else { lines.remove(from.index(lines.len())) };
            lines.insert(to.index(lines.len()), line);
        }
        survive(&lines.join("\n"))?;
    }
}

/// Whatever can be read is written, read and answered without a panic, and reads the same again.
fn survive(text: &str) -> Result<(), TestCaseError> {
    let Ok(description) = read(text) else {
        return Ok(());
    };
    reads_the_same(&description)?;
    if let Ok(medias) = publish_answer(&description) {
        reads_the_same(&answer(
            &description,
            medias.into_iter().map(|m| m.answer).collect(),
        ))?;
    }
    if let Ok(medias) = play_answer(&description, &ids(description.media.len())) {
        reads_the_same(&answer(
            &description,
            medias.into_iter().map(|m| m.answer).collect(),
        ))?;
    }
    Ok(())
}

fn reads_the_same(description: &Description) -> Result<(), TestCaseError> {
    let text = write(description);
    let again = read(&text).map_err(|error| TestCaseError::fail(format!("{error} in {text}")))?;
    if again != *description {
        let (was, is) = (format!("{description:#?}"), format!("{again:#?}"));
        let differ = was.lines().zip(is.lines()).find(|(was, is)| was != is);
        return Err(TestCaseError::fail(format!("{differ:?} in {text}")));
    }
    Ok(())
}

fn publish(text: &str) -> Description {
    let offer = read(text).unwrap();
    let medias = publish_answer(&offer).unwrap();
    answer(
        &offer,
        medias.into_iter().map(|media| media.answer).collect(),
    )
}

fn play(text: &str) -> Description {
    let offer = read(text).unwrap();
    let medias = play_answer(&offer, &ids(offer.media.len())).unwrap();
    answer(
        &offer,
        medias.into_iter().map(|media| media.answer).collect(),
    )
}

fn answer(offer: &Description, medias: Vec<medianode_webrtc::sdp::Media>) -> Description {
    assemble_answer(offer, medias, local(), 4242).unwrap()
}

fn ids(sections: usize) -> Vec<PlayIds> {
    (0..u32::try_from(sections).unwrap())
        .map(|index| PlayIds {
            ssrc: 1000 + index,
            rtx_ssrc: 2000 + index,
            cname: "peer".into(),
            stream: "stream".into(),
            track: format!("track{index}"),
        })
        .collect()
}

fn peer_ice() -> IceParameters {
    IceParameters {
        username_fragment: "peer".into(),
        password: "passwordpasswordpassword".into(),
        ice_lite: false,
    }
}

fn local() -> LocalTransport {
    let candidate = |foundation: &str, priority, ip: &str, protocol| IceCandidate {
        foundation: foundation.into(),
        priority,
        ip: ip.parse().unwrap(),
        protocol,
        port: 40_000,
    };
    LocalTransport {
        ice: IceParameters {
            username_fragment: "node".into(),
            password: "secretsecretsecretsecret".into(),
            ice_lite: true,
        },
        candidates: vec![
            candidate("1", 2_130_706_431, "192.0.2.1", Protocol::Udp),
            candidate("2", 2_130_706_175, "2001:db8::1", Protocol::Udp),
            candidate("3", 1_677_724_415, "192.0.2.1", Protocol::Tcp),
        ],
        dtls: DtlsParameters {
            role: DtlsRole::Auto,
            fingerprints: vec![DtlsFingerprint {
                algorithm: "sha-256".into(),
                value: ["AB"; 32].join(":"),
            }],
        },
        sctp: None,
    }
}

fn codec_names(codecs: &[medianode_sfu::params::CodecParameters]) -> Vec<&str> {
    codecs
        .iter()
        .map(|codec| codec.mime_type.as_str())
        .collect()
}
