"""``medianode wallet status`` and ``follow``: what the chain shows of the node, now and as it becomes final."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from medianode.cli.chain import POLL_S, ChainOptions, Session, execute, session, show_json
from medianode.cli.key import KeyOptions
from medianode.clock import SystemClock
from medianode.errors import Conflict

if TYPE_CHECKING:
    from medianode.wallet.actions.contracts import Event
    from medianode.wallet.actions.following import Following, RolledBack
    from medianode.wallet.facts import ChainFacts


def status(
    which: KeyOptions,
    chain: ChainOptions,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return once nothing is pending or unfinal any more.")
    ] = False,
) -> None:
    """Shows the node's balance, registration, stake, open actions, and how its endpoints are."""
    from medianode.wallet.actions.status import chain_facts

    async def work() -> None:
        async with session(which, chain) as s:
            address = await s.node_address()
            if wait:
                await _settled(s, address)
            facts = await chain_facts(s.wallet, address, SystemClock())
            which.show(_status(s, address, facts))

    execute(work())


def follow(
    which: KeyOptions,
    chain: ChainOptions,
    once: Annotated[bool, typer.Option("--once", help="End when nothing new is final.")] = False,
) -> None:
    """Prints the contracts' events that concern the node as they become final, each once, also after a break."""
    from medianode.wallet.actions.following import Following

    async def work() -> None:
        async with session(which, chain) as s:
            address = await s.node_address()
            following = Following(s.wallet, f"follow:{address.lower()}")
            while True:
                await _print_new(s, following, address, as_json=which.json_document)
                if once:
                    return
                await asyncio.sleep(POLL_S)

    execute(work())


async def _settled(s: Session, address: str) -> None:
    """Waits until no action is open; works on those of the node's key where nobody else does."""
    chain_id = s.wallet.config.deployment.chain_id
    working = asyncio.create_task(_work_on(s)) if s.wallet.outbox.open_intents(chain_id, address) else None
    said = ""
    try:
        while waiting := s.wallet.outbox.open_intents(chain_id):
            text = ", ".join(f"{intent.wanted.kind} ({intent.state})" for intent in waiting)
            if text != said:
                print(f"waiting for {text}", file=sys.stderr)
                said = text
            if working is not None and working.done():
                await working
            await asyncio.sleep(POLL_S)
    finally:
        if working is not None:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def _work_on(s: Session) -> None:
    try:
        manager = s.wallet.manager(await s.node_key())
    except Conflict:
        await asyncio.Event().wait()  # a running node, or another command, works on them
        return
    try:
        await manager.run()
    finally:
        manager.close()


def _status(s: Session, address: str, facts: "ChainFacts") -> dict[str, object]:
    from medianode.wallet.tx.manager import LOW_ACTIONS

    shown: dict[str, object] = {"address": address, "chain_id": facts.chain_id, "registry": facts.registry}
    entry, stake = facts.registration, facts.stake
    if entry is not None:
        shown |= {
            "node_id": entry.node_id,
            "status": entry.status,
            "owner": entry.owner,
            "payee": entry.payee,
        }
        shown |= {"endpoint": entry.endpoint, "region": entry.region, "version": entry.version}
    else:
        shown["status"] = "not registered"
    if stake is not None:
        shown |= {"bonded": str(stake.bonded), "unbonding": str(stake.unbonding)}
    shown |= {
        "balance_wei": str(facts.balance_wei),
        "actions_left": facts.actions_left,
        "pending": facts.pending,
        "oldest_pending_seconds": round(facts.oldest_pending_s, 1),
    }
    if facts.actions_left is not None and facts.actions_left < LOW_ACTIONS:
        shown["alarm"] = "low balance: send ether to the address above"
    for endpoint in facts.endpoints:
        health = f"up, {endpoint.behind_blocks} blocks behind" if endpoint.up else "down"
        shown[f"endpoint_{endpoint.index}"] = health
    for intent in s.wallet.outbox.open_intents(facts.chain_id):
        shown[f"open_{intent.id}"] = f"{intent.state} {intent.note or ''}".strip()
    return shown


async def _print_new(s: Session, following: "Following", address: str, *, as_json: bool) -> None:
    from medianode.wallet.actions.following import RolledBack, concerns
    from medianode.wallet.actions.records import node_of

    node_id = await node_of(s.wallet.contracts, address, (await s.wallet.reader.head()).number)
    async for event in following.new_events():
        if isinstance(event, RolledBack) or concerns(event, node_id, frozenset({address.lower()})):
            show_json(_document(event)) if as_json else print(_line(event), flush=True)


def _document(event: "Event | RolledBack") -> dict[str, object]:
    from medianode.wallet.actions.following import RolledBack

    if isinstance(event, RolledBack):
        return {"event": "rolled back", "block": event.block}
    values = {name: str(value) if type(value) is int else value for name, value in event.values.items()}
    return {"event": event.name, "contract": event.contract, "block": event.log.block_number, **values}


def _line(event: "Event | RolledBack") -> str:
    found = _document(event)
    rest = " ".join(f"{name}={value}" for name, value in found.items() if name not in ("event", "block"))
    return f"{found['block']}  {found['event']}  {rest}"
