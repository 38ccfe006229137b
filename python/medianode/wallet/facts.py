"""What a node shows of its wallet: the public part over HTTP, numbers as metrics. Data only; whoever knows fills it in."""

from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

KeyState = Literal["opening", "ready", "locked", "observing"]


@dataclass(frozen=True, slots=True)
class Registration:
    """The node's entry in the registry, as the chain showed it last."""

    node_id: int
    status: str
    owner: str
    payee: str
    endpoint: str
    region: str
    version: int
    revision: int


@dataclass(frozen=True, slots=True)
class Stake:
    """The node's bond, in the token's smallest unit."""

    bonded: int
    unbonding: int


@dataclass(frozen=True, slots=True)
class LastReport:
    """The newest report that the node signed."""

    epoch: int
    digest: str
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """One RPC endpoint, by its place in the settings: its address may hold a credential."""

    index: int
    up: bool
    behind_blocks: int


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """What is known of the chain. Fields are none until it was asked."""

    chain_id: int
    registry: str | None = None
    registration: Registration | None = None
    stake: Stake | None = None
    balance_wei: int | None = None
    actions_left: int | None = None
    """How many transactions the balance pays for at the present price."""
    pending: int = 0
    oldest_pending_s: float = 0.0
    endpoints: tuple[EndpointHealth, ...] = ()
    alarms: tuple[str, ...] = ()
    """What an operator must look at, by name; the log says more."""


@dataclass(frozen=True, slots=True)
class WalletFacts:
    """Everything about the wallet at one moment."""

    state: KeyState
    address: str | None
    """The node's account; none while the key is being made."""
    problem: str | None = None
    """Why the key is locked, and what to do."""
    signatures: dict[str, int] = field(default_factory=dict)
    """Lines of the audit log by event: permitted, refused, failed."""
    last_report: LastReport | None = None
    chain: ChainFacts | None = None
    """None while no endpoint is set."""


class KeyView(Protocol):
    """Whoever can say how the key is."""

    def facts(self) -> WalletFacts:
        """Returns the newest facts at once; asks nobody."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Stands for the key of a node that is only looked at."""

    address: str

    def facts(self) -> WalletFacts:
        """Returns that there is no key here."""
        return WalletFacts("observing", self.address)


class ChainView(Protocol):
    """Whoever can say what the chain shows of the node."""

    def facts(self) -> ChainFacts:
        """Returns the newest facts at once; asks nobody."""


@dataclass(frozen=True, slots=True)
class WalletView:
    """The wallet as the node shows it."""

    key: KeyView
    chain: ChainView | None = None

    def facts(self) -> WalletFacts:
        """Returns the newest facts at once; asks nobody."""
        return replace(self.key.facts(), chain=self.chain.facts() if self.chain is not None else None)
