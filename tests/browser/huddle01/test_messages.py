"""What tabs with Huddle01's SDK tell each other beside media: data, volatile data, who speaks, metadata."""

import pytest

from tests.browser.huddle01.conftest import Join, enter

pytestmark = pytest.mark.browser

SEND = "message => client.localPeer.sendData(message)"


def test_a_message_to_all_reaches_all_and_its_sender_and_a_private_one_its_target_alone(join: Join) -> None:
    ann, bob, eve = (join("talk", name) for name in ("ann", "bob", "eve"))
    assert ann.run(SEND, {"to": "*", "payload": "hello", "label": "chat"})["success"]
    for peer in (ann, bob, eve):
        message = peer.event("receive-data", "e.payload === 'hello'")
        assert (message["from"], message["label"]) == ("ann", "chat")
    assert ann.run(SEND, {"to": ["bob"], "payload": "psst"})["success"]
    assert bob.event("receive-data", "e.payload === 'psst'")["from"] == "ann"
    assert bob.run(SEND, {"to": "*", "payload": "bye"})["success"]
    eve.event("receive-data", "e.payload === 'bye'")
    assert not any(e.get("payload") == "psst" for e in eve.look()["events"])


def test_who_speaks_and_volatile_data_arrive_over_the_bot_channel(join: Join) -> None:
    speakers = {"activeSpeakers": {"size": 4}, "volatileMessaging": True}
    ann, bob = join("bot", "ann", **speakers), join("bot", "bob", **speakers)
    ann.run("() => client.localPeer.enableAudio({ customAudioStream: voice() })")
    bob.hears(ann)
    assert bob.event("active-speakers-change", "e.peerIds.length > 0")["dominantSpeaker"] == "ann"
    for peer in (ann, bob):
        peer.until("client.room.bot")
    ann.run("() => client.localPeer.sendVolatileData({ payload: { x: 1 }, label: 'cursor' })")
    message = bob.event("received-volatile-data")
    assert (message["from"], message["label"], message["payload"]) == ("ann", "cursor", {"x": 1})
    assert not any(e["name"] == "received-volatile-data" for e in ann.look()["events"])


def test_who_rejoins_in_the_same_page_opens_the_bot_channel_and_is_heard(join: Join, node) -> None:
    ann, bob = join("rejoin", "ann"), join("rejoin", "bob")
    ann.microphone()
    bob.hears(ann)
    bob.run("() => client.leaveRoom()")
    ann.event("peer-left", "e.peerId === 'bob'")
    bob.until("s.socket !== 'connected'")
    enter(bob, node.url, "rejoin", node.mint("rejoin", peer="bob"))
    bob.until("s.frames.includes('produceDataResponse')")
    bob.hears(ann)


def test_metadata_of_peers_and_room_is_seen_by_all(join: Join) -> None:
    ann = join("meta", "ann", claims={"metadata": '{"displayName":"Ann"}'})
    bob = join("meta", "bob")
    bob.until("s.peers.ann.metadata?.displayName === 'Ann'")
    ann.run("() => client.localPeer.updateMetadata({ displayName: 'Anna' })")
    bob.until("s.peers.ann.metadata?.displayName === 'Anna'")
    ann.until("s.ownMetadata?.displayName === 'Anna'")
    ann.run("() => client.room.updateMetadata({ topic: 'tea' })")
    for peer in (ann, bob):
        peer.until("s.roomMetadata?.topic === 'tea'")
    eve = join("meta", "eve")
    eve.until("s.roomMetadata?.topic === 'tea' && s.peers.ann.metadata?.displayName === 'Anna'")


def test_metadata_that_is_no_json_is_kept_from_later_joiners(join: Join) -> None:
    ann = join("odd", "ann")
    ann.run("() => client.socket.publish('updatePeerMetadata', { peerId: 'ann', metadata: '{broken' })")
    ann.run("() => client.socket.publish('updateRoomMetadata', { metadata: '' })")
    ann.run("() => client.localPeer.sendData({ to: '*', payload: 'after' })")
    ann.event("receive-data", "e.payload === 'after'")
    bob = join("odd", "bob")
    bob.until("s.state === 'connected' && s.peers.ann")
