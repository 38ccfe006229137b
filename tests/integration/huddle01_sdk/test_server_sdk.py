"""`@huddle01/server-sdk` 2.6.2, its `fetch` pointed at a node: rooms, tokens, sessions, participants, webhooks, restarts."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medianode.signalling.huddle01.wire.client_pb2 import ConnectRoom
from tests.integration.huddle01_sdk.application import FOLDER, Application
from tests.support.huddle01_client import RawPeer
from tests.support.npm import integrity
from tests.support.rtc_client import RtcClient
from tests.support.running_node import start_node

native = pytest.importorskip("medianode.sfu.native")

SECRET = "the-api-key-of-the-receiver"
PUBLISHED = "sha512-4kywERHN4BxbLtMcMGIAFcXcqK5iGFSH8I9QfF7NwmFA1VTo+s/jR2ER8h6Rzy8RKpm4mQiV/knxS6CsKwzenQ=="
ODD = {"title": 'é 😀 "\\ / \u2028 \u0001 \x7f', "n": [1, None]}


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    running = Application(SECRET)
    yield running
    running.stop()


class World:
    """A node that can be stopped and started again on the same data folder, and the application that uses it."""

    def __init__(self, path: Path, app: Application) -> None:
        self.path, self.app, self.key = path, app, ""
        self.start()

    def start(self) -> None:
        self.node = start_node(
            self.path,
            "--announced-ip",
            "127.0.0.1",
            MEDIANODE_WEBHOOKS__ENDPOINTS=json.dumps([{"url": self.app.url, "secret": SECRET}]),
            MEDIANODE_WEBHOOKS__ALLOWED_NETWORKS="127.0.0.0/8",
        )
        self.key = self.node.ready.get("api_key", self.key)

    def restart(self) -> None:
        assert self.node.stop() == 0, "".join(self.node.log)
        self.start()

    def api(self, method: str, *given: object) -> Any:
        return self.app.ask(self.node, self.key, "api", method, *given)

    def token(self, room: str, **given: object) -> str:
        return str(self.app.ask(self.node, self.key, "token", {"roomId": room, **given}))

    async def join(self, room: str, token: str) -> RtcClient:
        peer = RtcClient(self.node.url, token)
        await peer.publish(f"/whip/{room}")
        return peer


@pytest.fixture
def world(tmp_path: Path, app: Application) -> Iterator[World]:
    app.webhooks.clear()
    running = World(tmp_path, app)
    yield running
    if running.node.process.poll() is None:
        running.node.stop()
    assert not app.refused, app.refused


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, app: Application) -> Iterator[World]:
    """A node that nothing happens to."""
    running = World(tmp_path_factory.mktemp("standing"), app)
    yield running
    running.node.stop()


def test_the_sdk_is_the_published_one() -> None:
    assert integrity(FOLDER, "@huddle01/server-sdk") == PUBLISHED


JOINED = ("peer:joined", "peer:trackPublished", "peer:trackPublished")
LEFT = ("peer:trackUnpublished", "peer:trackUnpublished", "peer:left")


async def test_rooms_sessions_and_participants_are_right_after_a_restart(
    world: World, app: Application
) -> None:
    room = world.api("createRoom", {"metadata": json.dumps(ODD), "roomLocked": False})["roomId"]
    ann = await world.join(room, world.token(room, role="host", options={"metadata": ODD}))
    bob = await world.join(room, world.token(room, permissions={"admin": False}))
    assert world.token(room, role="dj", permissions={"canConsume": True})

    (started,) = app.heard("meeting:started")
    joined = [app.heard(*JOINED)[0] for _ in range(2)]
    names = [peer["id"] for peer in joined]
    assert all(name.startswith("peerId-") and len(name) == 28 for name in names)
    assert (started["roomId"], joined[0]["sessionId"]) == (room, started["sessionId"])
    assert json.loads(joined[0]["metadata"]) == ODD
    assert (joined[0]["role"], "metadata" in joined[1]) == ("host", False)
    live = world.api("getLiveSessions", {"roomId": room})
    assert (live["roomId"], live["currentPeerCount"], live["startTime"]) == (room, 2, started["createdAt"])
    assert [one["roomId"] for one in world.api("getLiveSessions")] == [room]
    present = world.api("getLivePartipantsDetails", {"roomId": room})
    assert [(peer["peerId"], peer["metadata"]) for peer in present] == [(names[0], ODD), (names[1], None)]

    assert await bob.close() == 200
    left = app.heard(*LEFT)[-1]
    assert (left["id"], left["duration"] > 0) == (names[1], True)
    world.restart()
    ended = app.heard(*LEFT, "meeting:ended")[-1]
    await ann.pc.close()
    assert (ended["participants"], ended["maxParticipants"]) == (2, 2)
    assert ended["endedAt"] - ended["createdAt"] == ended["duration"]

    assert world.api("getRooms")["rooms"][0]["metadata"] == ODD
    assert world.api("getRoomDetails", {"roomId": room}) == {
        "roomId": room,
        "roomLocked": False,
        "metadata": ODD,
    }
    sessions = world.api("getRoomSessions", {"roomId": room})
    assert sessions == [
        {
            "sessionId": started["sessionId"],
            "startTime": started["createdAt"],
            "endTime": ended["endedAt"],
        }
    ]
    took_part = world.api("getPartipantsDetails", {"sessionId": started["sessionId"]})
    assert [peer["peerId"] for peer in took_part] == names
    assert took_part[1]["exitTime"] == left["leftAt"]
    assert took_part[0]["joinTime"] == joined[0]["joinedAt"]
    metrics = world.api("getMetrics")
    assert (metrics["totalSessions"], metrics["totalUsers"]) == (1, 2)
    with pytest.raises(RuntimeError, match="No ongoing session"):
        world.api("getLivePartipantsDetails", {"roomId": room})

    again = await world.join(room, world.token(room, role="guest"))
    app.heard("meeting:started", *JOINED)
    assert len(world.api("getRoomSessions", {"roomId": room})) == 2
    assert await again.close() == 200
    app.heard(*LEFT, "meeting:ended")


async def test_a_node_that_is_killed_leaves_no_session_open(world: World, app: Application) -> None:
    room = world.api("createRoom")["roomId"]
    ann = await world.join(room, world.token(room, role="host"))
    started = app.heard("meeting:started", *JOINED)[0]
    world.node.process.send_signal(signal.SIGKILL)
    world.node.wait(10)
    await ann.pc.close()
    world.start()
    ended = app.heard(*LEFT, "meeting:ended")[-1]
    assert ended["sessionId"] == started["sessionId"]
    (session,) = world.api("getRoomSessions", {"roomId": room})
    assert session["endTime"] == ended["endedAt"]
    assert world.api("getLiveSessions") == []
    assert [peer["exitTime"] for peer in world.api("getPartipantsDetails", {"sessionId": ended["sessionId"]})]


def test_what_the_sdk_must_refuse_it_refuses_in_its_own_words(standing: World) -> None:
    with pytest.raises(RuntimeError, match="Room not found to be associated"):
        standing.token("abc-defg-hij", role="host")
    with pytest.raises(RuntimeError, match="Error creating room"):
        standing.api("createRoom", {"metadata": "no JSON", "roomLocked": False})
    with pytest.raises(RuntimeError, match="Error getting room sessions"):
        standing.api("getRoomSessions", {"roomId": "abc-defg-hij"})
    room = standing.api("createRoom")["roomId"]
    good, standing.key = standing.key, "mnk_00000000_wrong"
    with pytest.raises(RuntimeError, match="API key missing or invalid"):
        standing.token(room, role="host")
    standing.key = good


def test_recorder_calls_say_that_nothing_is_recorded(standing: World, app: Application) -> None:
    def recorder(method: str, *given: object) -> Any:
        return app.ask(standing.node, standing.key, "recorder", method, *given)

    room = standing.api("createRoom")["roomId"]
    token = standing.token(room, role="bot", permissions={"admin": True})
    refused = {"msg": "This node does not record yet"}
    assert recorder("startRecording", {"roomId": room, "token": token}) == refused
    assert (
        recorder("startLivestream", {"roomId": room, "token": token, "rtmpUrls": ["rtmp://x/y"]}) == refused
    )
    assert recorder("stop", {"roomId": room}) == refused
    assert recorder("getRecordingStatus", {"roomId": room}) == {"status": "stopped"}
    assert recorder("getRecordings") == {"data": {"recordings": [], "nextCursor": None}}
    assert standing.api("getRecordings") == {"data": {"recordings": [], "nextCursor": None}}


def test_rooms_are_paged_through_the_sdk(standing: World) -> None:
    made = [standing.api("createRoom")["roomId"] for _ in range(5)]
    found: list[str] = []
    cursor = standing.api("getRooms")["count"] - 5
    while cursor is not None:
        page = standing.api("getRooms", {"limit": 2, "cursor": cursor})
        found += [room["roomId"] for room in page["rooms"]]
        cursor = page["nextCursor"]
    assert found == made


def test_a_signalled_peer_is_told_with_its_client_and_hears_new_metadata(
    standing: World, app: Application
) -> None:
    app.webhooks.clear()
    room = standing.api("createRoom")["roomId"]
    with RawPeer(standing.node, room, "cy") as peer:
        peer.ask(connect_room=ConnectRoom(roomId=room))
        peer.until("connectRoomResponse")
        joined = app.heard("meeting:started", "peer:joined")[1]
        assert (joined["id"], joined["role"], joined["version"]) == ("cy", "host", "core@2.6.4")
        assert joined["geoData"] == {"region": "EU", "country": "IN"}
        path = f"/huddle01/api/v2/sdk/rooms/metadata/{room}"
        body = json.dumps({"metadata": ODD}).encode()
        status, _, answer = standing.node.request(
            "POST", path, body=body, X_API_Key=standing.key, Content_Type="application/json"
        )
        assert (status, json.loads(answer)["metadata"]) == (200, ODD)
        assert json.loads(peer.until("roomMetadataUpdated").roomMetadataUpdated.metadata) == ODD
    app.heard("peer:left", "meeting:ended")
    assert standing.api("getRoomDetails", {"roomId": room})["metadata"] == ODD
