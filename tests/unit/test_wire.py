"""What crosses the border to the core keeps its meaning."""

import dataclasses
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medianode.sfu import wire
from medianode.sfu.commands import (
    Command,
    CreateConsumer,
    CreateWebRtcTransport,
    Refusal,
    RefusalKind,
    SwitchConsumer,
)
from medianode.sfu.events import AudioLevels, CloseCause, Event, TransportClosed, TransportConnected
from medianode.sfu.params import Layer, MediaKind, RtpParameters, SrtpProfile
from tests.support.fake_sfu import rtp


def test_tags_are_snake_case() -> None:
    assert wire.encode_tagged(SwitchConsumer(1, None)) == {
        "type": "switch_consumer",
        "consumer": 1,
        "producer": None,
    }  # type: ignore[arg-type]
    assert wire.encode_tagged(CreateWebRtcTransport(1, 2))["type"] == "create_web_rtc_transport"  # type: ignore[arg-type]


def test_events_are_read() -> None:
    kinds = wire.tags(Event)
    item = {
        "type": "transport_connected",
        "transport": 7,
        "srtp_profile": "AEAD_AES_256_GCM",
        "dtls_version": "1.2",
    }
    assert wire.decode(kinds[item["type"]], item) == TransportConnected(
        7, SrtpProfile.AEAD_AES_256_GCM, "1.2"
    )  # type: ignore[arg-type]
    closed = {"type": "transport_closed", "transport": 7, "cause": "consent_lost", "more": "ignored"}
    assert wire.decode(kinds["transport_closed"], closed) == TransportClosed(7, CloseCause.CONSENT_LOST)  # type: ignore[arg-type]
    levels = {"type": "audio_levels", "router": 1, "levels": [[5, -30]]}
    assert wire.decode(kinds["audio_levels"], levels) == AudioLevels(1, ((5, -30),))  # type: ignore[arg-type]
    refusal = wire.decode(Refusal, {"kind": "limit_reached", "detail": "x"})
    assert refusal == Refusal(RefusalKind.LIMIT_REACHED, "x")


@pytest.mark.parametrize("kind", MediaKind)
def test_parameters_survive_the_trip(kind: MediaKind) -> None:
    assert wire.decode(RtpParameters, wire.encode(rtp(kind))) == rtp(kind)
    command = CreateConsumer(1, 2, kind, rtp(kind))  # type: ignore[arg-type]
    assert wire.decode(CreateConsumer, wire.encode_tagged(command)) == command


@given(st.integers(0, 255), st.integers(0, 255))
def test_layers_survive_the_trip(spatial: int, temporal: int) -> None:
    layer = Layer(spatial, temporal)
    assert wire.decode(Layer, wire.encode(layer)) == layer


@pytest.mark.parametrize("kind", [*typing.get_args(Command), *typing.get_args(Event)])
def test_every_shape_is_frozen_and_understood(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    wire._decoder(kind)
