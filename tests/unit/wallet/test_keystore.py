"""A key in a file: hidden, unharmed, never overwritten; and where its password comes from."""

import json
import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from eth_account import Account

from medianode.errors import (
    Conflict,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    StorageUnavailable,
    Unauthenticated,
)
from medianode.wallet.keys import keystore
from medianode.wallet.keys.choice import InFile, beside
from medianode.wallet.keys.keystore import MIN_SCRYPT_N, Keystore, key_from_text, new_key
from medianode.wallet.keys.opening import make_signer, open_signer
from medianode.wallet.keys.password import CREDENTIAL, ENVIRONMENT, PasswordSources
from tests.support.signed import KEY, SIGNER

PASSWORD = "correct horse battery staple"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "wallet"
    made.mkdir(mode=0o700)
    return made


def light(folder: Path, **params: Any) -> Path:
    """A keystore of another program, with a cheap derivation, and with these parameters instead."""
    document = Account.encrypt(KEY, PASSWORD, kdf="scrypt", iterations=4096)
    document["crypto"]["kdfparams"].update(params)
    path = folder / "key.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return path


def test_a_new_keystore_is_private_and_opens_again(folder: Path) -> None:
    path = folder / "key.json"
    made = keystore.create(path, KEY, PASSWORD, MIN_SCRYPT_N)
    assert made.address == SIGNER.address
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in folder.iterdir()] == ["key.json"], "drafts are left behind"
    found = Keystore.read(path)
    assert (found.address, found.kdf, found.cost, found.weak) == (SIGNER.address, "scrypt", 1 << 17, False)
    assert KEY.hex() not in path.read_text()
    assert bytes(Account.decrypt(json.loads(path.read_text()), PASSWORD)) == KEY
    with pytest.raises(Unauthenticated, match="wrong password"):
        found.unlock(PASSWORD + "!")
    with pytest.raises(Conflict, match="not overwritten"):
        keystore.create(path, new_key(), PASSWORD, MIN_SCRYPT_N)
    assert Keystore.read(path).unlock(PASSWORD).address == SIGNER.address


def test_the_default_cost_is_2_to_the_18() -> None:
    assert InFile(Path("x"), PasswordSources()).scrypt_n == 1 << 18


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_a_file_that_others_reach_is_refused(folder: Path, mode: int) -> None:
    path = light(folder)
    path.chmod(mode)
    with pytest.raises(PermissionDenied, match=f"chmod 600 {path}"):
        Keystore.read(path)


def test_a_folder_that_others_enter_is_refused(folder: Path) -> None:
    folder.chmod(0o755)
    with pytest.raises(PermissionDenied, match=f"chmod 700 {folder}"):
        keystore.create(folder / "key.json", KEY, PASSWORD, MIN_SCRYPT_N)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "params",
    [
        {"n": 1 << 26},
        {"n": 1 << 21},
        {"n": 3},
        {"n": 0},
        {"n": "262144"},
        {"r": 1 << 20},
        {"p": 1 << 20},
        {"p": 0},
        {"dklen": 1 << 30},
    ],
)
def test_a_hostile_derivation_is_refused_before_it_begins(folder: Path, params: dict[str, Any]) -> None:
    path = light(folder, **params)
    began = time.process_time()
    with pytest.raises(StorageUnavailable):
        Keystore.read(path)
    assert time.process_time() - began < 1, "something was derived"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "nonsense",
        '{"version":4}',
        '{"version":3}',
        '{"version":3,"crypto":{"kdf":"scrypt","kdfparams":5}}',
        "x" * 20_000,
    ],
)
def test_what_is_no_keystore(folder: Path, text: str) -> None:
    path = folder / "key.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(StorageUnavailable):
        Keystore.read(path)


def test_a_light_keystore_of_another_program_opens_and_is_called_weak(folder: Path) -> None:
    found = Keystore.read(light(folder))
    assert found.weak
    assert found.unlock(PASSWORD).address == SIGNER.address


def test_a_keystore_that_lies_about_its_address(folder: Path) -> None:
    path = light(folder)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "address": "00" * 20}))
    with pytest.raises(StorageUnavailable, match="holds the key of"):
        Keystore.read(path).unlock(PASSWORD)


@pytest.mark.parametrize(
    ("n", "password"), [(1 << 12, PASSWORD), (1 << 21, PASSWORD), (200_000, PASSWORD), (1 << 17, "short")]
)
def test_weak_ones_are_not_made(folder: Path, n: int, password: str) -> None:
    with pytest.raises(InvalidArgument):
        keystore.create(folder / "key.json", KEY, password, n)
    assert list(folder.iterdir()) == []


def test_private_keys_as_text() -> None:
    assert key_from_text(f"0x{KEY.hex()}\n") == KEY
    assert key_from_text(KEY.hex().upper()) == KEY
    for wrong in ("", "0x", "5", "00" * 32, "ff" * 32, "g" * 64, KEY.hex() + "00"):
        with pytest.raises(InvalidArgument) as caught:
            key_from_text(wrong)
        assert not wrong or len(wrong) < 5 or wrong not in str(caught.value)


def test_a_key_shows_itself_to_nobody() -> None:
    assert KEY.hex() not in repr(SIGNER) + str(SIGNER)
    assert not hasattr(SIGNER, "__dict__")


def secret_file(path: Path, text: str = PASSWORD + "\n") -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_passwords_come_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = PasswordSources(
        credential=True,
        file=secret_file(tmp_path / "file", "by file"),
        beside=secret_file(tmp_path / "own", "by own"),
    )
    monkeypatch.setenv(ENVIRONMENT, "by environment")
    assert sources.read("it") == "by file"
    read, write = os.pipe()
    os.write(write, b"by descriptor\n")
    os.close(write)
    assert PasswordSources(credential=True, descriptor=read, file=sources.file).read("it") == "by descriptor"
    (tmp_path / CREDENTIAL).write_text("by credential")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert sources.read("it") == "by credential"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert PasswordSources(beside=sources.beside).read("it") == "by own"
    with pytest.raises(NotFound):
        PasswordSources(prompt=True).read("it")


def test_the_environment_is_warned_of_and_left_to_no_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Mock()
    monkeypatch.setattr("medianode.wallet.keys.password.log", log)
    monkeypatch.setenv(ENVIRONMENT, PASSWORD)
    assert PasswordSources(credential=True).read("it") == PASSWORD
    assert ENVIRONMENT not in os.environ
    assert "environment" in log.warning.call_args.args[0]
    assert PASSWORD not in repr(log.mock_calls)


def test_a_password_file_that_others_read_is_refused(tmp_path: Path) -> None:
    path = secret_file(tmp_path / "password")
    path.chmod(0o644)
    with pytest.raises(PermissionDenied):
        PasswordSources(file=path).read("it")


async def test_a_node_makes_its_own_password_and_opens_with_it(folder: Path) -> None:
    path = folder / "key.json"
    choice = InFile(path, PasswordSources(beside=beside(path)), MIN_SCRYPT_N)
    secret_file(beside(path), "left by a start that was cut off")
    with pytest.raises(NotFound):
        await open_signer(choice)
    made = await make_signer(choice)
    assert beside(path).stat().st_mode & 0o777 == 0o600
    assert (await open_signer(choice)).address == made.address
    with pytest.raises(Conflict):
        await make_signer(choice)
