"""Settings: flags over environment over file over defaults; what is wrong is named; secrets never print."""

import json
from pathlib import Path

import pytest

from medianode.errors import InvalidArgument
from medianode.settings import load, masked


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))


def test_flags_beat_environment_beats_file_beats_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "m.toml"
    file.write_text(
        'media_port = 1\nhttp = "127.0.0.1:1"\nworkers = 1\n[rooms]\nrooms = 5\npeers_per_room = 6\n'
    )
    monkeypatch.setenv("MEDIANODE_MEDIA_PORT", "2")
    monkeypatch.setenv("MEDIANODE_HTTP", "127.0.0.1:2")
    monkeypatch.setenv("MEDIANODE_ROOMS__ROOMS", "7")
    settings = load({"media_port": 3, "http": None}, file)
    assert (settings.media_port, settings.http, settings.workers) == (3, "127.0.0.1:2", 1)
    assert (settings.rooms.rooms, settings.rooms.peers_per_room, settings.rooms.sources_per_peer) == (7, 6, 8)


def test_the_data_folder_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load({}).data_dir == tmp_path / "xdg" / "medianode"
    monkeypatch.setenv("MEDIANODE_DATA_DIR", "/elsewhere")
    assert load({}).data_dir == Path("/elsewhere")


def test_the_file_can_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.toml"
    file.write_text("workers = 2")
    monkeypatch.setenv("MEDIANODE_CONFIG", str(file))
    assert load({}).workers == 2


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("bogus = 1", "bogus"),
        ('http = "nonsense"', "http"),
        ('http = "h:99999"', "http"),
        ("media_port = 70000", "media_port"),
        ('announced_ips = ["nonsense"]', "announced_ips"),
        ('trusted_proxies = ["nonsense"]', "trusted_proxies"),
        ('tls_cert = "x.pem"', "go together"),
        ('[[ice_servers]]\nurl = "http://x"', "ice_servers"),
        ("[rooms]\nbogus = 1", "rooms.bogus"),
        (
            '[[webhooks.endpoints]]\nurl = "ftp://a.example"\nsecret = "0123456789abcdef"',
            "webhooks.endpoints",
        ),
        (
            '[[webhooks.endpoints]]\nurl = "https://u:p@a.example"\nsecret = "0123456789abcdef"',
            "webhooks.endpoints",
        ),
        ('[[webhooks.endpoints]]\nurl = "https://a.example"\nsecret = "short"', "secret"),
        ('[webhooks]\nallowed_networks = ["nonsense"]', "allowed_networks"),
        ("[history]\ndays = 0", "history.days"),
        ("not toml", "settings"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, where: str) -> None:
    file = tmp_path / "m.toml"
    file.write_text(text)
    with pytest.raises(InvalidArgument, match=where):
        load({}, file)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no settings file"):
        load({}, tmp_path / "none.toml")


def test_secrets_never_print(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text('[[ice_servers]]\nurl = "turn:t.example"\nusername = "u"\ncredential = "hush"\n')
    settings = load({}, file)
    assert settings.ice_servers[0].credential is not None
    assert settings.ice_servers[0].credential.get_secret_value() == "hush"
    assert "hush" not in json.dumps(masked(settings)) + repr(settings)


def test_webhooks_come_from_the_environment_and_their_secrets_stay_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint = {"url": "https://a.example/hook?x=1", "secret": "hush" * 8, "events": ["meeting:ended"]}
    monkeypatch.setenv("MEDIANODE_WEBHOOKS__ENDPOINTS", json.dumps([endpoint]))
    monkeypatch.setenv("MEDIANODE_WEBHOOKS__ALLOWED_NETWORKS", "10.0.0.0/8, fd00::/8")
    settings = load({})
    assert settings.webhooks.endpoints[0].secret.get_secret_value() == "hush" * 8
    assert settings.webhooks.allowed_networks == ["10.0.0.0/8", "fd00::/8"]
    assert "hush" not in json.dumps(masked(settings)) + repr(settings)
    monkeypatch.setenv("MEDIANODE_WEBHOOKS__ENDPOINTS", json.dumps([endpoint, endpoint]))
    with pytest.raises(InvalidArgument, match="same url") as refused:
        load({})
    assert "hush" not in str(refused.value)
