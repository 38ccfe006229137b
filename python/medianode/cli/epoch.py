"""``medianode epoch``: the usage of an epoch, from signed reports to what nodes are paid.

Exit status: 0 done, 1 it did not come about or does not add up, 2 refused or wrongly called, 3 the chain cannot be asked.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medianode import log
from medianode.cli.chain import (
    EXIT_NOT_DONE,
    ChainOptions,
    OwnerOptions,
    Session,
    chain_settings,
    execute,
    session,
)
from medianode.cli.files import read_text
from medianode.cli.key import KeyOptions
from medianode.cli.options import DryRun, expanded
from medianode.errors import Conflict, InvalidArgument, MedianodeError, PermissionDenied

if TYPE_CHECKING:
    from medianode.wallet.actions.epoch import Epoch
    from medianode.wallet.typed.document import SignedMessage

app = typer.Typer(
    help="The usage of an epoch, from signed reports to what nodes are paid.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
EpochFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file of an epoch.")]
Previous = Annotated[Path | None, typer.Option("--previous", help="The file of the epoch before.")]


@app.callback()
def _quiet() -> None:
    """The usage of an epoch, from signed reports to what nodes are paid."""
    log.configure("text", "warning")


@app.command("sign")
@expanded
def sign_usage(
    which: KeyOptions,
    chain: ChainOptions,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The fields of a QosReport, as JSON.")],
    dry_run: DryRun = False,
) -> None:
    """Signs what the node carried in one epoch. A second, different report for an epoch is refused for good."""
    from medianode.wallet.keys.signer import sign
    from medianode.wallet.typed.document import SignedMessage
    from medianode.wallet.typed.eip712 import TypedData
    from medianode.wallet.typed.messages import QosReport

    try:
        fields = json.loads(sys.stdin.read() if file == "-" else read_text(Path(file)))
    except ValueError as error:
        raise InvalidArgument(f"the report is no JSON: {error}") from None
    report = QosReport.from_dict(fields)

    async def work() -> None:
        async with session(which, chain, dry_run=dry_run) as s:
            data = TypedData(s.wallet.config.deployment.qos_domain, report)
            if dry_run:
                which.show_document(data.document())
                return
            signature = await sign(await s.node_key(), data)
            which.show_document(SignedMessage(data, signature).as_dict())

    execute(work())


@app.command("build")
@expanded
def build(
    which: KeyOptions,
    chain: ChainOptions,
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT...", help="Signed reports, a file each.")],
    epoch: Annotated[int, typer.Option("--epoch", help="Which epoch.")],
    budget: Annotated[int, typer.Option("--budget", help="What is divided, in the token's smallest unit.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    previous: Previous = None,
) -> None:
    """Computes an epoch from the nodes' signed reports, each checked against the registry, and writes its file."""
    from medianode.wallet.actions import epoch as epochs
    from medianode.wallet.typed.document import SignedMessage

    signed = [SignedMessage.from_json(read_text(path)) for path in reports]
    before = epochs.read(read_text(previous)) if previous is not None else None

    async def work() -> None:
        async with session(which, chain) as s:
            payees = {}
            for report in signed:
                node_id, payee = await _checked(s, report)
                payees[node_id] = payee
            domain = s.wallet.config.deployment.qos_domain
            found = epochs.build(domain, epoch, budget, signed, payees, before)
            most = await s.wallet.contracts.view(
                "EpochReports", "mostFor(uint64)", epoch, height=s.head.number
            )
            if found.total > most:
                raise InvalidArgument(
                    f"nodes would have earned {found.total} in all, the chain allows {most}"
                )
            out.write_text(found.to_json(), encoding="utf-8")
            which.show(_facts(found))

    execute(work())


@app.command("report")
@expanded
def report(
    which: KeyOptions,
    chain: ChainOptions,
    owner: OwnerOptions,
    file: EpochFile,
    uri: Annotated[str, typer.Option("--uri", help="Where this file is published.")] = "",
) -> None:
    """Votes for an epoch as one of the reporters. The key is the node's, or the one that --owner-keystore names."""
    from medianode.wallet.actions import epoch as epochs
    from medianode.wallet.actions import rewards

    found = epochs.read(read_text(file))

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            _ours(s, found)
            key = await s.sender(owner)
            await s.perform(key, rewards.vote(s.wallet.contracts, found, uri, key.address))

    execute(work())


@app.command("activate")
@expanded
def activate(
    which: KeyOptions,
    chain: ChainOptions,
    owner: OwnerOptions,
    epoch: Annotated[int, typer.Argument(metavar="EPOCH", help="Which epoch.")],
) -> None:
    """Makes a reported epoch the one that is paid, once its challenge window is over. Anybody may."""
    from medianode.wallet.actions import rewards

    async def work() -> None:
        async with session(which, chain, dry_run=owner.dry_run) as s:
            key = await s.sender(owner)
            await s.perform(key, rewards.activate(s.wallet.contracts, epoch, key.address))

    execute(work())


@app.command("verify")
@expanded
def verify(which: KeyOptions, chain: ChainOptions, file: EpochFile, previous: Previous = None) -> None:
    """Recomputes an epoch from its file; with --previous what was carried over too, with an endpoint what the chain has."""
    from medianode.wallet.actions import epoch as epochs

    try:
        found = epochs.read(read_text(file))
        if previous is not None:
            epochs.check_follows(found, epochs.read(read_text(previous)))
    except (InvalidArgument, Conflict) as error:
        print(f"medianode: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_NOT_DONE) from None
    if not chain_settings(which, chain).chain.rpc:
        which.show(_facts(found))
        return

    async def work() -> None:
        async with session(which, chain) as s:
            _ours(s, found)
            for signed in found.reports:
                await _checked(s, signed)
            on_chain = await s.wallet.contracts.view(
                "EpochReports", "reports(uint64)", found.number, height=s.head.number
            )
            same = on_chain[0] == found.usage_root and on_chain[1] == found.reward_root
            state = ("not reported", "reported", "vetoed", "active")[on_chain[4]]
            which.show({**_facts(found), "on_chain": state, "same_roots": same if on_chain[4] else None})
            if on_chain[4] and not same:
                raise typer.Exit(EXIT_NOT_DONE)

    execute(work())


async def _checked(s: Session, signed: "SignedMessage") -> tuple[int, str]:
    """Returns node and payee of a report, once its signer is known to have spoken for that node."""
    from medianode.wallet.typed.messages import QosReport

    message = signed.data.message
    if not isinstance(message, QosReport):
        raise InvalidArgument(f"{type(message).__name__} is no usage report")
    height, view = s.head.number, s.wallet.contracts.view
    try:
        signer = signed.signer
    except MedianodeError as error:
        raise InvalidArgument(f"the report of node {message.node_id}: {error}") from None
    arguments = (signer, message.node_id, message.end)
    if not await view("NodeRegistry", "spokeFor(address,uint256,uint64)", *arguments, height=height):
        raise PermissionDenied(f"{signer} did not speak for node {message.node_id} when its report ends")
    payee: str = await view("NodeRegistry", "payeeOf(uint256)", message.node_id, height=height)
    return message.node_id, payee


def _ours(s: Session, found: "Epoch") -> None:
    if found.domain != s.wallet.config.deployment.qos_domain:
        raise InvalidArgument("this epoch is of another deployment")


def _facts(found: "Epoch") -> dict[str, object]:
    return {
        "epoch": found.number,
        "nodes": len(found.rewards),
        "reports": len(found.reports),
        "cumulative_total": str(found.total),
        "usage_root": "0x" + found.usage_root.hex(),
        "reward_root": "0x" + found.reward_root.hex(),
        "file_hash": "0x" + found.file_hash.hex(),
    }
