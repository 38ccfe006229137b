"""The operator's API, the pages, and how every error looks."""

import json

import httpx
import pytest

from medianode.rest.app import create_app
from medianode.rooms.roles import Role
from medianode.sfu.params import MediaKind
from tests.unit.conftest import World
from tests.unit.test_whip import assert_problem


async def test_rooms_are_made_listed_and_deleted(world: World) -> None:
    made = await world.http.post("/api/v1/rooms", json={"name": "lobby"}, headers=world.key)
    assert made.status_code == 201
    assert made.headers["location"] == "/api/v1/rooms/lobby"
    assert made.json()["permanent"] is True
    assert_problem(await world.http.post("/api/v1/rooms", json={"name": "lobby"}, headers=world.key), 409)
    listed = await world.http.get("/api/v1/rooms", headers=world.key)
    assert [room["name"] for room in listed.json()["rooms"]] == ["lobby"]
    assert (await world.http.get("/api/v1/rooms/lobby", headers=world.key)).json()["peers"] == 0
    assert (await world.http.delete("/api/v1/rooms/lobby", headers=world.key)).status_code == 204
    assert_problem(await world.http.get("/api/v1/rooms/lobby", headers=world.key), 404)
    assert_problem(await world.http.delete("/api/v1/rooms/lobby", headers=world.key), 404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a b"},
        {"name": "~x"},
        {"name": "x" * 65},
        {"name": 3},
        {"name": "a", "b": 1},
    ],
)
async def test_a_room_of_the_wrong_form_is_422(world: World, body: dict[str, object]) -> None:
    document = assert_problem(await world.http.post("/api/v1/rooms", json=body, headers=world.key), 422)
    assert document["errors"][0]["where"].startswith("body")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/rooms"),
        ("GET", "/api/v1/rooms"),
        ("GET", "/api/v1/rooms/r"),
        ("DELETE", "/api/v1/rooms/r"),
        ("POST", "/api/v1/rooms/r/tokens"),
        ("GET", "/api/v1/rooms/r/peers"),
        ("GET", "/api/v1/rooms/r/peers/ann"),
        ("DELETE", "/api/v1/rooms/r/peers/ann"),
        ("GET", "/api/v1/rooms/r/stats"),
        ("GET", "/api/v1/rooms/r/events"),
    ],
)
async def test_nothing_of_the_api_is_open(world: World, method: str, path: str) -> None:
    body = {"name": "r"} if method == "POST" else None
    assert_problem(await world.http.request(method, path, json=body), 401)
    spoofed = {"Host": "node/healthz?", "X-Forwarded-Host": "node", "X-Original-URL": "/healthz"}
    assert_problem(await world.http.request(method, path, json=body, headers=spoofed), 401)
    guest = await world.http.request(method, path, json=body, headers=world.token("other"))
    assert guest.status_code in (401, 403)


async def test_tokens_are_minted_for_one_room(world: World) -> None:
    response = await world.http.post(
        "/api/v1/rooms/r/tokens", json={"role": "host", "peer": "ann", "ttl_s": 60}, headers=world.key
    )
    assert response.status_code == 201
    claims = world.services.mint.verify(response.json()["token"])
    assert (claims.room, claims.role, claims.peer) == ("r", "host", "ann")
    assert response.json()["expires_at"] == world.clock.now() + 60
    unknown = {"role": "king"}  # it would need its permissions
    assert_problem(await world.http.post("/api/v1/rooms/r/tokens", json=unknown, headers=world.key), 400)
    for bad in ({"ttl_s": 0}, {"peer": "a b"}):
        assert_problem(await world.http.post("/api/v1/rooms/r/tokens", json=bad, headers=world.key), 422)


async def test_peers_are_seen_and_removed(world: World) -> None:
    source = await world.publish("ann")
    player = await world.play("ann", peer="bob")
    peers = (await world.http.get("/api/v1/rooms/r/peers", headers=world.key)).json()["peers"]
    assert {peer["peer"] for peer in peers} == {"ann", "bob"}
    bob = (await world.http.get("/api/v1/rooms/r/peers/bob", headers=world.key)).json()
    assert bob["players"][0]["following"] == "ann"
    assert_problem(await world.http.delete("/api/v1/rooms/r/peers/ann", headers=world.token()), 403)
    moderator = world.token(role=Role.HOST)
    assert (await world.http.delete("/api/v1/rooms/r/peers/ann", headers=moderator)).status_code == 204
    assert source.closed
    assert not player.closed
    assert_problem(await world.http.get("/api/v1/rooms/r/peers/ann", headers=world.key), 404)


async def test_stats_name_their_sessions(world: World) -> None:
    source = await world.publish("ann")
    document = (await world.http.get("/api/v1/rooms/r/stats", headers=world.key)).json()
    assert document["sessions"][0]["session"] == source.id
    assert document["sessions"][0]["kind"] == "publish"


async def test_events_tell_the_picture_and_each_change(world: World) -> None:
    await world.publish("ann")

    async def leave_when_heard() -> None:
        while not world.rooms.directory.room("r").watchers:
            await world.settled()
        bob = await world.publish("bob")
        world.sfu.speak(bob.source.producers[MediaKind.AUDIO].id)
        await world.settled()
        world.rooms.close(bob)
        world.rooms.delete_room("r")

    import asyncio

    leaving = asyncio.create_task(leave_when_heard())
    response = await world.http.get("/api/v1/rooms/r/events", headers=world.token())
    await leaving
    assert response.headers["content-type"].startswith("text/event-stream")
    events = [block.split("\n") for block in response.text.strip().split("\n\n")]
    named = [
        (lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))) for lines in events
    ]
    assert named == [
        ("peers", {"peers": [{"peer": "ann", "label": "camera", "kinds": ["audio", "video"]}]}),
        ("peer_published", {"peer": "bob", "label": "camera", "kinds": ["audio", "video"]}),
        ("active_speaker", {"peer": "bob", "label": "camera"}),
        ("peer_unpublished", {"peer": "bob", "label": "camera"}),
        ("peer_unpublished", {"peer": "ann", "label": "camera"}),
        ("room_closed", {"reason": "deleted"}),
    ]


async def test_events_of_another_room_are_403_and_of_no_room_404(world: World) -> None:
    assert_problem(await world.http.get("/api/v1/rooms/r/events", headers=world.token("other")), 403)
    assert_problem(await world.http.get("/api/v1/rooms/r/events", headers=world.key), 404)


async def test_health_turns_with_draining(world: World) -> None:
    assert (await world.http.get("/healthz")).status_code == 200
    assert (await world.http.get("/readyz")).status_code == 200
    world.rooms.draining = True
    assert (await world.http.get("/healthz")).status_code == 200
    document = await world.http.get("/readyz")
    assert_problem(document, 503)
    assert document.headers["retry-after"]


async def test_metrics_are_openmetrics_without_names_of_clients(world: World) -> None:
    await world.publish("ann")
    response = await world.http.get("/metrics")
    assert response.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    text = response.text
    assert text.endswith("# EOF\n")
    assert "medianode_sessions_started_total 1\n" in text
    assert 'medianode_core_worker_transports{worker="0"} 1\n' in text
    assert "ann" not in text


async def test_unknown_paths_and_methods_are_problems(world: World) -> None:
    assert_problem(await world.http.get("/nowhere"), 404)
    assert_problem(await world.http.get("/api/v1/rooms/"), 404)
    assert_problem(await world.http.get("/../../etc/passwd"), 404)
    refused = await world.http.put("/api/v1/rooms", headers=world.key)
    assert_problem(refused, 405)
    assert refused.headers["allow"]


async def test_a_broken_body_is_422(world: World) -> None:
    headers = {**world.key, "Content-Type": "application/json"}
    assert_problem(await world.http.post("/api/v1/rooms", content="{", headers=headers), 422)
    fields = "&".join(f"f{i}=1" for i in range(1000))
    form = {**world.key, "Content-Type": "application/x-www-form-urlencoded"}
    assert_problem(await world.http.post("/api/v1/rooms", content=fields, headers=form), 422)


async def test_large_bodies_are_413_whether_announced_or_not(world: World) -> None:
    async def pieces():
        for _ in range(200):
            yield b"x" * 65536

    assert_problem(await world.http.post("/api/v1/rooms", content=b"x" * 10_000_000, headers=world.key), 413)
    assert_problem(await world.http.post("/api/v1/rooms", content=pieces(), headers=world.key), 413)
    assert_problem(await world.http.post("/whip/r/ann", content=pieces(), headers=world.token()), 413)


async def test_our_bug_is_500_that_says_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(world.rooms.directory, "rooms", broken)
    response = await world.http.get("/api/v1/rooms", headers=world.key)
    assert_problem(response, 500)
    assert "secret" not in response.text


async def test_a_preflight_of_the_api_is_answered(world: World) -> None:
    response = await world.http.options(
        "/api/v1/rooms/r/events", headers={"Access-Control-Request-Method": "GET"}
    )
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "*"


async def test_the_description_and_the_docs_are_self_contained(world: World) -> None:
    description = (await world.http.get("/openapi.json")).json()
    assert "/whip/{room}/{peer}" in description["paths"]
    page = await world.http.get("/docs")
    assert page.status_code == 200
    assert "/api/v1/rooms/{room}/tokens" in page.text
    assert "<script" not in page.text
    assert "http" not in page.text.split("<table>")[0].replace("https", "")


async def test_the_page_is_served_with_a_policy_and_a_tag(world: World, tmp_path, monkeypatch) -> None:
    from medianode.rest.routes import page

    (tmp_path / "js").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "js" / "app.js").write_text("export {}")
    monkeypatch.setattr(page.page_router, "__defaults__", (tmp_path,))
    transport = httpx.ASGITransport(create_app(world.services))
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
        first = await http.get("/")
        assert first.status_code == 200
        assert "script-src 'self'" in first.headers["content-security-policy"]
        assert "unsafe" not in first.headers["content-security-policy"]
        assert (await http.get("/", headers={"If-None-Match": first.headers["etag"]})).status_code == 304
        assert (await http.get("/js/app.js")).headers["content-type"].startswith("text/javascript")
        assert (await http.head("/index.html")).status_code == 200
        assert_problem(await http.get("/js/none.js"), 404)
