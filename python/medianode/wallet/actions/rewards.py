"""What reporters say of an epoch, and what nodes are paid: votes, activation, cumulative claims."""

from medianode.errors import WrongState
from medianode.wallet.actions.contracts import Contracts
from medianode.wallet.actions.epoch import Epoch
from medianode.wallet.actions.intents import intent
from medianode.wallet.tx.intent import NewIntent


def vote(contracts: Contracts, epoch: Epoch, uri: str, reporter: str) -> NewIntent:
    """Reports an epoch as one of the reporters; enough equal reports open the challenge window."""
    arguments = (epoch.number, epoch.usage_root, epoch.reward_root, epoch.total, epoch.file_hash, uri)
    data = contracts.call("EpochReports", "report(uint64,bytes32,bytes32,uint128,bytes32,string)", *arguments)
    ask = {"is": "voted", "epoch": epoch.number, "reporter": reporter}
    target = ("EpochReports", data)
    return intent(contracts, "vote", f"{epoch.number}:{reporter}", reporter, target, ask, money=True)


def activate(contracts: Contracts, epoch: int, sender: str) -> NewIntent:
    """Makes a reported epoch count, once its challenge window is over. Anybody may."""
    data = contracts.call("EpochReports", "activate(uint64)", epoch)
    ask = {"is": "active", "epoch": epoch}
    return intent(contracts, "activate", f"{epoch}:{sender}", sender, ("EpochReports", data), ask, money=True)


async def claim(contracts: Contracts, epoch: Epoch, node_id: int, sender: str, height: int) -> NewIntent:
    """Takes to the payee all that a node has earned up to this epoch and was not paid yet. Anybody may send it."""
    root: bytes = await contracts.view("EpochReports", "root()", height=height)
    if root != epoch.reward_root:
        raise WrongState(f"epoch {epoch.number} of this file is not the one that counts on the chain now")
    reward, proof = epoch.proof(node_id)
    arguments = (node_id, reward.payee, reward.cumulative, proof)
    data = contracts.call("EpochReports", "claim(uint256,address,uint256,bytes32[])", *arguments)
    ask = {"is": "claimed", "node_id": node_id, "cumulative": reward.cumulative}
    wish = f"{node_id}:{reward.cumulative}"
    return intent(contracts, "claim", wish, sender, ("EpochReports", data), ask, money=True)
