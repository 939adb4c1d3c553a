# SPDX-License-Identifier: Apache-2.0
"""Proof that each kind of fault works: a run in which it took hold, on each net that has it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tricord.sim.fault_kinds import Kind, Targets
from tricord.sim.nets import run_of
from tricord.sim.outcome import Outcome, Run
from tricord.sim.plan import Plan
from tricord.sim.swarm import draw_fault

SEEDS = 12
"""How many seeds are tried for a kind."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of it."""

    kind: str
    net: str
    outcome: Outcome
    """Of the first seed with which the kind fired, else of the last that was tried."""

    @property
    def fired(self) -> int:
        """How often."""
        return self.outcome.fired[self.kind]


def proof_plan(kind: Kind, net: str, seed: int) -> Plan:
    """Three faults of the kind alone, with load."""
    source = random.Random(f"{kind.name} {net} {seed}")
    members = 5 if kind.targets is Targets.SIDE or kind.name in ("majority-ring", "remove-member") else 3
    faults = tuple(draw_fault(source, kind, at, members) for at in (1.0, 4.0, 7.0))
    # Who gives up must be waiting just then.
    load, clients = (500.0, 10) if kind.name == "client-gone" else (20.0, 3)
    return Plan(net, seed, members=members, seconds=10.0, load=load, clients=clients, faults=faults)


def prove(kind: Kind, net: str, run: Run | None = None) -> Proof:
    """Try seeds until the kind fires."""
    run = run or run_of(net)
    for seed in range(1, SEEDS + 1):
        outcome = run(proof_plan(kind, net, seed))
        if outcome.fired[kind.name]:
            break
    return Proof(kind.name, net, outcome)
