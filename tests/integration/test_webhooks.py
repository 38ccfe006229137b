"""Webhooks on the wire: in order, again after failures, after a restart, within bounds, and never to an address inside."""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from medianode.errors import InvalidArgument, NetworkUnavailable, PermissionDenied
from medianode.history.database import Database
from medianode.history.records import Happening, TrackPublished, TrackUnpublished
from medianode.outbound import Outbound
from medianode.webhooks import delivery as delivery_module
from medianode.webhooks.delivery import Delivery
from medianode.webhooks.outbox import Endpoint, Outbox
from medianode.webhooks.signature import HEADER, body_of, sign
from tests.unit.conftest import FakeClock

SECRET = "s" * 32
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


def track(name: str) -> Happening:
    return TrackPublished("ann", name)


@dataclass
class Receiver:
    """An application's server: remembers what came, and answers as it was told to."""

    url: str = ""
    bodies: list[dict[str, object]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Answers wait for it."""

    async def take(self, request: web.Request) -> web.Response:
        text = await request.text()
        time_ms, digest = request.headers[HEADER].removeprefix("t=").split(",sha256=")
        signed = f"{json.loads(text)['id']}.{time_ms}.{text}".encode()
        assert digest == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        self.bodies.append(json.loads(text))
        self.headers.append(dict(request.headers))
        await self.ready.wait()
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, headers={"Location": self.url + "/elsewhere"})

    @property
    def tracks(self) -> list[str]:
        return [body["payload"]["track"] for body in self.bodies]  # type: ignore[index]


@asynccontextmanager
async def receiver(port: int = 0) -> AsyncIterator[Receiver]:
    found = Receiver()
    found.ready.set()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield found
    finally:
        await runner.cleanup()


@dataclass
class Post:
    """A queue with its senders."""

    database: Database
    outbox: Outbox
    delivery: Delivery
    clock: FakeClock

    @property
    def counts(self) -> dict[str, int]:
        return {name: count for name, count in self.outbox.endpoints[0].counts.items() if count}

    async def keep(self, *happenings: Happening) -> None:
        await self.database.run(lambda db: self.outbox.keep(db, happenings, self.clock.now()))
        self.outbox.wake()

    async def waiting(self) -> int:
        return sum((await self.database.run(self.outbox.waiting)).values())


@asynccontextmanager
async def post(
    path: Path, url: str, *, most: int = 100, events: frozenset[str] = frozenset(), allowed: tuple = LOOPBACK
) -> AsyncIterator[Post]:
    clock = FakeClock()
    database = Database(path)
    await database.open()
    outbox = Outbox([Endpoint(url, SECRET, events)], most)
    delivery = Delivery(database, outbox, Outbound(allowed, timeout_s=2), clock, keep_s=3600)
    try:
        yield Post(database, outbox, delivery, clock)
    finally:
        await delivery.finish(0)
        await database.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(delivery_module, "LONGEST_PAUSE_S", 0.02)


async def test_events_arrive_signed_and_in_order(tmp_path: Path) -> None:
    async with receiver() as app, post(tmp_path, app.url) as sender:
        await sender.delivery.start()
        await sender.keep(*(track(f"t{n}") for n in range(5)))
        await until(lambda: len(app.bodies) == 5)
        assert app.tracks == ["t0", "t1", "t2", "t3", "t4"]
        assert app.headers[0]["Content-Type"] == "text/plain"
        assert len({body["id"] for body in app.bodies}) == 5
        await until(lambda: sender.counts == {"delivered": 5})
        assert await sender.waiting() == 0


async def test_an_endpoint_is_told_only_what_it_wants(tmp_path: Path) -> None:
    wanted = frozenset({"peer:trackUnpublished"})
    async with receiver() as app, post(tmp_path, app.url, events=wanted) as sender:
        await sender.delivery.start()
        await sender.keep(track("a"), TrackUnpublished("ann", "b"))
        await until(lambda: len(app.bodies) == 1)
        assert app.tracks == ["b"]


async def test_a_server_that_is_not_ready_is_asked_again_with_the_same_event(tmp_path: Path) -> None:
    async with receiver() as app, post(tmp_path, app.url) as sender:
        app.answers = [503, 429, 502, *[500] * 3, 200]
        await sender.delivery.start()
        await sender.keep(track("a"), track("b"))
        await until(lambda: len(app.bodies) == 8)
        assert app.tracks == ["a"] * 7 + ["b"]
        assert len({body["id"] for body in app.bodies}) == 2
        await until(lambda: sender.counts == {"failed": 3, "refused": 3, "delivered": 2})


async def test_an_event_that_is_always_refused_makes_room_for_the_next(tmp_path: Path) -> None:
    async with receiver() as app, post(tmp_path, app.url) as sender:
        app.answers = [400] * delivery_module.TRIES
        await sender.delivery.start()
        await sender.keep(track("bad"), track("good"))
        await until(lambda: app.tracks[-1:] == ["good"])
        assert app.tracks.count("bad") == delivery_module.TRIES
        await until(
            lambda: sender.counts == {"refused": delivery_module.TRIES, "given_up": 1, "delivered": 1}
        )


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with receiver() as app, post(tmp_path, app.url) as sender:
        app.answers = [302, 307]
        await sender.delivery.start()
        await sender.keep(track("a"))
        await until(lambda: len(app.bodies) == 3)
        assert sender.counts["refused"] == 2


async def test_what_could_not_be_sent_is_sent_after_a_restart(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    nobody = f"http://127.0.0.1:{port}/hook"
    async with post(tmp_path, nobody) as sender:
        await sender.delivery.start()
        await sender.keep(track("a"), track("b"))
        await until(lambda: sender.counts.get("failed", 0) > 1)
        await sender.delivery.finish(0)
        assert await sender.waiting() == 2
    async with receiver(port) as app, post(tmp_path, nobody) as sender:
        await sender.delivery.start()
        await until(lambda: app.tracks == ["a", "b"])


async def test_an_event_whose_answer_was_not_awaited_comes_again_under_its_id(tmp_path: Path) -> None:
    async with receiver() as app:
        app.ready.clear()
        async with post(tmp_path, app.url) as sender:
            await sender.delivery.start()
            await sender.keep(track("a"))
            await until(lambda: len(app.bodies) == 1)
            await sender.delivery.finish(0)
        app.ready.set()
        async with post(tmp_path, app.url) as sender:
            await sender.delivery.start()
            await until(lambda: len(app.bodies) == 2)
        assert app.bodies[0] == app.bodies[1]


async def test_events_for_an_endpoint_that_is_gone_are_forgotten(tmp_path: Path) -> None:
    async with post(tmp_path, "http://127.0.0.1:9/hook") as sender:
        await sender.keep(track("a"))
    async with receiver() as app, post(tmp_path, app.url) as sender:
        assert await sender.waiting() == 1
        await sender.delivery.start()
        assert await sender.waiting() == 0


async def test_the_oldest_make_room_and_are_counted(tmp_path: Path) -> None:
    async with receiver() as app, post(tmp_path, app.url, most=3) as sender:
        await sender.keep(*(track(f"t{n}") for n in range(10)))
        assert await sender.waiting() == 3
        await sender.delivery.start()
        await until(lambda: app.tracks == ["t7", "t8", "t9"])
        await until(lambda: sender.counts == {"dropped": 7, "delivered": 3})


async def test_what_is_too_old_is_not_sent(tmp_path: Path) -> None:
    async with receiver() as app, post(tmp_path, app.url) as sender:
        await sender.keep(track("old"))
        sender.clock.seconds += 4000
        await sender.keep(track("new"))
        await sender.delivery.start()
        await until(lambda: app.tracks == ["new"])
        assert sender.counts["expired"] == 1


async def test_stopping_gives_the_last_events_a_moment(tmp_path: Path) -> None:
    async with receiver() as app, post(tmp_path, app.url) as sender:
        await sender.delivery.start()
        await sender.keep(track("a"), track("b"))
        await sender.delivery.finish(5)
        assert app.tracks == ["a", "b"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "017700000001", "[::ffff:127.0.0.1]"],
)
async def test_no_spelling_of_a_host_inside_is_reached(host: str) -> None:
    async with receiver() as app:
        outbound = Outbound()
        url = app.url.replace("127.0.0.1", host)
        with pytest.raises((PermissionDenied, NetworkUnavailable)):
            await outbound.post(url, b"{}", {HEADER: "t=0,sha256="})
        await outbound.close()
        assert not app.bodies


async def test_a_name_with_one_address_inside_is_refused_and_the_checked_address_is_the_one_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with receiver() as app:
        port = int(app.url.split(":")[2].split("/")[0])
        loop = asyncio.get_running_loop()
        answers = [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"]]

        async def resolve(host: str, port: int, **_: object) -> list[tuple]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in answers.pop(0)]

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        outbound = Outbound(LOOPBACK)
        body = body_of("i", "e", {"track": "a"})
        headers = {HEADER: sign(SECRET, "i", body, 1), "Connection": "close"}
        url = f"http://app.example:{port}/hook"
        assert await outbound.post(url, body.encode(), headers) == 200
        assert not answers[1:], "a name is looked up once for a connection"
        with pytest.raises(PermissionDenied, match=r"app\.example"):
            await outbound.post(url, body.encode(), headers)
        await outbound.close()


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "http://user:secret@a.example/", "http://", "//a.example", "http://[::1", "x"]
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    outbound = Outbound()
    with pytest.raises(InvalidArgument) as refused:
        await outbound.post(url, b"", {})
    assert "secret" not in str(refused.value)


async def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    gone = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    outbound = Outbound(LOOPBACK, timeout_s=0.2)
    with pytest.raises(NetworkUnavailable):
        await outbound.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", b"", {})
    await outbound.close()
    server.close()
    async with asyncio.timeout(10):
        await gone.wait()
