"""Names of things, shared by all packages. Owns the types and the source of numbers; refuses to know what they name."""

import hashlib
import itertools
import re
import secrets
from collections.abc import Iterator
from typing import NewType

RouterId = NewType("RouterId", int)
TransportId = NewType("TransportId", int)
ProducerId = NewType("ProducerId", int)
ConsumerId = NewType("ConsumerId", int)
DataProducerId = NewType("DataProducerId", int)
DataConsumerId = NewType("DataConsumerId", int)

RoomName = NewType("RoomName", str)
PeerName = NewType("PeerName", str)
SourceLabel = NewType("SourceLabel", str)
SessionId = NewType("SessionId", str)

CAMERA = SourceLabel("camera")
SCREEN = SourceLabel("screen")

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""What a client may call a room, a peer or a label. A tilde begins the names that we give."""

_NAME = re.compile(NAME_PATTERN)


def is_name(text: str) -> bool:
    """Says whether a client may use this text as the name of a room, a peer or a label."""
    return _NAME.fullmatch(text) is not None


def session_id() -> SessionId:
    """Makes an unguessable name for one WHIP or WHEP session: 128 random bits."""
    return SessionId(secrets.token_urlsafe(16))


def given_name() -> PeerName:
    """Makes a name for a peer whose token has none; no client can choose it."""
    return PeerName("~" + secrets.token_hex(5))


def name_of_subject(subject: str) -> PeerName:
    """Makes a name for a peer whose token has none, the same whenever that token comes back; no client can choose it."""
    return PeerName("~" + hashlib.sha256(subject.encode()).hexdigest()[:10])


def run_id() -> str:
    """Makes a URL-safe name for one run of a room: 128 random bits."""
    return secrets.token_urlsafe(16)


class IdSource:
    """Hands out the numbers by which the core knows its objects; each is used once in a process."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = itertools.count(1)

    def router(self) -> RouterId:
        """Names a router."""
        return RouterId(next(self._numbers))

    def transport(self) -> TransportId:
        """Names a transport."""
        return TransportId(next(self._numbers))

    def producer(self) -> ProducerId:
        """Names a producer."""
        return ProducerId(next(self._numbers))

    def consumer(self) -> ConsumerId:
        """Names a consumer."""
        return ConsumerId(next(self._numbers))

    def data_producer(self) -> DataProducerId:
        """Names a data producer."""
        return DataProducerId(next(self._numbers))

    def data_consumer(self) -> DataConsumerId:
        """Names a data consumer."""
        return DataConsumerId(next(self._numbers))
