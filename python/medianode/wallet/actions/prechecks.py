"""Whether the chain is already as an action would make it: one question a kind, asked before anything is signed."""

from collections.abc import Awaitable, Callable
from typing import Any

from medianode.wallet.actions.contracts import Contracts
from medianode.wallet.actions.records import Details, Status, node, node_of, stake
from medianode.wallet.chain.faults import RpcError
from medianode.wallet.tx.intent import NewIntent

REPORT_ACTIVE = 3
Precheck = dict[str, Any]


class Prechecks:
    """Understands the prechecks and the refusals of our contracts (``wallet.tx.meaning.Meaning``)."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts

    async def already_so(self, wanted: NewIntent, height: int) -> bool:
        """Says whether the chain shows at this height what the intent would bring about."""
        if wanted.precheck is None:
            return False
        ask = _QUESTIONS[wanted.precheck["is"]]
        return await ask(self._contracts, wanted.precheck, height)

    def explain(self, error: RpcError) -> str:
        """Says in words why a contract refused."""
        return self._contracts.explain(error)


async def _registered(contracts: Contracts, ask: Precheck, height: int) -> bool:
    node_id = await node_of(contracts, ask["signer"], height)
    if node_id is None:
        return False
    return bool((await node(contracts, node_id, height)).owner == ask["owner"])


async def _details(contracts: Contracts, ask: Precheck, height: int) -> bool:
    wanted = Details(ask["endpoint"], ask["region"], ask["version"], bytes.fromhex(ask["caps_hash"]))
    return bool((await node(contracts, ask["node_id"], height)).details == wanted)


async def _signer(contracts: Contracts, ask: Precheck, height: int) -> bool:
    return bool((await node(contracts, ask["node_id"], height)).signer == ask["signer"])


async def _owner(contracts: Contracts, ask: Precheck, height: int) -> bool:
    return bool((await node(contracts, ask["node_id"], height)).owner == ask["owner"])


async def _offered(contracts: Contracts, ask: Precheck, height: int) -> bool:
    to, _ = await contracts.view("NodeRegistry", "ownerOffers(uint256)", ask["node_id"], height=height)
    return bool(to == ask["to"])


async def _payee(contracts: Contracts, ask: Precheck, height: int) -> bool:
    to, _ = await contracts.view("NodeRegistry", "payeeChanges(uint256)", ask["node_id"], height=height)
    if to == ask["payee"]:
        return True
    now: str = await contracts.view("NodeRegistry", "payeeOf(uint256)", ask["node_id"], height=height)
    return bool(now == ask["payee"])


async def _gone(contracts: Contracts, ask: Precheck, height: int) -> bool:
    return bool((await node(contracts, ask["node_id"], height)).status is Status.GONE)


async def _bonded_at_least(contracts: Contracts, ask: Precheck, height: int) -> bool:
    return bool((await stake(contracts, ask["node_id"], height)).bonded >= ask["amount"])


async def _bonded_at_most(contracts: Contracts, ask: Precheck, height: int) -> bool:
    return bool((await stake(contracts, ask["node_id"], height)).bonded <= ask["amount"])


async def _withdrawn(contracts: Contracts, ask: Precheck, height: int) -> bool:
    entries = (await stake(contracts, ask["node_id"], height)).entries
    return not any(unlock <= ask["unlock"] for _, unlock in entries)


async def _voted(contracts: Contracts, ask: Precheck, height: int) -> bool:
    vote: bytes = await contracts.view(
        "EpochReports", "voteOf(uint64,address)", ask["epoch"], ask["reporter"], height=height
    )
    return any(vote)


async def _active(contracts: Contracts, ask: Precheck, height: int) -> bool:
    report = await contracts.view("EpochReports", "reports(uint64)", ask["epoch"], height=height)
    return bool(report[4] == REPORT_ACTIVE)


async def _claimed(contracts: Contracts, ask: Precheck, height: int) -> bool:
    claimed: int = await contracts.view("EpochReports", "claimed(uint256)", ask["node_id"], height=height)
    return bool(claimed >= ask["cumulative"])


_QUESTIONS: dict[str, Callable[[Contracts, Precheck, int], Awaitable[bool]]] = {
    "registered": _registered,
    "details": _details,
    "signer": _signer,
    "owner": _owner,
    "offered": _offered,
    "payee": _payee,
    "gone": _gone,
    "bonded_at_least": _bonded_at_least,
    "bonded_at_most": _bonded_at_most,
    "withdrawn": _withdrawn,
    "voted": _voted,
    "active": _active,
    "claimed": _claimed,
}
