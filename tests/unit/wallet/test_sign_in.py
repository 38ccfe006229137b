"""Sign-in texts and challenges: the grammar to the letter, one domain, one nonce, in time, once."""

from dataclasses import replace
from typing import Any

import pytest

from medianode.errors import InvalidArgument, LimitReached, Unauthenticated
from medianode.wallet.typed.auth import LIFETIME_S, Auth, Challenges, auth_domain
from medianode.wallet.typed.eip712 import TypedData
from medianode.wallet.typed.siwe import SignInMessage
from tests.support import signed
from tests.support.signed import OTHER, SIGNER
from tests.unit.conftest import FakeClock

FULL = signed.sign_in_text(
    scheme="https",
    statement="Let me in.",
    expiration_time="2026-01-02T04:04:05Z",
    not_before="2026-01-02T03:30:00+00:00",
    request_id="r-1",
    resources=("https://node.example/admin",),
)
TEXT = FULL.text()
ISSUED = 1767323045.0
"""2026-01-02T03:04:05Z."""


def test_a_text_is_read_as_it_was_written() -> None:
    for message in (
        FULL,
        signed.sign_in_text(),
        signed.sign_in_text(resources=()),
        signed.sign_in_text(request_id=""),
    ):
        assert SignInMessage.parse(message.text()) == message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Let me in.", "Let\nme in."),
        ("Let me in.", "Lét me in."),
        ("Let me in.", "Let me in\\."),
        ("\n\nURI", "\nURI"),
        ("URI: https", "URI: //https"),
        ("URI: ", "Uri: "),
        ("URI: ", "URI:"),
        ("Version: 1", "Version: 2"),
        ("Version: 1\nChain ID: 31337", "Chain ID: 31337\nVersion: 1"),
        ("Chain ID: 31337", "Chain ID: -1"),
        ("Chain ID: 31337", "Chain ID: 31٣37"),
        ("Nonce: abcd1234EFGH", "Nonce: abc1234"),
        ("Nonce: abcd1234EFGH", "Nonce: abcd-1234-EFGH"),
        ("2026-01-02T03:04:05.000Z", "2026-01-02 03:04:05Z"),
        ("2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05"),
        ("2026-01-02T03:04:05.000Z", "2026-02-30T03:04:05Z"),
        ("2026-01-02T04:04:05Z", "2026-01-02T25:04:05Z"),
        ("Expiration Time", "Expiry Time"),
        (
            "Not Before: 2026-01-02T03:30:00+00:00\nRequest ID: r-1",
            "Request ID: r-1\nNot Before: 2026-01-02T03:30:00+00:00",
        ),
        ("Request ID: r-1", "Request ID: r 1"),
        ("\n- https", "\n-https"),
        ("node.example:8080 wants", "node.example:8080/ wants"),
        ("node.example:8080 wants", "node.example wants\nnode.example wants"),
        (SIGNER.address, SIGNER.address.lower()),
        (SIGNER.address, SIGNER.address[:-1]),
        (" wants you", "  wants you"),
        ("https://node.example:8080 wants", "://node.example:8080 wants"),
    ],
)
def test_a_text_of_another_form_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(InvalidArgument):
        SignInMessage.parse(TEXT.replace(old, new, 1))


@pytest.mark.parametrize("change", ["\n", " ", "\r", "\n- https://x.example/", "\nResources:"])
def test_nothing_may_follow_or_precede(change: str) -> None:
    plain = signed.sign_in_text().text()
    for text in (change + plain, plain + change):
        if text != plain + "\nResources:":
            with pytest.raises(InvalidArgument):
                SignInMessage.parse(text)
    with pytest.raises(InvalidArgument):
        SignInMessage.parse(plain.replace("\n", "\r\n"))


@pytest.mark.parametrize(
    "fields",
    [
        {"statement": ""},
        {"statement": "a\nURI: https://evil.example"},
        {"uri": "nothing"},
        {"nonce": "short"},
        {"chain_id": -1},
    ],
)
def test_fields_cannot_smuggle_lines(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        signed.sign_in_text(**fields)


def judged(message: SignInMessage, **changes: Any) -> None:
    wanted = {"domain": "node.example:8080", "nonce": "abcd1234EFGH", "now": ISSUED + 1800, "chain_id": 31337}
    message.judge(**{**wanted, **changes})


def test_a_good_one_passes() -> None:
    judged(FULL)
    judged(FULL, chain_id=None)
    judged(signed.sign_in_text(), now=ISSUED)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"domain": "evil.example"}, "signed in to node.example:8080"),
        ({"domain": "node.example"}, "signed in to node.example:8080"),
        ({"nonce": "abcd1234efgh"}, "nonce"),
        ({"chain_id": 1}, "chain 31337"),
        ({"now": ISSUED - 10}, "in the future"),
        ({"now": ISSUED + 60}, "not good before"),
        ({"now": ISSUED + 3600}, "expired"),
    ],
)
def test_a_good_text_in_the_wrong_place_or_time(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unauthenticated, match=reason):
        judged(FULL, **changes)


def challenges(clock: FakeClock, most: int = 10) -> Challenges:
    return Challenges("orchestrator.example", auth_domain(), clock, most)


def answer(clock: FakeClock, nonce: bytes, **changes: Any) -> Auth:
    now = int(clock.now())
    fields = {
        "audience": "orchestrator.example",
        "nonce": nonce,
        "issued_at": now,
        "expires": now + LIFETIME_S,
    }
    return Auth(**{"signer": SIGNER.address, "channel_binding": b"\x01" * 32, **fields, **changes})


async def signature(message: Auth) -> bytes:
    data = TypedData(auth_domain(), message)
    return await SIGNER.sign_digest(data.digest(), data)


async def test_a_challenge_is_answered_once() -> None:
    clock = FakeClock()
    verifier = challenges(clock)
    message = answer(clock, verifier.issue())
    proof = await signature(message)
    assert verifier.accept(message, proof, b"\x01" * 32) == SIGNER.address
    with pytest.raises(Unauthenticated, match="used before"):
        verifier.accept(message, proof, b"\x01" * 32)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audience": "other.example"}, "meant for"),
        ({"channel_binding": bytes(32)}, "another channel"),
        ({"issued_at": 1_000_100, "expires": 1_000_150}, "future"),
        ({"issued_at": 999_900, "expires": 999_950}, "expired"),
        ({"expires": 2_000_000}, "more than 60 s"),
        ({"signer": OTHER.address}, "signed by"),
    ],
)
async def test_a_wrong_answer_uses_the_challenge_up(changes: dict[str, Any], reason: str) -> None:
    clock = FakeClock()
    verifier = challenges(clock)
    nonce = verifier.issue()
    wrong = answer(clock, nonce, **changes)
    with pytest.raises(Unauthenticated, match=reason):
        verifier.accept(wrong, await signature(wrong), b"\x01" * 32)
    right = answer(clock, nonce)
    with pytest.raises(Unauthenticated, match="used before"):
        verifier.accept(right, await signature(right), b"\x01" * 32)


async def test_a_nonce_that_was_not_given_out() -> None:
    clock = FakeClock()
    message = answer(clock, bytes(32))
    with pytest.raises(Unauthenticated, match="not given out"):
        challenges(clock).accept(message, await signature(message), b"\x01" * 32)


async def test_a_challenge_of_another_registry_does_not_count() -> None:
    clock = FakeClock()
    verifier = Challenges("orchestrator.example", auth_domain(1), clock)
    message = answer(clock, verifier.issue())
    with pytest.raises(Unauthenticated, match="signed by"):
        verifier.accept(message, await signature(message), b"\x01" * 32)


def test_challenges_are_bounded_and_expire() -> None:
    clock = FakeClock()
    verifier = challenges(clock, most=3)
    nonces = {verifier.issue() for _ in range(3)}
    assert len(nonces) == 3
    with pytest.raises(LimitReached):
        verifier.issue()
    clock.seconds += LIFETIME_S
    verifier.issue()


async def test_a_late_answer_is_refused() -> None:
    clock = FakeClock()
    verifier = challenges(clock)
    message = answer(clock, verifier.issue())
    clock.seconds += LIFETIME_S
    late = replace(message, issued_at=int(clock.now()), expires=int(clock.now()) + 1)
    with pytest.raises(Unauthenticated, match="too old"):
        verifier.accept(late, await signature(late), b"\x01" * 32)
