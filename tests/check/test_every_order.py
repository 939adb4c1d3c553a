# SPDX-License-Identifier: Apache-2.0
"""All orders of few operations: the same verdicts as by definition, and one where guesses do not come to an end."""

from __future__ import annotations

from random import Random

import pytest

from tests.check import brute_force, drawn
from tricord.check import sequential
from tricord.check.every_order import MOST, explained
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History, Operation


@pytest.mark.parametrize(
    ("model", "options"),
    [("serializable", {}), ("snapshot_isolation", {"split": True}), ("sequential", {"by_client": True})],
)
def test_it_agrees_with_the_definition(model: str, options: dict[str, bool]) -> None:
    verdicts = set()
    for seed in range(60):
        for history in (drawn.transactions(Random(seed)), drawn.singles(Random(seed))):
            found = explained(history, Limits(), **options)
            assert found is getattr(brute_force, model)(history), seed
            verdicts.add(found)
    assert verdicts == {True, False}


def test_what_guesses_leave_open_is_decided() -> None:
    def swap(expect: str | None, value: str | None, output: bool | None, at: int, status: str = "ok") -> Operation:
        return Operation("a", "cas", "x", {"expect": expect, "value": value}, output, at, at + 1, status)

    operations = [
        swap(None, "a", None, 0, "unknown"),
        swap("a", None, None, 10, "unknown"),
        Operation("a", "put", "x", "", None, 20, 21),
        swap(None, None, False, 30),
        swap(None, None, True, 40),
    ]
    found = sequential.check(History(operations), Limits())
    assert (found.verdict, found.anomaly, found.operations) == (Verdict.VIOLATED, "no order", [0, 1, 2, 3, 4])


def test_many_operations_are_too_many() -> None:
    writes = [Operation(number, "put", "x", str(number), None, 0, 1) for number in range(MOST + 1)]
    assert explained(History(writes), Limits()) is None
    assert explained(History(writes[:MOST]), Limits()) is True
    assert explained(History([*writes[:8], Operation("a", "get", "x", None, "no", 0, 1)]), Limits(steps=5)) is None
