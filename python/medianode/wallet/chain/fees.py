"""What a transaction pays per gas (EIP-1559): a suggestion, a replacement, and the operator's caps on both. Pure."""

from dataclasses import dataclass, replace
from typing import Any

from medianode.wallet.chain.facts import number

GWEI = 10**9
HISTORY_BLOCKS = 20
PERCENTILE = 50


@dataclass(frozen=True, slots=True)
class Fees:
    """Wei per gas."""

    max_fee: int
    tip: int


@dataclass(frozen=True, slots=True)
class FeeLimits:
    """The operator's bounds, in wei per gas. They hold for replacements too."""

    max_fee: int = 100 * GWEI
    """For anything."""
    lazy_max_fee: int = 25 * GWEI
    """For what can wait until gas is cheap."""
    min_tip: int = 1_000_000
    max_tip: int = 3 * GWEI

    def lazy(self) -> "FeeLimits":
        """Returns the bounds of what can wait."""
        return replace(self, max_fee=min(self.max_fee, self.lazy_max_fee))


@dataclass(frozen=True, slots=True)
class Market:
    """What blocks cost lately."""

    base_fee: int
    tip: int | None
    """The median reward; none where blocks were empty or the node does not say."""

    @classmethod
    def read(cls, answer: Any) -> "Market":  # noqa: ANN401 - JSON
        """Reads ``eth_feeHistory``; the last base fee is that of the next block."""
        rewards = sorted(number(row[0]) for row in answer.get("reward") or [] if row)
        rewards = [reward for reward in rewards if reward]
        return cls(
            base_fee=number(answer["baseFeePerGas"][-1]),
            tip=rewards[len(rewards) // 2] if rewards else None,
        )


def suggest(market: Market, limits: FeeLimits) -> Fees | None:
    """Returns fees that a block will take even if its base fee doubles; none while blocks cost more than allowed."""
    tip = min(max(market.tip or limits.min_tip, limits.min_tip), limits.max_tip)
    if market.base_fee + limits.min_tip > limits.max_fee:
        return None
    max_fee = min(2 * market.base_fee + tip, limits.max_fee)
    return Fees(max_fee, min(tip, max_fee))


def bump(old: Fees, market: Market, limits: FeeLimits) -> Fees | None:
    """Returns fees that replace the old ones: both at least 12.5 % more, since pools refuse less. None at the cap."""
    wanted = suggest(market, limits) or Fees(limits.max_fee, limits.min_tip)
    max_fee = max(old.max_fee + -(-old.max_fee // 8) + 1, wanted.max_fee)
    tip = max(old.tip + -(-old.tip // 8) + 1, wanted.tip)
    if max_fee > limits.max_fee or tip > max_fee:
        return None
    return Fees(max_fee, tip)
