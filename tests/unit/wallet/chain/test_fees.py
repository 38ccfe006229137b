"""What a transaction pays, and what it never pays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medianode.wallet.chain.fees import GWEI, FeeLimits, Fees, Market, bump, suggest
from medianode.wallet.chain.limits import Breaker, TokenBucket

LIMITS = FeeLimits(100 * GWEI, lazy_max_fee=20 * GWEI, min_tip=GWEI // 100, max_tip=3 * GWEI)
wei = st.integers(min_value=0, max_value=200 * GWEI)
markets = st.builds(Market, base_fee=wei, tip=st.none() | wei)


def test_a_history_is_read_without_rewards_too():
    full = {"baseFeePerGas": ["0x1", "0x2"], "reward": [["0x0"], ["0x5"], ["0x7"], ["0x9"]]}
    assert Market.read(full) == Market(2, 7)
    assert Market.read({"baseFeePerGas": ["0x1"], "reward": []}) == Market(1, None)
    assert Market.read({"baseFeePerGas": ["0x1"]}) == Market(1, None)


def test_a_suggestion_survives_a_doubled_base_fee():
    assert suggest(Market(10 * GWEI, GWEI), LIMITS) == Fees(21 * GWEI, GWEI)


def test_nothing_is_suggested_while_blocks_cost_more_than_allowed():
    assert suggest(Market(100 * GWEI, GWEI), LIMITS) is None


def test_what_is_lazy_waits_for_a_price_that_others_pay():
    assert LIMITS.lazy() == FeeLimits(20 * GWEI, 20 * GWEI, LIMITS.min_tip, LIMITS.max_tip)
    assert suggest(Market(20 * GWEI, GWEI), LIMITS.lazy()) is None
    assert suggest(Market(20 * GWEI, GWEI), LIMITS) == Fees(41 * GWEI, GWEI)
    assert suggest(Market(4 * GWEI, GWEI), LIMITS.lazy()) == Fees(9 * GWEI, GWEI)
    low = FeeLimits(max_fee=10 * GWEI, lazy_max_fee=20 * GWEI)
    assert low.lazy().max_fee == 10 * GWEI


@given(markets, st.sampled_from([LIMITS, LIMITS.lazy()]))
def test_a_suggestion_keeps_within_the_caps(market, limits):
    fees = suggest(market, limits)
    if fees is not None:
        assert 0 < fees.tip <= fees.max_fee <= limits.max_fee
        assert fees.tip <= LIMITS.max_tip
        assert fees.max_fee > market.base_fee


@given(markets, markets, st.sampled_from([LIMITS, LIMITS.lazy()]))
def test_a_replacement_pays_an_eighth_more_on_both_and_keeps_within_the_cap(before, now, limits):
    old = suggest(before, limits)
    new = bump(old, now, limits) if old is not None else None
    if new is not None:
        assert 8 * new.max_fee >= 9 * old.max_fee
        assert 8 * new.tip >= 9 * old.tip
        assert new.tip <= new.max_fee <= limits.max_fee


def test_at_the_cap_there_is_no_replacement():
    assert bump(Fees(90 * GWEI, GWEI), Market(80 * GWEI, GWEI), LIMITS) is None


def test_a_bucket_spreads_calls_over_time():
    bucket = TokenBucket(rate=10, burst=2)
    assert [bucket.delay(100.0) for _ in range(4)] == [0, 0, pytest.approx(0.1), pytest.approx(0.2)]
    assert bucket.delay(101.0) == 0


def test_a_breaker_rests_longer_each_time_and_at_once_after_a_time_out():
    breaker = Breaker()
    breaker.failed(0)
    assert breaker.resting(0) == 0
    breaker.failed(0, at_once=True)
    assert breaker.resting(0) == 2
    breaker.failed(2)
    assert breaker.resting(2) == 4
    breaker.succeeded()
    breaker.failed(10)
    assert breaker.resting(10) == 0
    breaker.rest(10, 7)
    assert breaker.resting(11) == 6
