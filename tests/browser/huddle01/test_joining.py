"""Ways into a room with Huddle01's SDK that are less than straight."""

import pytest

from tests.browser.huddle01.conftest import Join, enter
from tests.support.running_node import RunningNode

pytestmark = pytest.mark.browser


def test_a_client_whose_geolocation_is_out_of_reach_joins(join: Join) -> None:
    ann = join("geo", "ann", region=None)
    assert ann.run("() => lastSocket().url").endswith("&region=ASI&country=IN")


@pytest.mark.parametrize("token", ["wrong", "a.b.c"])
def test_a_bad_token_closes_the_room_at_once(open_peer, node: RunningNode, token: str) -> None:
    ann = open_peer("ann")
    enter(ann, node.url, "bad", token)
    assert ann.event("room-closed")["reason"] == "CONNECTION_EXPIRED"
    assert "closed 4002" in ann.look()["frames"]


def test_the_newest_socket_of_a_token_wins(open_peer, node: RunningNode) -> None:
    token = node.mint("same", peer="ann")
    old, new = open_peer("ann"), open_peer("ann")
    for peer in (old, new):
        enter(peer, node.url, "same", token)
        peer.until("s.state === 'connected'")
    old.event("room-closed")
    assert any(frame.startswith("closed 4") for frame in old.look()["frames"])
    new.never("s.state !== 'connected'", 2)
    assert not old.look()["frames"][-1].startswith("connect")


@pytest.mark.parametrize("delay_ms", [0, 10, 40])
def test_who_has_just_joined_misses_nothing_that_starts_meanwhile(
    join: Join, open_peer, node: RunningNode, delay_ms: int
) -> None:
    room = f"race-{delay_ms}"
    ann = join(room, "ann")
    ann.run(
        """async delay => {
            const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
            client.room.on("new-peer-joined", () => setTimeout(() => client.localPeer.produce({ label: "hello", stream }), delay));
        }""",
        delay_ms,
    )
    bob = open_peer("bob")
    enter(bob, node.url, room, node.mint(room, peer="bob"))
    bob.hears(ann, label="hello")
