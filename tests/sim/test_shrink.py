# SPDX-License-Identifier: Apache-2.0
"""A failing plan becomes the shortest one that fails in the same way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sim.scripted_run import NEEDED, run, violation_of
from tricord.sim.outcome import Outcome, Violation
from tricord.sim.plan import Fault, Plan
from tricord.sim.shrink import Budget, Shrinker
from tricord.sim.swarm import draw


def failing_plan(seed: int) -> Plan:
    """A drawn plan with the needed faults among its own."""
    plan = draw(seed, "fine", seconds=30.0)
    needed = [
        Fault(5.123, "partition", ("n1", "n5"), 4.0),
        Fault(6.5, "transfer", ("n2",)),
        Fault(7.7, "crash", ("leader",), 3.3),
    ]
    others = [fault for fault in plan.faults if fault.kind not in NEEDED]
    faults = tuple(sorted([*others, *needed], key=lambda fault: fault.at))
    return replace(plan, members=5, clients=9, faults=faults)


@pytest.mark.parametrize("seed", range(8))
def test_only_what_matters_is_left(seed: int) -> None:
    plan = failing_plan(seed)
    shrinker = Shrinker(run, run(plan), Budget())
    outcome = shrinker.shrink()
    short = outcome.plan
    assert [fault.kind for fault in short.faults] == list(NEEDED)
    assert outcome.violations[0].checker == "linearizability" and violation_of(short) is not None
    assert (short.members, short.clients, short.keys, short.options) == (3, 2, 1, {})
    assert short.seconds <= 8.0 and short.load < 5.0
    assert short.faults[0].targets == ("n1",)
    assert all(fault.at == round(fault.at, 1) and fault.seconds <= 0.5 for fault in short.faults)
    assert shrinker.runs < 300


def test_the_checker_stays_the_same() -> None:
    plan = replace(failing_plan(1), faults=(Fault(0.5, "wipe", ("n1",), 1.0), *failing_plan(1).faults))
    outcome = Shrinker(run, run(plan), Budget()).shrink()
    assert [violation.checker for violation in outcome.violations] == ["linearizability"]


def test_runs_are_bounded() -> None:
    shrinker = Shrinker(run, run(failing_plan(2)), Budget(runs=7))
    outcome = shrinker.shrink()
    assert shrinker.runs == 7 and violation_of(outcome.plan) is not None


class SteppingClock:
    """Each look is a second later."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now

    def wall_ns(self) -> int:
        return 0


def test_time_is_bounded() -> None:
    clock = SteppingClock()
    shrinker = Shrinker(run, run(failing_plan(2)), Budget(seconds=20.0, clock=clock))
    shrinker.shrink()
    assert 0 < shrinker.runs < 20


def test_a_violation_without_faults_ends_without_faults() -> None:
    def always(plan: Plan) -> Outcome:
        return Outcome(plan, violations=[Violation("invariant", 0.0, "1 is not 2")])

    said: list[str] = []
    shrinker = Shrinker(always, always(failing_plan(3)), Budget(), said.append)
    plan = shrinker.shrink().plan
    assert (plan.faults, plan.members, plan.clients, plan.keys) == ((), 1, 1, 1)
    assert plan.seconds == 0.5 and said
