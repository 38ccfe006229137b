"""The bond of a node: up to an amount, down to an amount, and back to its owner. The node's key has no part in it."""

from medianode.errors import InvalidArgument, NotFound, WrongState
from medianode.wallet.actions.approvals import Approver
from medianode.wallet.actions.contracts import Contracts
from medianode.wallet.actions.intents import intent
from medianode.wallet.actions.records import NodeRecord, StakeRecord
from medianode.wallet.keys.signer import Signer, sign
from medianode.wallet.tx.intent import NewIntent
from medianode.wallet.typed.eip712 import TypedData
from medianode.wallet.typed.messages import Permit

STAKING = "Staking"


async def bond(
    approver: Approver, owner: Signer, node: NodeRecord, stake: StakeRecord, amount: int
) -> NewIntent:
    """Bonds the owner's tokens until ``amount`` is bonded in all; a permit spares the transaction that would allow it."""
    if amount <= 0:
        raise InvalidArgument("the amount to be bonded is above zero")
    contracts = approver.contracts
    missing = max(amount - stake.bonded, 0)
    nonce = await contracts.view("MediaToken", "nonces(address)", owner.address, height=approver.height)
    permit = Permit(
        owner=owner.address,
        spender=contracts.deployment.staking,
        value=missing,
        nonce=nonce,
        deadline=approver.deadline,
    )
    data = TypedData(await contracts.token_domain(approver.height), permit)
    signature = await sign(owner, data) if missing else bytes(65)
    call = contracts.call(
        STAKING,
        "bondWithPermit(uint256,uint256,uint256,uint8,bytes32,bytes32)",
        node.node_id,
        missing,
        permit.deadline,
        signature[64],
        signature[:32],
        signature[32:64],
    )
    # What is bonded and what is on its way out tell this wish from an earlier one for the same amount.
    wish = f"{node.node_id}:{stake.bonded}:{stake.unbonding}:{amount}"
    ask = {"is": "bonded_at_least", "node_id": node.node_id, "amount": amount}
    return intent(contracts, "bond", wish, owner.address, (STAKING, call), ask, money=True)


def unbond(contracts: Contracts, node: NodeRecord, stake: StakeRecord, keep: int) -> NewIntent:
    """Starts the way out for all but ``keep``; it can be withdrawn after the unbonding time."""
    if keep < 0:
        raise InvalidArgument("what is kept is not below zero")
    call = contracts.call(STAKING, "unbond(uint256,uint256)", node.node_id, max(stake.bonded - keep, 0))
    wish = f"{node.node_id}:{stake.bonded}:{stake.unbonding}:{keep}"
    ask = {"is": "bonded_at_most", "node_id": node.node_id, "amount": keep}
    return intent(contracts, "unbond", wish, node.owner, (STAKING, call), ask, money=True)


def withdraw(contracts: Contracts, node: NodeRecord, stake: StakeRecord, sender: str, now: int) -> NewIntent:
    """Takes to the owner what has been on its way out long enough. Raises ``WrongState`` while nothing has."""
    if not stake.entries:
        raise NotFound(f"nothing of node {node.node_id} is on its way out (medianode node unbond)")
    ripe = [unlock for _, unlock in stake.entries if unlock <= now]
    if not ripe:
        first = min(unlock for _, unlock in stake.entries)
        raise WrongState(
            f"nothing can be withdrawn for another {first - now} s (until {first} in seconds since 1970)"
        )
    call = contracts.call(STAKING, "withdraw(uint256)", node.node_id)
    ask = {"is": "withdrawn", "node_id": node.node_id, "unlock": max(ripe)}
    wish = f"{node.node_id}:{max(ripe)}:{stake.unbonding}"
    return intent(contracts, "withdraw", wish, sender, (STAKING, call), ask, money=True)
