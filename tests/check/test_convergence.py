# SPDX-License-Identifier: Apache-2.0
"""Convergence, by stories, and against all choices of moments for unknown writes."""

from __future__ import annotations

import random

import pytest

from tests.check.oracle import convergence
from tricord.check.convergence import check
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import BadHistory, History, Operation

BOUND = 10


def put(client: int, value: str, call: int, end: int | None, status: str = "ok", key: str = "k") -> Operation:
    return Operation(client, "put", key, value, None, call, end, status)


def get(client: int, value: str | None, call: int, end: int, key: str = "k") -> Operation:
    return Operation(client, "get", key, None, value, call, end)


def judged(*operations: Operation) -> Finding:
    return check(History(operations), Limits(bound_ns=BOUND))


def test_readers_may_differ_within_the_bound_and_not_after_it() -> None:
    story = [put(1, "a", 0, 1), put(1, "b", 2, 3), get(2, "a", 12, 13), get(3, "b", 12, 13)]
    assert judged(*story).verdict is Verdict.HOLDS
    late = judged(*story, get(2, "b", 14, 15), get(3, "a", 16, 17))
    assert (late.verdict, late.anomaly, late.operations) == (Verdict.VIOLATED, "older value", [0, 1, 5])


def test_of_writes_at_the_same_time_either_may_be_the_last_but_one_for_all() -> None:
    story = [put(1, "a", 0, 5), put(2, "b", 3, 6)]
    assert judged(*story, get(3, "a", 16, 17), get(4, "a", 16, 17)).verdict is Verdict.HOLDS
    found = judged(*story, get(3, "a", 16, 17), get(4, "b", 40, 41))
    assert (found.verdict, found.anomaly, found.operations) == (Verdict.VIOLATED, "no convergence", [0, 1, 2, 3])


def test_each_key_is_judged_by_itself() -> None:
    found = judged(put(1, "a", 0, 1), put(1, "b", 9, 12, key="other"), get(2, "a", 12, 13), get(3, None, 14, 15))
    assert (found.anomaly, found.operations) == ("wrong value", [0, 3])


def test_an_unknown_write_takes_effect_once() -> None:
    story = [put(1, "a", 0, 1), put(2, "b", 2, None, "unknown"), get(3, "a", 20, 21), get(3, "b", 50, 51)]
    assert judged(*story).verdict is Verdict.HOLDS
    back = judged(*story, get(4, "b", 70, 71), get(4, "a", 90, 91))
    assert (back.verdict, back.anomaly) == (Verdict.VIOLATED, "no convergence")


def test_what_failed_is_read_by_nobody() -> None:
    found = judged(put(1, "a", 0, 1), put(1, "b", 2, 3, "fail"), get(2, "b", 30, 31))
    assert found.anomaly == "wrong value"


def test_compare_and_swap_append_delete_and_transactions_write() -> None:
    history = [
        Operation(1, "cas", "k", {"expect": None, "value": "a"}, True, 0, 1),
        Operation(1, "cas", "k", {"expect": "x", "value": "y"}, False, 2, 3),
        Operation(1, "append", "t", "b", "ab", 0, 1),
        Operation(1, "delete", "d", None, None, 0, 1),
        Operation(1, "txn", None, [["w", "w", 1], ["r", "w", None]], [["w", "w", 1], ["r", "w", 1]], 4, 5),
        Operation(1, "append", "u", "b", None, 6, 7),
        *(get(2, value, 30, 31, key) for key, value in (("k", "a"), ("t", "ab"), ("d", None), ("u", "anything"))),
        Operation(2, "txn", None, [["r", "w", None]], [["r", "w", 1]], 32, 33),
    ]
    assert judged(*history).statistics == {"keys": 5, "late_reads": 5}


def test_a_lock_is_no_value() -> None:
    with pytest.raises(BadHistory, match="line 1: convergence"):
        judged(Operation(1, "acquire", "k", None, None, 0, 1))


@pytest.mark.parametrize("first", range(0, 1000, 250))
def test_the_verdict_is_that_of_trying_all_moments(first: int) -> None:
    for seed in range(first, first + 250):
        history = convergence.history(random.Random(seed))
        verdict = check(history, Limits(bound_ns=convergence.BOUND_NS)).verdict
        assert (verdict is Verdict.HOLDS) == convergence.converges(history), seed
