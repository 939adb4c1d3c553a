# SPDX-License-Identifier: Apache-2.0
"""Registers whose writes are all different: sorting agrees with the search, and names the operations that matter."""

from __future__ import annotations

from typing import Any

import pytest

from tests.check.linear.brute import linearizable
from tests.check.linear.strategies import history_of
from tricord.check import linearizable as model
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import BadHistory, History, Operation
from tricord.check.linear.partition import partitions
from tricord.check.linear.search import Search


def put(client: int, value: Any, call: int, back: int | None, status: str = "ok") -> Operation:
    return Operation(client, "put", "k", input=value, call_ns=call, return_ns=back, status=status)


def get(client: int, value: Any, call: int, back: int) -> Operation:
    return Operation(client, "get", "k", output=value, call_ns=call, return_ns=back)


def judged(*operations: Operation) -> Finding:
    return model.check(History(operations), Limits())


def test_sorting_and_searching_agree() -> None:
    verdicts = set()
    for seed in range(150):
        history = history_of(seed, "put and get", size=30, keys=2, unique=True, spoil=0.4)
        finding = model.check(history, Limits())
        searched = {
            Search(part.moves(), part.initial, Limits()).run().verdict for part in partitions(history.operations)
        }
        expected = Verdict.VIOLATED if Verdict.VIOLATED in searched else Verdict.HOLDS
        assert finding.verdict is expected, seed
        assert "searched" not in finding.statistics
        verdicts.add(expected)
    assert len(verdicts) == 2


def test_the_operations_of_a_violation_are_a_violation() -> None:
    violated = 0
    for seed in range(150):
        history = history_of(seed, "put and get", size=30, keys=2, unique=True, spoil=0.4)
        finding = model.check(history, Limits())
        if finding.verdict is Verdict.VIOLATED:
            violated += 1
            assert len(finding.operations) <= 6
            assert not linearizable(history.only(finding.operations)), seed
    assert violated > 20


def test_a_stale_read() -> None:
    finding = judged(put(1, "a", 0, 1), put(1, "b", 2, 3), get(2, "a", 4, 5))
    assert (finding.verdict, finding.anomaly, finding.operations) == (Verdict.VIOLATED, "stale read", [0, 1, 2])
    assert finding.reason == '#2 read "a" on k, though "b" had replaced it'


def test_a_read_of_the_beginning_after_a_write() -> None:
    finding = judged(put(1, "a", 0, 1), get(2, None, 2, 3))
    assert (finding.anomaly, finding.operations) == ("stale read", [0, 1])


def test_reads_in_turned_order() -> None:
    finding = judged(put(1, "a", 0, 1), put(1, "b", 2, 9), get(2, "b", 3, 4), get(3, "a", 5, 6))
    assert (finding.anomaly, finding.operations) == ("reordered reads", [0, 1, 2, 3])


def test_a_value_of_a_failed_write() -> None:
    finding = judged(put(1, "a", 0, 1, "fail"), get(2, "a", 2, 3))
    assert (finding.anomaly, finding.operations) == ("dirty read", [0, 1])


def test_a_value_of_nobody() -> None:
    assert judged(get(2, "a", 2, 3)).anomaly == "phantom value"


def test_a_value_read_before_it_was_written() -> None:
    assert judged(get(2, "a", 2, 3), put(1, "a", 4, 5)).anomaly == "read from the future"


def test_what_touches_in_time_runs_at_once() -> None:
    assert judged(put(1, "a", 0, 5), get(2, None, 5, 6)).verdict is Verdict.HOLDS


def test_an_unknown_write_may_come_late_or_never() -> None:
    late = put(1, "a", 0, None, "unknown"), get(2, None, 5, 6), get(2, "a", 7, 8)
    assert judged(*late).verdict is Verdict.HOLDS
    assert judged(*late, get(2, None, 9, 10)).verdict is Verdict.VIOLATED


@pytest.mark.parametrize("keys", [1, 3])
def test_times_too_far_apart_for_one_number(keys: int) -> None:
    far = 1 << 61
    operations = []
    for key in range(keys):
        for one in (put(1, "a", 0, 1), put(1, "b", 2, far), get(2, "b", far + 1, far + 2), get(2, "a", 3, 4)):
            one.key = f"k{key}"
            operations.append(one)
    assert judged(*operations).verdict is Verdict.HOLDS
    operations[-1].call_ns = operations[-1].return_ns = far + 3
    assert judged(*operations).verdict is Verdict.VIOLATED


def test_a_return_before_the_call_is_no_history() -> None:
    with pytest.raises(BadHistory, match="line 1"):
        judged(put(1, "a", 5, 4))


def test_nothing_happened() -> None:
    assert judged().verdict is Verdict.HOLDS
