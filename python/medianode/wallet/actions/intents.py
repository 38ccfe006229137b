"""Makes intents: what every action has in common. Owns their ids, and how one that has ended may be asked for again."""

import itertools
from dataclasses import replace
from typing import Any

from medianode.errors import NotFound
from medianode.wallet.actions.contracts import Contracts
from medianode.wallet.tx.intent import OPEN, Intent, NewIntent
from medianode.wallet.tx.outbox import Outbox

REGISTRY_FINALITY = "safe"
"""What is no money is done once the chain is unlikely to change its mind."""
LAZY = frozenset({"vote", "activate", "claim"})
"""What loses nothing by waiting until gas is cheap: reports of epochs and cumulative claims. All else is wanted now."""


def intent(
    contracts: Contracts,
    kind: str,
    key: str,
    sender: str,
    target: tuple[str, bytes],
    precheck: dict[str, Any],
    *,
    money: bool = False,
) -> NewIntent:
    """Wants one call of one contract. ``key`` is the same for the same wish, and ``target`` is contract and call data."""
    contract, data = target
    deployment = contracts.deployment
    return NewIntent(
        id=f"{kind}:{deployment.chain_id}:{key}",
        kind=kind,
        chain_id=deployment.chain_id,
        sender=sender,
        to=deployment.addresses[contract],
        data=data,
        precheck=precheck,
        final_tag=None if money else REGISTRY_FINALITY,
    )


def submit(outbox: Outbox, wanted: NewIntent) -> Intent:
    """Adds an intent, or returns the one that is under way for the same wish.

    One that has ended is no answer to a new wish: it failed, or what it did may have been undone. Where it was not, the
    precheck of the new one says so before anything is sent.
    """
    for number in itertools.count(1):
        name = wanted.id if number == 1 else f"{wanted.id}#{number}"
        try:
            found = outbox.intent(name)
        except NotFound:
            return outbox.submit(replace(wanted, id=name))
        if found.state in OPEN:
            return found
    raise AssertionError
