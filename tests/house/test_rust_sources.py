"""What Rust sources may not say outside their tests: clocks and threads in the pure crates, `unsafe` away from the sockets and
from what is asked for ahead, `unwrap`."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "rust"
UNSAFE_ROOMS = ("engine/src/net/", "load/src/net.rs", "sfu/src/prefetch.rs", "webrtc/src/srtp/aead.rs")


def product_code(folder: str) -> dict[str, str]:
    """Sources of a crate without comments and without what stands in test modules (which come last in a file)."""
    found = {}
    for path in sorted((ROOT / folder / "src").rglob("*.rs")):
        name = path.relative_to(ROOT).as_posix()
        if path.stem == "tests" or "/tests/" in name:
            continue
        text = re.split(r"#\[cfg\((?:all\()?test\b[^\n]*\]\s*(?:pub(?:\(crate\))? )?mod ", path.read_text())[
            0
        ]
        found[name] = re.sub(r"//[^\n]*", "", text)
    assert found
    return found


@pytest.mark.parametrize("crate", ["sfu", "webrtc"])
@pytest.mark.parametrize(
    "banned", [r"Instant::now\(", r"SystemTime\b", r"thread::", r"\bUdpSocket\b", r"\bTcp(Stream|Listener)\b"]
)
def test_pure_crates_are_told_the_time_and_own_no_system(crate, banned):
    assert [name for name, text in product_code(crate).items() if re.search(banned, text)] == []


@pytest.mark.parametrize("crate", ["sfu", "webrtc", "engine", "load", "py"])
def test_unsafe_stands_beside_the_sockets_and_what_is_asked_for_ahead(crate):
    sources = product_code(crate).items()
    assert [
        name for name, text in sources if re.search(r"\bunsafe\b", text) and not name.startswith(UNSAFE_ROOMS)
    ] == []


@pytest.mark.parametrize("crate", ["sfu", "webrtc", "engine", "load", "py"])
def test_nothing_unwraps_outside_tests(crate):
    assert [name for name, text in product_code(crate).items() if re.search(r"\.unwrap\(\)", text)] == []


def test_one_file_reads_the_clock_of_the_engine():
    readers = [name for name, text in product_code("engine").items() if "Instant::now(" in text]
    assert readers == ["engine/src/clock.rs"]


def test_each_protocol_crate_is_named_in_one_file():
    sources = product_code("webrtc")
    for crate in ("rtc_stun", "rtc_sdp", "rtc_rtcp", "dimpl", "sctp_proto"):
        pattern = rf"(?<![\w:]){crate}::"
        naming = [name for name, text in sources.items() if re.search(rf"use {crate}|{pattern}", text)]
        others = [name for name in naming if f"crate::dtls::{crate}" not in sources[name]]
        assert len(others) <= 1, (crate, others)


def test_no_file_grows_beyond_eight_hundred_lines():
    for crate in ("sfu", "webrtc", "engine", "load", "py"):
        for name, text in product_code(crate).items():
            assert text.count("\n") <= 800, name
