"""``medianode node``: the node in the network's registry, its stake and its rewards.

Each command may be repeated: what is so already costs no second transaction. Exit status: 0 done, 1 it did not come about,
2 refused or wrongly called, 3 the chain cannot be asked.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medianode import __version__, log
from medianode.cli.chain import ChainOptions, OwnerOptions, Session, execute, session
from medianode.cli.files import read_text
from medianode.cli.key import KeyOptions
from medianode.cli.options import DryRun, expanded
from medianode.cli.relay import ToRelay, relay, show_request
from medianode.errors import InvalidArgument

if TYPE_CHECKING:
    from medianode.wallet.actions.records import Details, NodeRecord

app = typer.Typer(
    help="The node in the network's registry, its stake and its rewards.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
TOKEN_DECIMALS = 18
TOKEN = 10**18
REGION_CHARACTERS = 8

Endpoint = Annotated[str, typer.Option("--endpoint", help="Where the node answers: https:// or wss://.")]
Region = Annotated[
    str, typer.Option("--region", help="Where it stands, at most 8 characters, such as eu-west.")
]
CapsHash = Annotated[
    str, typer.Option("--caps-hash", help="Hash (32 bytes, hex) of its capability document.")
]
Payee = Annotated[str | None, typer.Option("--payee", help="Who is paid; default: the owner.")]
Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="In tokens, such as 100 or 2.5.")]
NodeId = Annotated[int | None, typer.Option("--node-id", help="Which node; default: that of the node's key.")]


@app.callback()
def _quiet() -> None:
    """The node in the network's registry, its stake and its rewards."""
    log.configure("text", "warning")


@app.command("register")
@expanded
def register(
    which: KeyOptions,
    chain: ChainOptions,
    owner: OwnerOptions,
    endpoint: Endpoint,
    region: Region = "",
    caps_hash: CapsHash = "0x" + "00" * 32,
    payee: Payee = None,
    to_relay: ToRelay = False,
) -> None:
    """Enters the node: the owner sends or approves, the node's key consents."""
    from medianode.wallet.actions import registry
    from medianode.wallet.typed.values import checksum

    details = _details(endpoint, region, caps_hash)

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            owner_key, node_key = await s.owner_key(owner), await s.node_key()
            paid = checksum(payee, "--payee") if payee is not None else owner_key.address
            if to_relay:
                show_request(
                    s, await registry.register_request(s.approver, owner_key, node_key, paid, details)
                )
                return
            wanted = await registry.register(s.approver, owner_key.address, node_key, paid, details)
            await s.perform(owner_key, wanted)

    execute(work())


@app.command("update")
@expanded
def update(
    which: KeyOptions,
    chain: ChainOptions,
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="Where the node answers now.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="Where it stands now.")] = None,
    caps_hash: Annotated[
        str | None, typer.Option("--caps-hash", help="Hash of its new capabilities.")
    ] = None,
    to_relay: ToRelay = False,
    dry_run: DryRun = False,
) -> None:
    """Changes where and what the node is; its own key sends. What is not named stays; the version is this program's."""
    from medianode.wallet.actions import registry

    async def work() -> None:
        async with session(which, chain, dry_run=dry_run) as s:
            record = await _our_node(s)
            old = record.details
            details = _details(
                endpoint if endpoint is not None else old.endpoint,
                region if region is not None else old.region,
                caps_hash if caps_hash is not None else "0x" + old.caps_hash.hex(),
            )
            node_key = await s.node_key()
            if to_relay:
                show_request(s, await registry.update_request(s.approver, node_key, record, details))
                return
            await s.perform(node_key, registry.update(s.wallet.contracts, record, details))

    execute(work())


@app.command("rotate")
@expanded
def rotate(
    which: KeyOptions,
    chain: ChainOptions,
    owner: OwnerOptions,
    node_id: Annotated[int, typer.Option("--node-id", help="The node that gets this key.")],
    to_relay: ToRelay = False,
) -> None:
    """Gives a registered node the key of this data folder instead of its old one."""
    from medianode.wallet.actions import records, registry

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            record = await records.node(s.wallet.contracts, node_id, s.head.number)
            owner_key, new_key = await s.owner_key(owner), await s.node_key()
            if to_relay:
                show_request(s, await registry.rotate_request(s.approver, owner_key, record, new_key))
                return
            await s.perform(owner_key, await registry.rotate(s.approver, record, new_key))

    execute(work())


@app.command("transfer")
@expanded
def transfer(
    which: KeyOptions,
    chain: ChainOptions,
    owner: OwnerOptions,
    to: Annotated[str | None, typer.Option("--to", help="Offer the node to this owner.")] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take the node that was offered to this owner.")
    ] = False,
    node_id: NodeId = None,
) -> None:
    """Hands the node to another owner in two steps: one offers (--to), the other accepts (--accept)."""
    from medianode.wallet.actions import registry
    from medianode.wallet.typed.values import checksum

    if (to is None) != accept:
        raise InvalidArgument("say either --to OWNER or --accept")

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            record = await _our_node(s, node_id)
            key = await s.owner_key(owner)
            if to is not None:
                wanted = registry.offer_owner(s.wallet.contracts, record, checksum(to, "--to"))
            else:
                wanted = registry.accept_owner(s.wallet.contracts, record, key.address)
            await s.perform(key, wanted)

    execute(work())


@app.command("payee")
@expanded
def payee(
    which: KeyOptions,
    chain: ChainOptions,
    owner: OwnerOptions,
    to: Annotated[str, typer.Argument(help="Who is to be paid.")],
    node_id: NodeId = None,
) -> None:
    """Changes who is paid; it counts after the registry's delay."""
    from medianode.wallet.actions import registry
    from medianode.wallet.typed.values import checksum

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            record = await _our_node(s, node_id)
            key = await s.owner_key(owner)
            await s.perform(key, registry.change_payee(s.wallet.contracts, record, checksum(to)))

    execute(work())


@app.command("stake")
@expanded
def stake(
    which: KeyOptions, chain: ChainOptions, owner: OwnerOptions, amount: Amount, node_id: NodeId = None
) -> None:
    """Bonds tokens until AMOUNT is bonded in all. Any key that has them may, by --owner-keystore; they go back to the owner."""
    from medianode.wallet.actions import records, staking

    if owner.owner is not None:
        raise InvalidArgument(
            "whoever pays a bond signs for it here: name the payer's key (--owner-keystore)"
        )
    wanted_bond = _units(amount)

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            record = await _our_node(s, node_id)
            key = await s.owner_key(owner)
            bond = await records.stake(s.wallet.contracts, record.node_id, s.head.number)
            await s.perform(key, await staking.bond(s.approver, key, record, bond, wanted_bond))

    execute(work())


@app.command("unbond")
@expanded
def unbond(
    which: KeyOptions,
    chain: ChainOptions,
    owner: OwnerOptions,
    keep: Annotated[str, typer.Option("--keep", help="What stays bonded, in tokens.")] = "0",
    node_id: NodeId = None,
) -> None:
    """Starts the way out for what is bonded above --keep; withdraw takes it once the unbonding time is over."""
    from medianode.wallet.actions import records, staking

    kept = _units(keep)

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            record = await _our_node(s, node_id)
            key = await s.owner_key(owner)
            bond = await records.stake(s.wallet.contracts, record.node_id, s.head.number)
            await s.perform(key, staking.unbond(s.wallet.contracts, record, bond, kept))

    execute(work())


@app.command("withdraw")
@expanded
def withdraw(which: KeyOptions, chain: ChainOptions, owner: OwnerOptions, node_id: NodeId = None) -> None:
    """Takes to the owner what was unbonded long enough ago. Sent by the owner if named, else by the node's key."""
    from medianode.clock import SystemClock
    from medianode.wallet.actions import records, staking

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            record = await _our_node(s, node_id)
            key = await s.sender(owner)
            bond = await records.stake(s.wallet.contracts, record.node_id, s.head.number)
            now = max(s.head.timestamp, int(SystemClock().now()))
            await s.perform(key, staking.withdraw(s.wallet.contracts, record, bond, key.address, now))

    execute(work())


@app.command("claim")
@expanded
def claim(
    which: KeyOptions,
    chain: ChainOptions,
    owner: OwnerOptions,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The published file of the epoch that counts.")
    ],
    node_id: NodeId = None,
) -> None:
    """Takes to the payee all that the node has earned. Sent by the owner if named, else by the node's key."""
    from medianode.wallet.actions import epoch, rewards

    found = epoch.read(read_text(file))

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            record = await _our_node(s, node_id)
            key = await s.sender(owner)
            number, contracts = record.node_id, s.wallet.contracts
            await s.perform(key, await rewards.claim(contracts, found, number, key.address, s.head.number))

    execute(work())


@app.command("leave")
@expanded
def leave(
    which: KeyOptions,
    chain: ChainOptions,
    owner: OwnerOptions,
    node_id: NodeId = None,
    to_relay: ToRelay = False,
) -> None:
    """Takes the node out of the registry for good. Its bond is unbonded separately."""
    from medianode.wallet.actions import registry

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            record = await _our_node(s, node_id)
            key = await s.owner_key(owner)
            if to_relay:
                show_request(s, await registry.deregister_request(s.approver, key, record))
                return
            await s.perform(key, registry.deregister(s.wallet.contracts, record))

    execute(work())


app.command("relay")(expanded(relay))


@app.command("cancel")
@expanded
def cancel(
    which: KeyOptions,
    chain: ChainOptions,
    owner: OwnerOptions,
    action: Annotated[str, typer.Argument(metavar="ID", help="The action's id, as it was printed.")],
) -> None:
    """Undoes an action that is not in a block yet, at the price of an empty transaction if it was sent."""

    async def work() -> None:
        async with session(which, chain) as s:
            await s.cancel(await s.sender(owner), action)

    execute(work())


async def _our_node(s: Session, node_id: int | None = None) -> "NodeRecord":
    from medianode.wallet.actions import records

    if node_id is not None:
        return await records.node(s.wallet.contracts, node_id, s.head.number)
    return await records.our_node(s.wallet.contracts, await s.node_address(), s.head.number)


def _details(endpoint: str, region: str, caps_hash: str) -> "Details":
    from medianode.wallet.actions.records import Details
    from medianode.wallet.typed.signature import read_hex

    if len(region) > REGION_CHARACTERS or not region.isascii():
        raise InvalidArgument(f"--region has at most {REGION_CHARACTERS} ASCII characters")
    return Details(endpoint, region, _version(), read_hex(caps_hash, "--caps-hash"))


def _version() -> int:
    """Writes 1.2.3 as 1002003, which the registry can compare."""
    parts = [
        int("".join(c for c in part if c.isdigit()) or 0) for part in (*__version__.split("."), "0", "0")[:3]
    ]
    return parts[0] * 1_000_000 + parts[1] * 1000 + parts[2]


def _units(text: str) -> int:
    """Reads an amount of tokens as the token's smallest unit."""
    whole, _, part = text.strip().partition(".")
    if not (whole + part).isascii() or not (whole + part).isdigit() or len(part) > TOKEN_DECIMALS:
        raise InvalidArgument(f"{text!r} is no amount of tokens; write 100 or 2.5")
    return int(whole or "0") * TOKEN + int(part.ljust(TOKEN_DECIMALS, "0"))
