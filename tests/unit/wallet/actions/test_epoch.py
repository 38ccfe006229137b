"""An epoch is one file that anybody can recompute."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medianode.errors import Conflict, InvalidArgument, NotFound, RequestError
from medianode.wallet.actions import epoch as epochs
from medianode.wallet.actions.merkle import MerkleTree, leaf_hash, proves
from medianode.wallet.typed.document import SignedMessage
from medianode.wallet.typed.eip712 import Domain, TypedData
from medianode.wallet.typed.messages import QosReport

DOMAIN = Domain("MediaQos", 31337, "0x" + "00" * 19 + "77")
PAYEES = {node: "0x" + "00" * 19 + f"{node:02d}" for node in range(1, 20)}
SIGNATURE = bytes(31) + b"\1" + bytes(31) + b"\1" + b"\x1b"


def report(node, relayed, number=3, domain=DOMAIN):
    message = QosReport(
        node_id=node,
        epoch=number,
        seq=number,
        start=number * 60,
        end=number * 60 + 60,
        bytes_relayed=relayed,
        participant_ms=0,
        sessions=1,
        loss_ppm=0,
        rtt_p95_us=0,
        sessions_root=bytes(32),
        prev_digest=bytes(32),
    )
    return SignedMessage(TypedData(domain, message), SIGNATURE)


def test_the_budget_is_divided_by_bytes_and_carried_over():
    first = epochs.build(DOMAIN, 3, 1000, [report(2, 100), report(1, 300)], PAYEES, None)
    assert [(r.node_id, r.cumulative) for r in first.rewards] == [(1, 750), (2, 250)]
    second = epochs.build(DOMAIN, 5, 100, [report(3, 1, 5)], PAYEES, first)
    assert [(r.node_id, r.cumulative, r.earned) for r in second.rewards] == [
        (1, 750, 0),
        (2, 250, 0),
        (3, 100, 100),
    ]
    assert second.total == 1100
    assert second.previous == first.file_hash
    epochs.check_follows(second, first)


def test_a_file_gives_back_the_epoch():
    built = epochs.build(DOMAIN, 3, 1000, [report(2, 100), report(1, 300)], PAYEES, None)
    assert epochs.read(built.to_json()) == built
    empty = epochs.build(DOMAIN, 3, 1000, [], PAYEES, None)
    assert epochs.read(empty.to_json()).reward_root == bytes(32)


def test_every_changed_line_is_found():
    text = epochs.build(DOMAIN, 3, 1000, [report(2, 100), report(1, 300)], PAYEES, None).to_json()
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        for digit in "0123456789abcdef":
            place = max(line.find(digit), 0)
            if line[place] == digit and place > line.find(":"):
                changed = line[:place] + ("1" if digit != "1" else "2") + line[place + 1 :]
                altered = "".join([*lines[:index], changed, *lines[index + 1 :]])
                if '"signature"' in line or '"previous"' in line or altered == text:
                    continue  # what they say is found by the chain, and by the file before
                with pytest.raises(RequestError):
                    epochs.read(altered)


def test_two_reports_of_one_node_are_named():
    with pytest.raises(Conflict, match=r"node 1 .*slash"):
        epochs.build(DOMAIN, 3, 1000, [report(1, 100), report(1, 300)], PAYEES, None)


def test_reports_of_other_epochs_and_deployments_are_refused():
    with pytest.raises(InvalidArgument, match="epoch 4"):
        epochs.build(DOMAIN, 3, 1000, [report(1, 100, 4)], PAYEES, None)
    other = Domain("MediaQos", 1, DOMAIN.verifying_contract)
    with pytest.raises(InvalidArgument, match="deployment"):
        epochs.build(DOMAIN, 3, 1000, [report(1, 100, domain=other)], PAYEES, None)


def test_an_epoch_that_forgets_what_was_earned_does_not_follow():
    first = epochs.build(DOMAIN, 3, 1000, [report(1, 1)], PAYEES, None)
    with pytest.raises(InvalidArgument, match="another file"):
        epochs.check_follows(epochs.build(DOMAIN, 5, 10, [report(2, 1, 5)], PAYEES, None), first)
    with pytest.raises(InvalidArgument, match="before"):
        epochs.build(DOMAIN, 3, 10, [report(2, 1)], PAYEES, first)


def test_a_node_without_a_reward_has_no_proof():
    built = epochs.build(DOMAIN, 3, 1000, [report(1, 1)], PAYEES, None)
    with pytest.raises(NotFound, match="node 2"):
        built.proof(2)


def test_a_file_of_another_shape_is_refused():
    document = json.loads(epochs.build(DOMAIN, 3, 1000, [], PAYEES, None).to_json())
    for change in (
        {"format": "x"},
        {"epoch": "3"},
        {"budget": "-"},
        {"rewards": [{}]},
        {"previous": 1},
        {"more": 1},
    ):
        with pytest.raises(InvalidArgument):
            epochs.read(json.dumps({**document, **change}))
    with pytest.raises(InvalidArgument, match="JSON"):
        epochs.read("{")


@given(st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=40, unique=True))
def test_every_leaf_of_a_tree_has_a_proof_and_no_other_has(leaves):
    hashes = [leaf_hash(leaf) for leaf in leaves]
    tree = MerkleTree(hashes)
    for index, leaf in enumerate(hashes):
        assert proves(tree.root, leaf, tree.proof(index))
        assert not proves(tree.root, leaf_hash(leaves[index] + b"x"), tree.proof(index))
