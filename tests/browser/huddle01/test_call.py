"""Calls between tabs with Huddle01's SDK: what each sees and hears while cameras, microphones and screens come and go."""

import pytest

from tests.browser.huddle01.conftest import Join
from tests.support.link import Link

pytestmark = pytest.mark.browser


def test_two_tabs_see_and_hear_each_other(join: Join) -> None:
    ann, bob = join("two", "ann"), join("two", "bob")
    ann.on_air()
    bob.on_air()
    for peer, other in ((ann, bob), (bob, ann)):
        peer.sees(other)
        peer.hears(other)
        look = peer.look()
        streams = look["peers"][other.name]["streams"]
        assert (streams["video"]["codec"], streams["audio"]["codec"]) == ("video/H264", "audio/opus")
        assert [c["dtls"] for c in look["connections"]] == ["connected", "connected"]
        assert {(c["iceRole"], c["dtlsRole"]) for c in look["connections"]} == {("controlling", "client")}
        assert peer.complaints == []


def test_an_app_may_prefer_vp8(join: Join) -> None:
    ann, bob = join("vp8", "ann"), join("vp8", "bob")
    ann.camera("video/vp8")
    bob.sees(ann)
    assert bob.look()["peers"]["ann"]["streams"]["video"]["codec"] == "video/VP8"


def test_a_late_joiner_sees_what_runs_and_learns_what_is_paused(join: Join) -> None:
    ann = join("late", "ann")
    ann.on_air()
    ann.run("() => client.localPeer.pauseAudio()")
    bob = join("late", "bob")
    bob.sees(ann)
    bob.until("['available', 'paused'].includes(s.peers.ann.streams.audio?.state)")
    ann.run("() => client.localPeer.resumeAudio()")
    bob.until("s.peers.ann.streams.audio.state === 'playable'")
    bob.hears(ann)


def test_a_microphone_pauses_and_resumes(join: Join) -> None:
    ann, bob = join("pause", "ann"), join("pause", "bob")
    ann.microphone()
    bob.hears(ann)
    ann.run("() => client.localPeer.pauseAudio()")
    bob.until("s.peers.ann.streams.audio.state === 'paused' && !s.peers.ann.streams.audio.heard")
    ann.run("() => client.localPeer.resumeAudio()")
    bob.until("s.peers.ann.streams.audio.state === 'playable'")
    bob.hears(ann)


def test_a_camera_goes_off_and_on(join: Join) -> None:
    ann, bob = join("off", "ann"), join("off", "bob")
    ann.on_air()
    bob.sees(ann)
    ann.run("() => client.localPeer.disableVideo()")
    bob.until("!s.peers.ann.streams.video")
    bob.hears(ann)
    ann.camera()
    bob.sees(ann)


def test_a_viewer_stops_and_takes_up_again_what_it_consumes(join: Join) -> None:
    ann, bob = join("again", "ann"), join("again", "bob")
    ann.on_air()
    bob.sees(ann)
    bob.run("() => client.localPeer.stopConsuming({ peerId: 'ann', label: 'video' })")
    bob.until("!s.peers.ann.streams.video?.seen")
    bob.hears(ann)
    bob.run("() => client.localPeer.consume({ peerId: 'ann', label: 'video', appData: {} })")
    bob.sees(ann)


def test_an_app_that_consumes_by_hand_gets_nothing_unasked(join: Join) -> None:
    ann, bob = join("hand", "ann"), join("hand", "bob", autoConsume=False)
    ann.on_air()
    bob.until("s.peers.ann?.streams.video && s.peers.ann.streams.audio")
    assert not {"consume", "consumeResponse"} & set(bob.look()["frames"])
    bob.run("() => client.localPeer.consume({ peerId: 'ann', label: 'video', appData: {} })")
    bob.sees(ann)


def test_a_screen_is_shared_with_its_sound(join: Join) -> None:
    ann, bob = join("screen", "ann"), join("screen", "bob")
    ann.camera()
    ann.run("() => client.localPeer.startScreenShare()")
    ann.run(
        """async () => {
            const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
            if (!client.localPeer.labels.includes("screen-share-audio")) {
                await client.localPeer.produce({ label: "screen-share-audio", stream });
            }
        }"""
    )
    bob.sees(ann, label="screen-share-video")
    bob.hears(ann, label="screen-share-audio")
    bob.sees(ann)
    ann.run("() => client.localPeer.stopScreenShare()")
    bob.until("!s.peers.ann.streams['screen-share-video']")
    bob.sees(ann)


def test_the_top_layer_is_sent_while_it_fits_and_a_lower_one_while_it_does_not(
    join: Join, links: list[Link]
) -> None:
    ann, bob = join("layers", "ann"), join("layers", "bob", relays=[link.port for link in links])
    ann.camera()
    bob.sees(ann)
    height = "s.peers.ann.streams.video.frameHeight"
    ann.until("s.connections[0].outbound.some(o => o.rid === 'r2' && o.frameHeight === 720)", 30)
    bob.until(f"{height} === 720", 30)
    for link in links:
        link.set(down={"rate": 400_000, "queue_ms": 300})
    bob.until(f"{height} < 720", 20)
    for link in links:
        link.set()
    bob.until(f"{height} === 720", 40)
