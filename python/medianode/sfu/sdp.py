"""SDP to and from parameters, by the core's pure functions. Owns the typed face; only ``signalling`` speaks SDP."""

from dataclasses import dataclass
from typing import Any, Protocol

from medianode.sfu.commands import IceReply, TransportReply
from medianode.sfu.params import DtlsParameters, MediaKind, RtpParameters, SctpParameters


@dataclass(frozen=True, slots=True)
class Leg:
    """One media line that was accepted: what a producer sends, or what a consumer may be sent."""

    kind: MediaKind
    rtp: RtpParameters


@dataclass(frozen=True, slots=True)
class Plan:
    """What an offer leads to: the legs to create, what to connect them with, and the answer but for our transport."""

    legs: tuple[Leg, ...]
    dtls: DtlsParameters
    sctp: SctpParameters | None
    remote_ufrag: str
    answer: Any
    """The core's own half-made answer, as JSON values."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a trickle message (RFC 8840) says of the peer's ICE credentials."""

    ufrag: str | None
    password: str | None


class Sdp(Protocol):
    """Reads offers and writes answers. ``InvalidArgument`` means malformed, ``Unsupported`` that it cannot work."""

    def publish(self, offer: str) -> Plan:
        """Plans a publisher's session."""

    def play(self, offer: str) -> Plan:
        """Plans a player's session."""

    def answer(self, plan: Plan, transport: TransportReply) -> str:
        """Completes the answer with our transport's parameters."""

    def read_fragment(self, text: str) -> Fragment:
        """Reads a trickle message."""

    def write_fragment(self, plan: Plan, ice: IceReply) -> str:
        """Writes the answer to an ICE restart."""
