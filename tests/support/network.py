"""A network on a chain of a test's own: contracts, an owner, a node, three reporters, and a wallet that acts for each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from medianode.clock import SystemClock
from medianode.devnet.deploy import TOKEN, Deployer, Rules
from medianode.wallet.actions import records
from medianode.wallet.actions.approvals import Approver
from medianode.wallet.actions.records import Details, NodeRecord
from medianode.wallet.actions.wallet import Wallet, WalletConfig, open_wallet
from medianode.wallet.chain.facts import Block
from medianode.wallet.chain.provider import ProviderConfig, open_provider
from medianode.wallet.keys.local import LocalSigner
from medianode.wallet.tx.intent import Intent, NewIntent
from tests.support.chains import ETHER, LocalChain

DETAILS = Details("https://node.example.org", "eu-west", 1_000_000, b"\x11" * 32)
RULES = Rules(quorum=2, window=30)


@dataclass
class Network:
    chain: LocalChain
    wallet: Wallet
    owner: LocalSigner = field(default_factory=lambda: LocalSigner(b"\x21" * 32))
    node: LocalSigner = field(default_factory=lambda: LocalSigner(b"\x22" * 32))
    reporters: list[LocalSigner] = field(
        default_factory=lambda: [LocalSigner(bytes([0x30 + i]) * 32) for i in range(3)]
    )

    @property
    def contracts(self):
        return self.wallet.contracts

    async def head(self) -> Block:
        return await self.wallet.reader.head()

    async def approver(self) -> Approver:
        return await self.wallet.approver(await self.head())

    async def record(self, node_id: int = 1) -> NodeRecord:
        return await records.node(self.contracts, node_id, (await self.head()).number)

    async def stake(self, node_id: int = 1) -> records.StakeRecord:
        return await records.stake(self.contracts, node_id, (await self.head()).number)

    async def view(self, contract: str, signature: str, *arguments: object):
        return await self.contracts.view(contract, signature, *arguments, height=(await self.head()).number)

    async def tokens(self, account: str) -> int:
        return int(await self.view("MediaToken", "balanceOf(address)", account))

    async def perform(self, signer: LocalSigner, wanted: NewIntent) -> Intent:
        async with asyncio.timeout(60):
            return await self.wallet.perform(signer, wanted, lambda _: None)

    def advance(self, seconds: int) -> None:
        self.chain.rpc("evm_increaseTime", seconds)
        self.chain.mine()

    def nonce(self, signer: LocalSigner) -> int:
        return self.chain.nonce(signer.address)


@asynccontextmanager
async def open_network(chain: LocalChain, folder: Path, rules: Rules = RULES) -> AsyncIterator[Network]:
    """Deploys everything, and gives owner, node and reporters ether, the owner tokens."""
    clock = SystemClock()
    async with open_provider(
        ProviderConfig((chain.url,), chain.chain_id, calls_per_s=1000), clock
    ) as provider:
        deployer = Deployer(provider)
        network = Network(chain, None)  # type: ignore[arg-type] - it follows
        deployment = await deployer.deploy([signer.address for signer in network.reporters], rules)
        await deployer.give_tokens(deployment.token, network.owner.address, 10_000 * TOKEN)
        for signer in (network.owner, network.node, *network.reporters):
            await deployer.give_ether(signer.address, 10 * ETHER)
    config = WalletConfig(folder, deployment, (chain.url,), poll_s=0.05)
    async with open_wallet(config, clock) as wallet:
        network.wallet = wallet
        yield network
