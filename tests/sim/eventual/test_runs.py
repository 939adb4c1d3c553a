# SPDX-License-Identifier: Apache-2.0
"""Runs over seeds: replicas are equal within the stated bound, nothing acknowledged is lost, nothing removed is back;
and what clients saw is convergent, and not causal."""

from __future__ import annotations

import pytest

from tricord.check import causal, convergence
from tricord.check.finding import Limits, Verdict
from tricord.sim.eventual.run import Outcome, run

SEEDS = range(50)


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [run(seed) for seed in SEEDS]


def test_replicas_are_equal_within_the_bound_and_keep_what_they_acknowledged(outcomes: list[Outcome]) -> None:
    assert {outcome.seed: outcome.problems for outcome in outcomes if outcome.problems} == {}


def test_what_clients_saw_converges(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        finding = convergence.check(outcome.history, Limits(bound_ns=round(outcome.bound * 1e9)))
        assert finding.verdict is Verdict.HOLDS, (outcome.seed, finding.reason)
        assert finding.statistics["late_reads"]


def test_what_clients_saw_is_not_causal_in_many_runs(outcomes: list[Outcome]) -> None:
    violated = [o.seed for o in outcomes if causal.check(o.history, Limits()).verdict is Verdict.VIOLATED]
    assert len(violated) >= 10


def test_a_seed_is_always_the_same_run(outcomes: list[Outcome]) -> None:
    again = run(3)
    assert again.history.operations == outcomes[3].history.operations
    assert again.took == outcomes[3].took
