"""Who is at the other end: challenge and response with the key of a node (``Auth``). Owns nonces; holds no key.

The verifier gives out a nonce, the prover signs it together with whom it means to reach and which channel it came by; a
token for the session may follow. A response is good once, for a minute.
"""

import secrets
from dataclasses import dataclass
from typing import ClassVar

from medianode.clock import Clock
from medianode.errors import LimitReached, Unauthenticated
from medianode.wallet.typed.eip712 import Domain, Message, TypedData
from medianode.wallet.typed.signature import recover
from medianode.wallet.typed.values import ZERO_ADDRESS, Address, Bytes32, Text, Uint64

LIFETIME_S = 60
CLOCK_SKEW_S = 5
MAX_CHALLENGES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth(Message):
    """Says: this key speaks to this audience over this channel. Times are in seconds since 1970."""

    DOMAIN: ClassVar[str | None] = "MediaAuth"
    SIGNED_BY: ClassVar[str | None] = "signer"

    signer: Address
    audience: Text
    """The verifier's name, which it compares with its own."""
    nonce: Bytes32
    issued_at: Uint64
    expires: Uint64
    channel_binding: Bytes32
    """TLS exporter value or certificate hash; zeros on a channel without TLS."""


def auth_domain(chain_id: int = 0, registry: str = ZERO_ADDRESS) -> Domain:
    """Returns the domain of ``Auth``: that of the registry which both sides use, or of none (chain id 0, zero address)."""
    return Domain("MediaAuth", chain_id, registry)


class Challenges:
    """The nonces of one verifier: each is accepted once, until it expires. Bounded."""

    def __init__(self, audience: str, domain: Domain, clock: Clock, most: int = MAX_CHALLENGES) -> None:
        self._audience = audience
        self._domain = domain
        self._clock = clock
        self._most = most
        self._open: dict[bytes, float] = {}

    def issue(self) -> bytes:
        """Gives out a nonce of 32 random bytes."""
        now = self._clock.now()
        # Insertion order is order of expiry.
        while self._open and next(iter(self._open.values())) <= now:
            del self._open[next(iter(self._open))]
        if len(self._open) >= self._most:
            raise LimitReached("too many unanswered challenges", retry_after=LIFETIME_S)
        nonce = secrets.token_bytes(32)
        self._open[nonce] = now + LIFETIME_S
        return nonce

    def accept(self, auth: Auth, signature: bytes, channel_binding: bytes) -> str:
        """Returns the address that answered; raises ``Unauthenticated`` with the reason. The nonce is used up either way."""
        expires = self._open.pop(auth.nonce, None)
        if expires is None or expires <= self._clock.now():
            raise Unauthenticated("the nonce was not given out, was used before, or is too old")
        judge(auth, audience=self._audience, now=self._clock.now(), channel_binding=channel_binding)
        signer = recover(TypedData(self._domain, auth).digest(), signature)
        if signer != auth.signer:
            raise Unauthenticated(f"signed by {signer}, not by {auth.signer}")
        return signer


def judge(auth: Auth, *, audience: str, now: float, channel_binding: bytes) -> None:
    """Raises ``Unauthenticated`` unless the message is for this audience and channel, and in time."""
    if auth.audience != audience:
        raise Unauthenticated(f"meant for {auth.audience!r}, not for {audience!r}")
    if not secrets.compare_digest(auth.channel_binding, channel_binding):
        raise Unauthenticated("bound to another channel")
    if auth.issued_at > now + CLOCK_SKEW_S:
        raise Unauthenticated("issued in the future")
    if auth.expires <= now or auth.expires - auth.issued_at > LIFETIME_S:
        raise Unauthenticated(f"expired, or good for more than {LIFETIME_S} s")
