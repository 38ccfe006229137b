"""An epoch as one file that anybody can recompute: signed reports in, usage root and cumulative rewards out. Pure.

The budget of an epoch is divided by bytes relayed, rounded down; what a node earned before is carried over, so that the
newest root pays everything, and an epoch that was missed heals itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from medianode.errors import Conflict, InvalidArgument, NotFound
from medianode.wallet.actions.merkle import MerkleTree, leaf_hash
from medianode.wallet.typed.document import SignedMessage
from medianode.wallet.typed.eip712 import Domain, exact
from medianode.wallet.typed.messages import QosReport
from medianode.wallet.typed.values import Solidity, checksum

FORMAT = "medianode-epoch-1"
FIELDS = (
    "format",
    "chainId",
    "staking",
    "epoch",
    "previous",
    "budget",
    "reports",
    "rewards",
    "usageRoot",
    "rewardRoot",
)
NO_FILE = bytes(32)
AMOUNT = Solidity("uint128")
NODE_ID = Solidity("uint128")


@dataclass(frozen=True, slots=True)
class Reward:
    """What a node has earned since the beginning, in the token's smallest unit, and who is paid."""

    node_id: int
    payee: str
    cumulative: int
    earned: int
    """The part of this epoch."""

    @property
    def leaf(self) -> bytes:
        """Returns the leaf that ``EpochReports.claim`` checks."""
        return leaf_hash(
            encode(["uint256", "address", "uint256"], [self.node_id, self.payee, self.cumulative])
        )


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch. Its roots follow from its reports, its budget and what was earned before."""

    domain: Domain
    number: int
    previous: bytes
    """Hash of the file of the epoch before; zeros for the first."""
    budget: int
    reports: tuple[SignedMessage, ...]
    rewards: tuple[Reward, ...]

    @property
    def usage_root(self) -> bytes:
        """Commits to every report."""
        return MerkleTree([leaf_hash(report.data.digest()) for report in self.reports]).root

    @property
    def reward_root(self) -> bytes:
        """Commits to what every node has earned in all."""
        return MerkleTree([reward.leaf for reward in self.rewards]).root

    @property
    def total(self) -> int:
        """Returns what all nodes have earned in all."""
        return sum(reward.cumulative for reward in self.rewards)

    @property
    def file_hash(self) -> bytes:
        """Names the file."""
        return bytes(keccak(self.to_json().encode()))

    def proof(self, node_id: int) -> tuple[Reward, list[bytes]]:
        """Returns a node's reward, and the proof that it belongs to the reward root."""
        for index, reward in enumerate(self.rewards):
            if reward.node_id == node_id:
                return reward, MerkleTree([other.leaf for other in self.rewards]).proof(index)
        raise NotFound(f"node {node_id} has earned nothing up to epoch {self.number}")

    def to_json(self) -> str:
        """Writes the file in its one form: the same epoch is the same bytes."""
        document = {
            "format": FORMAT,
            "chainId": self.domain.chain_id,
            "staking": self.domain.verifying_contract,
            "epoch": self.number,
            "previous": "0x" + self.previous.hex(),
            "budget": str(self.budget),
            "reports": [report.as_dict() for report in self.reports],
            "rewards": [
                {
                    "nodeId": r.node_id,
                    "payee": r.payee,
                    "cumulative": str(r.cumulative),
                    "earned": str(r.earned),
                }
                for r in self.rewards
            ],
            "usageRoot": "0x" + self.usage_root.hex(),
            "rewardRoot": "0x" + self.reward_root.hex(),
        }
        return json.dumps(document, indent=1) + "\n"


def build(
    domain: Domain,
    number: int,
    budget: int,
    reports: Sequence[SignedMessage],
    payees: Mapping[int, str],
    before: Epoch | None,
) -> Epoch:
    """Computes an epoch. ``payees`` says who is paid for each node; two reports of one node are a ``Conflict``."""
    if before is not None and (before.number >= number or before.domain != domain):
        raise InvalidArgument(f"epoch {before.number} does not come before epoch {number} of this deployment")
    usage = _usage(domain, number, reports)
    earned = _divide(budget, {node_id: report.bytes_relayed for node_id, report in usage.items()})
    old = {reward.node_id: reward for reward in before.rewards} if before is not None else {}
    rewards = []
    for node_id in sorted({*old, *(node_id for node_id, amount in earned.items() if amount)}):
        payee = payees.get(node_id) or (old[node_id].payee if node_id in old else None)
        if payee is None:
            raise NotFound(f"nobody is known to be paid for node {node_id}")
        amount = earned.get(node_id, 0)
        cumulative = amount + (old[node_id].cumulative if node_id in old else 0)
        rewards.append(Reward(node_id, payee, cumulative, amount))
    ordered = tuple(sorted(reports, key=_node_id))
    previous = before.file_hash if before is not None else NO_FILE
    return Epoch(domain, number, previous, budget, ordered, tuple(rewards))


def read(text: str) -> Epoch:
    """Reads a file and recomputes it. Raises ``InvalidArgument`` naming what does not follow from the rest."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"the epoch file is no JSON: {error}") from None
    found = exact(document, FIELDS, "epoch file")
    try:
        epoch = _parse(found)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidArgument(f"the epoch file is malformed: {error}") from None
    _check_shares(epoch)
    for name, root in (("usageRoot", epoch.usage_root), ("rewardRoot", epoch.reward_root)):
        if found[name] != "0x" + root.hex():
            raise InvalidArgument(
                f"the epoch file does not add up: {name} is 0x{root.hex()}, not {found[name]}"
            )
    if epoch.to_json() != text:
        raise InvalidArgument("the epoch file is not in its one form (order, spaces)")
    return epoch


def _parse(found: dict[str, Any]) -> Epoch:
    if found["format"] != FORMAT or type(found["epoch"]) is not int:
        raise InvalidArgument(f"the epoch file is not of the form {FORMAT}")
    previous: Any = Solidity("bytes32").from_json(found["previous"], "previous")
    return Epoch(
        domain=Domain("MediaQos", found["chainId"], checksum(found["staking"], "staking")),
        number=found["epoch"],
        previous=previous,
        budget=_amount(found, "budget"),
        reports=tuple(SignedMessage.from_json(json.dumps(item)) for item in found["reports"]),
        rewards=tuple(_reward(item) for item in found["rewards"]),
    )


def _reward(document: object) -> Reward:
    found = exact(document, ("nodeId", "payee", "cumulative", "earned"), "reward")
    NODE_ID.check(found["nodeId"], "nodeId")
    return Reward(
        node_id=found["nodeId"],
        payee=checksum(found["payee"], "payee"),
        cumulative=_amount(found, "cumulative"),
        earned=_amount(found, "earned"),
    )


def _amount(found: dict[str, Any], name: str) -> int:
    amount: Any = AMOUNT.from_json(found[name], name)
    return int(amount)


def _check_shares(epoch: Epoch) -> None:
    usage = _usage(epoch.domain, epoch.number, epoch.reports)
    earned = _divide(epoch.budget, {node_id: report.bytes_relayed for node_id, report in usage.items()})
    for reward in epoch.rewards:
        due = earned.pop(reward.node_id, 0)
        if reward.earned != due or reward.cumulative < due:
            raise InvalidArgument(
                f"the epoch file does not add up: node {reward.node_id} earned {due}, not {reward.earned}"
            )
    if left := [node_id for node_id, amount in earned.items() if amount]:
        raise InvalidArgument(f"the epoch file does not add up: node {left[0]} earned, but has no reward")


def check_follows(epoch: Epoch, before: Epoch) -> None:
    """Refuses an epoch that does not carry on the one before: its file's hash and what each node had earned."""
    if epoch.previous != before.file_hash:
        raise InvalidArgument(f"epoch {epoch.number} names another file as the one before it")
    old = {reward.node_id: reward.cumulative for reward in before.rewards}
    for reward in epoch.rewards:
        had = old.pop(reward.node_id, 0)
        if reward.cumulative != had + reward.earned:
            raise InvalidArgument(
                f"node {reward.node_id} had {had} and earned {reward.earned}, not {reward.cumulative}"
            )
    if old:
        raise InvalidArgument(f"node {next(iter(old))} lost what it had earned before")


def _usage(domain: Domain, number: int, reports: Sequence[SignedMessage]) -> dict[int, QosReport]:
    usage: dict[int, QosReport] = {}
    for signed in reports:
        message = signed.data.message
        if not isinstance(message, QosReport) or signed.data.domain != domain:
            raise InvalidArgument("an epoch is made of usage reports for this deployment alone")
        if message.epoch != number:
            raise InvalidArgument(
                f"a report of node {message.node_id} is for epoch {message.epoch}, not {number}"
            )
        if message.node_id in usage:
            raise Conflict(
                f"node {message.node_id} has signed two reports for epoch {number}: evidence for a slash"
            )
        usage[message.node_id] = message
    return usage


def _divide(budget: int, bytes_by_node: Mapping[int, int]) -> dict[int, int]:
    """Divides by bytes relayed, rounding down; what rounding leaves over is paid to nobody."""
    if budget < 0:
        raise InvalidArgument("the budget of an epoch is not below zero")
    total = sum(bytes_by_node.values())
    return {node_id: budget * part // total if total else 0 for node_id, part in bytes_by_node.items()}


def _node_id(signed: SignedMessage) -> int:
    message = signed.data.message
    return message.node_id if isinstance(message, QosReport) else 0
