"""An operator at the command line: folders of keys, and a chain with the contracts that all of them use."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

from medianode.clock import SystemClock
from medianode.devnet.chain import fund
from medianode.devnet.deploy import Deployer, Rules
from medianode.wallet.actions.deployment import FILE, Deployment
from medianode.wallet.chain.provider import ProviderConfig, open_provider
from tests.support.chains import LocalChain
from tests.support.command import Done, call

ZERO = "0x" + "00" * 32
FUNDED = "0x" + "00" * 18 + "1234"


@dataclass
class Operator:
    """Runs commands, each in one of its folders: ``home`` unless another is named."""

    chain: LocalChain
    folder: Path
    deployment: Deployment
    settings: dict[str, str] = field(default_factory=dict)
    """Environment of the commands in ``home``."""

    def run(self, *words: str, home: str = "home") -> Done:
        chain = {
            "MEDIANODE_CHAIN__RPC": self.chain.url,
            "MEDIANODE_CHAIN__DEPLOYMENT": str(self.folder / FILE),
        }
        own = self.settings if home == "home" else {}
        return call(*words, "--data-dir", str(self.folder / home), "--json", **chain, **own)

    def json(self, *words: str, home: str = "home", status: int = 0) -> dict:
        done = self.run(*words, home=home)
        assert done.returncode == status, done
        return json.loads(done.stdout)

    def refused(self, *words: str, home: str = "home") -> str:
        """Returns why a command is refused."""
        done = self.run(*words, home=home)
        assert done.returncode == 2, done
        return done.stderr

    def make_key(self, home: str) -> str:
        """Makes a key in a folder, gives it ether and tokens, and returns its address."""
        made = call("wallet", "new", "--data-dir", str(self.folder / home), "--json")
        address = json.loads(made.stdout)["address"]
        self.fund(address)
        return address

    def keystore(self, home: str) -> tuple[str, ...]:
        """Returns the options that name the key of a folder as the owner's."""
        wallet = self.folder / home / "wallet"
        return (
            "--owner-keystore",
            str(wallet / "key.json"),
            "--owner-password-file",
            str(wallet / "password"),
        )

    def fund(self, address: str) -> None:
        async def work() -> None:
            async with provider(self.chain) as found:
                await fund(Deployer(found), self.deployment, address)

        asyncio.run(work())

    def report(self, epoch: int, **changes: object) -> str:
        """Writes the fields of node 1's report for an epoch, and returns the file."""
        numbers = ("seq", "start", "end", "bytesRelayed", "participantMs", "sessions", "lossPpm", "rttP95Us")
        fields = {"nodeId": "1", "epoch": str(epoch), **dict.fromkeys(numbers[:5], "1")}
        fields |= {**dict.fromkeys(numbers[5:], 1), "sessionsRoot": ZERO, "prevDigest": ZERO, **changes}
        path = self.folder / "usage.json"
        path.write_text(json.dumps(fields))
        return str(path)


def provider(chain: LocalChain):
    return open_provider(ProviderConfig((chain.url,), chain.chain_id, calls_per_s=1000), SystemClock())


def operator_on(chain: LocalChain, folder: Path) -> Operator:
    """Puts the contracts on a chain, for an operator who has no key yet."""

    async def deploy() -> Deployment:
        async with provider(chain) as found:
            return await Deployer(found).deploy([FUNDED], Rules())

    deployment = asyncio.run(deploy())
    deployment.save(folder / FILE)
    return Operator(chain, folder, deployment)
