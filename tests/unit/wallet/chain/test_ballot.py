"""Who is believed."""

import pytest

from medianode.wallet.chain.ballot import Ballot
from medianode.wallet.chain.faults import NoQuorum, RpcError

REVERT = "execution reverted"


def vote(*answers, quorum=2, read=int):
    ballot = Ballot("question", quorum, read)
    decided = [ballot.add(f"#{index}", answer) for index, answer in enumerate(answers)]
    return ballot, decided


def test_two_of_three_are_believed_as_soon_as_they_agree():
    ballot, decided = vote("5", "7", "5")
    assert decided == [False, False, True]
    assert ballot.result() == 5
    assert ballot.losers() == ["#1"]


def test_one_lying_one_lagging_and_one_right_are_no_quorum():
    ballot, _ = vote("5", "4", "9")
    with pytest.raises(NoQuorum, match="question"):
        ballot.result()


def test_knowing_nothing_yet_is_no_contradiction():
    ballot, _ = vote(None, "5", "5", read=lambda answer: answer and int(answer))
    assert ballot.result() == 5
    assert ballot.losers() == []


def test_nothing_is_believed_only_if_nobody_says_otherwise():
    nobody, _ = vote(None, None, read=lambda answer: answer)
    assert nobody.result() is None
    somebody, _ = vote(None, None, "x", read=lambda answer: answer)
    with pytest.raises(NoQuorum):
        somebody.result()


def test_errors_that_agree_in_what_they_carry_are_an_answer():
    ballot, decided = vote(RpcError(3, REVERT, "0x01"), RpcError(-32000, f"VM: {REVERT}", "0x01"))
    assert decided[-1]
    with pytest.raises(RpcError, match=REVERT):
        ballot.result()
    other, _ = vote(RpcError(3, REVERT, "0x01"), RpcError(3, REVERT, "0x02"))
    with pytest.raises(NoQuorum):
        other.result()


def test_nonsense_is_no_vote():
    ballot, _ = vote("5", "what", "5")
    assert ballot.nonsense == ["#1"]
    assert ballot.result() == 5
