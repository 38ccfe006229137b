"""``medianode devnet``: a network on this machine, to try things on."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medianode import log
from medianode.cli import options
from medianode.cli.options import settings_from
from medianode.cli.token import seconds
from medianode.clock import SystemClock

if TYPE_CHECKING:
    from medianode.devnet.chain import DevChain
    from medianode.wallet.actions.deployment import Deployment
    from medianode.wallet.chain.provider import Provider

app = typer.Typer(
    help="A network on this machine, to try things on.", no_args_is_help=True, rich_markup_mode=None
)
PORT = 8545
LOCAL = f"http://127.0.0.1:{PORT}"
Rpc = Annotated[str, typer.Option("--rpc", metavar="URL", help="The chain.")]
AnvilPath = Annotated[
    Path | None, typer.Option("--anvil", envvar="MEDIANODE_ANVIL", help="Anvil's program; default: found.")
]


@app.callback()
def _quiet() -> None:
    """A network on this machine, to try things on."""
    log.configure("text", "warning")


@app.command("chain")
def chain(
    data_dir: options.DataDir = None,
    config: options.Config = None,
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1; 0: any free one.")] = PORT,
    anvil: AnvilPath = None,
    json_line: options.Json = False,
) -> None:
    """Runs a chain (Anvil) with the contracts, keys and funds, until it is told to stop; goes on where it was."""
    from medianode.devnet.anvil import find
    from medianode.devnet.chain import devnet_folder, running_chain

    settings = settings_from(config, data_dir)
    binary = find(anvil, devnet_folder(settings.data_dir))

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with running_chain(binary, settings.data_dir, port, SystemClock()) as running:
            print(json.dumps(_facts(running)) if json_line else _text(running), flush=True)
            await stop.wait()

    asyncio.run(run())


@app.command("fund")
def fund(
    address: Annotated[str, typer.Argument(help="The account that is to get ether and tokens.")],
    data_dir: options.DataDir = None,
    config: options.Config = None,
    rpc: Rpc = LOCAL,
) -> None:
    """Gives an account ether and tokens of the chain that runs here."""
    from medianode.devnet import chain as devnet
    from medianode.devnet.deploy import Deployer
    from medianode.wallet.typed.values import checksum

    deployment = _deployment(data_dir, config)

    async def work(provider: "Provider") -> None:
        await devnet.fund(Deployer(provider), deployment, checksum(address))

    _ask(rpc, deployment.chain_id, work)


@app.command("advance")
def advance(
    time: Annotated[str, typer.Argument(metavar="TIME", help="How much time passes: 90s, 30m, 4h, 7d.")],
    data_dir: options.DataDir = None,
    config: options.Config = None,
    rpc: Rpc = LOCAL,
) -> None:
    """Lets time pass on the chain that runs here, for what takes days elsewhere."""
    from medianode.devnet import chain as devnet

    async def work(provider: "Provider") -> None:
        await devnet.advance(provider, int(seconds(time)))

    _ask(rpc, _deployment(data_dir, config).chain_id, work)


def _deployment(data_dir: Path | None, config: Path | None) -> "Deployment":
    from medianode.wallet.actions.deployment import FILE, Deployment

    return Deployment.load(settings_from(config, data_dir).data_dir / FILE)


def _ask(rpc: str, chain_id: int, work: Callable[["Provider"], Awaitable[None]]) -> None:
    from medianode.wallet.chain.provider import ProviderConfig, open_provider

    async def run() -> None:
        async with open_provider(ProviderConfig((rpc,), chain_id), SystemClock()) as provider:
            await work(provider)

    asyncio.run(run())


def _facts(running: "DevChain") -> dict[str, object]:
    return {
        "event": "ready",
        "chain_id": running.deployment.chain_id,
        "rpc": running.anvil.rpc,
        "ws": running.anvil.ws,
        "resumed": running.anvil.resumed,
        "deployment": str(running.manifest),
        "contracts": running.deployment.addresses,
        "accounts": running.addresses,
        "keystores": {role: str(path) for role, path in running.keys.items()},
        "password_files": {role: str(path.with_suffix(".password")) for role, path in running.keys.items()},
    }


def _text(running: "DevChain") -> str:
    lines = [
        f"chain {running.deployment.chain_id} is ready" + (" again" if running.anvil.resumed else ""),
        "",
        f"  RPC        {running.anvil.rpc}",
        f"  WebSocket  {running.anvil.ws}",
        f"  manifest   {running.manifest}",
    ]
    lines += [f"  {name:<13} {address}" for name, address in running.deployment.addresses.items()]
    lines += [f"  {role:<13} {address}" for role, address in running.addresses.items()]
    lines += [
        "",
        *(
            f"  {role}'s key: {path}, its password: {path.with_suffix('.password').name}"
            for role, path in running.keys.items()
        ),
        "  another account: medianode devnet fund ADDRESS",
    ]
    return "\n".join(lines)
