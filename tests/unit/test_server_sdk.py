"""The calls of Huddle01's server SDK: exact bodies and statuses, over rooms that are open and rooms that were made."""

import json
import re
from typing import Any

import httpx
import pytest

from medianode.ids import RoomName
from medianode.rooms.announce import RoomMetadataChanged
from medianode.rooms.tokens import grant_of
from tests.unit.conftest import World
from tests.unit.test_whip import assert_problem

SDK = "/huddle01/api/v2/sdk"
RECORDER = "/huddle01/api/v1/recording"
ALL = {
    "admin": False,
    "canConsume": True,
    "canProduce": True,
    "canProduceSources": {"cam": True, "mic": True, "screen": True},
    "canSendData": True,
    "canRecvData": True,
    "canUpdateMetadata": True,
}


async def call(world: World, method: str, path: str, status: int = 200, **options: Any) -> Any:
    headers = {"x-api-key": world.api_key, "Content-Type": "application/json"}
    response = await world.http.request(method, path, headers=headers, **options)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


async def get(world: World, path: str, status: int = 200, **query: Any) -> Any:
    return await call(world, "GET", SDK + path, status, params=query)


async def post(world: World, path: str, body: object, status: int = 200, **query: Any) -> Any:
    # Escaped, so that a test can send what UTF-8 cannot.
    return await call(world, "POST", SDK + path, status, content=json.dumps(body), params=query)


async def make(world: World, **body: object) -> str:
    made = await post(world, "/rooms/create-room", body, 201)
    assert made == {"message": "Room Created Successfully", "data": {"roomId": made["data"]["roomId"]}}
    return str(made["data"]["roomId"])


async def written(world: World) -> None:
    """Waits until the history has caught up."""
    await world.settled()
    while not world.services.recorder._mailbox._items.empty():
        await world.settled()
    await world.services.history.totals()


def issues(body: dict[str, Any]) -> str:
    assert body["success"] is False
    return json.dumps(body["error"]["issues"])


async def test_nothing_is_open(world: World) -> None:
    routes = [
        (method, path.replace("{room_id}", "abc"))
        for path, methods in (await world.http.get("/openapi.json")).json()["paths"].items()
        for method in methods
        if path.startswith(("/huddle01/api/v2/", RECORDER))
    ]
    assert len(routes) > 20
    for method, path in routes:
        for headers in ({}, {"x-api-key": "mnk_00000000_no"}, {"x-api-key": ""}, world.key, world.token()):
            response = await world.http.request(method, path, headers=headers)
            assert response.status_code == 401, path
            assert response.json() == {
                "message": "Incorrect or no API key provided",
                "ok": False,
                "validated": False,
            }


async def test_a_room_is_made_and_described(world: World) -> None:
    room = await make(world, metadata='{"title":"é"}', roomLocked=True)
    assert re.fullmatch("[a-z]{3}-[a-z]{4}-[a-z]{3}", room)
    described = {"roomId": room, "roomLocked": True, "metadata": {"title": "é"}}
    assert await get(world, f"/rooms/room-details/{room}") == described
    assert await get(world, "/validate-room", roomId=room) == {"ok": True, "validated": True}
    assert world.rooms.directory.rooms() == []
    plain = await make(world)
    assert await get(world, f"/rooms/room-details/{plain}") == {
        "roomId": plain,
        "roomLocked": False,
        "metadata": None,
    }
    assert await get(world, "/rooms/room-details/nowhere", 404) == {"ok": False, "message": "Room not found"}


@pytest.mark.parametrize("metadata", [{"a": 1}, '{"a":1}', '"text"', "", None])
async def test_metadata_is_text_or_an_object(world: World, metadata: object) -> None:
    room = await make(world, metadata=metadata)
    told = (await get(world, f"/rooms/metadata/{room}"))["metadata"]
    assert told == (json.loads(metadata) if isinstance(metadata, str) and metadata else metadata or None)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"metadata": "no JSON"}, "JSON"),
        ({"metadata": '{"a":NaN}'}, "JSON"),
        ({"metadata": '"\ud800"'}, "Unicode"),
        ({"metadata": {"\ud800": 1}}, "Unicode"),
        ({"metadata": "[" * 500 + "]" * 500}, "nested"),
        ({"metadata": json.dumps("x" * 1100)}, "1024 bytes"),
        ({"metadata": {"a": "é" * 600}}, "1024 bytes"),
        ({"metadata": 3}, "metadata"),
        ({"roomLocked": "perhaps"}, "roomLocked"),
        ([], "dictionary"),
    ],
)
async def test_a_bad_room_is_refused_with_issues(world: World, body: object, what: str) -> None:
    assert what in issues(await post(world, "/rooms/create-room", body, 400))
    assert (await get(world, "/rooms/get-rooms"))["count"] == 0


@pytest.mark.parametrize("text", ['{"a":"\\ud800"}', '{"a":1e999}'])
async def test_metadata_that_is_no_value_spoils_no_answer(world: World, text: str) -> None:
    room = await make(world, metadata=text)
    assert (await get(world, "/rooms/get-rooms"))["rooms"][0]["metadata"] == text
    assert (await get(world, f"/rooms/room-details/{room}"))["metadata"] == text


@pytest.mark.parametrize("room", ["\ud800", "\0", "", "x" * 10_000, "../../etc/passwd", "' OR 1=1 --"])
async def test_no_name_of_a_room_does_harm(world: World, room: str) -> None:
    status = 400 if room in ("", "\ud800") else 404
    await post(world, "/create-peer-token", {"roomId": room, "role": "host"}, status)
    await post(world, "/join-room-token", {"roomId": room}, status)
    if room != "\ud800":
        await get(world, "/rooms/session-details", 404, roomId=room)
        await get(world, "/rooms/participant-list", 404, sessionId=room)


async def test_rooms_are_paged_oldest_first(world: World) -> None:
    made = []
    for _ in range(5):
        made.append(await make(world))
        world.clock.seconds += 1
    first = await get(world, "/rooms/get-rooms", limit=2)
    assert [room["roomId"] for room in first["rooms"]] == made[:2]
    assert first["rooms"][0] == {
        "roomId": made[0],
        "createdAt": int((world.clock.now() - 5) * 1000),
        "roomLocked": False,
        "metadata": None,
    }
    assert {key: first[key] for key in first if key != "rooms"} == {
        "pageSize": 2,
        "current": 0,
        "nextCursor": 2,
        "prevCursor": None,
        "count": 5,
    }
    last = await get(world, "/rooms/get-rooms", limit=2, cursor=4)
    assert ([room["roomId"] for room in last["rooms"]], last["nextCursor"], last["prevCursor"]) == (
        made[4:],
        None,
        2,
    )
    assert (await get(world, "/rooms/get-rooms", cursor=99))["rooms"] == []
    for bad in ({"limit": 0}, {"limit": 101}, {"limit": "x"}, {"cursor": -1}, {"cursor": 1 << 70}):
        issues(await get(world, "/rooms/get-rooms", 400, **bad))


async def test_a_made_room_opens_as_it_was_made_and_remembers_changes(world: World) -> None:
    room = await make(world, metadata={"a": 1}, roomLocked=True)
    opened = await world.rooms.directory.enter(RoomName(room))
    assert (opened.metadata, opened.locked, opened.permanent) == ('{"a":1}', True, False)
    told = world.rooms.directory.announcer.listen(RoomName(room))
    assert await post(world, f"/rooms/metadata/{room}", {"metadata": '{"b":2}'}) == {"metadata": {"b": 2}}
    assert await told.next() == RoomMetadataChanged('{"b":2}')
    assert opened.metadata == '{"b":2}'
    world.rooms.directory.end_room(opened, "everybody left")
    again = await world.rooms.directory.enter(RoomName(room))
    assert (again.metadata, again.locked) == ('{"b":2}', True)
    assert (await get(world, "/rooms/metadata", roomId=room))["metadata"] == {"b": 2}
    assert (await post(world, "/rooms/metadata", {}, roomId=room)) == {"metadata": None}
    assert (await get(world, f"/rooms/get-metadata/{room}"))["metadata"] is None
    await post(world, "/rooms/metadata/nowhere", {}, 404)
    issues(await post(world, f"/rooms/metadata/{room}", {"metadata": "no JSON"}, 400))


async def test_what_is_changed_in_the_call_is_remembered(world: World) -> None:
    room = await make(world)
    opened = await world.rooms.directory.enter(RoomName(room))
    world.rooms.set_room_metadata(opened, '{"c":3}')
    await written(world)
    world.rooms.directory.end_room(opened, "everybody left")
    assert (await get(world, f"/rooms/room-details/{room}"))["metadata"] == {"c": 3}


async def test_a_deleted_room_is_gone(world: World) -> None:
    room = await make(world)
    await world.rooms.directory.enter(RoomName(room))
    assert (await world.http.delete(f"/api/v1/rooms/{room}", headers=world.key)).status_code == 204
    await get(world, f"/rooms/room-details/{room}", 404)
    assert_problem(await world.http.delete(f"/api/v1/rooms/{room}", headers=world.key), 404)
    idle = await make(world)
    assert (await world.http.delete(f"/api/v1/rooms/{idle}", headers=world.key)).status_code == 204
    assert (await get(world, "/rooms/get-rooms"))["count"] == 0


async def test_a_peer_token_says_what_was_asked(world: World) -> None:
    room = await make(world)
    body = {
        "roomId": room,
        "role": "host",
        "permissions": {**ALL, "admin": True},
        "metadata": json.dumps({"displayName": "Ann"}),
        "options": {"maxPeersAllowed": 5},
    }
    answer = await post(world, "/create-peer-token", body)
    assert list(answer) == ["token"]
    claims = world.services.mint.verify(answer["token"])
    grant = grant_of(claims)
    assert (grant.room, grant.role, grant.max_peers) == (room, "host", 5)
    assert grant.permissions.moderate
    assert grant.metadata == '{"displayName": "Ann"}'
    assert re.fullmatch(r"peerId-[A-Za-z0-9_-]{21}", grant.peer or "")
    assert claims.expires_at == int(world.clock.now()) + 4 * 3600
    another = world.services.mint.verify((await post(world, "/create-peer-token", body))["token"])
    assert another.peer != claims.peer
    short = world.services.mint.verify(
        (await post(world, "/create-peer-token", {**body, "ttl": 60}))["token"]
    )
    assert short.expires_at == int(world.clock.now()) + 60


async def test_permissions_fill_the_gaps_of_a_role_and_make_roles_of_the_apps_own(world: World) -> None:
    room = await make(world)

    async def rights(**body: object) -> tuple[str, Any]:
        answer = await post(world, "/create-peer-token", {"roomId": room, **body})
        grant = grant_of(world.services.mint.verify(answer["token"]))
        return grant.role, grant.permissions

    role, allowed = await rights(role="listener")
    assert (role, allowed.publish, allowed.receive_data) == ("listener", False, True)
    role, allowed = await rights(role="bot", permissions={"admin": True})
    assert (role, allowed.moderate, allowed.send_data) == ("bot", True, False)
    role, allowed = await rights(role="dj", permissions={"canProduceSources": {"cam": False}})
    assert (role, allowed.video, allowed.audio, allowed.moderate) == ("dj", False, True, False)
    role, allowed = await rights(permissions=ALL)
    assert (role, allowed.publish) == ("guest", True)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"role": "dj"}, "permissions"),
        ({"role": "x" * 21, "permissions": ALL}, "role"),
        ({"permissions": {"admin": "yes"}}, "admin"),
        ({"permissions": {"canFly": True}}, "permissions"),
        ({"metadata": "no JSON"}, "JSON"),
        ({"metadata": json.dumps("x" * 6000)}, "5120"),
        ({"options": {"maxPeersAllowed": 0}}, "maxPeersAllowed"),
        ({"ttl": 0}, "ttl"),
        ({"roomId": ""}, "roomId"),
    ],
)
async def test_a_bad_token_is_refused_with_issues(world: World, body: dict[str, object], what: str) -> None:
    room = await make(world)
    assert what in issues(await post(world, "/create-peer-token", {"roomId": room, **body}, 400))


async def test_tokens_are_for_rooms_that_are_known(world: World) -> None:
    await post(world, "/create-peer-token", {"roomId": "nowhere", "permissions": ALL}, 404)
    await post(world, "/join-room-token", {"roomId": "nowhere"}, 404)
    await world.publish("ann")
    assert (await post(world, "/create-peer-token", {"roomId": "r", "permissions": ALL}))["token"]
    joined = await post(world, "/join-room-token", {"roomId": "r", "displayName": "Bo", "userType": "host"})
    grant = grant_of(world.services.mint.verify(joined["token"]))
    assert (grant.role, grant.metadata) == ("host", '{"displayName":"Bo"}')
    refused = await post(world, "/create-guest-token", {}, 501)
    assert "create-peer-token" in refused["message"]
    assert (await get(world, "/get-whitelisted-domains"))["whitelistedDomains"] == []
    assert (await get(world, ""))["ok"] is True


async def test_sessions_and_participants_are_told_while_they_run_and_afterwards(world: World) -> None:
    assert await get(world, "/live-sessions") == {"liveSessions": []}
    missing = await get(world, "/live-sessions/r", 404)
    assert missing["ok"] is False
    start = int(world.clock.now() * 1000)
    ann = await world.publish("ann")
    world.clock.seconds += 60
    bob = await world.publish("bob")
    await written(world)
    live = {"roomId": "r", "startTime": start, "livestreamCount": 0, "recordingCount": 0}
    assert await get(world, "/live-sessions") == {"liveSessions": [live]}
    assert await get(world, "/live-sessions/r") == {"liveSessions": {**live, "currentPeerCount": 2}}
    assert await get(world, "/live-sessions/participants/r") == {
        "count": 2,
        "participants": [
            {"peerId": "ann", "joinTime": start, "metadata": None},
            {"peerId": "bob", "joinTime": start + 60_000, "metadata": None},
        ],
    }
    world.rooms.close(ann)
    world.clock.seconds += 60
    world.rooms.close(bob)
    await written(world)
    await get(world, "/live-sessions/r", 404)
    await get(world, "/live-sessions/participants/r", 404)
    sessions = await get(world, "/rooms/session-details", roomId="r")
    session = sessions["sessions"][0]
    assert (session["startTime"], session["endTime"], sessions["nextCursor"]) == (
        start,
        start + 120_000,
        None,
    )
    for path in ("/rooms/participant-list", "/rooms/participant-lists"):
        listed = await get(world, path, sessionId=session["sessionId"])
        assert listed["participants"] == [
            {"peerId": "ann", "joinTime": start, "exitTime": start + 60_000, "metadata": None},
            {"peerId": "bob", "joinTime": start + 60_000, "exitTime": start + 120_000, "metadata": None},
        ]
    assert "message" in await get(world, "/rooms/participant-list", 404, sessionId="none")
    assert "message" in await get(world, "/rooms/session-details", 404, roomId="nowhere")
    assert await get(world, "/metrics") == {
        "totalSessions": 1,
        "totalDuration": 2,
        "totalUsers": 2,
        "livestreamCount": 0,
        "recordingCount": 0,
    }


async def test_a_made_room_without_sessions_has_an_empty_list(world: World) -> None:
    room = await make(world)
    listed = await get(world, "/rooms/session-details", roomId=room)
    assert listed == {"sessions": [], "nextCursor": None}


async def test_recording_is_refused_in_words(world: World) -> None:
    for action in ("start", "stop"):
        answer = await call(
            world, "POST", f"{RECORDER}/{action}", 501, json={"roomId": "r", "type": "recording"}
        )
        assert answer == {"msg": "This node does not record yet"}
    assert await call(world, "GET", RECORDER + "/status", params={"roomId": "r"}) == {"status": "stopped"}
    assert await get(world, "/recordings", limit=10, cursor=0) == {"recordings": [], "nextCursor": None}


async def test_bodies_that_are_no_json_are_refused_with_issues(world: World) -> None:
    headers = {"x-api-key": world.api_key, "Content-Type": "application/json"}
    response: httpx.Response = await world.http.post(SDK + "/create-peer-token", content="{", headers=headers)
    assert response.status_code == 400
    issues(response.json())
