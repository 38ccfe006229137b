"""What goes wrong between us and a chain, sorted coarsely.

Nodes word one error differently, so that no text decides anything alone: receipts do.
"""

from enum import StrEnum

from medianode.errors import ChainUnavailable, DependencyError


class Fault(StrEnum):
    """What kind of answer an error was."""

    LIMITED = "limited"
    KNOWN = "known"
    NONCE_LOW = "nonce_low"
    UNDERPRICED = "underpriced"
    FUNDS = "funds"
    REVERT = "revert"
    OTHER = "other"


_WORDS = (
    (Fault.KNOWN, ("already known", "already imported", "known transaction", "already exists")),
    (Fault.NONCE_LOW, ("nonce too low", "nonce is too low", "oldnonce")),
    (Fault.UNDERPRICED, ("underpriced", "fee too low", "maxfeepergas too low", "less than block base fee")),
    (Fault.FUNDS, ("insufficient funds", "insufficient balance", "enough funds")),
    (Fault.REVERT, ("revert",)),
    (Fault.LIMITED, ("rate limit", "too many requests", "request limit")),
)
REVERT_CODE = 3
LIMIT_CODE = -32005


class EndpointDown(ChainUnavailable):
    """One endpoint did not answer as a node does: connection, time-out, HTTP status, or no JSON-RPC."""


class NoQuorum(ChainUnavailable):
    """Too few endpoints say the same."""


class RpcError(DependencyError):
    """A node answered with an error (JSON-RPC 2.0 section 5.1)."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        """Takes the error object of the answer; the data are those of a revert, in hexadecimal."""
        super().__init__(message)
        self.code = code
        self.data = data
        self.kind = classify(code, message)


def classify(code: int, message: str) -> Fault:
    """Sorts an error by its code, then by the words that nodes use."""
    text = message.lower()
    if code == LIMIT_CODE:
        return Fault.LIMITED
    if code == REVERT_CODE:
        return Fault.REVERT
    for kind, words in _WORDS:
        if any(word in text for word in words):
            return kind
    return Fault.OTHER
