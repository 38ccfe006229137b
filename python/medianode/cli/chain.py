"""What every command does that works with the chain: opens the wallet, takes keys, carries out, prints. Decides nothing."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medianode.cli import options
from medianode.cli.key import Key, KeyOptions
from medianode.cli.options import settings_from
from medianode.clock import SystemClock
from medianode.errors import InvalidArgument, PermissionDenied
from medianode.node.chain import wallet_config
from medianode.settings import NodeSettings

if TYPE_CHECKING:
    from medianode.wallet.actions.approvals import Approver
    from medianode.wallet.actions.policy import Role
    from medianode.wallet.actions.wallet import Wallet
    from medianode.wallet.chain.facts import Block
    from medianode.wallet.keys.signer import Purpose, Signer
    from medianode.wallet.tx.intent import Intent, NewIntent

POLL_S = 0.5
EXIT_NOT_DONE = 1

DeploymentFile = Annotated[
    Path | None,
    typer.Option(
        "--deployment", help="Manifest of the contracts; default: deployment.json in the data folder."
    ),
]
Finality = Annotated[
    str | None,
    typer.Option("--finality", help="finalized, safe or a number of blocks; default: the chain's own."),
]


@dataclass(frozen=True, slots=True)
class ChainOptions:
    """The options of every command that asks the chain."""

    deployment: DeploymentFile = None
    finality: Finality = None
    observe: options.Observe = None


@dataclass(frozen=True, slots=True)
class OwnerOptions:
    """Which key acts for the owner; it need not live on the node. A contract has none: it is named by its address."""

    owner: options.Owner = None
    owner_keystore: options.OwnerKeystore = None
    owner_password_file: options.OwnerPasswordFile = None
    dry_run: options.DryRun = False


@dataclass(slots=True)
class DrySigner:
    """Stands for a key whose address is known: notes what would be signed, and gives no signature."""

    address: str
    purposes: list["Purpose"] = field(default_factory=list)

    async def sign_digest(self, digest: bytes, purpose: "Purpose") -> bytes:
        """Notes the purpose; 65 bytes that no contract takes."""
        del digest
        self.purposes.append(purpose)
        return bytes(64) + b"\x1b"


@dataclass(frozen=True, slots=True)
class AbsentOwner:
    """Stands for an owner that signs and sends elsewhere: what it is to sign stays without a signature."""

    address: str

    async def sign_digest(self, digest: bytes, purpose: "Purpose") -> bytes:
        """Returns nothing, to be put in later."""
        del digest, purpose
        return b""


@dataclass(slots=True)
class Session:
    """One command at work."""

    wallet: "Wallet"
    head: "Block"
    approver: "Approver"
    key: Key
    which: KeyOptions
    settings: NodeSettings
    dry_run: bool
    dry: list[DrySigner] = field(default_factory=list)

    async def node_address(self) -> str:
        """Returns the address of the node's key, or the one that is observed."""
        from medianode.wallet.typed.values import checksum

        observed = self.settings.chain.observe
        if observed is not None:
            return checksum(observed, "--observe")
        return await self.key.address()

    async def node_key(self) -> "Signer":
        """Opens the node's key under its policy."""
        return await self._open(self.key, "node")

    async def owner_key(self, owner: OwnerOptions) -> "Signer":
        """Opens the owner's key under its policy, or takes note of an owner whose key is elsewhere."""
        if owner.owner is not None:
            return self._absent_owner(owner.owner, owner)
        if owner.owner_keystore is None:
            raise InvalidArgument(
                "this is for the owner to do: name the owner's key (--owner-keystore FILE), or by its address an owner"
                " whose key is elsewhere (--owner 0x...)"
            )
        return await self._open(Key.of_owner(owner.owner_keystore, owner.owner_password_file), "owner")

    async def sender(self, owner: OwnerOptions) -> "Signer":
        """Opens the owner's key where it is named, else the node's: for what either may send."""
        named = owner.owner is not None or owner.owner_keystore is not None
        return await (self.owner_key(owner) if named else self.node_key())

    async def perform(self, signer: "Signer", wanted: "NewIntent") -> None:
        """Carries an action out and prints what came of it; ends the command with 1 where it did not come about.

        What an owner elsewhere is to send is printed instead.
        """
        if wanted.sender != signer.address:
            raise PermissionDenied(f"this is for {wanted.sender} to do, not for {signer.address}")
        if await self.wallet.prechecks.already_so(wanted, self.head.number):
            self.which.show({"action": wanted.kind, "state": "final", "note": "already so"})
            return
        if self.dry_run or isinstance(signer, AbsentOwner):
            await self._describe(wanted)
            return
        intent = await self.wallet.perform(signer, wanted, _progress)
        self.which.show(_outcome(intent))
        if intent.state != "final":
            raise typer.Exit(EXIT_NOT_DONE)

    async def cancel(self, signer: "Signer", action: str) -> None:
        """Undoes an action, if that still works; ends the command with 1 where it came about all the same."""
        if isinstance(signer, AbsentOwner):
            raise InvalidArgument(f"{signer.address} sends elsewhere: cancel it there")
        self.wallet.outbox.cancel(action)
        intent = await self.wallet.see_through(signer, action, _progress)
        self.which.show(_outcome(intent))
        if intent.state != "cancelled":
            raise typer.Exit(EXIT_NOT_DONE)

    def _absent_owner(self, address: str, owner: OwnerOptions) -> "Signer":
        from medianode.wallet.actions.approvals import ABSENT_LIFETIME_S
        from medianode.wallet.typed.values import checksum

        self._check_not_observing()
        if owner.owner_keystore is not None:
            raise InvalidArgument("--owner and --owner-keystore exclude one another")
        self.approver = replace(self.approver, lifetime_s=ABSENT_LIFETIME_S)
        return AbsentOwner(checksum(address, "--owner"))

    def _check_not_observing(self) -> None:
        if self.settings.chain.observe is not None:
            raise PermissionDenied("observe mode: nothing is signed or sent (leave --observe out)")

    async def _open(self, key: Key, role: "Role") -> "Signer":
        from medianode.wallet.actions.policy import policy_for

        self._check_not_observing()
        if self.dry_run:
            signer = DrySigner(await key.address())
            self.dry.append(signer)
            return signer
        token = await self.wallet.contracts.token_domain(self.head.number) if role == "owner" else None
        return await key.guarded(policy_for(self.wallet.config.deployment, role, token))

    async def _describe(self, wanted: "NewIntent") -> None:
        """Prints what would be signed, and what it would cost at most."""
        from medianode.wallet.actions.intents import LAZY
        from medianode.wallet.chain.fees import suggest
        from medianode.wallet.typed.eip712 import TypedData

        documents = [p.document() for dry in self.dry for p in dry.purposes if isinstance(p, TypedData)]
        gas, note = await self._gas(wanted, signatures=bool(documents))
        limits = self.wallet.config.fees
        limits = limits.lazy() if wanted.kind in LAZY else limits
        fees = suggest(await self.wallet.reader.market(self.head), limits)
        price = fees.max_fee if fees is not None else limits.max_fee
        transaction = {
            "chainId": wanted.chain_id,
            "from": wanted.sender,
            "to": wanted.to,
            "value": wanted.value,
            "data": "0x" + wanted.data.hex(),
            "gas": gas,
            "maxFeePerGas": price,
            "costsAtMostWei": gas * price,
        }
        self.which.show_document({"typedData": documents, "transaction": transaction, "note": note})

    async def _gas(self, wanted: "NewIntent", *, signatures: bool) -> tuple[int, str]:
        from medianode.wallet.chain.faults import RpcError
        from medianode.wallet.tx.meaning import call_of

        if signatures:
            return wanted.gas_cap, "gas is the most allowed: with signatures left out it cannot be estimated"
        try:
            return await self.wallet.reader.estimate(call_of(wanted)), "gas as estimated now"
        except RpcError as error:
            return wanted.gas_cap, f"the contract would refuse it: {self.wallet.contracts.explain(error)}"


@asynccontextmanager
async def session(which: KeyOptions, chain: ChainOptions, *, dry_run: bool = False) -> AsyncIterator[Session]:
    """Opens the wallet for one command, once the chain answers and its contracts are known to be ours."""
    from medianode.wallet.actions.wallet import open_wallet

    settings = chain_settings(which, chain)
    async with open_wallet(wallet_config(settings, POLL_S), SystemClock()) as wallet:
        head = await wallet.reader.head()
        yield Session(wallet, head, await wallet.approver(head), which.key(), which, settings, dry_run)


def chain_settings(which: KeyOptions, chain: ChainOptions) -> NodeSettings:
    """Reads the settings with the options of a command on top."""
    flags = {**asdict(chain), "rpc": which.rpc}
    return settings_from(which.config, which.data_dir, chain=flags)


def execute(work: Coroutine[Any, Any, None]) -> None:
    """Runs a command; cut off, it says that nothing is lost."""
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        print(
            "medianode: cut off; what was asked for is kept: the same command goes on, medianode wallet status shows it",
            file=sys.stderr,
        )
        raise typer.Exit(EXIT_NOT_DONE) from None


def show_json(document: object) -> None:
    """Prints a line of JSON."""
    print(json.dumps(document), flush=True)


def _progress(intent: "Intent") -> None:
    words = {
        "queued": "waiting to be sent",
        "signed": f"sent, nonce {intent.nonce}; waiting for a block",
        "mined": f"in block {intent.block_number}; waiting until that is final",
    }
    if intent.state in words:
        note = f" ({intent.note})" if intent.note else ""
        print(f"{intent.wanted.kind}: {words[intent.state]}{note}", file=sys.stderr)


def _outcome(intent: "Intent") -> dict[str, object]:
    facts: dict[str, object] = {"action": intent.wanted.kind, "id": intent.id, "state": str(intent.state)}
    for name in ("note", "hash", "block_number", "gas_used"):
        if getattr(intent, name) is not None:
            facts[name] = getattr(intent, name)
    return facts
