# SPDX-License-Identifier: Apache-2.0
"""The oracle itself, on examples that everybody knows."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from tests.check.oracle import causality, committed, snapshots, total_orders
from tests.check.oracle.judges import JUDGES
from tricord.check.history import History, Operation


def told(*lines: tuple[int, str, str, Any, Any, int, int]) -> History:
    return History(
        Operation(client=client, op=op, key=key, input=given, output=answer, call_ns=call, return_ns=end)
        for client, op, key, given, answer, call, end in lines
    )


STALE = told((1, "put", "x", "1", None, 0, 1), (1, "put", "x", "2", None, 2, 3), (2, "get", "x", None, "1", 4, 5))
BACK = told(
    (1, "put", "x", "1", None, 0, 9),
    (2, "put", "x", "2", None, 0, 9),
    (3, "get", "x", None, "1", 10, 11),
    (3, "get", "x", None, "2", 12, 13),
    (3, "get", "x", None, "1", 14, 15),
)
TWO_VIEWS = told(
    (1, "put", "x", "1", None, 0, 9),
    (2, "put", "x", "2", None, 0, 9),
    (3, "get", "x", None, "1", 10, 11),
    (3, "get", "x", None, "2", 12, 13),
    (4, "get", "x", None, "2", 10, 11),
    (4, "get", "x", None, "1", 12, 13),
)
EFFECT_WITHOUT_CAUSE = told(
    (1, "put", "x", "1", None, 0, 1),
    (2, "get", "x", None, "1", 2, 3),
    (2, "put", "y", "2", None, 4, 5),
    (3, "get", "y", None, "2", 6, 7),
    (3, "get", "x", None, None, 8, 9),
)


@pytest.mark.parametrize(
    "one, verdicts",
    [
        (STALE, (False, True, True, True, True, True)),
        (BACK, (False, False, False, True, False, False)),
        (TWO_VIEWS, (False, False, True, True, False, True)),
        (EFFECT_WITHOUT_CAUSE, (False, False, False, False, False, False)),
    ],
    ids=["stale", "back", "two views", "effect without cause"],
)
def test_the_textbook_is_judged_as_it_says(one: History, verdicts: tuple[bool, ...]) -> None:
    judges = (
        total_orders.linearizable,
        total_orders.sequential,
        causality.sessions,
        causality.causal,
        causality.causal_convergence,
        causality.causal_memory,
    )
    assert tuple(judge(one) for judge in judges) == verdicts


def transactions(*each: list[list[Any]]) -> History:
    return History(Operation(client=n, op="txn", input=one, output=one, return_ns=1) for n, one in enumerate(each))


@pytest.mark.parametrize(
    "one, verdicts",
    [
        (transactions([["r", "x", None], ["w", "y", 1]], [["r", "y", None], ["w", "x", 1]]), (True, True, False)),
        (transactions([["w", "x", 1], ["w", "y", 1]], [["r", "x", 1], ["r", "y", None]]), (True, False, False)),
        (transactions([["r", "x", None], ["w", "x", 1]], [["r", "x", None], ["w", "x", 2]]), (True, False, False)),
        (transactions([["r", "x", 1], ["w", "y", 1]], [["r", "y", 1], ["w", "x", 1]]), (False, False, False)),
    ],
    ids=["write skew", "read skew", "lost update", "circular flow"],
)
def test_isolation_is_judged_as_adya_says(one: History, verdicts: tuple[bool, ...]) -> None:
    judges = (committed.read_committed, snapshots.snapshot_isolation, total_orders.serializable)
    assert tuple(judge(one) for judge in judges) == verdicts


@pytest.mark.parametrize("name", JUDGES)
def test_random_histories_are_both_right_and_wrong(name: str) -> None:
    judge = JUDGES[name]
    verdicts = Counter(judge.oracle(judge.draw(random.Random(seed))) for seed in range(200))
    assert min(verdicts[True], verdicts[False]) >= 3
