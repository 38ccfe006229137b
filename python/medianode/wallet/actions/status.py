"""What the chain shows of one key and its node, gathered for people, HTTP and metrics."""

from medianode.clock import Clock
from medianode.wallet.actions.records import last_node, stake
from medianode.wallet.actions.wallet import Wallet
from medianode.wallet.chain.endpoint import Endpoint
from medianode.wallet.chain.facts import Block
from medianode.wallet.facts import ChainFacts, EndpointHealth, Registration, Stake
from medianode.wallet.tx.manager import TYPICAL_GAS


async def chain_facts(wallet: Wallet, address: str, clock: Clock) -> ChainFacts:
    """Reads everything anew."""
    head = await wallet.reader.head()
    market = await wallet.reader.market(head)
    balance = await wallet.reader.balance(address, head.number)
    price = market.base_fee + (market.tip or wallet.config.fees.min_tip)
    registration, bond = await _node_facts(wallet, address, head)
    waiting = wallet.outbox.open_intents(wallet.config.deployment.chain_id)
    return ChainFacts(
        chain_id=wallet.config.deployment.chain_id,
        registry=wallet.config.deployment.registry,
        registration=registration,
        stake=bond,
        balance_wei=balance,
        actions_left=balance // (TYPICAL_GAS * price),
        pending=len(waiting),
        oldest_pending_s=max((clock.now() - intent.created for intent in waiting), default=0.0),
        endpoints=endpoint_health(wallet.reader.provider.endpoints, head.number),
    )


def endpoint_health(endpoints: tuple[Endpoint, ...], height: int) -> tuple[EndpointHealth, ...]:
    """Describes endpoints by their place."""
    return tuple(
        EndpointHealth(
            index=index,
            up=endpoint.state.verified and not endpoint.resting,
            behind_blocks=max(0, height - endpoint.state.height),
        )
        for index, endpoint in enumerate(endpoints, 1)
    )


async def _node_facts(wallet: Wallet, address: str, head: Block) -> tuple[Registration | None, Stake | None]:
    await wallet.contracts.verify(head.number)
    record = await last_node(wallet.contracts, address, head.number)
    if record is None:
        return None, None
    bond = await stake(wallet.contracts, record.node_id, head.number)
    registration = Registration(
        node_id=record.node_id,
        status=record.status.name.lower(),
        owner=record.owner,
        payee=record.payee,
        endpoint=record.details.endpoint,
        region=record.details.region,
        version=record.details.version,
        revision=record.revision,
    )
    return registration, Stake(bond.bonded, bond.unbonding)
