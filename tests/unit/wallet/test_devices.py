"""Keys that are elsewhere, in a PKCS#11 token and behind a remote signer, obey the same rules."""

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from medianode.errors import (
    Conflict,
    InvalidArgument,
    NodeUnavailable,
    NotFound,
    PeerProtocolError,
    PermissionDenied,
    Unauthenticated,
)
from medianode.wallet.keys.choice import InToken, Remote
from medianode.wallet.keys.guarded import PolicySigner
from medianode.wallet.keys.ledger import Ledger
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.keys.opening import make_signer, open_signer
from medianode.wallet.keys.password import PasswordSources
from medianode.wallet.keys.pkcs11 import Pkcs11Signer
from medianode.wallet.keys.policy import Policy
from medianode.wallet.keys.signer import sign
from medianode.wallet.typed.eip712 import TypedData
from medianode.wallet.typed.signature import recover
from tests.support import signed
from tests.support.hsm import PIN
from tests.support.signed import OTHER, SIGNER
from tests.unit.conftest import FakeClock


async def test_a_key_lives_and_stays_in_its_token(token: InToken, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no key pair"):
        await open_signer(token)
    made = await make_signer(token)
    with pytest.raises(Conflict, match="already"):
        await make_signer(token)
    opened = await open_signer(token)
    assert isinstance(made, Pkcs11Signer)
    assert isinstance(opened, Pkcs11Signer)
    assert opened.address == made.address
    samples = [signed.report(epoch, node_id=1) for epoch in range(40)]
    # Of so many, some come with a high s and some with either v.
    forms = [await sign(opened, sample) for sample in samples]
    assert {recover(sample.digest(), form) for sample, form in zip(samples, forms, strict=True)} == {
        made.address
    }
    assert {form[64] for form in forms} == {27, 28}
    policy = Policy(frozenset({(type(samples[0].message), samples[0].domain)}))
    guarded = PolicySigner(opened, policy, Ledger(tmp_path / "wallet", opened.address, FakeClock()))
    await sign(guarded, samples[0])
    with pytest.raises(PermissionDenied, match="signed already"):
        await sign(guarded, signed.report(0, node_id=1, loss_ppm=2))
    opened.close()
    made.close()


def test_the_key_is_not_extractable(token: InToken) -> None:
    import pkcs11

    with pkcs11.lib(str(token.module)).get_token(token_label="node").open(user_pin=PIN) as session:
        key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label="medianode")
        assert key[pkcs11.Attribute.SENSITIVE]
        assert not key[pkcs11.Attribute.EXTRACTABLE]
        with pytest.raises(pkcs11.PKCS11Error):
            key[pkcs11.Attribute.VALUE]


async def test_wrong_pins_tokens_and_libraries(token: InToken, tmp_path: Path) -> None:
    wrong = tmp_path / "pin"
    wrong.write_text("000000")
    wrong.chmod(0o600)
    with pytest.raises(Unauthenticated, match="PIN"):
        await open_signer(InToken(token.module, "node", "medianode", PasswordSources(file=wrong)))
    with pytest.raises(NotFound, match="no token"):
        await open_signer(InToken(token.module, "other", "medianode", token.pin))
    with pytest.raises(NodeUnavailable, match="library"):
        await open_signer(InToken(tmp_path / "none.so", "node", "medianode", token.pin))
    with pytest.raises(Conflict):
        await make_signer(token, key=signed.KEY)


class FakeSigner:
    """A remote signer that does as it is told, mischief included."""

    def __init__(self) -> None:
        self.key: LocalSigner = SIGNER
        self.accounts = [SIGNER.address.lower()]
        self.asked: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.asked.append(asked)
        method = asked["method"]
        if method in self.answers:
            answer = self.answers[method]
            return (
                answer
                if isinstance(answer, web.Response)
                else web.json_response({"id": asked["id"], **answer})
            )
        if method == "eth_accounts":
            return web.json_response({"id": asked["id"], "result": self.accounts})
        return web.json_response({"id": asked["id"], "result": await self.sign(method, asked["params"])})

    async def sign(self, method: str, params: list[Any]) -> object:
        if method == "eth_signTypedData":
            purpose: Any = next(data for data in signed.messages() if data.document() == params[1])
        elif method == "eth_sign":
            purpose = signed.sign_in_text()
            assert params[1] == "0x" + purpose.text().encode().hex()
        else:
            assert int(params[0]["nonce"], 16) == 3
            purpose = signed.transaction()
            return "0x" + purpose.encode(await self.key.sign_digest(purpose.digest(), purpose)).hex()
        return "0x" + (await self.key.sign_digest(purpose.digest(), purpose)).hex()


@pytest.fixture
async def remote() -> AsyncIterator[FakeSigner]:
    fake = FakeSigner()
    app = web.Application()
    app.router.add_post("/", fake.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://user:secret@127.0.0.1:{runner.addresses[0][1]}/"
    yield fake
    await runner.cleanup()


def choice(fake: FakeSigner, timeout_s: float = 5) -> Remote:
    return Remote(fake.url, SIGNER.address, timeout_s)


PURPOSES = [*signed.messages(), signed.transaction(), signed.sign_in_text()]


async def test_a_remote_signer_signs_everything_that_a_file_does(remote: FakeSigner) -> None:
    signer = await open_signer(choice(remote))
    assert signer.address == SIGNER.address
    for purpose in PURPOSES:
        assert await sign(signer, purpose) == await sign(SIGNER, purpose)
    assert "secret" not in repr(signer) + repr(choice(remote))
    document = remote.asked[1]["params"][1]
    assert isinstance(signed.messages()[0], TypedData)
    assert document["primaryType"] == "Register", "it must see what it signs"


async def test_a_geth_like_answer_for_transactions(remote: FakeSigner) -> None:
    request = signed.transaction()
    raw = request.encode(await sign(SIGNER, request))
    remote.answers["eth_signTransaction"] = {"result": {"raw": "0x" + raw.hex(), "tx": {}}}
    assert await sign(await open_signer(choice(remote)), request) == await sign(SIGNER, request)


async def test_a_signer_without_the_key_is_noticed_at_once(remote: FakeSigner) -> None:
    remote.accounts = [OTHER.address]
    with pytest.raises(InvalidArgument, match="has no key"):
        await open_signer(choice(remote))


async def test_another_key_is_noticed(remote: FakeSigner) -> None:
    signer = await open_signer(choice(remote))
    remote.key = OTHER
    for purpose in PURPOSES:
        with pytest.raises(PeerProtocolError):
            await sign(signer, purpose)


async def test_another_transaction_is_noticed(remote: FakeSigner) -> None:
    signer = await open_signer(choice(remote))
    other = signed.transaction(nonce=4)
    raw = "0x" + other.encode(await sign(SIGNER, other)).hex()
    for answer in (raw, "0x", "0x02c0", "0x02" + "ff" * 40, 5, None, {}, {"raw": 7}, "nonsense"):
        remote.answers["eth_signTransaction"] = {"result": answer}
        with pytest.raises(PeerProtocolError):
            await sign(signer, signed.transaction())


@pytest.mark.parametrize(
    "answer", [{"result": None}, {"result": "0x"}, {"result": "0x" + "00" * 65}, {"result": 5}, {"id": 99}]
)
async def test_answers_of_another_form(remote: FakeSigner, answer: dict[str, object]) -> None:
    signer = await open_signer(choice(remote))
    remote.answers["eth_signTypedData"] = answer
    with pytest.raises(PeerProtocolError):
        await sign(signer, signed.report())


async def test_no_json_at_all(remote: FakeSigner) -> None:
    remote.answers["eth_accounts"] = web.Response(text="<html>")
    with pytest.raises(PeerProtocolError):
        await open_signer(choice(remote))


async def test_its_refusal_is_passed_on(remote: FakeSigner) -> None:
    signer = await open_signer(choice(remote))
    remote.answers["eth_signTypedData"] = {"error": {"code": -32000, "message": "not today"}}
    with pytest.raises(PermissionDenied, match="not today"):
        await sign(signer, signed.report())


async def test_silence_and_absence_are_told_without_the_credential(remote: FakeSigner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections, answers nothing
        port = server.getsockname()[1]
        with pytest.raises(NodeUnavailable, match=r"within 0\.2 s") as silent:
            await open_signer(Remote(f"http://user:secret@127.0.0.1:{port}/", SIGNER.address, 0.2))
    with pytest.raises(NodeUnavailable, match="cannot be reached") as absent:
        await open_signer(Remote(f"http://user:secret@127.0.0.1:{port}/", SIGNER.address))
    assert "secret" not in str(silent.value) + str(absent.value) + json.dumps(remote.asked)
