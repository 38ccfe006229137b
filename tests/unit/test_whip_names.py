"""Who the peer is: named by the path or by the token."""

import pytest

from tests.unit.conftest import World
from tests.unit.test_whip import OFFER, SDP, assert_problem


@pytest.mark.parametrize(
    ("named", "path", "status"),
    [("ann", "r", 201), ("ann", "r/ann", 201), ("ann", "r/bob", 403), (None, "r/bob", 201), (None, "r", 400)],
)
async def test_publishing_needs_one_name(world: World, named: str | None, path: str, status: int) -> None:
    headers = {**SDP, **world.token(peer=named)}
    response = await world.http.post(f"/whip/{path}", content=OFFER, headers=headers)
    assert response.status_code == status
    if status == 201:
        assert response.headers["location"].startswith(f"/whip/r/{named or 'bob'}/")


async def test_a_player_may_watch_others_under_its_own_name(world: World) -> None:
    headers = {**SDP, **world.token(peer="ann")}
    assert (await world.http.post("/whep/r/bob", content=OFFER, headers=headers)).status_code == 201
    assert (await world.http.post("/whep/r", content=OFFER, headers=headers)).status_code == 201
    assert list(world.rooms.directory.room("r").peers) == ["ann"]


async def test_a_second_publisher_under_a_living_name(world: World) -> None:
    invite, named = {**SDP, **world.token()}, {**SDP, **world.token(peer="bob")}
    assert (await world.http.post("/whip/r/ann", content=OFFER, headers=invite)).status_code == 201
    assert_problem(await world.http.post("/whip/r/ann", content=OFFER, headers=invite), 409)
    screen = await world.http.post("/whip/r/ann?label=screen", content=OFFER, headers=invite)
    assert screen.status_code == 201
    first = await world.http.post("/whip/r/bob", content=OFFER, headers=named)
    assert_problem(await world.http.post("/whip/r/bob", content=OFFER, headers=invite), 409)
    assert (await world.http.post("/whip/r/bob", content=OFFER, headers=named)).status_code == 201
    assert_problem(await world.http.delete(first.headers["location"], headers=named), 404)
