"""Puts the contracts on a chain whose node holds the deployer's key. For chains of developers alone."""

import asyncio
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import get_abi_input_types
from eth_utils.address import to_checksum_address

from medianode.errors import ChainUnavailable, InternalError
from medianode.wallet.actions.artifacts import Artifact, artifact
from medianode.wallet.actions.deployment import Deployment
from medianode.wallet.chain.facts import Receipt, number
from medianode.wallet.chain.provider import Provider

TOKEN = 10**18
SUPPLY = 1_000_000_000 * TOKEN
POOL = 100_000_000 * TOKEN
RECEIPT_S = 30.0


@dataclass(frozen=True, slots=True)
class Rules:
    """The parameters of the contracts, in seconds and tokens: as short as they allow."""

    change_delay: int = 60
    signer_rest: int = 60
    minimum_bond: int = 100 * TOKEN
    unbonding_time: int = 7 * 86_400
    evidence_age: int = 86_400
    appeal_window: int = 60
    jail_time: int = 60
    offence_cap_bps: int = 1000
    period_cap_bps: int = 2000
    epoch_length: int = 60
    emission_cap: int = 10_000 * TOKEN
    window: int = 10
    quorum: int = 1


class Deployer:
    """Sends from the account that the chain's node holds."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._account = ""

    async def deploy(self, reporters: list[str], rules: Rules) -> Deployment:
        """Puts all contracts on the chain and fills the pool of rewards."""
        account = await self.account()
        manager = await self._create(artifact("AccessManager"), account)
        token = await self._create(artifact("MediaToken"), account, SUPPLY)
        registry = await self._create(
            artifact("NodeRegistry"), manager, (rules.change_delay, rules.signer_rest)
        )
        bounds = (
            rules.minimum_bond,
            rules.unbonding_time,
            rules.evidence_age,
            rules.appeal_window,
            rules.jail_time,
            rules.offence_cap_bps,
            rules.period_cap_bps,
        )
        staking = await self._create(artifact("Staking"), manager, registry, token, account, bounds)
        reporting = (rules.emission_cap, rules.window, rules.quorum)
        reports = await self._create(
            artifact("EpochReports"), manager, token, rules.epoch_length, reporters, reporting
        )
        await self.give_tokens(token, reports, POOL)
        height = number(await self._provider.any("eth_blockNumber", []))
        chain_id = self._provider.chain_id
        return Deployment(chain_id, height, registry, staking, reports, token)

    async def account(self) -> str:
        """Returns the account that pays for everything."""
        if not self._account:
            accounts = await self._provider.any("eth_accounts", [])
            self._account = to_checksum_address(accounts[0])
        return self._account

    async def give_tokens(self, token: str, to: str, amount: int) -> None:
        """Transfers tokens of the deployer."""
        data = "0xa9059cbb" + encode(["address", "uint256"], [to, amount]).hex()  # transfer(address,uint256)
        await self._send({"to": token, "data": data})

    async def give_ether(self, to: str, wei: int) -> None:
        """Transfers ether of the deployer."""
        await self._send({"to": to, "value": hex(wei)})

    async def _create(self, what: Artifact, *arguments: object) -> str:
        constructor: Any = next(item for item in what.abi if item["type"] == "constructor")
        data = what.bytecode + encode(get_abi_input_types(constructor), arguments).hex()
        receipt = await self._send({"data": data})
        return str(to_checksum_address(receipt["contractAddress"]))

    async def _send(self, transaction: dict[str, str]) -> dict[str, Any]:
        sender = await self.account()
        found: str = await self._provider.any("eth_sendTransaction", [{"from": sender, **transaction}])
        try:
            async with asyncio.timeout(RECEIPT_S):
                while True:
                    answer: dict[str, Any] | None = await self._provider.any(
                        "eth_getTransactionReceipt", [found]
                    )
                    if answer is not None:
                        break
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ChainUnavailable(f"the chain took no transaction in {RECEIPT_S:.0f} s") from None
        receipt = Receipt.read(answer)
        if receipt is None or not receipt.succeeded:
            raise InternalError(f"deploying failed in transaction {found}")
        return answer
