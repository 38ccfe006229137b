"""``medianode wallet``: the node's key, what it signs, and whether a signature is good.

Exit status: 0 done, 1 a signature is not good (``verify``, ``verify-sign-in``), 2 refused or wrongly called, 3
the chain cannot be asked.
"""

import asyncio
import getpass
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from medianode import log
from medianode.cli import options
from medianode.cli.key import Key, KeyOptions, SharedOptions
from medianode.cli.options import expanded
from medianode.cli.wallet_chain import follow, status
from medianode.clock import SystemClock
from medianode.errors import InvalidArgument, RequestError
from medianode.wallet.keys.choice import InFile

EXIT_CHECK_FAILED = 1
MAX_INPUT_BYTES = 64 * 1024

app = typer.Typer(
    help="The node's key, what it signs, and whether a signature is good.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("status")(expanded(status))
app.command("follow")(expanded(follow))
Input = Annotated[str, typer.Argument(metavar="FILE|-", help="A file; - reads standard input.")]


@app.callback()
def _quiet() -> None:
    """The node's key, what it signs, and whether a signature is good."""
    log.configure("text", "warning")


@app.command("new")
@expanded
def new(which: KeyOptions) -> None:
    """Makes a key, as a node does at its first start. One that is there is never overwritten."""
    _make(which, None)


@app.command("import")
@expanded
def import_key(which: KeyOptions) -> None:
    """Keeps the private key (64 hex digits) that comes by standard input, encrypted."""
    from medianode.wallet.keys.keystore import key_from_text

    text = getpass.getpass("Private key: ") if sys.stdin.isatty() else sys.stdin.readline(256)
    _make(which, key_from_text(text))


@app.command("show")
@expanded
def show(
    which: KeyOptions,
    unlock: Annotated[
        bool, typer.Option("--unlock", help="Decrypt the key too, and say how long it took.")
    ] = False,
) -> None:
    """Shows the address, how its key is kept, and how long its audit log is. Reads the whole log; needs no password."""
    from medianode.wallet.keys.ledger import Ledger

    key = which.key()
    facts = key.facts()
    if unlock or "address" not in facts:
        begin = time.monotonic()
        facts["address"] = asyncio.run(key.opened()).address
        facts["unlock_seconds"] = round(time.monotonic() - begin, 2)
    facts["audit_log_lines"] = Ledger(key.place, str(facts["address"]), SystemClock()).check()
    which.show(facts)


@app.command("auth")
@expanded
def auth(
    which: KeyOptions,
    audience: Annotated[str, typer.Option("--audience", help="The name of whom it is to convince.")],
    nonce: Annotated[str, typer.Option("--nonce", help="The 32 bytes (hex) that the other side gave out.")],
    channel_binding: Annotated[
        str, typer.Option("--channel-binding", help="32 bytes (hex) of the TLS channel; default: no TLS.")
    ] = "0x" + "00" * 32,
    chain_id: Annotated[int, typer.Option("--chain-id", help="Chain of the registry; 0: no chain.")] = 0,
    registry: Annotated[str | None, typer.Option("--registry", help="Address of the registry.")] = None,
    dry_run: options.DryRun = False,
) -> None:
    """Answers a challenge: prints a signed Auth message (JSON), good once and for a minute."""
    from medianode.wallet.keys.policy import Policy
    from medianode.wallet.typed.auth import LIFETIME_S, Auth, auth_domain
    from medianode.wallet.typed.document import SignedMessage
    from medianode.wallet.typed.eip712 import TypedData
    from medianode.wallet.typed.signature import read_hex
    from medianode.wallet.typed.values import ZERO_ADDRESS, checksum

    key = which.key()
    now = int(SystemClock().now())
    domain = auth_domain(chain_id, checksum(registry or ZERO_ADDRESS, "--registry"))
    message = Auth(
        signer=asyncio.run(key.address()),
        audience=audience,
        nonce=read_hex(nonce, "--nonce"),
        issued_at=now,
        expires=now + LIFETIME_S,
        channel_binding=read_hex(channel_binding, "--channel-binding"),
    )
    data = TypedData(domain, message)
    if dry_run:
        which.show_document(data.document())
        return
    signature = key.sign(data, Policy(frozenset({(Auth, domain)})))
    which.show_document(SignedMessage(data, signature).as_dict())


@app.command("sign-in")
@expanded
def sign_in(
    text_file: Input,
    which: KeyOptions,
    domain: Annotated[
        str, typer.Option("--domain", help="Where you mean to sign in; the text must say the same.")
    ],
    owner_keystore: options.OwnerKeystore = None,
    owner_password_file: options.OwnerPasswordFile = None,
    dry_run: options.DryRun = False,
) -> None:
    """Signs a sign-in text (EIP-4361) with the owner's key, or the node's; prints text and signature (JSON)."""
    from medianode.wallet.keys.policy import Policy
    from medianode.wallet.typed.siwe import SignInMessage

    key = Key.of_owner(owner_keystore, owner_password_file) if owner_keystore is not None else which.key()
    message = SignInMessage.parse(_read(text_file).removesuffix("\n"))
    policy = Policy(frozenset(), sign_in_domains=frozenset({domain}))
    policy.judge(message, asyncio.run(key.address()))
    document: dict[str, object] = {"message": message.text()}
    if not dry_run:
        document["signature"] = "0x" + key.sign(message, policy).hex()
    which.show_document(document)


@app.command("verify")
@expanded
def verify(
    message_file: Input,
    signer: Annotated[
        str | None, typer.Option("--signer", help="Who must have signed; default: whom the message names.")
    ] = None,
    *,
    shared: SharedOptions,
) -> None:
    """Names the signer of a signed message (JSON), or why it is refused (exit status 1). With --rpc it may be a contract."""
    from medianode.wallet.typed.document import SignedMessage
    from medianode.wallet.typed.values import checksum

    with _refusing(shared):
        signed = SignedMessage.from_json(_read(message_file))
        data, domain = signed.data, signed.data.domain
        account = checksum(signer, "--signer") if signer is not None else signed.claimed or signed.signer
        asyncio.run(_check(account, data.digest(), signed.signature, shared, domain.chain_id))
    facts: dict[str, object] = {
        "signer": account,
        "message": type(data.message).__name__,
        "domain": f"{domain.name} {domain.verifying_contract} on chain {domain.chain_id}",
        "digest": "0x" + data.digest().hex(),
    }
    _accept(facts, shared)


@app.command("verify-sign-in")
@expanded
def verify_sign_in(
    sign_in_file: Input,
    domain: Annotated[str, typer.Option("--domain", help="The domain that was signed in to.")],
    nonce: Annotated[str, typer.Option("--nonce", help="The nonce that was given out.")],
    chain_id: Annotated[int | None, typer.Option("--chain-id", help="The chain that it must name.")] = None,
    *,
    shared: SharedOptions,
) -> None:
    """Names who signed in, or why the sign-in is refused (exit status 1). With --rpc it may be a contract."""
    from medianode.wallet.typed.signature import read_hex
    from medianode.wallet.typed.siwe import SignInMessage

    with _refusing(shared):
        try:
            found = json.loads(_read(sign_in_file))
            text, signature = str(found["message"]), read_hex(str(found["signature"]))
        except (ValueError, KeyError, TypeError):
            raise InvalidArgument("this is no JSON object with message and signature") from None
        message = SignInMessage.parse(text)
        message.judge(domain=domain, nonce=nonce, now=SystemClock().now(), chain_id=chain_id)
        asyncio.run(_check(message.address, message.digest(), signature, shared, message.chain_id))
    _accept({"signer": message.address, "domain": message.domain, "nonce": message.nonce}, shared)


async def _check(account: str, digest: bytes, signature: bytes, shared: SharedOptions, chain_id: int) -> None:
    """Raises unless the account approves: a plain key, or with endpoints of its chain a contract (EIP-1271)."""
    from medianode.wallet.typed.owner import check_owner

    if not shared.rpc:
        await check_owner(account, digest, signature, None)
        return
    from medianode.wallet.chain.accounts import Accounts
    from medianode.wallet.chain.provider import ProviderConfig, open_provider
    from medianode.wallet.chain.reader import Reader

    async with open_provider(ProviderConfig(tuple(shared.rpc), chain_id), SystemClock()) as provider:
        reader = Reader(provider)
        head = await reader.head()
        await check_owner(account, digest, signature, Accounts(reader), head.number)


def _make(which: KeyOptions, key: bytes | None) -> None:
    from medianode.wallet.keys.opening import make_signer

    choice = which.key().choice
    facts: dict[str, object] = {"address": asyncio.run(make_signer(choice, key)).address}
    if isinstance(choice, InFile):
        facts["keystore"] = str(choice.path)
        beside = choice.password.beside
        if beside is not None and beside.exists():
            facts["password_file"] = str(beside)
    which.show(facts)
    if isinstance(choice, InFile) and not which.json_document:
        print(
            "Keep a copy of the keystore and its password off this machine: nothing else can restore the key."
        )


def _read(name: str) -> str:
    try:
        if name == "-":
            return sys.stdin.read(MAX_INPUT_BYTES)
        with Path(name).open(encoding="utf-8") as file:
            return file.read(MAX_INPUT_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"cannot read {name}: {error}") from error


def _accept(facts: dict[str, object], shared: SharedOptions) -> None:
    shared.show({"ok": True, **facts} if shared.json_document else facts)


@contextmanager
def _refusing(shared: SharedOptions) -> Iterator[None]:
    """Turns what is wrong with a signature into a reason and exit status 1."""
    try:
        yield
    except RequestError as error:
        reason = {"ok": False, "reason": str(error)}
        print(json.dumps(reason) if shared.json_document else f"refused: {error}")
        sys.exit(EXIT_CHECK_FAILED)
