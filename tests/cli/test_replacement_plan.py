# SPDX-License-Identifier: Apache-2.0
"""Which replacements are refused, and why, for clusters of one to five with this or that member down."""

from __future__ import annotations

import pytest

from tricord.cli.replacement_plan import NEW, majority, make_plan

NAMES = {1: "n1", 2: "n2", 3: "n3", 4: "n4", 5: "n5"}


def refusal(size: int, down: set[int], *, joint: bool = True) -> str:
    """Of replacing member 1."""
    names = {member: name for member, name in NAMES.items() if member <= size}
    return make_plan(names, set(names) - down, 1, "n9", joint=joint).refusal


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize(
    ("size", "down"), [(3, set()), (3, {1}), (4, set()), (4, {1}), (5, set()), (5, {1}), (5, {2}), (5, {1, 2})]
)
def test_what_may_be_carried_out(size: int, down: set[int], joint: bool) -> None:
    assert refusal(size, down, joint=joint) == ""


@pytest.mark.parametrize(
    ("size", "down", "why"),
    [
        (1, set(), "a cluster of 1 survives no failure: add another member, then remove n1"),
        (1, {1}, "a cluster of 1 survives no failure, and n1 does not answer: it has no quorum"),
        (2, set(), "a cluster of 2 survives no failure: add another member, then remove n1"),
        (2, {1}, "a cluster of 2 survives no failure, and n1 does not answer: it has no quorum"),
        (3, {2}, "n2 does not answer: one more failure on the way would lose the quorum; "
                 "bring back or replace what is down first"),
        (3, {1, 2}, "n1 and n2 do not answer: the rest is no majority"),
        (4, {3}, "n3 does not answer: one more failure on the way would lose the quorum; "
                 "bring back or replace what is down first"),
        (5, {2, 3}, "n2 and n3 do not answer: one more failure on the way would lose the quorum; "
                    "bring back or replace what is down first"),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(size: int, down: set[int], why: str) -> None:
    assert refusal(size, down) == why


def test_the_steps_of_a_joint_change_and_what_may_fail_in_each() -> None:
    plan = make_plan({1: "a", 2: "b", 3: "c"}, {1, 2, 3}, 3, "d", joint=True)
    assert [(step.text, list(map(sorted, step.sets))) for step in plan.steps] == [
        ("add d as a learner, and wait until it has caught up", [[1, 2, 3]]),
        ("swap c for d in one joint change", [[1, 2, 3], [NEW, 1, 2]]),
        ("done", [[NEW, 1, 2]]),
    ]
    assert plan.spare == [1, 1, 1]
    assert make_plan({1: "a", 2: "b", 3: "c"}, {1, 2}, 3, "d", joint=True).spare == [0, 0, 1]


def test_on_etcd_there_is_one_voter_more_for_a_while() -> None:
    plan = make_plan({1: "a", 2: "b", 3: "c"}, {1, 2, 3}, 3, "d", joint=False)
    assert [list(map(sorted, step.sets)) for step in plan.steps] == [
        [[1, 2, 3]],
        [[NEW, 1, 2, 3]],
        [[NEW, 1, 2, 3]],
        [[NEW, 1, 2]],
    ]
    assert plan.spare == [1, 1, 1, 1]


def test_on_etcd_a_dead_member_leaves_first() -> None:
    plan = make_plan({1: "a", 2: "b", 3: "c"}, {1, 2}, 3, "d", joint=False)
    assert [step.text for step in plan.steps][:3] == [
        "remove c",
        "add d as a learner, and wait until it has caught up",
        "promote d",
    ]
    assert (plan.removes_first, plan.refusal, plan.spare) == (True, "", [0, 0, 1, 1])


def test_a_majority_is_more_than_half() -> None:
    assert [majority(count) for count in range(1, 7)] == [1, 2, 2, 3, 3, 4]
