"""Rooms over a core in memory, and the whole application in front of them, without a socket."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import hypothesis
import pytest
import structlog

from medianode.history.database import Database
from medianode.history.picture import picture
from medianode.history.recorder import Recorder
from medianode.history.retention import Retention
from medianode.history.store import History
from medianode.ids import IdSource, PeerName, RoomName, SourceLabel
from medianode.jws import TokenMint
from medianode.keys import KeyStore
from medianode.rest.app import create_app
from medianode.rest.deps import IceServerLink, Services
from medianode.rooms.directory import Directory, RoomLimits
from medianode.rooms.intake import Intake
from medianode.rooms.members import Members
from medianode.rooms.roles import Role, permissions_of
from medianode.rooms.room import Player, Publisher, Target
from medianode.rooms.service import Media, RoomService
from medianode.rooms.tokens import Grant
from medianode.sfu.params import MediaKind
from medianode.signalling.huddle01.session import Conversations
from medianode.signalling.whip.play import Playing
from medianode.signalling.whip.publish import Publishing
from medianode.wallet.facts import WalletFacts, WalletView
from medianode.webhooks.outbox import Outbox
from tests.support.fake_sfu import DTLS, SCTP, FakeSdp, FakeSfu, rtp

hypothesis.settings.register_profile("patient", deadline=None)  # a busy machine is no fault of the code
hypothesis.settings.load_profile("patient")

structlog.configure(
    processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()]
)


class FakeClock:
    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


class FakeKey:
    def facts(self) -> WalletFacts:
        return WalletFacts("ready", "0x52908400098527886E0F7030069857D2E4169EE7", signatures={"permitted": 2})


def grant(
    peer: str | None = None, role: Role = Role.GUEST, room: str = "r", subject: str | None = None
) -> Grant:
    name = PeerName(peer) if peer is not None else None
    return Grant(RoomName(room), subject or f"peer:{peer}", name, role, permissions_of(role))


def media(*kinds: MediaKind, data: bool = False) -> Media:
    return Media(tuple((kind, rtp(kind)) for kind in kinds), DTLS, SCTP if data else None)


AV = media(MediaKind.AUDIO, MediaKind.VIDEO)
AVD = media(MediaKind.AUDIO, MediaKind.VIDEO, data=True)


@dataclass
class World:
    sfu: FakeSfu
    clock: FakeClock
    rooms: RoomService
    services: Services
    http: httpx.AsyncClient
    api_key: str

    async def publish(
        self,
        peer: str,
        label: str = "camera",
        what: Media = AV,
        role: Role = Role.GUEST,
        subject: str | None = None,
    ) -> Publisher:
        opened = await self.rooms.publish(
            grant(peer, role, subject=subject), PeerName(peer), SourceLabel(label), what
        )
        assert isinstance(opened.session, Publisher)
        return opened.session

    async def play(
        self, target: str | None, label: str = "camera", peer: str | None = None, what: Media = AV
    ) -> Player:
        aim = Target(PeerName(target) if target else None, SourceLabel(label))
        opened = await self.rooms.play(grant(peer, subject=f"token:{peer}"), aim, what)
        assert isinstance(opened.session, Player)
        return opened.session

    def fed_by(self, player: Player, kind: MediaKind = MediaKind.VIDEO) -> int | None:
        return self.sfu.consumers[player.consumers[kind]]

    def token(self, room: str = "r", peer: str | None = None, role: Role = Role.GUEST) -> dict[str, str]:
        return {"Authorization": "Bearer " + self.services.mint.mint(room, role, peer, 3600)}

    @property
    def key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}

    async def settled(self) -> None:
        """Lets everything that is under way be done."""
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    sfu, clock, ids = FakeSfu(), FakeClock(), IdSource()
    database, kept = Database(tmp_path), Retention()
    await database.open()
    history = History(database, clock, kept)
    directory = Directory(sfu, ids, clock, RoomLimits(), history)
    rooms = RoomService(sfu, directory, ids, clock)
    members = Members(sfu, rooms, ids, clock)
    sdp = FakeSdp()
    mint = TokenMint(b"k" * 32, clock)
    keys = KeyStore(tmp_path, clock)
    recorder = Recorder(
        database, directory.announcer, clock, kept, lambda: picture(directory.rooms()), Outbox([], 1)
    )
    await recorder.start()
    services = Services(
        sfu=sfu,
        rooms=rooms,
        conversations=Conversations(members, mint, clock),
        publishing=Publishing(rooms, sdp),
        playing=Playing(rooms, sdp),
        mint=mint,
        keys=keys,
        history=history,
        recorder=recorder,
        wallet=WalletView(FakeKey()),
        ice_servers=(IceServerLink("turn:t.example:3478", "u", "c"), IceServerLink("stun:s.example")),
    )
    api_key = keys.create_first("test")
    assert api_key is not None
    pump = asyncio.create_task(Intake(sfu, directory, members).run())
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
        yield World(sfu, clock, rooms, services, http, api_key)
    await sfu.close()
    await pump
    await recorder.finish()
    await database.close()
