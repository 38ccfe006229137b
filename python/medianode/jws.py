"""Mints and verifies the tokens of clients: JWT (RFC 7519) with one pinned algorithm. Refuses to know what a role allows."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from medianode.clock import Clock
from medianode.errors import InvalidArgument, StorageUnavailable, Unauthenticated
from medianode.ids import is_name

ALGORITHM = "HS256"
ISSUER = "medianode"
AUDIENCE = "medianode:client"
KEY_FILE = "client-token.key"
KEY_BYTES = 32
LEEWAY_S = 5
MAX_TOKEN_CHARS = 16 * 1024
"""Room for 5 KiB of metadata, each byte of it escaped."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    room: str
    role: str
    subject: str
    peer: str | None
    expires_at: float
    permissions: Mapping[str, object] | None = None
    """As Huddle01's tokens have them; none: those of the role."""
    metadata: str | None = None
    max_peers: int | None = None


@dataclass(frozen=True, slots=True)
class Extras:
    """What a token may say beside room, role and name."""

    permissions: Mapping[str, object] | None = None
    metadata: str | None = None
    max_peers: int | None = None


class TokenMint:
    """Mints and verifies tokens with one symmetric key."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        if len(key) < KEY_BYTES:
            raise InvalidArgument(f"a token key needs {KEY_BYTES} bytes, got {len(key)}")
        self._key = key
        self._clock = clock

    def mint(self, room: str, role: str, peer: str | None, ttl_s: float, extras: Extras | None = None) -> str:
        """Makes a token that opens one room for one role until ``ttl_s`` seconds from now."""
        if ttl_s <= 0:
            raise InvalidArgument(f"a token must live longer than {ttl_s} s")
        if not is_name(room):
            raise InvalidArgument(f"{room!r} cannot be the name of a room")
        if peer is not None and not is_name(peer):
            raise InvalidArgument(f"{peer!r} cannot be the name of a peer")
        now = int(self._clock.now())
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + max(1, int(ttl_s)),
            "jti": secrets.token_hex(8),
            "room": room,
            "role": role,
        }
        # Two tokens for one named peer speak for the same subject; a nameless one speaks for itself only.
        claims["sub"] = f"peer:{peer}" if peer is not None else f"token:{claims['jti']}"
        if peer is not None:
            claims["peer"] = peer
        claims |= _said(extras or Extras())
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, json_encoder=_Utf8Encoder)

    def verify(self, token: str) -> Claims:
        """Checks signature, issuer, audience and times. One error for every cause: a prober learns nothing from it."""
        if len(token) > MAX_TOKEN_CHARS:
            raise Unauthenticated("the token is not valid")
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                # The times are checked below, against the clock that we were given.
                options={
                    "require": ["exp", "nbf", "iat", "iss", "aud", "sub", "room", "role"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthenticated("the token is not valid") from error
        return self._checked(claims)

    def _checked(self, claims: dict[str, object]) -> Claims:
        now = self._clock.now()
        expires, starts = claims["exp"], claims["nbf"]
        room, role, subject, peer = claims["room"], claims["role"], claims["sub"], claims.get("peer")
        if not (
            _is_time(expires)
            and _is_time(starts)
            and isinstance(room, str)
            and isinstance(role, str)
            and isinstance(subject, str)
            and (peer is None or isinstance(peer, str))
        ):
            raise Unauthenticated("the token is not valid")
        assert isinstance(expires, int | float)  # noqa: S101 - narrowed by _is_time
        assert isinstance(starts, int | float)  # noqa: S101
        if now > expires + LEEWAY_S or now < starts - LEEWAY_S:
            raise Unauthenticated("the token is not valid")
        extras = _extras(claims)
        return Claims(
            room, role, subject, peer, float(expires), extras.permissions, extras.metadata, extras.max_peers
        )


class _Utf8Encoder(json.JSONEncoder):
    """Writes text as it is: escapes would triple the length of what is not ASCII."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the library's own
        super().__init__(**{**options, "ensure_ascii": False})


def _said(extras: Extras) -> dict[str, object]:
    fields = {
        "permissions": dict(extras.permissions) if extras.permissions is not None else None,
        "metadata": extras.metadata,
        "max_peers": extras.max_peers,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _extras(claims: dict[str, object]) -> Extras:
    permissions, metadata = claims.get("permissions"), claims.get("metadata")
    max_peers = claims.get("max_peers")
    if (
        not (permissions is None or isinstance(permissions, dict))
        or not (metadata is None or isinstance(metadata, str))
        or not (max_peers is None or (isinstance(max_peers, int) and max_peers > 0))
    ):
        raise Unauthenticated("the token is not valid")
    return Extras(permissions, metadata, max_peers)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def load_key(data_dir: Path) -> bytes:
    """Reads the token key of a data folder, making it on first use. Safe to call from several processes at once."""
    path = data_dir / KEY_FILE
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create_once(path, secrets.token_hex(KEY_BYTES))
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise StorageUnavailable(f"cannot use the token key {path}: {error}") from error
    if len(key) < KEY_BYTES:
        raise StorageUnavailable(f"the token key {path} is too short; delete it to get a new one")
    return key


def _create_once(path: Path, text: str) -> None:
    """Writes a secret that no reader sees half-written and of which the first writer's version stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
