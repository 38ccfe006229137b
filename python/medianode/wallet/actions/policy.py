"""What a key of this deployment may sign: exactly the calls and messages of its role."""

from typing import Literal

from medianode.wallet.actions.artifacts import artifact
from medianode.wallet.actions.deployment import Deployment
from medianode.wallet.keys.policy import Call, Policy
from medianode.wallet.typed.auth import Auth, auth_domain
from medianode.wallet.typed.eip712 import Domain, Message
from medianode.wallet.typed.messages import (
    Deregister,
    Permit,
    QosReport,
    Register,
    Rotate,
    SignerConsent,
    Update,
)

Role = Literal["node", "owner"]
ETHER = 10**18
FEE_CAP = ETHER // 20
DAILY_CAP = ETHER // 5

ANYBODY = (
    ("NodeRegistry", ("registerFor", "updateFor", "rotateFor", "deregisterFor")),
    ("Staking", ("withdraw",)),
    ("EpochReports", ("activate", "claim")),
)
"""What pays or favours none but those who approved it; the sender only pays the gas."""
CALLS: dict[Role, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "node": (
        *ANYBODY,
        ("NodeRegistry", ("update", "resume")),
        ("Staking", ("unjail",)),
        ("EpochReports", ("report",)),
    ),
    "owner": (
        *ANYBODY,
        ("NodeRegistry", ("register", "rotate", "changePayee", "offerOwner", "acceptOwner", "deregister")),
        ("Staking", ("bondWithPermit", "unbond")),
        ("EpochReports", ("report",)),
    ),
}


def policy_for(deployment: Deployment, role: Role, token: Domain | None = None) -> Policy:
    """Returns the policy of a node's key, which can move nothing, or of an owner's. ``token``: whose permits are allowed."""
    registry = deployment.registry_domain
    auth = auth_domain(deployment.chain_id, deployment.registry)
    messages: set[tuple[type[Message], Domain]] = {(Auth, auth), (Auth, auth_domain())}
    if role == "node":
        messages |= {(SignerConsent, registry), (Update, registry), (QosReport, deployment.qos_domain)}
    else:
        messages |= {(kind, registry) for kind in (Register, Rotate, Deregister)}
        messages |= {(Permit, token)} if token is not None else set()
    calls = {
        Call(deployment.chain_id, deployment.addresses[contract], artifact(contract).selector(name)): 0
        for contract, names in CALLS[role]
        for name in names
    }
    return Policy(frozenset(messages), calls, FEE_CAP, DAILY_CAP)
