"""Anvil as a child process: found, started, kept on disk, ended with its parent. Refuses to know contracts."""

import asyncio
import contextlib
import ctypes
import platform
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from medianode.clock import Clock
from medianode.errors import ChainUnavailable, NetworkUnavailable, Unsupported
from medianode.wallet.chain.facts import Block
from medianode.wallet.chain.provider import Provider, ProviderConfig, open_provider

PACKAGE = "@foundry-rs/anvil@1.7.1"
CHAIN_ID = 31337
STATE = "chain.state"
SAVE_S = 0.2
START_S = 20.0
PR_SET_PDEATHSIG = 1
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Anvil:
    """A chain that runs."""

    provider: Provider
    rpc: str
    ws: str
    resumed: bool
    """It goes on from what was on disk."""


def find(setting: Path | None, folder: Path) -> Path:
    """Finds Anvil: where the setting says, on PATH, in the data folder. Raises ``Unsupported`` with how to get it."""
    machine = _ARCHITECTURES.get(platform.machine(), platform.machine())
    installed = folder / "node_modules" / "@foundry-rs" / f"anvil-{sys.platform}-{machine}" / "bin" / "anvil"
    if setting is not None:
        if not setting.is_file():
            raise Unsupported(f"there is no Anvil at {setting}")
        return setting
    on_path = shutil.which("anvil")
    if on_path is not None:
        return Path(on_path)
    if installed.is_file():
        return installed
    raise Unsupported(f"Anvil is missing; this gets it: npm install --prefix {folder} {PACKAGE}")


@asynccontextmanager
async def running_anvil(binary: Path, folder: Path, port: int, clock: Clock) -> AsyncIterator[Anvil]:
    """Runs a chain whose blocks are on disk a moment after they were made; it goes on after a crash."""
    process = await asyncio.create_subprocess_exec(
        str(binary),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--chain-id",
        str(CHAIN_ID),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # an interrupt at the terminal is for us alone: the last blocks are saved first
        preexec_fn=_die_with_parent,
    )
    drain: asyncio.Task[None] | None = None
    try:
        address = await _listening(process)
        drain = asyncio.create_task(_drain(process))
        config = ProviderConfig((f"http://{address}",), CHAIN_ID, calls_per_s=1000)
        async with open_provider(config, clock) as provider:
            state = folder / STATE
            resumed = state.exists()
            if resumed:
                await _load(provider, state)
            saving = asyncio.create_task(_save_blocks(provider, state))
            try:
                yield Anvil(provider, f"http://{address}", f"ws://{address}", resumed)
            finally:
                saving.cancel()
                await asyncio.gather(saving, return_exceptions=True)
                with contextlib.suppress(ChainUnavailable):
                    await _save(provider, state)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if drain is not None:
            await drain


async def _listening(process: asyncio.subprocess.Process) -> str:
    """Reads the address that Anvil listens on."""
    if process.stdout is None:
        raise ChainUnavailable("Anvil has no output")
    seen = []
    try:
        async with asyncio.timeout(START_S):
            async for raw in process.stdout:
                line = raw.decode(errors="replace").strip()
                if line.startswith("Listening on"):
                    return line.split()[-1]
                seen.append(line)
    except TimeoutError:
        raise ChainUnavailable(f"Anvil did not start in {START_S:.0f} s") from None
    last = " ".join(line for line in seen[-3:] if line)
    raise NetworkUnavailable(
        f"Anvil did not start: {last or 'it said nothing'} (is the port in use? --port 0 takes any)"
    )


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Lets Anvil talk into nothing, so that it never waits for a reader."""
    while process.stdout is not None and await process.stdout.read(1 << 16):
        pass


async def _load(provider: Provider, state: Path) -> None:
    await provider.any("anvil_loadState", [await asyncio.to_thread(state.read_text)])


async def _save_blocks(provider: Provider, state: Path) -> None:
    saved: Block | None = None
    while True:
        with contextlib.suppress(ChainUnavailable):
            head = Block.read(await provider.any("eth_getBlockByNumber", ["latest", False]))
            if head != saved:
                await _save(provider, state)
                saved = head
        await asyncio.sleep(SAVE_S)


async def _save(provider: Provider, state: Path) -> None:
    """Replaces the file at once: a crash leaves the old one or the new one."""
    draft = state.with_suffix(".draft")
    draft.write_text(await provider.any("anvil_dumpState", []))
    draft.replace(state)


def _die_with_parent() -> None:
    """Asks the kernel to kill the child when we die, however we die (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
