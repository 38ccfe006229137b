"""The history: sessions and participants as they come and go, after a restart, after an unclean stop, and within bounds."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from medianode.errors import LimitReached, NotFound, Overloaded, StorageUnavailable
from medianode.history import database as database_module
from medianode.history.database import FILE, Database
from medianode.history.retention import Retention, forget
from medianode.ids import CAMERA, PeerName, ProducerId, RoomName
from medianode.rooms import announce
from medianode.rooms.announce import (
    ControlsChanged,
    PeerJoined,
    PeerMetadataChanged,
    ProducerClosed,
    ProducerOpened,
    ProducersClosed,
    RoleChanged,
    RoomEnded,
    RoomMetadataChanged,
    RoomOpened,
    SpeakerChanged,
)
from medianode.rooms.roles import Controls
from medianode.sfu.params import MediaKind
from tests.unit.conftest import FakeClock
from tests.unit.history_world import chronicle


async def test_a_session_lasts_from_the_first_peer_to_the_last(tmp_path: Path) -> None:
    async with chronicle(tmp_path) as run:
        start = run.clock.now()
        run.open()
        run.join("ann", metadata='{"a":1}', role="host")
        await run.written()
        run.clock.seconds += 10
        run.join("bob")
        await run.written()
        running = await run.history.running_session("r")
        assert (running.id, running.started_at, running.present) == ("s1", start, 2)
        run.clock.seconds += 10
        run.leave("ann")
        await run.written()
        assert [p.peer for p in await run.history.participants("s1", present=True)] == ["bob"]
        run.clock.seconds += 10
        run.leave("bob")
        run.empty()
        await run.written()
        with pytest.raises(NotFound):
            await run.history.running_session("r")
        page = await run.history.sessions("r", 10, 0)
        assert page.total == 1
        ended = page.items[0]
        assert (ended.ended_at, ended.participants, ended.present, ended.most_present) == (
            start + 30,
            2,
            0,
            2,
        )
        ann, bob = await run.history.participants("s1")
        assert (ann.peer, ann.role, ann.metadata, ann.joined_at, ann.left_at) == (
            "ann",
            "host",
            '{"a":1}',
            start,
            start + 20,
        )
        assert (bob.joined_at, bob.left_at) == (start + 10, start + 30)
        totals = await run.history.totals()
        assert (totals.sessions, totals.seconds, totals.participants) == (1, 30, 2)


async def test_a_peer_that_comes_back_is_one_participant(tmp_path: Path) -> None:
    async with chronicle(tmp_path) as run:
        start = run.clock.now()
        run.open()
        run.join("ann", "bob")
        run.leave("ann")
        await run.written()
        run.clock.seconds += 5
        run.join("ann")
        run.join("ann")
        await run.written()
        session = await run.history.running_session("r")
        assert (session.participants, session.present, session.most_present) == (2, 2, 2)
        ann = (await run.history.participants("s1"))[0]
        assert (ann.joined_at, ann.present_since, ann.left_at) == (start, start + 5, None)
        assert (await run.history.totals()).participants == 2
        assert run.outlet.names.count("ParticipantJoined") == 3


async def test_bots_are_listed_and_not_counted(tmp_path: Path) -> None:
    async with chronicle(tmp_path) as run:
        run.open()
        run.join("ann")
        run.join("recorder", role="bot")
        await run.written()
        session = await run.history.running_session("r")
        assert (session.participants, session.present, session.most_present) == (1, 1, 1)
        assert [p.peer for p in await run.history.participants("s1")] == ["ann", "recorder"]


async def test_published_time_is_added_up_by_kind(tmp_path: Path) -> None:
    async with chronicle(tmp_path) as run:
        run.open()
        run.join("ann", "bob")
        run.produce("ann", "audio", MediaKind.AUDIO)
        run.produce("ann", "video")
        run.produce("ann", "video")
        run.produce("bob", "screen-share-video")
        await run.written()
        run.clock.seconds += 60
        run.unproduce("ann", "video")
        run.unproduce("ann", "nothing")
        await run.written()
        run.clock.seconds += 60
        closed = ProducerClosed(PeerName("bob"), ProducerId(1), "screen-share-video")
        run.tell(ProducersClosed((closed,)))
        run.leave("ann", "bob")
        run.empty()
        await run.written()
        ended = (await run.history.sessions("r", 1, 0)).items[0]
        assert (ended.audio_seconds, ended.video_seconds) == (120, 180)
        assert run.outlet.names == [
            "SessionStarted",
            "ParticipantJoined",
            "ParticipantJoined",
            *["TrackPublished"] * 3,
            *["TrackUnpublished"] * 3,
            "ParticipantLeft",
            "ParticipantLeft",
            "SessionEnded",
        ]


async def test_what_peers_and_rooms_tell_of_themselves_is_kept(tmp_path: Path) -> None:
    async with chronicle(tmp_path) as run:
        room = await run.history.make_room(None, locked=False)
        run.join("ann", session="s9")
        await run.written()
        run.tell(PeerMetadataChanged(PeerName("ann"), "{}"))
        run.tell(RoleChanged(PeerName("ann"), "host"))
        run.tell(RoomMetadataChanged('{"t":1}'), room.name)
        run.tell(ControlsChanged(Controls(locked=True)), room.name)
        await run.written()
        ann = (await run.history.participants("s9"))[0]
        assert (ann.metadata, ann.role) == ("{}", "host")
        record = await run.history.find(RoomName(room.name))
        assert record is not None
        assert (record.metadata, record.locked) == ('{"t":1}', True)


async def test_everything_is_there_after_a_clean_restart(tmp_path: Path) -> None:
    async with chronicle(tmp_path) as run:
        room = await run.history.make_room('{"a":"é"}', locked=True)
        run.open()
        run.join("ann")
        run.tell(RoomEnded("the node is stopping"))
        await run.recorder.finish()
    async with chronicle(tmp_path) as run:
        assert await run.history.made_room(room.name) == room
        assert (await run.history.made_rooms(5, 0)).items == [room]
        session = (await run.history.sessions("r", 1, 0)).items[0]
        assert session.ended_at is not None
        assert not await run.history.running_sessions()
        assert run.outlet.names == []


async def test_an_unclean_stop_ends_sessions_when_the_node_was_last_seen(tmp_path: Path) -> None:
    clock = FakeClock()
    start = clock.now()
    async with chronicle(tmp_path, clock) as run:
        run.open()
        run.join("ann", "bob")
        run.produce("ann", "audio", MediaKind.AUDIO)
        await run.written()
        clock.seconds += 60
        run.leave("bob")
        await run.written()
    clock.seconds += 86400
    async with chronicle(tmp_path, clock) as run:
        assert run.outlet.names == ["TrackUnpublished", "ParticipantLeft", "SessionEnded"]
        session = (await run.history.sessions("r", 1, 0)).items[0]
        assert (session.ended_at, session.present, session.audio_seconds) == (start + 60, 0, 60)
        assert [p.left_at for p in await run.history.participants("s1")] == [start + 60, start + 60]
        assert (await run.history.totals()).seconds == 60


async def test_a_listener_that_was_cut_off_learns_what_is_true_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "BACKLOG_OF_ALL", 8)
    async with chronicle(tmp_path) as run:
        run.open()
        run.join("ann", "bob")
        run.produce("ann", "video")
        await run.written()
        now = run.clock.now()
        run.now_true = [
            (RoomName("r"), RoomOpened("s1", now)),
            (RoomName("r"), PeerJoined(PeerName("ann"), "s1", "guest", None, None, now)),
            (RoomName("r"), ProducerOpened(PeerName("ann"), ProducerId(2), "audio", MediaKind.AUDIO)),
            (RoomName("q"), RoomOpened("s2", now)),
            (RoomName("q"), PeerJoined(PeerName("cy"), "s2", "guest", None, None, now)),
        ]
        run.outlet.happenings.clear()
        for _ in range(20):
            run.tell(PeerMetadataChanged(PeerName("ann"), "{}"))
        async with asyncio.timeout(5):
            while len(await run.history.running_sessions()) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
        await run.written()
        assert run.recorder.facts_lost == 1
        assert run.outlet.names == [
            "TrackUnpublished",
            "ParticipantLeft",
            "TrackPublished",
            "SessionStarted",
            "ParticipantJoined",
        ]
        run.leave("ann")
        await run.written()
        assert run.outlet.names[-2:] == ["TrackUnpublished", "ParticipantLeft"]


async def test_facts_of_what_was_never_told_do_no_harm(tmp_path: Path) -> None:
    async with chronicle(tmp_path) as run:
        run.leave("ghost")
        run.empty("nothing")
        run.unproduce("ghost", "video")
        run.produce("ghost", "video")
        run.tell(RoomEnded("deleted"), "elsewhere")
        run.open("s1")
        run.open("s2")
        run.join("ann", session="s2")
        await run.written()
        assert run.recorder.facts_lost == 0
        assert [s.id for s in await run.history.running_sessions()] == ["s2"]


async def test_what_is_old_or_too_much_is_forgotten_and_what_runs_is_not(tmp_path: Path) -> None:
    kept = Retention(days=10, sessions=3, participants=4)
    async with chronicle(tmp_path) as run:
        run.open("living")
        run.join(*(f"p{n}" for n in range(6)), session="living")
        await run.written()
        for number in range(5):
            run.tell(RoomOpened(f"s{number}", run.clock.now()), "q")
            run.tell(PeerJoined(PeerName("x"), f"s{number}", "guest", None, None, run.clock.now()), "q")
            run.tell(RoomEnded("over"), "q")
            await run.written()
            run.clock.seconds += 86400
        while await run.database.run(lambda db: forget(db, kept, run.clock.now())):
            pass
        page = await run.history.sessions("q", 10, 0)
        assert [s.id for s in page.items] == ["s4", "s3"]
        assert len(await run.history.participants("living")) == 6
        assert await run.history.participants("s4") == []
        run.clock.seconds += 20 * 86400
        while await run.database.run(lambda db: forget(db, kept, run.clock.now())):
            pass
        assert (await run.history.sessions("q", 10, 0)).total == 0
        assert [s.id for s in await run.history.running_sessions()] == ["living"]
        assert (await run.history.totals()).sessions == 6


async def test_rooms_are_bounded_named_and_paged(tmp_path: Path) -> None:
    async with chronicle(tmp_path, kept=Retention(rooms=3)) as run:
        made = [await run.history.make_room(None, locked=False) for _ in range(3)]
        assert all(len(room.name) == 12 and room.name[3] == room.name[8] == "-" for room in made)
        with pytest.raises(LimitReached, match=r"history\.rooms"):
            await run.history.make_room(None, locked=False)
        page = await run.history.made_rooms(2, 1)
        assert (page.items, page.total) == (made[1:], 3)
        assert await run.history.delete_room(made[0].name)
        assert not await run.history.delete_room(made[0].name)
        assert await run.history.make_room(None, locked=False)


async def test_one_node_at_a_time_uses_a_data_folder(tmp_path: Path) -> None:
    async with chronicle(tmp_path):
        with pytest.raises(StorageUnavailable, match="another node"):
            await Database(tmp_path).open()


async def test_a_file_that_is_none_of_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageUnavailable, match="move it away"):
        await Database(tmp_path).open()
    assert (tmp_path / FILE).read_bytes().startswith(b"this is no database")
    (tmp_path / FILE).unlink()
    with sqlite3.connect(tmp_path / FILE) as future:
        future.execute("PRAGMA user_version = 99")
    future.close()
    with pytest.raises(StorageUnavailable, match="newer version"):
        await Database(tmp_path).open()


async def test_a_transaction_is_kept_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    async with chronicle(tmp_path) as run:

        def half(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO numbers VALUES ('half', 1)")
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await run.database.run(half)
        with pytest.raises(StorageUnavailable):
            await run.database.run(lambda db: db.execute("SELECT nonsense"))
        rows = await run.database.run(
            lambda db: db.execute("SELECT count(*) FROM numbers WHERE name = 'half'").fetchone()[0]
        )
        assert rows == 0


async def test_too_many_questions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "WAITING", 2)
    async with chronicle(tmp_path) as run:
        asked = await asyncio.gather(*(run.history.totals() for _ in range(3)), return_exceptions=True)
        assert [isinstance(answer, Overloaded) for answer in asked] == [False, False, True]
        assert await run.history.totals()


async def test_a_failing_disk_is_counted_and_does_not_end_the_following(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chronicle(tmp_path) as run:

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(run.outlet, "keep", full)
        run.open()
        await run.written()
        monkeypatch.undo()
        run.join("what no text can hold \ud800")
        run.join("ann")
        await run.written()
        assert run.recorder.facts_lost == 2
        assert (await run.history.running_session("r")).present == 1


async def test_who_speaks_opens_no_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chronicle(tmp_path) as run:
        run.open()
        await run.written()
        opened: list[object] = []
        monkeypatch.setattr(run.recorder, "_write", opened.append)
        for _ in range(100):
            run.tell(SpeakerChanged(PeerName("ann"), CAMERA))
        await run.written()
        assert opened == []
