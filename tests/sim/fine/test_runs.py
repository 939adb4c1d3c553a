# SPDX-License-Identifier: Apache-2.0
"""Whole runs of the fine net: a few drawn plans hold, and one plan is one run, in any process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tricord.sim.fine import run
from tricord.sim.plan import Fault, Plan
from tricord.sim.swarm import draw

HASHES = """
from tricord.sim.fine import run
from tricord.sim.swarm import draw
for seed in (3, 11, 40):
    outcome = run(draw(seed, "fine", seconds=6.0))
    print(f"{outcome.trace_hash:016x} {outcome.turns} {sorted(outcome.fired.items())}")
"""


@pytest.mark.parametrize("seed", range(6))
def test_drawn_plans_hold(seed: int) -> None:
    outcome = run(draw(seed, "fine", seconds=8.0))
    assert not outcome.violations, "\n".join(outcome.lines[-40:])
    assert outcome.operations > 10


def test_one_plan_is_one_run_in_every_process() -> None:
    """Whatever order sets and hashes have there."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", HASHES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("1", "77777")
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0].split("\n"))) == 4, "different plans are different runs"


def test_a_member_on_an_older_disk_stops() -> None:
    """Its leader goes on leading, and would send it nothing that it had acknowledged; a new member takes its place."""
    fault = Fault(4.0, "stale-disk", ("follower",), 1.0, 3.0)
    outcome = run(Plan("fine", 5, seconds=8.0, faults=(fault,)))
    assert not outcome.violations, "\n".join(outcome.lines[-40:])
    assert any("stops: this member acknowledged log entry" in line for line in outcome.lines), outcome.lines
    assert any("is replaced by" in line and line.endswith("done") for line in outcome.lines)


def test_a_fault_taken_out_leaves_what_was_before_it() -> None:
    """Each purpose draws from a stream of its own: up to the fault, the run is the same."""
    plan = Plan("fine", 5, seconds=6.0, faults=(Fault(3.0, "crash", ("n1",), 1.0), Fault(4.5, "pause", ("n2",), 1.0)))
    whole, without = run(plan), run(Plan("fine", 5, seconds=6.0, faults=plan.faults[:1]))
    before = [line for line in whole.lines if float(line.split()[0]) < 4.5]
    assert before == [line for line in without.lines if float(line.split()[0]) < 4.5]
    assert whole.trace_hash != without.trace_hash
