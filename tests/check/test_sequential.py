# SPDX-License-Identifier: Apache-2.0
"""Sequential consistency of long histories: where real time explains each key, nothing else is looked at."""

from __future__ import annotations

import pytest
from bench.check.histories import Shape, history

from tricord.check import sequential
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History, Operation
from tricord.check.real_time import in_real_time
from tricord.check.sequential import LONG


@pytest.mark.parametrize("mix", ["register", "deletes", "cas"])
def test_a_long_linearizable_history_needs_no_search(mix: str) -> None:
    finding = sequential.check(History(history(Shape(LONG, 10, 2, mix=mix))), Limits())
    assert finding.verdict is Verdict.HOLDS
    assert finding.statistics["in real time"] == 1


def test_what_is_broken_in_real_time_is_left_to_the_check_of_one_order() -> None:
    assert not in_real_time(History(history(Shape(300, 5, bug="stale-read"))), Limits())
    assert not in_real_time(History(history(Shape(300, 5, mix="cas", bug="applied-twice"))), Limits())


def test_a_client_whose_operations_overlap_has_an_order_that_real_time_does_not_know() -> None:
    operations = [
        Operation("a", "put", "x", "1", None, 0, 10),
        Operation("a", "get", "x", None, None, 5, 8),
    ]
    assert not in_real_time(History(operations), Limits())
    operations[1].client = "b"
    assert in_real_time(History(operations), Limits())


def test_what_real_time_cannot_judge_says_nothing() -> None:
    assert not in_real_time(History([Operation("a", "put", None, "1", None, 0, 1)]), Limits())
    assert not in_real_time(
        History([Operation("a", "txn", None, [["w", "x", "1"]], [["w", "x", "1"]], 0, 1)]), Limits()
    )
