"""What a key may sign, what it remembers, and that nothing makes it forget."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from medianode.errors import PermissionDenied, StorageUnavailable
from medianode.wallet.keys.guarded import PolicySigner
from medianode.wallet.keys.ledger import DAY_S, Ledger
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.keys.policy import Call, Policy
from medianode.wallet.keys.signer import Purpose, sign
from medianode.wallet.typed.eip712 import Domain, TypedData
from medianode.wallet.typed.messages import QosReport
from medianode.wallet.typed.signature import recover
from tests.support import signed
from tests.support.signed import CHAIN, OTHER, REGISTRY, SIGNER, STAKING
from tests.unit.conftest import FakeClock

SELECTOR = bytes.fromhex("a9059cbb")
COST = 100_000 * 2_000_000_000
POLICY = Policy(
    messages=frozenset((type(data.message), data.domain) for data in signed.messages()),
    calls={Call(CHAIN, REGISTRY, SELECTOR): 0, Call(CHAIN, STAKING, SELECTOR): 5},
    fee_cap=COST,
    daily_cap=3 * COST,
    sign_in_domains=frozenset({"node.example:8080"}),
)


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.policy = POLICY

    def signer(self, key: LocalSigner = SIGNER) -> PolicySigner:
        return PolicySigner(key, self.policy, Ledger(self.folder, key.address, self.clock))

    @property
    def log(self) -> Path:
        return self.folder / f"signed-{SIGNER.address.lower()}.jsonl"

    @property
    def database(self) -> Path:
        return self.log.with_suffix(".sqlite")

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "wallet")


async def test_what_is_allowed_is_signed_and_logged(world: World) -> None:
    wanted: list[Purpose] = [*signed.messages(), signed.transaction(), signed.sign_in_text()]
    for purpose in wanted:
        assert recover(purpose.digest(), await sign(world.signer(), purpose)) == SIGNER.address
    lines = world.lines()
    assert [line["event"] for line in lines] == ["permitted"] * len(wanted)
    assert [line["digest"] for line in lines] == ["0x" + purpose.digest().hex() for purpose in wanted]
    assert world.log.stat().st_mode & 0o777 == world.database.stat().st_mode & 0o777 == 0o600


REFUSED: list[tuple[Callable[[], Purpose], str]] = [
    (lambda: TypedData(Domain("MediaQos", 1, STAKING), signed.report().message), "not among the messages"),
    (
        lambda: TypedData(Domain("MediaQos", CHAIN, REGISTRY), signed.report().message),
        "not among the messages",
    ),
    (
        lambda: TypedData(Domain("MediaQos", CHAIN, STAKING, "2"), signed.report().message),
        "not among the messages",
    ),
    (
        lambda: signed.auth(signer=OTHER.address),
        "names 0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF as its signer",
    ),
    (lambda: signed.transaction(chain_id=1), "chain 1 is not known"),
    (lambda: signed.transaction(to=signed.TOKEN), "not among those"),
    (lambda: signed.transaction(data=b"\x01\x02\x03\x04"), "not among those"),
    (lambda: signed.transaction(data=b"\xa9\x05\x9c"), "not among those"),
    (lambda: signed.transaction(to=None), "a new contract"),
    (lambda: signed.transaction(value=1), "may carry 0"),
    (lambda: signed.transaction(to=STAKING, value=6), "may carry 5"),
    (lambda: signed.transaction(gas=100_001), "the cap is"),
    (lambda: signed.transaction(max_fee_per_gas=2_000_000_001), "the cap is"),
    (lambda: signed.transaction(to=OTHER.address, data=b""), "not among those"),
    (lambda: signed.transaction(to=SIGNER.address, data=b"", value=1), "not among those"),
    (lambda: signed.sign_in_text(domain="evil.example"), "may not sign in"),
    (lambda: signed.sign_in_text(address=OTHER.address), "the text names"),
]


@pytest.mark.parametrize(("purpose", "reason"), REFUSED)
async def test_what_is_not_named_is_refused_and_logged(
    world: World, purpose: Callable[[], Purpose], reason: str
) -> None:
    with pytest.raises(PermissionDenied, match=reason):
        await sign(world.signer(), purpose())
    (line,) = world.lines()
    assert line["event"] == "refused"
    assert reason.split("0x", maxsplit=1)[0] in str(line["reason"])


async def test_a_digest_of_something_else_is_refused(world: World) -> None:
    with pytest.raises(PermissionDenied, match="not that of the purpose"):
        await world.signer().sign_digest(bytes(32), signed.report())
    assert world.lines()[0]["event"] == "refused"


async def test_a_cancellation_moves_nothing_and_is_allowed(world: World) -> None:
    await sign(world.signer(), signed.transaction(to=SIGNER.address.lower(), data=b"", gas=21_000))


async def test_two_different_reports_for_an_epoch_are_never_signed(world: World) -> None:
    first = await sign(world.signer(), signed.report())
    assert await sign(world.signer(), signed.report()) == first, "the same one may be signed again"
    with pytest.raises(PermissionDenied, match="epoch 7 was signed already"):
        await sign(world.signer(), signed.report(loss_ppm=2))
    await sign(world.signer(), signed.report(epoch=8, loss_ppm=2))
    await sign(world.signer(), signed.report(node_id=1, loss_ppm=2))
    assert [line["event"] for line in world.lines()] == [
        "permitted",
        "permitted",
        "refused",
        "permitted",
        "permitted",
    ]


async def test_an_old_or_lost_database_makes_it_forget_nothing(world: World) -> None:
    await sign(world.signer(), signed.report(epoch=6))
    old = world.folder / "old"
    shutil.copy(world.database, old)
    await sign(world.signer(), signed.report(epoch=7))
    for restore in (lambda: shutil.copy(old, world.database), world.database.unlink):
        restore()
        for epoch in (6, 7):
            with pytest.raises(PermissionDenied, match="signed already"):
                await sign(world.signer(), signed.report(epoch=epoch, loss_ppm=2))


async def test_a_log_that_was_cut_or_changed_stops_all_signing(world: World) -> None:
    for epoch in range(3):
        await sign(world.signer(), signed.report(epoch=epoch))
    whole = world.log.read_bytes()
    lines = whole.splitlines(keepends=True)
    for damaged in (
        b"",
        b"".join(lines[:2]),
        b"".join(lines[1:]),
        whole.replace(b'"epoch":"2"', b'"epoch":"9"'),
        None,
    ):
        if damaged is None:
            world.log.unlink()
        else:
            world.log.write_bytes(damaged)
        with pytest.raises(StorageUnavailable, match="cut or changed"):
            await sign(world.signer(), signed.report(epoch=9))
    world.log.write_bytes(whole)
    await sign(world.signer(), signed.report(epoch=9))


async def test_a_change_in_the_middle_is_found_by_the_whole_check(world: World) -> None:
    for epoch in range(3):
        await sign(world.signer(), signed.report(epoch=epoch))
    ledger = Ledger(world.folder, SIGNER.address, world.clock)
    assert ledger.check() == 3
    world.log.write_bytes(world.log.read_bytes().replace(b'"epoch":"0"', b'"epoch":"5"'))
    with pytest.raises(StorageUnavailable, match="line 2"):
        ledger.check()


async def test_a_line_that_a_crash_left_half_is_replaced(world: World) -> None:
    await sign(world.signer(), signed.report())
    whole = world.log.read_bytes()
    world.log.write_bytes(whole + b'{"seq":2,"at":1,"event":"permi' + b"x" * 1000)
    await sign(world.signer(), signed.report(epoch=8))
    assert [line["seq"] for line in world.lines()] == [1, 2]


async def test_a_line_that_the_database_missed_is_learnt(world: World) -> None:
    """As after a crash between the two writes."""
    await sign(world.signer(), signed.report(epoch=6))
    before = world.database.read_bytes()
    await sign(world.signer(), signed.report(epoch=7))
    world.database.write_bytes(before)
    ledger = Ledger(world.folder, SIGNER.address, world.clock)
    ledger.refresh()
    assert ledger.totals == {"permitted": 2}


async def test_a_day_may_cost_so_much(world: World) -> None:
    for nonce in range(3):
        await sign(world.signer(), signed.transaction(nonce=nonce))
    with pytest.raises(PermissionDenied, match="24 hours may cost"):
        await sign(world.signer(), signed.transaction(nonce=3))
    # A replacement costs nothing more: only one transaction of a nonce is ever mined.
    await sign(world.signer(), signed.transaction(nonce=2, gas=99_999))
    world.clock.seconds += DAY_S
    await sign(world.signer(), signed.transaction(nonce=3))


async def test_a_dearer_replacement_counts_with_its_difference(world: World) -> None:
    for nonce in range(3):
        await sign(world.signer(), signed.transaction(nonce=nonce, gas=50_000))
        await sign(world.signer(), signed.transaction(nonce=nonce, gas=100_000))
    with pytest.raises(PermissionDenied, match="24 hours may cost"):
        await sign(world.signer(), signed.transaction(nonce=3, gas=1))


async def test_a_cheaper_replacement_gives_nothing_back(world: World) -> None:
    for nonce in range(3):
        await sign(world.signer(), signed.transaction(nonce=nonce))
        await sign(world.signer(), signed.transaction(nonce=nonce, gas=50_000))
    with pytest.raises(PermissionDenied, match="24 hours may cost"):
        await sign(world.signer(), signed.transaction(nonce=3, gas=50_000))


async def test_sums_beyond_64_bits(world: World) -> None:
    huge = 2**64
    world.policy = Policy(calls={Call(CHAIN, REGISTRY, SELECTOR): huge}, fee_cap=COST, daily_cap=3 * huge)
    for nonce in range(2):
        await sign(world.signer(), signed.transaction(nonce=nonce, value=huge))
    with pytest.raises(PermissionDenied, match="24 hours may cost"):
        await sign(world.signer(), signed.transaction(nonce=2, value=huge))


class Broken(LocalSigner):
    async def sign_digest(self, digest: bytes, purpose: Purpose) -> bytes:
        raise ConnectionError


async def test_a_key_that_fails_is_logged(world: World) -> None:
    with pytest.raises(ConnectionError):
        await sign(world.signer(Broken(signed.KEY)), signed.report())
    assert [line["event"] for line in world.lines()] == ["permitted", "failed"]


async def test_keys_do_not_share_a_memory(world: World) -> None:
    domain = Domain("MediaQos", CHAIN, STAKING)
    world.policy = Policy(messages=frozenset({(QosReport, domain)}))
    await sign(world.signer(), signed.report())
    await sign(world.signer(OTHER), signed.report(loss_ppm=2))
