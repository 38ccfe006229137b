"""No token passes into a log, and no address above DEBUG."""

import io
import json
import logging

import pytest
import structlog

from medianode import log
from medianode.jws import TokenMint
from tests.unit.conftest import FakeClock

TOKEN = TokenMint(b"k" * 32, FakeClock()).mint("r", "host", "ann", 60)


@pytest.fixture
def out():
    stream, before = io.StringIO(), structlog.get_config()
    log.configure("json", "debug", stream)
    yield stream
    structlog.configure(**before)


@pytest.mark.parametrize("secret", [TOKEN, "mnk_01234567_abcdef", f"Bearer {TOKEN}", "bearer whatever"])
def test_tokens_are_hidden_at_every_level(out: io.StringIO, secret: str) -> None:
    structlog.get_logger("x").debug(f"got {secret}", header=secret, nested={"a": [secret]})
    logging.getLogger("library").info("got %s", secret)
    assert secret.removeprefix("Bearer ") not in out.getvalue()


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7", "fe80::1%eth0", "::ffff:203.0.113.7"])
def test_addresses_are_hidden_above_debug(out: io.StringIO, address: str) -> None:
    logger = structlog.get_logger("x")
    logger.info(f"from {address} port 5", peer=address)
    logger.warning("x", pair=(address, 5))
    assert address.split("%", maxsplit=1)[0] not in out.getvalue()
    logger.debug(f"from {address}")
    assert address in out.getvalue()


def test_a_line_is_one_document(out: io.StringIO) -> None:
    structlog.get_logger("x").info("session\nended", name='"\n\x1b[31m')
    line, rest = out.getvalue().split("\n", 1)
    assert rest == ""
    assert json.loads(line)["event"] == "session\nended"


def test_versions_and_times_stay() -> None:
    for text in ("12:34:56", "AA:BB:CC", "room-1.2", "sha-256 AB:CD:EF:01"):
        assert log.clean_text(text) == text
