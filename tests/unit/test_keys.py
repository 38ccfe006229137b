"""API keys: shown once, kept as hashes, useless once revoked."""

from pathlib import Path

import pytest

from medianode.errors import NotFound, StorageUnavailable
from medianode.keys import KEYS_FILE, KeyStore
from tests.unit.conftest import FakeClock


def store(folder: Path) -> KeyStore:
    return KeyStore(folder, FakeClock())


def test_a_key_opens_until_it_is_revoked_also_in_another_process(tmp_path: Path) -> None:
    running, command = store(tmp_path), store(tmp_path)
    key, text = command.create("ci")
    found = running.check(text)
    assert found is not None
    assert found.id == key.id
    command.revoke(key.id)
    assert running.check(text) is None


def test_secrets_are_not_kept(tmp_path: Path) -> None:
    _, text = store(tmp_path).create("ci")
    kept = (tmp_path / KEYS_FILE).read_text()
    assert text not in kept
    assert text.split("_", 2)[2] not in kept
    assert (tmp_path / KEYS_FILE).stat().st_mode & 0o777 == 0o600


def test_the_first_key_is_made_once(tmp_path: Path) -> None:
    first = store(tmp_path).create_first("first")
    assert first is not None
    assert store(tmp_path).create_first("first") is None
    assert len(store(tmp_path).keys()) == 1


def test_revoking_all_keys_does_not_make_a_new_one(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.create_first("first")
    keys.revoke(keys.keys()[0].id)
    assert store(tmp_path).create_first("first") is None


@pytest.mark.parametrize("text", ["", "mnk", "mnk_a", "mnk__", "mnk_00000000_x", "x_y_z", "mnk_\x00_é"])
def test_other_texts_are_no_keys(tmp_path: Path, text: str) -> None:
    keys = store(tmp_path)
    keys.create("ci")
    assert keys.check(text) is None


def test_an_unknown_key_cannot_be_revoked(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        store(tmp_path).revoke("nope")


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    (tmp_path / KEYS_FILE).write_text("{")
    with pytest.raises(StorageUnavailable):
        store(tmp_path).keys()
