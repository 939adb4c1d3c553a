# SPDX-License-Identifier: Apache-2.0
"""Whole members through plans of faults: nothing is broken, each kind of fault takes hold, and a plan runs one way."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace

import pytest

from tricord.sim.fault_kinds import WIDE, Family, Targets, kinds_of
from tricord.sim.outcome import Outcome
from tricord.sim.plan import Fault, Plan
from tricord.sim.swarm import draw, draw_fault
from tricord.sim.wide import run, running
from tricord.sim.wide.cluster_run import ClusterRun

SERIES = [
    (Family.NETWORK, 3, 0.8),
    (Family.CLOCK, 3, 0.5),
    (Family.DISK, 5, 3.0),
    (Family.PROCESS, 3, 2.5),
    (Family.OPERATION, 5, 1.5),
]

HASHES = """
from tricord.sim.swarm import draw
from tricord.sim.wide import run, running
from tricord.sim.wide.cluster_run import ClusterRun
for seed in (1, 17):
    outcome = run(draw(seed, "wide", seconds=6.0))
    print(f"{outcome.trace_hash:x} {outcome.operations} {outcome.fired}")
"""


def holds(outcome: Outcome) -> None:
    assert not outcome.violations, "\n".join([*map(str, outcome.violations), *outcome.lines])


@pytest.mark.parametrize("seed", [11, 12])
def test_a_drawn_plan_breaks_nothing(seed: int) -> None:
    outcome = run(draw(seed, WIDE, seconds=6.0))
    holds(outcome)
    assert outcome.history is not None and len(outcome.history) == outcome.operations > 0
    assert outcome.turns > 100


def test_a_member_on_an_older_disk_stops() -> None:
    """Its leader goes on leading, and would send it nothing that it had acknowledged; a new member takes its place."""
    fault = Fault(5.0, "stale-disk", ("follower",), 1.0, 3.0)
    outcome = run(Plan(WIDE, 5, 3, 8.0, load=15.0, options={"company": 0.0}, faults=(fault,)))
    holds(outcome)
    (stopped,) = [line for line in outcome.lines if "EntriesLost: this member acknowledged log entry" in line]
    assert 5.0 < float(stopped.split()[0]) < 5.5
    assert outcome.reached["a member had lost what it had acknowledged"] == 1


def test_the_history_is_judged_as_a_whole_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody wrote is seen without a look at what the members applied."""

    async def tampered(run: ClusterRun) -> None:
        answered = next(one for one in run.history if one.op == "get" and one.status == "ok")
        answered.output = "nobody wrote this"

    monkeypatch.setattr(running, "violations", lambda operations, history: [])
    monkeypatch.setattr(running, "settle", tampered)
    outcome = run(Plan(WIDE, 1, 1, 2.0, load=50.0, options={"company": 0.0}))
    (violation,) = outcome.violations
    assert violation.checker == "linearizability" and violation.words.startswith("no order of ")


def test_a_plan_runs_the_same_in_every_process() -> None:
    said = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", HASHES], env=environment, capture_output=True, check=True)
        said.append(done.stdout.decode())
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == 2


@pytest.mark.parametrize(("family", "members", "between"), SERIES)
def test_kinds_take_hold(family: Family, members: int, between: float) -> None:
    """A family's in one run, to be quick; ``tricord sim kinds --prove`` runs each alone."""
    kinds = [kind for kind in kinds_of(WIDE) if kind.family is family]
    chance = random.Random(1)
    faults = []
    for number, kind in enumerate(kinds):
        drawn = draw_fault(chance, kind, 1.0 + between * number, members)
        faults.append(replace(drawn, seconds=min(drawn.seconds, 1.0)))
        if kind.targets is Targets.ONE:
            faults[-1] = replace(faults[-1], targets=("follower",))
        if kind.name == "stale-disk":
            faults[-1] = replace(faults[-1], amount=0.5)
    seconds = 2.0 + between * len(kinds)
    outcome = run(Plan(WIDE, 5, members, seconds, load=15.0, options={"company": 0.0}, faults=tuple(faults)))
    holds(outcome)
    assert {kind.name for kind in kinds} == outcome.fired.keys()
