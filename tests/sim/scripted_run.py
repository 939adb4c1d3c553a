# SPDX-License-Identifier: Apache-2.0
"""A run that is no simulation: it fails if a plan has certain faults in an order. It stands for a net where drawing,
searching and shrinking are tested."""

from __future__ import annotations

from collections import Counter

from tricord.check.history import History, Operation
from tricord.sim.outcome import Outcome, Violation
from tricord.sim.plan import Plan

NEEDED = ("partition", "transfer", "crash")
"""A plan fails that has these faults, in this order, with 2 clients or more and 3 members or more."""


def violation_of(plan: Plan) -> Violation | None:
    """What the scripted bug shows, when the last of the needed faults comes."""
    missing = list(NEEDED)
    for fault in plan.faults:
        if fault.kind == missing[0]:
            missing.pop(0)
        if not missing:
            if plan.clients < 2 or plan.members < 3 or fault.at > plan.seconds:
                return None
            return Violation("linearizability", fault.at, f"a read of k1 came back old after {fault.kind}")
    return None


def run(plan: Plan) -> Outcome:
    """A run of the scripted net."""
    violation = violation_of(plan)
    # Another checker complains of every plan with a wipe: shrinking must not slip to it.
    other = [Violation("progress", plan.seconds, "nobody leads") for fault in plan.faults if fault.kind == "wipe"][:1]
    return Outcome(
        plan,
        trace_hash=plan.seed * 31 + len(plan.faults),
        violations=([violation] if violation else []) + other,
        fired=Counter(fault.kind for fault in plan.faults),
        reached=Counter({"a point": 1}),
        simulated_seconds=plan.seconds,
        turns=int(plan.seconds * 100),
        operations=int(plan.seconds * plan.load),
        history=History(
            [
                Operation(1, "put", "k1", "v1", None, 1_000_000, 2_000_000),
                Operation(2, "get", "k1", None, None, 3_000_000, 4_000_000),
            ]
        ),
        lines=["0.000 n1 leads"],
    )
