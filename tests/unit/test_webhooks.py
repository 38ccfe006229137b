"""Webhooks: payloads, signatures, and which addresses are public."""

import hashlib
import hmac
import ipaddress

import pytest

from medianode.history.records import (
    Participant,
    ParticipantJoined,
    ParticipantLeft,
    RoomSession,
    SessionEnded,
    SessionStarted,
    TrackPublished,
    TrackUnpublished,
)
from medianode.outbound import is_public
from medianode.rest.metrics import metrics_text
from medianode.rooms.announce import ClientInfo
from medianode.wallet.facts import WalletFacts
from medianode.webhooks.events import event_of
from medianode.webhooks.outbox import Endpoint
from medianode.webhooks.signature import body_of, sign
from medianode.webhooks.user_agent import browser_of, device_of
from tests.unit.conftest import World

CHROME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.1 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36 Edg/130.0.1"
)


def test_payloads_are_those_of_the_sdk() -> None:
    session = RoomSession("s", "r", 1000.0, None, 1, 1, 1, 0, 0)
    ended = RoomSession("s", "r", 1000.0, 1090.5, 2, 0, 2, 61.0, 29.0)
    ann = Participant("s", "ann", "host", '{"a":1}', 1000.0, 1001.5, None)
    gone = Participant("s", "ann", "host", None, 1000.0, 1001.5, 1003.0)
    client = ClientInfo("core@2.6.4", "EU", "DE", CHROME)
    assert event_of(SessionStarted(session)) == (
        "meeting:started",
        {"sessionId": "s", "roomId": "r", "createdAt": 1_000_000},
    )
    assert event_of(SessionEnded(ended)) == (
        "meeting:ended",
        {
            "sessionId": "s",
            "roomId": "r",
            "createdAt": 1_000_000,
            "endedAt": 1_090_500,
            "duration": 90_500,
            "participants": 2,
            "maxParticipants": 2,
            "audioMinutes": 1,
            "videoMinutes": 0,
        },
    )
    assert event_of(ParticipantJoined("r", ann, client)) == (
        "peer:joined",
        {
            "id": "ann",
            "sessionId": "s",
            "roomId": "r",
            "joinedAt": 1_001_500,
            "metadata": '{"a":1}',
            "role": "host",
            "version": "core@2.6.4",
            "browser": {"name": "Chrome", "version": "131.0.0.0"},
            "geoData": {"region": "EU", "country": "DE"},
            "device": {"model": "Pixel 8", "type": "mobile"},
        },
    )
    assert event_of(ParticipantJoined("r", gone, None))[1] == {
        "id": "ann",
        "sessionId": "s",
        "roomId": "r",
        "joinedAt": 1_001_500,
        "role": "host",
        "browser": {},
        "device": {},
    }
    assert event_of(ParticipantLeft("r", gone)) == (
        "peer:left",
        {"id": "ann", "sessionId": "s", "roomId": "r", "leftAt": 1_003_000, "duration": 1500, "role": "host"},
    )
    assert event_of(TrackPublished("ann", "video")) == (
        "peer:trackPublished",
        {"id": "ann", "track": "video"},
    )
    assert event_of(TrackUnpublished("ann", "video"))[0] == "peer:trackUnpublished"


@pytest.mark.parametrize(
    ("agent", "browser", "device"),
    [
        (CHROME, ("Chrome", "131.0.0.0"), ("Pixel 8", "mobile", None)),
        (
            IPHONE,
            ("Safari", "17.1"),
            ("iPhone", "mobile", "Apple"),
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            ("Firefox", "140.0"),
            (None, None, None),
        ),
        (
            EDGE,
            ("Edge", "130.0.1"),
            (None, None, None),
        ),
        ("curl/8", (None, None), (None, None, None)),
        ("(" * 100_000, (None, None), (None, None, None)),
    ],
)
def test_browsers_and_devices_are_named(
    agent: str, browser: tuple[str | None, ...], device: tuple[str | None, ...]
) -> None:
    named, made = browser_of(agent), device_of(agent)
    assert (named.get("name"), named.get("version")) == browser
    assert (made.get("model"), made.get("type"), made.get("vendor")) == device


def test_the_signature_covers_id_time_and_the_text_as_javascript_writes_it() -> None:
    body = body_of("id1", "peer:joined", {"metadata": '{"é":"\u2028"}', "n": 1})
    assert body == '{"id":"id1","event":"peer:joined","payload":{"metadata":"{\\"é\\":\\"\u2028\\"}","n":1}}'
    header = sign("key", "id1", body, 1.5)
    expected = hmac.new(b"key", f"id1.1500.{body}".encode(), hashlib.sha256).hexdigest()
    assert header == f"t=1500,sha256={expected}"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.88.99.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:53aa:64c:0:0:80ff:fffe",
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_outside_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


async def test_what_became_of_events_is_counted_without_an_address(world: World) -> None:
    endpoint = Endpoint("https://app.example/hook", "s" * 32, frozenset())
    endpoint.counts["dropped"] = 7
    text = metrics_text(world.rooms.directory, {}, 3, [endpoint], WalletFacts("opening", None))
    assert "medianode_history_facts_lost_total 3\n" in text
    assert 'medianode_webhooks_total{endpoint="0",outcome="dropped"} 7\n' in text
    assert "app.example" not in text
