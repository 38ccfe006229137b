"""Of every signature exactly one form is accepted, and contracts speak for themselves."""

import pytest

from medianode.errors import InvalidArgument, PermissionDenied
from medianode.wallet.typed.owner import CALL_GAS, IS_VALID_SIGNATURE, check_owner
from medianode.wallet.typed.signature import CURVE_ORDER, check_form, join, recover
from tests.support import signed
from tests.support.signed import OTHER, SIGNER

DATA = signed.report()
DIGEST = DATA.digest()
BLOCK = 12
CONTRACT = "0x" + "44" * 20


async def good() -> bytes:
    return await SIGNER.sign_digest(DIGEST, DATA)


async def test_a_signature_names_its_signer() -> None:
    assert recover(DIGEST, await good()) == SIGNER.address


async def test_the_twin_with_high_s_is_refused() -> None:
    r, s, v = _parts(await good())
    twin = r + (CURVE_ORDER - int.from_bytes(s)).to_bytes(32) + bytes([55 - v])
    with pytest.raises(InvalidArgument, match="lower half"):
        recover(DIGEST, twin)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 35, 255])
async def test_v_is_27_or_28(v: int) -> None:
    with pytest.raises(InvalidArgument, match="v of a signature"):
        recover(DIGEST, (await good())[:64] + bytes([v]))


@pytest.mark.parametrize("size", [0, 1, 64, 66, 130])
async def test_a_signature_has_65_bytes(size: int) -> None:
    with pytest.raises(InvalidArgument, match="65 bytes"):
        recover(DIGEST, ((await good()) * 2)[:size])


@pytest.mark.parametrize(("r", "s"), [(0, 1), (CURVE_ORDER, 1), (1, 0), (2**256 - 1, 1), (1, CURVE_ORDER)])
def test_numbers_out_of_range(r: int, s: int) -> None:
    with pytest.raises(InvalidArgument):
        check_form(r.to_bytes(32) + s.to_bytes(32) + b"\x1b")


def test_a_point_that_is_not_on_the_curve() -> None:
    with pytest.raises(InvalidArgument, match="fits no key"):
        recover(DIGEST, (5).to_bytes(32) + (1).to_bytes(32) + b"\x1b")


async def test_what_an_hsm_gives_is_brought_into_the_form() -> None:
    r, s, _ = _parts(await good())
    low, high = int.from_bytes(s), CURVE_ORDER - int.from_bytes(s)
    for given in (low, high):
        assert join(int.from_bytes(r), given, DIGEST, SIGNER.address) == await good()
    with pytest.raises(InvalidArgument, match=r"not by the key"):
        join(int.from_bytes(r), low, DIGEST, OTHER.address)


class Chain:
    """One contract, and what it answers."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, bytes, int, int]] = []

    async def code(self, address: str, height: int) -> bytes:
        assert height == BLOCK
        return b"\x60" if address == CONTRACT else b""

    async def call(self, to: str, data: bytes, height: int, gas: int) -> bytes | None:
        self.asked.append((to, data, height, gas))
        return self.answer


YES = IS_VALID_SIGNATURE + bytes(28)


async def test_a_contract_is_asked_at_the_pinned_block() -> None:
    chain = Chain(YES)
    await check_owner(CONTRACT, DIGEST, b"any form", chain, BLOCK)
    ((to, data, block, gas),) = chain.asked
    assert (to, block, gas) == (CONTRACT, BLOCK, CALL_GAS)
    assert data == (
        IS_VALID_SIGNATURE + DIGEST + (64).to_bytes(32) + (8).to_bytes(32) + b"any form" + bytes(24)
    )


@pytest.mark.parametrize(
    "answer", [None, b"", IS_VALID_SIGNATURE, bytes(32), YES + bytes(32), b"\xff" * 32, b"\x01".rjust(32)]
)
async def test_anything_but_the_magic_value_is_no(answer: bytes | None) -> None:
    with pytest.raises(PermissionDenied, match="does not approve"):
        await check_owner(CONTRACT, DIGEST, await good(), Chain(answer), BLOCK)


async def test_an_account_without_code_signs_itself() -> None:
    chain = Chain(YES)
    await check_owner(SIGNER.address, DIGEST, await good(), chain, BLOCK)
    assert chain.asked == []
    with pytest.raises(PermissionDenied, match="signed by"):
        await check_owner(OTHER.address, DIGEST, await good(), chain, BLOCK)


async def test_a_huge_signature_is_not_sent_on() -> None:
    chain = Chain(YES)
    with pytest.raises(PermissionDenied):
        await check_owner(CONTRACT, DIGEST, bytes(100_000), chain, BLOCK)
    assert chain.asked == []


def _parts(signature: bytes) -> tuple[bytes, bytes, int]:
    return signature[:32], signature[32:64], signature[64]
