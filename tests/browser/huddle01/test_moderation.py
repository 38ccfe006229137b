"""Roles, permissions, room controls, lobby and goodbyes, through Huddle01's SDK."""

from typing import Any

import pytest

from tests.browser.huddle01.conftest import Join, Peer

pytestmark = pytest.mark.browser

CONTROL = "control => client.room.updateRoomControls(control)"
CAMERA_ALLOWED = {"cam": True, "mic": True, "screen": True}
WAITING = "s.events.some(e => e.name === 'room-waiting')"


def is_closed(peer: Peer, reason: str) -> None:
    peer.event("room-closed", f"e.reason === '{reason}'")


def test_a_role_given_by_the_host_counts_for_the_peer_and_ends_what_it_forbids(join: Join) -> None:
    ann, bob = join("roles", "ann"), join("roles", "bob", role="guest")
    bob.on_air()
    ann.sees(bob)
    assert not bob.look()["permissions"]["admin"]
    ann.run("() => client.room.getRemotePeerById('bob').updateRole({ role: 'listener' })")
    bob.until("s.role === 'listener' && !s.permissions.canProduce && s.labels.length === 0")
    ann.until("s.peers.bob.role === 'listener' && Object.keys(s.peers.bob.streams).length === 0")
    ann.run("() => client.room.getRemotePeerById('bob').updateRole({ role: 'guest' })")
    bob.until("s.role === 'guest' && s.permissions.canProduce")
    bob.camera()
    ann.sees(bob)


def test_permissions_given_by_the_host_count_at_once(join: Join) -> None:
    ann, bob = join("acl", "ann"), join("acl", "bob", role="guest")
    ann.knows(bob)
    acl = {**ann.look()["permissions"], "admin": False, "canSendData": False}
    ann.run("acl => client.room.getRemotePeerById('bob').updatePermissions(acl)", acl)
    bob.until("!s.permissions.canSendData")
    publish = "to => client.socket.publish('sendData', { to: ['*'], payload: to, label: 'x' })"
    bob.run(publish, "forbidden")
    ann.run(
        "acl => client.room.getRemotePeerById('bob').updatePermissions(acl)", {**acl, "canSendData": True}
    )
    bob.until("s.permissions.canSendData")
    bob.run(publish, "allowed")
    ann.event("receive-data", "e.payload === 'allowed'")
    assert not any(e.get("payload") == "forbidden" for e in ann.look()["events"])


def test_a_guest_cannot_moderate_whatever_its_page_sends(join: Join) -> None:
    ann, bob = join("guest", "ann"), join("guest", "bob", role="guest")
    bob.run(
        """() => {
            const all = { admin: true, canConsume: true, canProduce: true, canSendData: true, canRecvData: true,
                canUpdateMetadata: true, canProduceSources: { cam: true, mic: true, screen: true } };
            const { socket } = client;
            socket.publish("kickPeer", { peerId: "ann" });
            socket.publish("updatePeerPermission", { peerId: "bob", permissions: all });
            socket.publish("updatePeerRole", { peerId: "bob", role: "host" });
            socket.publish("updateRoomControls", { control: { oneofKind: "roomControl", roomControl: { type: "roomLocked", value: true } } });
            socket.publish("updateRoomMetadata", { metadata: '{"owned":true}' });
            socket.publish("closeRoom", {});
        }"""
    )
    bob.run("() => client.localPeer.sendData({ to: '*', payload: 'still here' })")
    ann.event("receive-data", "e.payload === 'still here'")
    look = ann.look()
    assert look["state"] == "connected"
    assert not look["roomMetadata"]
    assert not look["config"]["roomLocked"]
    assert not bob.look()["permissions"]["admin"]
    assert bob.look()["role"] == "guest"


def test_a_refused_produce_ends_and_the_next_one_works(join: Join) -> None:
    ann, bob = join("refuse", "ann"), join("refuse", "bob", role="guest")
    no_camera = {"type": "allowProduceSources", "value": {**CAMERA_ALLOWED, "cam": False}}
    ann.run(CONTROL, no_camera)
    bob.until("s.config.allowProduceSources.cam === false")
    bob.run("() => client.localPeer.enableVideo()")
    bob.until("s.frames.includes('roomClosedProducers') && s.labels.length === 0")
    assert bob.event("room-notification")["code"] == 4444
    bob.microphone()
    ann.hears(bob)
    assert "video" not in ann.look()["peers"]["bob"]["streams"]
    ann.run(CONTROL, {"type": "allowProduceSources", "value": CAMERA_ALLOWED})
    bob.until("s.config.allowProduceSources.cam")
    bob.camera()
    ann.sees(bob)


def test_mute_everyone_ends_the_sound_of_all_but_hosts(join: Join) -> None:
    ann, bob, eve = join("mute", "ann"), join("mute", "bob", role="guest"), join("mute", "eve")
    for peer in (ann, bob):
        peer.microphone()
        eve.hears(peer)
    ann.run("() => client.room.muteEveryone()")
    bob.until("s.labels.length === 0")
    eve.until("!s.peers.bob.streams.audio")
    eve.hears(ann)
    bob.microphone()
    eve.hears(bob)


def test_a_locked_room_has_a_lobby_that_hosts_admit_from_and_deny(join: Join) -> None:
    ann = join("lobby", "ann")
    ann.run(CONTROL, {"type": "roomLocked", "value": True})
    ann.until("s.config.roomLocked")
    bob, eve = (join("lobby", name, role="guest", waits_for=WAITING) for name in ("bob", "eve"))
    ann.until("s.lobby.length === 2 && !Object.keys(s.peers).length")
    ann.run("() => client.room.admitPeer('bob')")
    bob.until("s.state === 'connected' && s.peers.ann")
    ann.until("s.peers.bob && s.lobby.length === 1")
    ann.run("() => client.room.denyPeer('eve')")
    is_closed(eve, "DENIED")
    ann.until("s.lobby.length === 0")
    bob.on_air()
    ann.sees(bob)
    assert "eve" not in ann.look()["peers"]


def test_a_kicked_peer_is_out_and_the_others_hear_of_it(join: Join) -> None:
    ann, bob = join("kick", "ann"), join("kick", "bob", role="guest")
    bob.camera()
    ann.sees(bob)
    ann.run("() => client.room.kickPeer('bob')")
    is_closed(bob, "KICKED")
    ann.event("peer-left", "e.peerId === 'bob'")
    ann.until("!s.peers.bob")


def test_a_room_is_closed_for_all(join: Join) -> None:
    ann, bob = join("close", "ann"), join("close", "bob", role="guest")
    ann.run("() => client.closeRoom()")
    is_closed(bob, "CLOSED")
    ann.until("s.state !== 'connected'")


def test_who_leaves_or_closes_the_tab_is_gone_at_once(join: Join) -> None:
    ann, bob, eve = (join("leave", name) for name in ("ann", "bob", "eve"))
    ann.knows(bob, eve)
    bob.run("() => client.leaveRoom()")
    ann.event("peer-left", "e.peerId === 'bob'")
    is_closed(bob, "LEFT")
    eve.page.close(run_before_unload=False)
    ann.event("peer-left", "e.peerId === 'eve'")
    assert not ann.look()["peers"]


def test_a_full_room_says_so(join: Join) -> None:
    claims: dict[str, Any] = {"max_peers": 1}
    join("full", "ann", claims=claims)
    bob = join("full", "bob", claims=claims, waits_for="true")
    is_closed(bob, "MAX_PEERS_REACHED")
