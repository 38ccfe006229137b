"""The public part of the node's wallet: who it is on chain. Open to everybody, as the chain is."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from medianode.rest.deps import Ours
from medianode.wallet.facts import KeyState

router = APIRouter(prefix="/api/v1/wallet", tags=["wallet"])

Amount = str
"""Decimal text: numbers of the chain do not fit into those of JSON readers."""


class _OfFacts(BaseModel):
    model_config = ConfigDict(from_attributes=True, coerce_numbers_to_str=True)


class RegistrationDocument(_OfFacts):
    """The node's entry in the registry."""

    node_id: Amount
    status: str
    owner: str
    payee: str
    endpoint: str
    region: str
    version: int
    revision: int


class StakeDocument(_OfFacts):
    """The node's bond, in the token's smallest unit."""

    bonded: Amount
    unbonding: Amount


class ReportDocument(_OfFacts):
    """The newest report that the node signed."""

    epoch: int
    digest: str
    at: float = Field(description="seconds since 1970")


class ChainDocument(_OfFacts):
    """What the chain shows of the node. A field is null until the chain was asked, or where there is no such thing."""

    chain_id: int
    registry: str | None
    registration: RegistrationDocument | None
    stake: StakeDocument | None


class WalletDocument(_OfFacts):
    """The node's identity."""

    state: KeyState
    address: str | None = Field(description="the node's account; null while its key is being opened")
    last_report: ReportDocument | None = Field(description="null until the node signs one")
    chain: ChainDocument | None = Field(description="null when this node uses no chain")


@router.get("")
async def wallet(ours: Ours) -> WalletDocument:
    """Returns the node's address, and its registration, stake and last report on chain."""
    return WalletDocument.model_validate(ours.wallet.facts())
