"""``medianode node relay``, and what ``--to-relay`` prints for it: one approves an action, another brings it to the chain."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medianode.cli.chain import ChainOptions, Session, execute, session
from medianode.cli.files import read_text
from medianode.cli.key import KeyOptions
from medianode.cli.options import DryRun

if TYPE_CHECKING:
    from medianode.wallet.actions.approvals import RelayRequest

ToRelay = Annotated[
    bool, typer.Option("--to-relay", help="Send nothing: print what somebody else may bring to the chain.")
]


def relay(
    which: KeyOptions,
    chain: ChainOptions,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What --to-relay printed.")],
    owner_signature: Annotated[
        Path | None,
        typer.Option(
            "--owner-signature", help="File with the signature (hex) of an owner whose key is elsewhere."
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Brings somebody's approved action to the chain; the key of this data folder pays, and gains nothing.

    With --dry-run it prints, for an owner whose key is elsewhere, the typed data (EIP-712) that its wallet is to sign.
    """
    from medianode.wallet.actions import registry
    from medianode.wallet.actions.approvals import RelayRequest
    from medianode.wallet.typed.signature import read_hex

    request = RelayRequest.from_json(sys.stdin.read() if file == "-" else read_text(Path(file)))
    if owner_signature is not None:
        request = request.signed_by_owner(read_hex(read_text(owner_signature).strip(), "--owner-signature"))

    async def work() -> None:
        async with session(which, chain, dry_run=dry_run) as s:
            if dry_run and request.unsigned():
                documents = [signed.data.document() for signed in request.unsigned()]
                which.show_document({"typedData": documents})
                return
            key = await s.node_key()
            await s.perform(key, registry.relayed(s.wallet.contracts, request, key.address))

    execute(work())


def show_request(s: Session, request: "RelayRequest") -> None:
    """Prints an approval, or what would be approved."""
    if s.dry_run:
        s.which.show_document({"typedData": [signed.data.document() for signed in request.approvals]})
    else:
        s.which.show_document(request.as_dict())
