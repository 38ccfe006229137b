"""What a call with Huddle01's SDK survives: cut sockets, a silent network, hostile neighbours."""

import time
from pathlib import Path

import pytest

from medianode.signalling.huddle01.wire import client_pb2 as wire
from tests.browser.huddle01.conftest import Join, Peer, enter
from tests.support import huddle01_wire as published
from tests.support.huddle01_client import RawPeer
from tests.support.link import Link
from tests.support.running_node import RunningNode, start_node
from tests.support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.browser


@pytest.fixture
def proxy(node: RunningNode):
    with TcpProxy(int(node.url.rpartition(":")[2])) as made:
        yield made


def on_air(*peers: Peer) -> None:
    """All publish, and everybody sees everybody."""
    for peer in peers:
        peer.on_air()
    for peer in peers:
        others = [other for other in peers if other is not peer]
        peer.sees(*others)
        peer.hears(*others)


def has_left(peer: Peer, name: str) -> bool:
    return any(e["name"] == "peer-left" and e["peerId"] == name for e in peer.look()["events"])


def test_a_cut_socket_does_not_touch_media_and_the_sdk_comes_back(join: Join, proxy: TcpProxy) -> None:
    ann, bob = join("cut", "ann", base_url=proxy.url), join("cut", "bob")
    on_air(ann, bob)
    proxy.cut(stays_down=True)
    ann.until("s.socket !== 'connected'")
    seen = (ann.frames_of(bob), bob.frames_of(ann))
    ann.until(f"s.peers.bob.streams.video.frames > {seen[0] + 30}")
    bob.until(f"s.peers.ann.streams.video.frames > {seen[1] + 30}")
    assert ann.look()["socket"] != "connected"
    proxy.restore()
    ann.until("s.socket === 'connected' && s.frames.at(-1) !== 'hello'", 30)
    ann.until("s.frames.includes('syncMeetingStateResponse')")
    on_air_still(ann, bob)
    assert len(ann.look()["connections"]) == 2
    assert list(bob.look()["peers"]) == ["ann"]
    assert not has_left(bob, "ann")
    ann.run("() => client.localPeer.sendData({ to: '*', payload: 'back' })")
    bob.event("receive-data", "e.payload === 'back'")


def on_air_still(ann: Peer, bob: Peer) -> None:
    for peer, other in ((ann, bob), (bob, ann)):
        frames = peer.frames_of(other)
        peer.until(f"s.peers['{other.name}'].streams.video.frames > {frames + 15}")
        peer.hears(other)


def test_a_label_reused_while_a_socket_was_cut_is_consumed_anew(join: Join, proxy: TcpProxy) -> None:
    ann, bob = join("reuse", "ann", base_url=proxy.url), join("reuse", "bob")
    on_air(ann, bob)
    proxy.cut(stays_down=True)
    ann.until("s.socket !== 'connected'")
    old = ann.look()["peers"]["bob"]["streams"]["video"]["producerId"]
    bob.run("() => client.localPeer.disableVideo()")
    bob.until("!s.labels.includes('video')")
    bob.camera()
    bob.until("s.labels.includes('video')")
    proxy.restore()
    # The SDK tries again after up to 20 s.
    ann.until(f"s.peers.bob.streams.video?.seen && s.peers.bob.streams.video.producerId !== '{old}'", 60)
    ann.hears(bob)


def test_a_network_silent_for_eight_seconds_ends_in_an_ice_restart_and_media_again(
    join: Join, links: list[Link]
) -> None:
    ann, bob = join("silent", "ann", relays=[link.port for link in links]), join("silent", "bob")
    on_air(ann, bob)
    for link in links:
        link.set(cut=True)
    began = time.monotonic()
    ann.until("s.frames.includes('restartTransportIceResponse')", 20)
    ann.page.wait_for_timeout(max(0, 8 - (time.monotonic() - began)) * 1000)
    for link in links:
        link.set()
    on_air_still(ann, bob)
    ann.until("s.connections.every(c => c.state === 'connected')")
    assert not has_left(bob, "ann")


def test_a_tab_that_is_gone_without_a_word_leaves_when_its_consent_is_lost(
    join: Join, links: list[Link], proxy: TcpProxy
) -> None:
    ann = join("gone", "ann", base_url=proxy.url, relays=[link.port for link in links])
    bob = join("gone", "bob")
    on_air(ann, bob)
    for link in links:
        link.set(cut=True)
    proxy.cut(stays_down=True)
    began = time.monotonic()
    bob.event("peer-left", "e.peerId === 'ann'", timeout_s=60)
    print(f"left after {time.monotonic() - began:.0f} s")
    assert not bob.look()["peers"]


@pytest.fixture
def restartable(tmp_path: Path):
    """Starts nodes on one data folder, one after the other; those that still run are stopped at the end."""
    started: list[RunningNode] = []

    def start(*options: str) -> RunningNode:
        started.append(start_node(tmp_path, "--announced-ip", "127.0.0.1", *options))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.stop()


def test_a_client_of_a_restarted_node_is_told_that_its_session_is_over(open_peer, restartable) -> None:
    first = restartable()
    ann = open_peer("ann")
    enter(ann, first.url, "restart", first.mint("restart", peer="ann"))
    ann.until("s.state === 'connected'")
    ann.on_air()
    assert first.stop() == 0
    restartable("--http", first.url.removeprefix("http://"))
    assert ann.event("room-closed", timeout_s=40)["reason"] == "CONNECTION_EXPIRED"


def hostile_frames() -> dict[str, list[bytes | str]]:
    """Names of attacks, and what each sends."""
    lacking = [
        published.encode("Request", {name: published.without(published.sample(kind), path)})
        for _, name, kind, _ in published.SCHEMA["Request"]
        for path in published.required(kind)
    ]
    unknown = [
        published.encode("Request", {name: published.sample(kind)})
        for _, name, kind, _ in published.SCHEMA["Request"]
        if name not in {"connect_room", "close_room"}
    ]
    return {
        "malformed": [b"\xff", b"\x12\x05\x0a\x01a", b"", b"\x00" * 100, b"\x12\x03\x0a\x01\xff"],
        "lacking": lacking,
        "unknown": unknown,
        "text": ["hello", "{}"],
        "large": [bytes(1_000_000)],
        "many": [b"\x00"] * 10_000,
        "nested": [b"\x0b" * 5000 + b"\x0c" * 5000],
    }


def test_hostile_frames_cost_their_sender_at_most_its_socket(join: Join, node: RunningNode) -> None:
    ann, bob = join("hostile", "ann"), join("hostile", "bob")
    on_air(ann, bob)
    for attack, frames in hostile_frames().items():
        with RawPeer(node, "hostile", f"mallory-{attack}") as mallory:
            mallory.ask(connect_room=wire.ConnectRoom(roomId="hostile"))
            mallory.until("connectRoomResponse")
            for frame in frames:
                mallory.send(frame)
            print(attack, "open" if mallory.is_open else mallory.close_code)
        seen = bob.frames_of(ann)
        bob.until(f"s.peers.ann.streams.video.frames > {seen}")
    on_air_still(ann, bob)
    look = bob.look()
    assert look["state"] == "connected"
    assert not has_left(bob, "ann")
    status, _, _ = node.request("GET", "/healthz")
    assert status == 200
