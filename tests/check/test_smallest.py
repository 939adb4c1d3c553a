# SPDX-License-Identifier: Apache-2.0
"""Counter-examples are made small, and stay meaningful: what is left out takes along what hangs on it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.check.linear.strategies import KINDS, history_of
from tricord.check.dependence import Dependence
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History, Operation
from tricord.check.linearizable import check
from tricord.check.smallest import renumbered, smallest


def one(client: int, op: str, key: str, given: Any, output: Any, at: int, status: str = "ok") -> Operation:
    return Operation(client, op, key, given, output, at * 10, at * 10 + 5, status)


def stale(writes: int) -> History:
    """Many writes and right reads of several keys, and one read that is stale."""
    operations, at = [], 0
    for number in range(writes):
        key = f"k{number % 5}"
        operations.append(one(1, "put", key, f"v{number}", None, at))
        operations.append(one(2, "get", key, None, f"v{number}", at + 1))
        at += 2
    operations.append(one(3, "get", "k3", None, f"v{writes - 7}", at))
    return History(operations)


def made_small(history: History, **options: Any) -> Finding:
    finding = check(history, Limits())
    assert finding.verdict is Verdict.VIOLATED
    return smallest("linearizable", check, history, finding, Limits(), **options)


def test_a_stale_read_needs_two_writes_and_itself() -> None:
    history = stale(200)
    found = made_small(history)
    left = [history.operations[index] for index in found.operations]
    assert [(each.op, each.key) for each in left] == [("put", "k3"), ("put", "k3"), ("get", "k3")]
    assert left[0].input == left[2].output
    assert f"#{left[2].index}" in found.reason
    assert found.anomaly == check(history, Limits()).anomaly


def test_no_work_leaves_the_finding_as_it_was() -> None:
    history = stale(20)
    finding = check(history, Limits())
    assert made_small(history, work=0) == finding
    assert made_small(history, expired=lambda: True) == finding


def test_little_work_gives_something_between() -> None:
    found = made_small(stale(200), work=1000)
    assert found.verdict is Verdict.VIOLATED and len(found.operations) >= 3


def test_numbers_within_values_are_not_changed() -> None:
    assert renumbered('#1 reads "#0 \\" #1" before #0, #9', ["7", "12"]) == '#12 reads "#0 \\" #1" before #7, #9'


def closure(operations: list[Operation], *indexes: int) -> list[int]:
    return sorted(Dependence(History(operations)).with_all(indexes))


def test_a_write_goes_with_its_reads() -> None:
    story = [one(1, "put", "k", "a", None, 0), one(1, "put", "k", "b", None, 1), one(2, "get", "k", None, "a", 2)]
    assert closure(story, 0) == [0, 2]
    assert closure(story, 1) == [1]
    assert closure(story, 2) == [2]


def test_a_swap_goes_with_what_it_compared_with_and_is_a_write() -> None:
    swap = {"expect": "a", "value": "b"}
    story = [one(1, "put", "k", "a", None, 0), one(2, "cas", "k", swap, True, 1), one(2, "get", "k", None, "b", 2)]
    assert closure(story, 0) == [0, 1, 2]
    refused = [*story[:1], one(2, "cas", "k", {"expect": "x", "value": "b"}, False, 1)]
    assert closure(refused, 0) == [0, 1]
    assert closure(refused, 1) == [1]


def test_with_an_append_its_key_goes_but_reads_go_alone() -> None:
    story = [
        one(1, "append", "k", "a", None, 0),
        one(1, "append", "k", "b", "ab", 1),
        one(2, "get", "k", None, "ab", 2),
    ]
    assert closure(story, 1) == [0, 1, 2]
    assert closure(story, 2) == [2]


def test_what_was_queued_and_taken_goes_together() -> None:
    story = [one(1, "enqueue", "q", 1, None, 0), one(2, "enqueue", "q", 2, None, 0), one(3, "dequeue", "q", None, 1, 2)]
    assert closure(story, 2) == [0, 2]
    assert closure(story, 0) == [0, 2]
    assert closure(story, 1) == [1]


def test_a_transaction_goes_with_those_that_read_it() -> None:
    story = [
        Operation(1, "txn", None, [["append", "x", 1]], [["append", "x", 1]], 0, 1),
        Operation(1, "txn", None, [["r", "x", None], ["w", "y", 2]], [["r", "x", [1]], ["w", "y", 2]], 2, 3),
        Operation(2, "txn", None, [["r", "y", None]], [["r", "y", 2]], 4, 5),
        Operation(3, "txn", None, [["r", "y", None]], [["r", "y", None]], 4, 5),
    ]
    assert closure(story, 0) == [0, 1, 2]
    assert closure(story, 3) == [3]


@pytest.mark.parametrize("kind", KINDS)
def test_what_holds_still_holds_without_an_operation_and_what_hangs_on_it(kind: str) -> None:
    for seed in range(40):
        history = history_of(seed, kind, 8, keys=1 + seed % 2, unique=seed % 3 == 0, spoil=0)
        dependence = Dependence(history)
        for index in range(len(history)):
            left = set(range(len(history))) - dependence.with_all([index])
            assert check(history.only(left), Limits()).verdict is Verdict.HOLDS, (seed, index)


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_history_is_spoilt_still_when_small(kind: str) -> None:
    for seed in range(60):
        history = history_of(seed, kind, 10, keys=2, spoil=0.6)
        finding = check(history, Limits())
        small = smallest("linearizable", check, history, finding, Limits())
        assert small.verdict is finding.verdict
        assert finding.anomaly in (small.anomaly, "no order")
        if small.verdict is Verdict.VIOLATED:
            assert check(history.only(small.operations), Limits()).anomaly == small.anomaly


def test_what_has_no_name_is_named_when_what_repeats_is_left_out() -> None:
    history = History([
        one(1, "put", "x", "b", None, 0),
        one(2, "get", "x", None, "b", 1),
        one(1, "put", "x", "b", None, 2),
        one(2, "get", "x", None, None, 3),
    ])  # fmt: skip
    assert check(history, Limits()).anomaly == "no order"
    found = made_small(history)
    assert (found.anomaly, found.operations) == ("stale read", [2, 3])
