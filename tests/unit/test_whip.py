"""Every status of WHIP and WHEP, and what each leaves behind."""

from typing import Any

import httpx
import pytest

from medianode.rooms.roles import Role
from medianode.sfu.events import CloseCause
from tests.unit.conftest import World

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
OFFER = "v=0 audio video data ufrag=abcd"

pytestmark = pytest.mark.parametrize("side", ["whip", "whep"])


async def post(
    world: World, side: str, body: str = OFFER, path: str = "r/ann", **headers: str
) -> httpx.Response:
    return await world.http.post(f"/{side}/{path}", content=body, headers={**SDP, **world.token(), **headers})


async def opened(world: World, side: str) -> tuple[str, str, dict[str, str]]:
    token = world.token()
    response = await world.http.post(f"/{side}/r/ann", content=OFFER, headers={**SDP, **token})
    assert response.status_code == 201, response.text
    return response.headers["location"], response.headers["etag"], token


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["reference"]
    return document


async def test_an_offer_is_answered(world: World, side: str) -> None:
    response = await post(world, side)
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/sdp"
    assert response.headers["location"].startswith(f"/{side}/r/ann/")
    assert response.headers["etag"].startswith('"')
    assert response.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    assert response.text.startswith("v=0 answer")
    links = response.headers.get_list("link")
    assert links == [
        '<turn:t.example:3478>; rel="ice-server"; username="u"; credential="c"; credential-type="password"',
        '<stun:s.example>; rel="ice-server"',
    ]
    exposed = response.headers["access-control-expose-headers"]
    assert all(name in exposed for name in ("Location", "ETag", "Link", "Accept-Patch"))
    assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "kind", ["Application/SDP", "application/sdp; charset=utf-8", "application/sdp ;x=y"]
)
async def test_media_types_compare_without_case_and_with_parameters(
    world: World, side: str, kind: str
) -> None:
    assert (await post(world, side, **{"Content-Type": kind})).status_code == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/sdpx", ""])
async def test_another_type_is_415(world: World, side: str, kind: str) -> None:
    assert_problem(await post(world, side, **{"Content-Type": kind}), 415)


async def test_no_type_is_415(world: World, side: str) -> None:
    assert_problem(
        await world.http.post(f"/{side}/r/ann", content=OFFER.encode(), headers=world.token()), 415
    )


@pytest.mark.parametrize("body", ["", "   ", "hello", "\x00\x01"])
async def test_malformed_sdp_is_400(world: World, side: str, body: str) -> None:
    assert_problem(await post(world, side, body), 400)


@pytest.mark.parametrize("body", ["v=0 unusable", "v=0 audio audio", "v=0"])
async def test_sdp_that_cannot_work_is_422(world: World, side: str, body: str) -> None:
    assert_problem(await post(world, side, body), 422)
    assert not world.rooms.directory.rooms()


async def test_no_token_is_401(world: World, side: str) -> None:
    response = await world.http.post(f"/{side}/r/ann", content=OFFER, headers=SDP)
    assert_problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")
    for bad in ("Bearer x.y.z", "Basic abc", f"Bearer {world.api_key}"):
        headers = {**SDP, "Authorization": bad}
        assert_problem(await world.http.post(f"/{side}/r/ann", content=OFFER, headers=headers), 401)


async def test_a_token_of_another_room_is_403(world: World, side: str) -> None:
    assert_problem(await post(world, side, **world.token("other")), 403)
    assert not world.rooms.directory.rooms()


async def test_a_role_that_may_not_is_403(world: World, side: str) -> None:
    role = Role.SUBSCRIBER if side == "whip" else Role.PUBLISHER
    assert_problem(await post(world, side, **world.token(role=role)), 403)


async def test_too_much_sdp_is_413(world: World, side: str) -> None:
    assert_problem(await post(world, side, "v=0 " + "x" * 70_000), 413)
    response = await post(world, side, "x" * 10_000_000)
    assert_problem(response, 413)


async def test_names_that_are_none_are_400(world: World, side: str) -> None:
    assert_problem(await post(world, side, path="r/~x"), 400)
    assert_problem(await post(world, side, path="r/ann?label=a%20b"), 400)


async def test_trickle_is_204_without_a_tag(world: World, side: str) -> None:
    where, tag, token = await opened(world, side)
    response = await world.http.patch(
        where, content="ufrag=abcd", headers={**FRAGMENT, **token, "If-Match": tag}
    )
    assert response.status_code == 204
    assert "etag" not in response.headers
    assert response.content == b""


@pytest.mark.parametrize("match", ["*", '"*"'])
async def test_ice_restart_is_200_with_a_new_tag(world: World, side: str, match: str) -> None:
    where, tag, token = await opened(world, side)
    body = "ufrag=wxyz pwd=secret"
    response = await world.http.patch(where, content=body, headers={**FRAGMENT, **token, "If-Match": match})
    assert response.status_code == 200
    assert response.headers["etag"] != tag
    assert response.headers["content-type"] == "application/trickle-ice-sdpfrag"
    assert response.text == "a=ice-ufrag:again1"
    stale = await world.http.patch(
        where, content="ufrag=wxyz", headers={**FRAGMENT, **token, "If-Match": tag}
    )
    assert_problem(stale, 412)
    fresh = {**FRAGMENT, **token, "If-Match": response.headers["etag"]}
    assert (await world.http.patch(where, content="ufrag=wxyz", headers=fresh)).status_code == 204


async def test_patch_statuses(world: World, side: str) -> None:
    where, tag, token = await opened(world, side)
    good = {**FRAGMENT, **token, "If-Match": tag}
    assert_problem(await world.http.patch(where, content="ufrag=abcd", headers={**FRAGMENT, **token}), 428)
    assert_problem(
        await world.http.patch(where, content="ufrag=abcd", headers={**good, "If-Match": '"old"'}), 412
    )
    assert_problem(await world.http.patch(where, content="ufrag=abcd", headers={**good, **SDP}), 415)
    assert_problem(await world.http.patch(where, content="broken", headers=good), 400)
    assert_problem(await world.http.patch(where, content="", headers=good), 400)
    assert_problem(await world.http.patch(where, content="ufrag=new", headers={**good, "If-Match": "*"}), 400)
    assert_problem(
        await world.http.patch(where, content="ufrag=abcd", headers={**FRAGMENT, "If-Match": tag}), 401
    )
    assert_problem(await world.http.patch(where + "x", content="ufrag=abcd", headers=good), 404)
    assert len(world.rooms.directory.sessions()) == 1


async def test_a_restart_that_fails_keeps_the_session(world: World, side: str) -> None:
    from medianode.errors import Overloaded
    from medianode.sfu.commands import RestartIce

    where, tag, token = await opened(world, side)
    world.sfu.refuse[RestartIce] = Overloaded("full")
    body, headers = "ufrag=wxyz pwd=s", {**FRAGMENT, **token, "If-Match": "*"}
    response = await world.http.patch(where, content=body, headers=headers)
    assert_problem(response, 503)
    assert response.headers["retry-after"] == "1"
    kept = await world.http.patch(where, content="ufrag=abcd", headers={**headers, "If-Match": tag})
    assert kept.status_code == 204


async def test_delete_is_200_then_404(world: World, side: str) -> None:
    where, _, token = await opened(world, side)
    assert_problem(await world.http.delete(where), 401)
    assert (await world.http.delete(where, headers={**token, "If-Match": '"ignored"'})).status_code == 200
    assert_problem(await world.http.delete(where, headers=token), 404)
    await world.settled()
    assert not world.sfu.transports
    assert not world.rooms.directory.rooms()


async def test_hanging_up_before_delete_is_200_once(world: World, side: str) -> None:
    where, _, token = await opened(world, side)
    world.sfu.lose(next(iter(world.sfu.transports)), CloseCause.PEER_CLOSED)
    await world.settled()
    assert not world.rooms.directory.sessions()
    assert_problem(await world.http.delete(where, headers=world.token()), 404)
    assert (await world.http.delete(where, headers=token)).status_code == 200
    assert_problem(await world.http.delete(where, headers=token), 404)


async def test_a_session_belongs_to_its_token(world: World, side: str) -> None:
    where, _, _ = await opened(world, side)
    assert_problem(await world.http.delete(where, headers=world.token()), 403)
    assert_problem(await world.http.delete(where, headers=world.token("other")), 403)
    assert (await world.http.delete(where, headers=world.token(role=Role.HOST))).status_code == 200


async def test_get_and_head_succeed_without_content(world: World, side: str) -> None:
    where, _, _ = await opened(world, side)
    for path in (f"/{side}/r", f"/{side}/r/ann", where):
        for method in ("GET", "HEAD"):
            response = await world.http.request(method, path)
            assert (response.status_code, response.content) == (204, b"")


async def test_options_says_what_is_accepted(world: World, side: str) -> None:
    for path in (f"/{side}/r", f"/{side}/r/ann"):
        response = await world.http.options(
            path, headers={"Access-Control-Request-Method": "POST", "Origin": "http://x"}
        )
        assert response.status_code == 200
        assert response.headers["accept-post"] == "application/sdp"
        assert "POST" in response.headers["access-control-allow-methods"]
        assert "PATCH" in response.headers["access-control-allow-methods"]
        assert "Authorization" in response.headers["access-control-allow-headers"]


async def test_other_methods_are_405(world: World, side: str) -> None:
    response = await world.http.put(f"/{side}/r/ann", headers=world.token())
    assert_problem(response, 405)
    assert response.headers["allow"]


async def test_a_storm_of_offers_leaves_one_session(world: World, side: str) -> None:
    import asyncio

    token = world.token(peer="ann")
    posts = (world.http.post(f"/{side}/r/ann", content=OFFER, headers={**SDP, **token}) for _ in range(50))
    statuses = [response.status_code for response in await asyncio.gather(*posts)]
    await world.settled()
    living = 1 if side == "whip" else 50
    assert len(world.rooms.directory.sessions()) == living
    assert len(world.sfu.transports) == living
    assert set(statuses) <= {201, 409}
