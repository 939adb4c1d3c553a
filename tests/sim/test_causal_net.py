# SPDX-License-Identifier: Apache-2.0
"""The causal net: runs repeat, histories are causal, and they are not linearizable: the checkers can tell."""

from __future__ import annotations

import pytest

from tricord.check.finding import Limits, Verdict
from tricord.check.models import check_of
from tricord.sim.causal import run
from tricord.sim.causal.course import registers
from tricord.sim.plan import Plan

SEEDS = 50


def plan(seed: int) -> Plan:
    return Plan("causal", seed, 3, 4.0, 20.0, 3, 3)


def test_causal_promises_hold_under_trouble_and_linearizability_does_not() -> None:
    fired: set[str] = set()
    linearizable = 0
    for seed in range(SEEDS):
        outcome = run(plan(seed))
        assert not outcome.violations, f"seed {seed}: {outcome.violations[0]}"
        assert outcome.history is not None
        finding = check_of("linearizable")(registers(outcome.history), Limits(steps=20_000))
        linearizable += finding.verdict is Verdict.HOLDS
        fired |= set(outcome.fired)
    assert linearizable < SEEDS / 2
    assert fired >= {"crash", "partition", "clock", "isolate", "wipe", "restore", "grow"}


@pytest.mark.parametrize("seed", [272, 308, 404, 688])
def test_runs_that_failed_once(seed: int) -> None:
    """Each is a row of docs/bugs_found.md."""
    assert not run(Plan("causal", seed, 3, 6.0, 20.0, 4, 3)).violations


def test_a_run_repeats_to_the_last_step() -> None:
    first, second = run(plan(3)), run(plan(3))
    assert (first.trace_hash, first.operations) == (second.trace_hash, second.operations)
