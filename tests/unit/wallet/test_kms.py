"""A key in AWS KMS obeys the same rules as one in a file, and its trouble is told without credentials."""

import base64
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from medianode.errors import (
    Conflict,
    DependencyError,
    InvalidArgument,
    MedianodeError,
    NodeUnavailable,
    NotFound,
    PeerProtocolError,
    PermissionDenied,
    Unauthenticated,
    WrongState,
)
from medianode.wallet.keys.choice import InKms
from medianode.wallet.keys.guarded import PolicySigner
from medianode.wallet.keys.ledger import Ledger
from medianode.wallet.keys.opening import make_signer, open_signer
from medianode.wallet.keys.policy import Policy
from medianode.wallet.keys.signer import sign
from medianode.wallet.typed.signature import recover
from tests.support import command, signed
from tests.support.kms import ACCESS_KEY, ALIAS, ARN, SECRET_KEY, SESSION, FakeKms, running_kms
from tests.support.signed import KEY, OTHER, OTHER_KEY, SIGNER
from tests.unit.conftest import FakeClock

CHOICE = InKms(ALIAS)


@pytest.fixture
def kms() -> Iterator[FakeKms]:
    with running_kms(KEY) as fake:
        yield fake


async def test_kms_signs_everything_that_a_file_does(kms: FakeKms) -> None:
    signer = await open_signer(CHOICE)
    assert signer.address == SIGNER.address
    samples = [*signed.messages(), signed.transaction(), signed.sign_in_text()]
    samples += [signed.report(epoch) for epoch in range(40)]
    # Of so many, some come with a high s and some with either v.
    forms = [await sign(signer, sample) for sample in samples]
    assert {recover(sample.digest(), form) for sample, form in zip(samples, forms, strict=True)} == {
        SIGNER.address
    }
    assert {form[64] for form in forms} == {27, 28}
    assert {asked["KeyId"] for asked in kms.asked[1:]} == {ARN}, "an alias may be given to another key"


async def test_the_policy_and_the_log_stand_before_it(kms: FakeKms, tmp_path: Path) -> None:
    report = signed.report(0)
    policy = Policy(frozenset({(type(report.message), report.domain)}))
    ledger = Ledger(tmp_path / "wallet", SIGNER.address, FakeClock())
    guarded = PolicySigner(await open_signer(CHOICE), policy, ledger)
    await sign(guarded, report)
    with pytest.raises(PermissionDenied, match="signed already"):
        await sign(guarded, signed.report(0, loss_ppm=2))
    with pytest.raises(PermissionDenied, match="is not known to this key"):
        await sign(guarded, signed.transaction())
    kms.refusal = (400, "AccessDeniedException")
    with pytest.raises(PermissionDenied, match="kms:Sign"):
        await sign(guarded, signed.report(1))
    assert kms.calls == ["GetPublicKey", "Sign", "Sign"], "what is refused here never gets there"
    assert ledger.totals == {"permitted": 2, "refused": 2, "failed": 1}


def test_commands_use_the_key_that_the_settings_name(kms: FakeKms, tmp_path: Path) -> None:
    settings = {"MEDIANODE_DATA_DIR": str(tmp_path), "MEDIANODE_WALLET__KMS__KEY": ALIAS}
    shown = command.call("wallet", "show", **settings)
    assert shown.returncode == 0, shown.stderr
    assert SIGNER.address in shown.stdout
    assert f"in AWS KMS as {ALIAS}" in shown.stdout
    nonce = "0x" + "07" * 32
    auth = command.call("wallet", "auth", "--audience", "a.example", "--nonce", nonce, **settings)
    assert SIGNER.address in command.call("wallet", "verify", "-", stdin=auth.stdout).stdout
    assert shown.stderr + auth.stderr == ""
    other = command.call("wallet", "show", MEDIANODE_WALLET__KMS__ADDRESS=OTHER.address, **settings)
    assert other.returncode == 2
    assert f"is of {SIGNER.address}, not of {OTHER.address}" in other.stderr
    both = command.call("wallet", "show", MEDIANODE_WALLET__KEYSTORE="key.json", **settings)
    assert "exclude one another" in both.stderr
    assert "make it there" in command.call("wallet", "new", **settings).stderr


async def test_a_key_is_made_there_and_not_here(kms: FakeKms) -> None:
    for key in (None, KEY):
        with pytest.raises(Conflict, match="make it there"):
            await make_signer(CHOICE, key)
    assert kms.calls == []


async def test_another_key_is_noticed(kms: FakeKms) -> None:
    with pytest.raises(InvalidArgument, match=f"is of {SIGNER.address}, not of"):
        await open_signer(InKms(ALIAS, address=OTHER.address))
    signer = await open_signer(InKms(ALIAS, address=SIGNER.address.lower()))
    with running_kms(OTHER_KEY) as other:
        stranger = await open_signer(CHOICE)
        assert stranger.address == OTHER.address
        kms.answers["Sign"] = {"KeyId": ARN, **other.sign(kms_request(signed.report().digest()))}
    with pytest.raises(PeerProtocolError, match=f"no signature by {SIGNER.address}"):
        await sign(signer, signed.report())


def kms_request(digest: bytes) -> dict[str, str]:
    algorithm = {"MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
    return {"Message": base64.b64encode(digest).decode(), **algorithm}


@pytest.mark.parametrize(
    "answer", [{}, {"Signature": ""}, {"Signature": base64.b64encode(b"0" * 70).decode()}]
)
async def test_answers_of_another_form(kms: FakeKms, answer: dict[str, str]) -> None:
    signer = await open_signer(CHOICE)
    kms.answers["Sign"] = answer
    with pytest.raises(PeerProtocolError, match="no signature"):
        await sign(signer, signed.report())


async def test_keys_of_another_kind_are_refused(kms: FakeKms) -> None:
    kms.answers["GetPublicKey"] = {**kms.public(), "PublicKey": base64.b64encode(b"0" * 88).decode()}
    with pytest.raises(PeerProtocolError, match="no public key on secp256k1"):
        await open_signer(CHOICE)
    kms.answers.clear()
    kms.spec = "ECC_NIST_P256"
    with pytest.raises(InvalidArgument, match=r"ECC_NIST_P256 .* must be ECC_SECG_P256K1"):
        await open_signer(CHOICE)
    with pytest.raises(NotFound, match="no such key"):
        await open_signer(InKms("alias/other"))


@pytest.mark.parametrize(
    ("status", "code", "kind", "tries"),
    [
        (400, "AccessDeniedException", PermissionDenied, 1),
        (400, "DisabledException", WrongState, 1),
        (400, "KMSInvalidStateException", WrongState, 1),
        (400, "ExpiredTokenException", Unauthenticated, 1),
        (400, "UnrecognizedClientException", Unauthenticated, 1),
        (400, "SomethingNew", NodeUnavailable, 1),
        (400, "ThrottlingException", NodeUnavailable, 3),
        (500, "KMSInternalException", NodeUnavailable, 3),
    ],
)
async def test_refusals_say_who_must_act(
    kms: FakeKms, status: int, code: str, kind: type[MedianodeError], tries: int
) -> None:
    signer = await open_signer(CHOICE)
    kms.refusal = (status, code)
    with pytest.raises(kind, match=rf"KMS refused sign .*{code}") as refused:
        await sign(signer, signed.report())
    assert kms.calls == ["GetPublicKey"] + ["Sign"] * tries
    assert "111122223333:user" not in str(refused.value)


async def test_missing_credentials_and_regions_are_told(
    kms: FakeKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Unauthenticated, match="no AWS credentials"):
        await open_signer(CHOICE)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(InvalidArgument, match=r"wallet\.kms\.region"):
        await open_signer(CHOICE)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(InvalidArgument, match="ProfileNotFound"):
        await open_signer(CHOICE)
    assert kms.calls == []


async def test_silence_and_absence(kms: FakeKms, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections, answers nothing
        gone = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", gone)
        with pytest.raises(NodeUnavailable, match="did not answer get_public_key in time, 3 times"):
            await open_signer(InKms(ALIAS, timeout_s=0.1))
    with pytest.raises(NodeUnavailable, match="cannot be reached"):
        await open_signer(CHOICE)
    assert kms.calls == []


async def test_no_credential_is_written_anywhere(kms: FakeKms, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        signer = await open_signer(CHOICE)
        kms.refusal = (400, "AccessDeniedException")
        with pytest.raises((PermissionDenied, DependencyError)) as refused:
            await sign(signer, signed.report())
    written = caplog.text + str(refused.value) + repr(signer) + repr(CHOICE)
    for secret in (ACCESS_KEY, SECRET_KEY, SESSION, "AWS4-HMAC"):
        assert secret not in written
