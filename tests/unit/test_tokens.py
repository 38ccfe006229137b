"""Tokens: what is good, what is refused, and that nobody learns why."""

import base64
import json
import threading
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medianode.errors import InvalidArgument, PermissionDenied, StorageUnavailable, Unauthenticated
from medianode.jws import AUDIENCE, ISSUER, KEY_FILE, TokenMint, load_key
from medianode.rooms.roles import Role
from medianode.rooms.tokens import grant_of
from tests.unit.conftest import FakeClock

KEY = b"k" * 32
GOOD = {
    "iss": ISSUER, "aud": AUDIENCE, "iat": 1_000_000, "nbf": 1_000_000, "exp": 1_000_060, "sub": "peer:ann",
    "room": "r", "role": "guest", "peer": "ann",
}  # fmt: skip


def mint() -> TokenMint:
    return TokenMint(KEY, FakeClock())


def forged(changes: dict[str, object], key: bytes = KEY, algorithm: str = "HS256") -> str:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm)


def unsigned(header: dict[str, object], claims: dict[str, object]) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    ]
    return ".".join([*parts, ""])


def test_a_token_says_what_it_was_made_from() -> None:
    grant = grant_of(mint().verify(mint().mint("r", "speaker", "ann", 60)))
    assert (grant.room, grant.peer, grant.role, grant.subject) == ("r", "ann", Role.SPEAKER, "peer:ann")


def test_nameless_tokens_have_subjects_of_their_own() -> None:
    first, second = (mint().verify(mint().mint("r", "guest", None, 60)) for _ in range(2))
    assert first.subject != second.subject


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "eyJhbGciOiJub25lIn0..",
        "x" * 5000,
        unsigned({"alg": "none"}, GOOD),
        unsigned({"alg": "None", "typ": "JWT"}, GOOD),
        forged({}, b"z" * 32),
        forged({}, KEY, "HS384") if False else jwt.encode(GOOD, b"k" * 64, algorithm="HS512"),
        forged({"iss": "other"}),
        forged({"aud": "other"}),
        forged({"exp": 999_000}),
        forged({"nbf": 1_001_000}),
        forged({"exp": None}),
        forged({"room": None}),
        forged({"room": 3}),
        forged({"peer": 3}),
        forged({"role": ["host"]}),
        jwt.encode(GOOD, KEY, algorithm="HS256", headers={"crit": ["exp"]}),
    ],
)
def test_what_is_not_ours_is_refused_with_one_text(token: str) -> None:
    with pytest.raises(Unauthenticated, match=r"^the token is not valid$"):
        mint().verify(token)


@pytest.mark.parametrize("changes", [{"role": "king"}, {"room": "a b"}, {"peer": "~x"}, {"room": ""}])
def test_claims_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated):
        grant_of(mint().verify(forged(changes)))


@given(st.text(max_size=200))
def test_no_text_breaks_verification(text: str) -> None:
    with pytest.raises(Unauthenticated):
        mint().verify(text)


@given(st.binary(min_size=1, max_size=3), st.integers(0, 200))
def test_no_changed_token_verifies(change: bytes, where: int) -> None:
    token = bytearray(mint().mint("r", "host", "ann", 60).encode())
    where %= len(token) - len(change)
    if token[where : where + len(change)] == change:
        return
    token[where : where + len(change)] = change
    try:
        claims = mint().verify(token.decode("latin-1"))
    except Unauthenticated:
        return
    # Unused bits at the end of base64 may change without changing a byte.
    assert claims.room == "r"
    assert where + len(change) == len(token)


def test_a_grant_is_for_one_room_and_one_name() -> None:
    grant = grant_of(mint().verify(forged({})))
    with pytest.raises(PermissionDenied):
        grant.for_room("other")
    with pytest.raises(PermissionDenied):
        grant.names("bob")
    assert grant.names(None) == grant.names("ann") == "ann"


@pytest.mark.parametrize(
    ("room", "peer", "ttl"), [("a b", None, 60), ("r", "~", 60), ("r", None, 0), ("r", None, -5)]
)
def test_tokens_that_make_no_sense_are_not_minted(room: str, peer: str | None, ttl: float) -> None:
    with pytest.raises(InvalidArgument):
        mint().mint(room, "guest", peer, ttl)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(load_key(tmp_path / "d"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(keys) == 8
    assert (tmp_path / "d" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "d").iterdir()] == [KEY_FILE]


def test_a_broken_key_is_said(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("00")
    with pytest.raises(StorageUnavailable, match="too short"):
        load_key(tmp_path)
    (tmp_path / KEY_FILE).write_text("not hex")
    with pytest.raises(StorageUnavailable):
        load_key(tmp_path)
