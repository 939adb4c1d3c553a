# SPDX-License-Identifier: Apache-2.0
"""Whole members through plans of faults: nothing is broken, each kind of fault takes hold, and a plan runs one way."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace

import pytest

from tricord.sim.fault_kinds import WIDE, kinds_of
from tricord.sim.outcome import Outcome
from tricord.sim.plan import Plan
from tricord.sim.swarm import draw, draw_fault
from tricord.sim.wide import run

HASHES = """
from tricord.sim.swarm import draw
from tricord.sim.wide import run
for seed in (1, 17):
    outcome = run(draw(seed, "wide", seconds=6.0))
    print(f"{outcome.trace_hash:x} {outcome.operations} {outcome.fired}")
"""


def holds(outcome: Outcome) -> None:
    assert not outcome.violations, "\n".join([*map(str, outcome.violations), *outcome.lines])


@pytest.mark.parametrize("seed", [11, 12])
def test_a_drawn_plan_breaks_nothing(seed: int) -> None:
    outcome = run(draw(seed, WIDE, seconds=10.0))
    holds(outcome)
    assert outcome.history is not None and len(outcome.history) == outcome.operations > 0
    assert outcome.turns > 100


def test_a_plan_runs_the_same_in_every_process() -> None:
    said = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", HASHES], env=environment, capture_output=True, check=True)
        said.append(done.stdout.decode())
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == 2


def test_kinds_of_the_wide_net_take_hold() -> None:
    """Several in a run, so that all take a few seconds; ``tricord sim kinds --prove`` runs each alone."""
    kinds = kinds_of(WIDE)
    left = {kind.name for kind in kinds}
    chance = random.Random(1)
    for first in range(0, len(kinds), 7):
        drawn = [draw_fault(chance, kind, 1.0 + 3.0 * at, 3) for at, kind in enumerate(kinds[first : first + 7])]
        shorter = [replace(fault, seconds=min(fault.seconds, 1.5)) for fault in drawn]
        faults = tuple(replace(one, amount=1.0) if one.kind == "stale-disk" else one for one in shorter)
        outcome = run(Plan(WIDE, 5, members=5, seconds=22.0, load=20.0, faults=faults))
        holds(outcome)
        left -= outcome.fired.keys()
    assert not left
