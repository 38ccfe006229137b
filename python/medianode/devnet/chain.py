"""``medianode devnet chain``: Anvil with the contracts deployed, keys made and funded, and a manifest of where things are."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from medianode.clock import Clock
from medianode.devnet.anvil import Anvil, running_anvil
from medianode.devnet.deploy import TOKEN, Deployer, Rules
from medianode.errors import InvalidArgument
from medianode.wallet.actions.deployment import FILE, Deployment
from medianode.wallet.chain.provider import Provider
from medianode.wallet.keys import keystore
from medianode.wallet.keys.choice import KEYSTORE
from medianode.wallet.keys.choice import folder as wallet_folder
from medianode.wallet.keys.keystore import Keystore
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.keys.private_files import private_folder, write_new

ROLES = ("owner", "reporter")
ETHER = 10**18
FUNDS_WEI = 1000 * ETHER
FUNDS_TOKENS = 1_000_000 * TOKEN
SCRYPT_N = 1 << 17


@dataclass(frozen=True, slots=True)
class DevChain:
    """A chain for developers that runs."""

    anvil: Anvil
    deployment: Deployment
    manifest: Path
    keys: dict[str, Path]
    """Keystores by role; each has its password beside it, in ``ROLE.password``."""
    addresses: dict[str, str]


def devnet_folder(data_dir: Path) -> Path:
    """Returns where a data folder keeps its network of one machine."""
    return data_dir / "devnet"


@asynccontextmanager
async def running_chain(
    binary: Path, data_dir: Path, port: int, clock: Clock, rules: Rules | None = None
) -> AsyncIterator[DevChain]:
    """Runs the chain of this data folder; what was there at the last run is there again."""
    folder = devnet_folder(data_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = private_folder(folder / "keys")
    keys = {role: private / f"{role}.json" for role in ROLES}
    new = {role: keystore.new_key() for role, path in keys.items() if not path.exists()}
    encrypted = asyncio.gather(*(asyncio.to_thread(_encrypt, keys[role], key) for role, key in new.items()))
    addresses = {
        role: LocalSigner(new[role]).address if role in new else Keystore.read(path).address
        for role, path in keys.items()
    }
    async with running_anvil(binary, folder, port, clock) as anvil:
        node_key = wallet_folder(data_dir) / KEYSTORE
        if node_key.exists():
            addresses["node"] = Keystore.read(node_key).address
        manifest = data_dir / FILE
        if anvil.resumed and manifest.exists():
            deployment = Deployment.load(manifest)
        else:
            deployment = await _deploy(Deployer(anvil.provider), addresses, rules or Rules())
        await encrypted
        deployment.save(manifest)
        yield DevChain(anvil, deployment, manifest, keys, addresses)


async def _deploy(deployer: Deployer, addresses: dict[str, str], rules: Rules) -> Deployment:
    """Puts the contracts on the chain and gives the accounts what they need."""
    deployment = await deployer.deploy([addresses["reporter"]], rules)
    await deployer.give_tokens(deployment.token, addresses["owner"], FUNDS_TOKENS)
    for address in addresses.values():
        await deployer.give_ether(address, FUNDS_WEI)
    return deployment


async def fund(deployer: Deployer, deployment: Deployment, address: str) -> None:
    """Gives an account ether and tokens."""
    if deployment.chain_id != 31337:  # noqa: PLR2004 - the chain of developers
        raise InvalidArgument(f"chain {deployment.chain_id} is no chain of a developer")
    await deployer.give_ether(address, FUNDS_WEI)
    await deployer.give_tokens(deployment.token, address, FUNDS_TOKENS)


async def advance(provider: Provider, seconds: int) -> None:
    """Lets time pass on the chain."""
    await provider.any("evm_increaseTime", [seconds])
    await provider.any("evm_mine", [])


def _encrypt(path: Path, key: bytes) -> None:
    """Keeps a key under a password that is written beside it."""
    password = secrets.token_urlsafe(24)
    beside = path.with_suffix(".password")
    beside.unlink(missing_ok=True)
    write_new(beside, password.encode())
    keystore.write(path, key, password, SCRYPT_N)
