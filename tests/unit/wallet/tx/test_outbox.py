"""What may follow what, and what survives."""

from dataclasses import replace

import pytest

from medianode.clock import SystemClock
from medianode.errors import Conflict, StorageUnavailable, WrongState
from medianode.wallet.chain.facts import Receipt
from medianode.wallet.tx.cursors import KEPT, Cursors
from medianode.wallet.tx.database import Database
from medianode.wallet.tx.intent import Attempt, NewIntent, State
from medianode.wallet.tx.lease import Lease
from medianode.wallet.tx.outbox import Outbox

SENDER = "0x" + "11" * 20
CHAIN = 31337
WISH = NewIntent("wish", "kind", CHAIN, SENDER, "0x" + "22" * 20, b"data", value=1 << 200)


@pytest.fixture
def outbox(tmp_path):
    database = Database(tmp_path / "wallet.sqlite")
    yield Outbox(database, SystemClock())
    database.close()


def attempt(intent="wish", nonce=0, name="0xa", **more):
    return Attempt(
        intent, name, b"raw", nonce, max_fee=10**20, tip=1, gas=21000, height=1, created=0.0, **more
    )


def receipt(name="0xa"):
    return Receipt(name, 7, "0xb7", True, 21000, 1, ())


def test_a_wish_made_twice_is_one_intent(outbox):
    assert outbox.submit(WISH) == outbox.submit(WISH)
    assert outbox.intent("wish").wanted == WISH
    with pytest.raises(Conflict, match="wish"):
        outbox.submit(replace(WISH, data=b"other"))


def test_a_nonce_belongs_to_one_intent(outbox):
    outbox.submit(WISH)
    outbox.submit(replace(WISH, id="other"))
    outbox.store(attempt())
    with pytest.raises(Conflict):
        outbox.store(attempt("other", nonce=0, name="0xb"))
    assert outbox.intent("other").state is State.QUEUED
    assert outbox.attempts("other") == []
    assert outbox.next_nonce(CHAIN, SENDER, 0) == 1
    assert outbox.next_nonce(CHAIN, SENDER, 5) == 5


def test_every_attempt_is_kept_and_a_replacement_has_the_same_nonce(outbox):
    outbox.submit(WISH)
    outbox.store(attempt())
    outbox.store(attempt(name="0xb"))
    with pytest.raises(WrongState):
        outbox.store(attempt(nonce=1, name="0xc"))
    assert [found.hash for found in outbox.attempts("wish")] == ["0xb", "0xa"]


def test_a_block_that_was_taken_back_leaves_the_attempts(outbox):
    outbox.submit(WISH)
    outbox.store(attempt())
    outbox.mined("wish", receipt())
    outbox.taken_back("wish")
    found = outbox.intent("wish")
    assert (found.state, found.nonce, found.hash, found.block_number) == (State.SIGNED, 0, None, None)
    outbox.mined("wish", receipt())
    outbox.finish("wish", State.FINAL)
    with pytest.raises(WrongState):
        outbox.taken_back("wish")


def test_an_intent_whose_nonce_was_stolen_is_queued_again(outbox):
    outbox.submit(WISH)
    outbox.store(attempt())
    outbox.nonce_lost("wish")
    assert outbox.intent("wish").state is State.QUEUED
    outbox.store(attempt(nonce=1, name="0xb"))
    assert [found.nonce for found in outbox.attempts("wish")] == [1, 0]


def test_cancelling_ends_what_is_queued_and_marks_what_was_sent(outbox):
    outbox.submit(WISH)
    assert outbox.cancel("wish").state is State.CANCELLED
    outbox.submit(replace(WISH, id="sent"))
    outbox.store(attempt("sent"))
    found = outbox.cancel("sent")
    assert (found.state, found.cancel) == (State.SIGNED, True)


def test_what_was_written_is_there_for_the_next_process(tmp_path):
    first = Database(tmp_path / "wallet.sqlite")
    Outbox(first, SystemClock()).submit(WISH)
    second = Database(tmp_path / "wallet.sqlite")  # as after a crash: the first was never closed
    assert Outbox(second, SystemClock()).intent("wish").wanted == WISH
    assert (tmp_path / "wallet.sqlite").stat().st_mode & 0o077 == 0
    first.close()
    second.close()


def test_a_file_that_is_none_is_said(tmp_path):
    (tmp_path / "wallet.sqlite").write_text("this is no database, but long enough to look like one" * 20)
    with pytest.raises(StorageUnavailable, match=r"wallet\.sqlite"):
        Database(tmp_path / "wallet.sqlite")


def test_one_process_sends_for_a_key(outbox):
    lease = Lease(outbox.database, SENDER, SystemClock())
    with pytest.raises(Conflict, match=SENDER):
        Lease(outbox.database, SENDER, SystemClock())
    Lease(outbox.database, "0x" + "33" * 20, SystemClock()).close()
    lease.renew()
    lease.close()
    Lease(outbox.database, SENDER, SystemClock()).close()


def test_a_copy_of_the_folder_is_refused_while_the_original_runs(outbox, tmp_path):
    lease = Lease(outbox.database, SENDER, SystemClock())
    outbox.database.rows("pragma wal_checkpoint(truncate)")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "wallet.sqlite").write_bytes((tmp_path / "wallet.sqlite").read_bytes())
    copy = Database(tmp_path / "copy" / "wallet.sqlite")
    with pytest.raises(Conflict, match="here sends for"):
        Lease(copy, SENDER, SystemClock())
    lease.close()
    copy.close()


def test_a_lease_of_another_machine_counts_until_it_ends(outbox):
    until = SystemClock().now() + 60
    take = "insert or replace into lease values(?, 'elsewhere', 1, '1', ?)"
    outbox.database.execute(take, SENDER, until)
    with pytest.raises(Conflict, match="another machine"):
        Lease(outbox.database, SENDER, SystemClock())
    outbox.database.execute(take, SENDER, until - 120)
    lease = Lease(outbox.database, SENDER, SystemClock())
    outbox.database.execute(take, SENDER, until)
    with pytest.raises(Conflict, match="stops sending"):
        lease.renew()
    lease.close()


def test_cursors_keep_a_few_places_and_forget_what_was_rolled_back(outbox):
    cursors = Cursors(outbox.database)
    for number in range(100):
        cursors.save("stream", number, f"0x{number}")
    assert [number for number, _ in cursors.places("stream")] == list(range(99, 99 - KEPT, -1))
    cursors.save("stream", 90, "0xnew")
    assert cursors.places("stream")[:2] == [(90, "0xnew"), (89, "0x89")]
    assert cursors.places("other") == []
