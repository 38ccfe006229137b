"""The key of a running node: made at its first start, opened in the background. Neither start nor media waits for it."""

import asyncio
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from medianode.clock import Clock
from medianode.errors import MedianodeError, NodeUnavailable, WrongState
from medianode.wallet.facts import KeyState, WalletFacts
from medianode.wallet.keys.choice import InFile, KeyChoice
from medianode.wallet.keys.private_files import check_private
from medianode.wallet.late import aside

if TYPE_CHECKING:
    from medianode.wallet.keys.guarded import PolicySigner
    from medianode.wallet.keys.ledger import Ledger
    from medianode.wallet.keys.policy import Policy

RETRY_S = 30.0
"""How soon a remote signer or KMS that was away is asked again."""
REFRESH_S = 10.0
"""How soon the node shows what other processes have signed with its key, and notices a changed audit log."""

log = structlog.get_logger(__name__)


class NodeKey:
    """Gives the guarded signer once the key is open; says why when it stays locked."""

    def __init__(
        self, choice: KeyChoice, folder: Path, clock: Clock, policy: "Callable[[], Policy] | None" = None
    ) -> None:
        """Takes where the key is, the wallet's folder, and what makes the policy (none: ``Auth`` alone may be signed).

        Raises ``PermissionDenied`` at once when others can read the keystore.
        """
        if isinstance(choice, InFile) and choice.path.exists():
            check_private(choice.path)
        self._choice = choice
        self._folder = folder
        self._clock = clock
        self._policy = policy
        self._opened = asyncio.Event()
        self._state: KeyState = "opening"
        self._problem: str | None = None
        self._signer: PolicySigner | None = None
        self._ledger: Ledger | None = None

    async def run(self) -> None:
        """Opens the key, again while what keeps it is away, and keeps its facts fresh until it is cancelled."""
        away = await self.open()
        while away:
            await asyncio.sleep(RETRY_S)
            away = await self.open()
        while self._ledger is not None:
            await asyncio.sleep(REFRESH_S)
            try:
                await asyncio.to_thread(self._ledger.refresh)
            except MedianodeError as error:
                self._lock(str(error))
                return

    async def open(self) -> bool:
        """Opens the key, or makes it at the first start. Says whether trying again may help.

        Never raises: a node without its key still carries calls.
        """
        try:
            await self._open()
        except NodeUnavailable as error:
            self._lock(str(error))
            return True
        except MedianodeError as error:
            self._lock(str(error))
        except Exception:
            self._lock("internal error; the log says more")
            log.exception("opening the wallet failed")
        finally:
            self._opened.set()
        return False

    async def signer(self) -> "PolicySigner":
        """Waits until the key is open; raises ``WrongState`` with the reason when it stays locked."""
        await self._opened.wait()
        if self._signer is None:
            raise WrongState(f"the wallet is locked: {self._problem}")
        return self._signer

    def facts(self) -> WalletFacts:
        """Returns how the key is."""
        return WalletFacts(
            state=self._state,
            address=self._signer.address if self._signer is not None else None,
            problem=self._problem,
            signatures=dict(self._ledger.totals) if self._ledger is not None else {},
            last_report=self._ledger.last_report if self._ledger is not None else None,
        )

    def _lock(self, problem: str) -> None:
        known = problem == self._problem
        self._state, self._problem = "locked", problem
        if not known:
            log.error("the wallet is locked; calls go on without it", reason=problem)

    async def _open(self) -> None:
        opening = await aside(partial(import_module, "medianode.wallet.keys.opening"))
        policy = await aside(self._policy) if self._policy is not None else None
        self._signer, self._ledger = await opening.open_or_make(
            self._choice, self._folder, self._clock, policy
        )
        self._state, self._problem = "ready", None
        log.info("the wallet is ready", address=self._signer.address)
