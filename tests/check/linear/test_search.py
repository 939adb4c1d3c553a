# SPDX-License-Identifier: Apache-2.0
"""The search against the definition, over thousands of small histories of every kind of object."""

from __future__ import annotations

import pytest
from bench.check.histories import Shape
from bench.check.histories import history as history_of_bench

from tests.check.linear.brute import linearizable
from tests.check.linear.strategies import KINDS, history_of
from tricord.check import linearizable as model
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unique", [False, True])
def test_as_by_definition(kind: str, unique: bool) -> None:
    verdicts = set()
    for seed in range(300):
        history = history_of(seed, kind, size=2 + seed % 7, keys=1 + seed % 2, unique=unique)
        expected = linearizable(history)
        verdict = model.check(history, Limits()).verdict
        assert verdict is (Verdict.HOLDS if expected else Verdict.VIOLATED), (seed, history.operations)
        verdicts.add(verdict)
    assert len(verdicts) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_what_really_happened_holds(kind: str) -> None:
    for seed in range(30):
        history = history_of(seed, kind, size=40, keys=2, spoil=0)
        assert model.check(history, Limits()).verdict is Verdict.HOLDS, seed


@pytest.mark.parametrize("kind", ["register", "cas"])
def test_the_operations_of_a_violation_are_a_violation(kind: str) -> None:
    violated = 0
    for seed in range(60):
        history = history_of(seed, kind, size=30, spoil=2.0)
        finding = model.check(history, Limits())
        if finding.verdict is Verdict.VIOLATED:
            violated += 1
            assert len(finding.operations) < 20
            part = model.check(history.only(finding.operations), Limits())
            assert part.verdict is Verdict.VIOLATED, seed
    assert violated > 5


def test_a_bug_is_found_in_a_window_of_a_history_that_no_search_could_try_out() -> None:
    shape = Shape(3000, clients=10, keys=1, unique=False, bug="stale-read", unknown=0.0)
    finding = model.check(History(history_of_bench(shape)), Limits())
    assert finding.verdict is Verdict.VIOLATED
    assert finding.statistics["steps"] < 50_000
    assert len(finding.operations) < 20


def test_a_search_stops_at_its_limit_and_says_so() -> None:
    history = history_of_bench(Shape(2000, clients=50, keys=1, unique=False))
    finding = model.check(History(history), Limits(steps=20))
    assert (finding.verdict, finding.reason) == (Verdict.UNDECIDED, "k0: 20 steps were not enough")


def test_a_search_stops_when_the_time_is_up() -> None:
    history = history_of_bench(Shape(5000, clients=10, keys=1, unique=False))
    finding = model.check(History(history), Limits(expired=lambda: True))
    assert (finding.verdict, finding.reason) == (Verdict.UNDECIDED, "k0: the time was up")
