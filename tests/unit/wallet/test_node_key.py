"""The key of a running node: made once, opened aside, locked with a reason, shown without secrets."""

import asyncio
from pathlib import Path

import pytest

from medianode.errors import InvalidArgument, PermissionDenied, WrongState
from medianode.node.key import key_choice
from medianode.settings import NodeSettings, load
from medianode.wallet.facts import (
    ChainFacts,
    EndpointHealth,
    LastReport,
    Registration,
    Stake,
    WalletFacts,
    WalletView,
)
from medianode.wallet.keys.choice import InFile, InKms, InToken, KeyChoice, Remote, beside
from medianode.wallet.keys.keystore import MIN_SCRYPT_N, Keystore
from medianode.wallet.keys.node_key import NodeKey
from medianode.wallet.keys.password import PasswordSources
from medianode.wallet.keys.policy import Policy
from medianode.wallet.keys.signer import sign
from medianode.wallet.typed.messages import QosReport
from tests.support import metrics, signed
from tests.support.http_thread import serving
from tests.unit.conftest import FakeClock, World


def choice(folder: Path) -> InFile:
    path = folder / "wallet" / "key.json"
    return InFile(path, PasswordSources(beside=beside(path)), MIN_SCRYPT_N)


def node_key(where: KeyChoice, folder: Path) -> NodeKey:
    return NodeKey(where, folder / "wallet", FakeClock())


async def test_the_first_start_makes_a_key_and_the_next_one_opens_it(tmp_path: Path) -> None:
    first = node_key(choice(tmp_path), tmp_path)
    assert first.facts() == WalletFacts("opening", None)
    waiting = asyncio.create_task(first.signer())
    await first.open()
    address = (await waiting).address
    assert first.facts().state == "ready"
    again = node_key(choice(tmp_path), tmp_path)
    await again.open()
    assert again.facts().address == address
    await sign(await again.signer(), signed.auth(signer=address))
    with pytest.raises(PermissionDenied):
        await sign(await again.signer(), signed.report())
    assert again.facts().signatures == {"permitted": 1, "refused": 1}


async def test_the_last_report_is_known_also_to_the_next_start(tmp_path: Path) -> None:
    domain = signed.report().domain
    where = choice(tmp_path)

    def key() -> NodeKey:
        return NodeKey(
            where, tmp_path / "wallet", FakeClock(), lambda: Policy(frozenset({(QosReport, domain)}))
        )

    first = key()
    await first.open()
    await sign(await first.signer(), signed.report(epoch=2**63))
    wanted = LastReport(2**63, "0x" + signed.report(epoch=2**63).digest().hex(), 1_000_000.0)
    assert first.facts().last_report == wanted
    again = key()
    await again.open()
    assert again.facts().last_report == wanted


async def test_two_first_starts_at_once_agree(tmp_path: Path) -> None:
    keys = [node_key(choice(tmp_path), tmp_path) for _ in range(2)]
    await asyncio.gather(*(key.open() for key in keys))
    assert {key.facts().address for key in keys} == {Keystore.read(choice(tmp_path).path).address}


async def test_a_wrong_password_locks_the_wallet_and_nothing_else(tmp_path: Path) -> None:
    await node_key(choice(tmp_path), tmp_path).open()
    beside(choice(tmp_path).path).write_text("something else")
    key = node_key(choice(tmp_path), tmp_path)
    await key.open()
    facts = key.facts()
    assert (facts.state, facts.address) == ("locked", None)
    assert facts.problem is not None
    assert facts.problem.startswith("wrong password")
    with pytest.raises(WrongState, match="wrong password"):
        await key.signer()


async def test_a_signer_that_is_away_locks_the_wallet(tmp_path: Path) -> None:
    key = node_key(Remote("http://127.0.0.1:1/", signed.SIGNER.address), tmp_path)
    await key.open()
    assert key.facts().state == "locked"


async def test_a_signer_that_comes_back_unlocks_the_wallet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medianode.wallet.keys.node_key.RETRY_S", 0.02)
    tries: list[object] = []

    def answer(_: object, asked: dict[str, object]) -> tuple[int, object]:
        tries.append(asked)
        away = len(tries) < 3
        return 503 if away else 200, {"jsonrpc": "2.0", "id": asked["id"], "result": [signed.SIGNER.address]}

    with serving(answer) as url:
        key = node_key(Remote(url, signed.SIGNER.address), tmp_path)
        running = asyncio.create_task(key.run())
        await asyncio.to_thread(metrics.until, lambda: key.facts().state == "ready", "an open key")
        assert (key.facts().problem, len(tries)) == (None, 3)
        assert (await key.signer()).address == signed.SIGNER.address
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_keystore_that_others_read_stops_the_start(tmp_path: Path) -> None:
    path = choice(tmp_path).path
    path.parent.mkdir(mode=0o700)
    path.write_text("{}")
    path.chmod(0o644)
    with pytest.raises(PermissionDenied, match="chmod 600"):
        node_key(choice(tmp_path), tmp_path)


def settings(folder: Path, wallet: dict[str, object]) -> NodeSettings:
    return load({"data_dir": folder, "wallet": wallet})


def test_settings_say_which_key(tmp_path: Path) -> None:
    plain = key_choice(settings(tmp_path, {}))
    assert isinstance(plain, InFile)
    assert plain.path == tmp_path / "wallet" / "key.json"
    token = {"module": "/lib/hsm.so", "token": "node"}
    assert isinstance(key_choice(settings(tmp_path, {"token": token})), InToken)
    remote = {"url": "http://u:secret@127.0.0.1:9000", "address": signed.SIGNER.address}
    chosen = settings(tmp_path, {"remote": remote})
    assert isinstance(key_choice(chosen), Remote)
    assert "secret" not in repr(chosen)
    kms = {"key": "alias/node", "region": "eu-west-1", "address": signed.SIGNER.address, "timeout_s": 2}
    assert key_choice(settings(tmp_path, {"kms": kms})) == InKms(
        "alias/node", "eu-west-1", signed.SIGNER.address, 2
    )


@pytest.mark.parametrize(
    "wallet",
    [
        {"scrypt_n": 1 << 16},
        {"scrypt_n": 1 << 21},
        {"scrypt_n": 200_000},
        {"remote": {"url": "ftp://x", "address": signed.SIGNER.address}},
        {"remote": {"url": "http://x", "address": "0x5"}},
        {"kms": {"key": ""}},
        {"kms": {"key": "k", "address": "0x5"}},
        {"kms": {"key": "k"}, "remote": {"url": "http://x", "address": signed.SIGNER.address}},
        {"keystore": "/k", "token": {"module": "/m", "token": "t"}},
        {"password": "in the clear"},
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, wallet: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument, match="settings: wallet"):
        settings(tmp_path, wallet)


FACTS = ChainFacts(
    chain_id=31337,
    registry=signed.REGISTRY,
    registration=Registration(
        2**200, "active", signed.OTHER.address, signed.TOKEN, "https://n.example", "eu-w", 3, 1
    ),
    stake=Stake(10**24, 0),
    balance_wei=10**18,
    actions_left=12,
    pending=2,
    oldest_pending_s=3.5,
    endpoints=(EndpointHealth(0, up=True, behind_blocks=0), EndpointHealth(1, up=False, behind_blocks=9)),
)


class Chain:
    def facts(self) -> ChainFacts:
        return FACTS


async def test_the_public_part_needs_no_credential_and_is_no_more_than_public(world: World) -> None:
    shown = (await world.http.get("/api/v1/wallet")).json()
    address = world.services.wallet.facts().address
    assert shown == {"state": "ready", "address": address, "last_report": None, "chain": None}


async def test_the_chains_part(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = WalletView(world.services.wallet.key, Chain())
    monkeypatch.setattr(type(world.services), "wallet", wallet)
    chain = (await world.http.get("/api/v1/wallet")).json()["chain"]
    assert chain["registration"]["node_id"] == str(2**200)
    assert chain["stake"] == {"bonded": str(10**24), "unbonding": "0"}
    assert set(chain) == {"chain_id", "registry", "registration", "stake"}
    lines = (await world.http.get("/metrics")).text.splitlines()
    for line in (
        "medianode_wallet_ready 1",
        'medianode_wallet_signatures_total{event="permitted"} 2',
        f"medianode_wallet_balance_wei {10**18}",
        "medianode_wallet_pending 2",
        "medianode_wallet_oldest_pending_seconds 3.5",
        'medianode_wallet_endpoint_up{endpoint="0"} 1',
        'medianode_wallet_endpoint_up{endpoint="1"} 0',
    ):
        assert line in lines


async def test_without_a_chain_there_are_no_figures_of_it(world: World) -> None:
    text = (await world.http.get("/metrics")).text
    assert "medianode_wallet_ready 1" in text
    assert "balance" not in text
