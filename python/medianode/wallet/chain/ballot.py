"""Counts what endpoints answer to one question. Pure: knows no network and no chain."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from medianode.wallet.chain.faults import NoQuorum, RpcError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An error as a vote: two nodes word one error differently, but a revert carries the same data."""

    kind: str
    data: str | None


@dataclass(slots=True)
class Ballot(Generic[T]):
    """Wants ``quorum`` equal answers after ``read``, which raises ``TypeError``, ``ValueError`` or ``KeyError`` for nonsense.

    A ``None`` wins only if nobody says otherwise: an endpoint that lags knows less, it does not contradict.
    """

    question: str
    quorum: int
    read: Callable[[Any], T]
    votes: dict[str, T | _Refusal | None] = field(default_factory=dict)
    nonsense: list[str] = field(default_factory=list)
    _errors: dict[_Refusal, RpcError] = field(default_factory=dict)

    def add(self, voter: str, answer: Any) -> bool:  # noqa: ANN401 - JSON
        """Counts an answer, or the ``RpcError`` given instead of one; says whether the matter is decided."""
        if isinstance(answer, RpcError):
            vote = _Refusal(answer.kind, answer.data)
            self._errors[vote] = answer
            self.votes[voter] = vote
        else:
            try:
                self.votes[voter] = self.read(answer)
            except (TypeError, ValueError, KeyError):
                self.nonsense.append(voter)
                return False
        vote_cast = self.votes[voter]
        return vote_cast is not None and self._count(vote_cast) >= self.quorum

    def result(self) -> T:
        """Returns the answer that won, or raises the error that did; ``NoQuorum`` when none has."""
        for vote in self.votes.values():
            wanted = self.quorum if vote is not None else max(self.quorum, len(self.votes))
            if self._count(vote) >= wanted:
                if isinstance(vote, _Refusal):
                    raise self._errors[vote]
                return cast("T", vote)
        counts = sorted((self._count(vote) for vote in set(self.votes.values())), reverse=True)
        raise NoQuorum(f"{self.question}: {self.quorum} endpoints must agree, the answers split {counts}")

    def losers(self) -> list[str]:
        """Names who contradicted the answer that won; those who know nothing yet do not."""
        winner = next((vote for vote in self.votes.values() if self._count(vote) >= self.quorum), None)
        return (
            [name for name, vote in self.votes.items() if vote is not None and vote != winner]
            if winner
            else []
        )

    def _count(self, vote: T | _Refusal | None) -> int:
        return sum(other == vote for other in self.votes.values())
