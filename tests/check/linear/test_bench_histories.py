# SPDX-License-Identifier: Apache-2.0
"""The histories of bench/check are what they say: correct, or with a bug that the checker sees."""

from __future__ import annotations

import pytest
from bench.check.histories import BUGS, MIXES, Shape, history

from tricord.check import linearizable as model
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History

SMALL = 1000


def verdict(shape: Shape) -> Verdict:
    return model.check(History(history(shape)), Limits()).verdict


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("unique", [True, False])
def test_a_correct_one_holds(mix: str, unique: bool) -> None:
    assert verdict(Shape(SMALL, keys=10, unique=unique, mix=mix)) is Verdict.HOLDS


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_a_violation(bug: str) -> None:
    assert verdict(Shape(SMALL, keys=10, bug=bug)) is Verdict.VIOLATED


@pytest.mark.parametrize("mix", ["deletes", "cas", "append"])
def test_what_was_applied_twice_is_a_violation(mix: str) -> None:
    assert verdict(Shape(SMALL, keys=10, mix=mix, bug="applied-twice")) is Verdict.VIOLATED


def test_equal_shapes_give_equal_histories() -> None:
    assert history(Shape(SMALL)) == history(Shape(SMALL))
