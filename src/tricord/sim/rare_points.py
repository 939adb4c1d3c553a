# SPDX-License-Identifier: Apache-2.0
"""Approaches to points that hardly any run reaches by faults that are drawn one by one (``base.reachable``).

Some plans have one beside their other faults. It is drawn from a stream of its own, so that a new approach changes no
plan that has none.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tricord.sim.plan import Fault, Plan

SHARE = 0.2
"""In how many plans there is one."""


@dataclass(frozen=True, slots=True)
class Approach:
    """Faults, and how much has to be written meanwhile."""

    faults: Callable[[random.Random, int, float], list[Fault]]
    load: float = 0.0
    options: dict[str, float] = field(default_factory=dict)


def with_approach(plan: Plan) -> Plan:
    """The plan, and the approach of its seed; most have none."""
    source = random.Random(f"{plan.net} {plan.seed} rare points")
    if source.random() >= SHARE:
        return plan
    return play(source.choice(APPROACHES), plan, source)


def play(approach: Approach, plan: Plan, source: random.Random) -> Plan:
    """The plan with this approach."""
    faults = [fault for fault in approach.faults(source, plan.members, plan.seconds) if fault.at < plan.seconds]
    return replace(
        plan,
        load=max(plan.load, approach.load),
        options={**plan.options, **approach.options},
        faults=tuple(sorted((*plan.faults, *faults), key=lambda fault: fault.at)),
    )


def _slow_handovers(source: random.Random, members: int, seconds: float) -> list[Fault]:
    """Messages take long, and the lead is handed over while leases end: what the old leader decided about them, and
    proposed while it handed over, reaches the log of the next one. A learner that joins is far behind."""
    longest = source.uniform(0.03, 0.3)
    faults = [_fault(0.5 + at, "delay", (), 10.0, longest) for at in range(0, int(seconds), 10)]
    faults.append(_fault(source.uniform(0.3, 2.0), "add-member", (), 0.0, 1.0))
    at = source.uniform(0.3, 1.5)
    while at < seconds:
        faults.append(_fault(at, "lease-burst", (), 0.0, source.uniform(2.0, 12.0)))
        for _ in range(4):
            at += source.uniform(0.3, 1.0)
            faults.append(_fault(at, "transfer", ("follower",)))
    return faults


def _full_disks(source: random.Random, members: int, seconds: float) -> list[Fault]:
    """One disk after the other is full for long, while all is written that there is room for."""
    faults: list[Fault] = []
    at = source.uniform(0.3, 2.0)
    while at < seconds:
        length = source.uniform(2.0, 8.0)
        faults.append(_fault(at, "disk-full", (source.choice(("leader", "follower")),), length))
        at += length + source.expovariate(1.0)
    return faults


def _lonely_changes(source: random.Random, members: int, seconds: float) -> list[Fault]:
    """Who leads is cut off in the midst of a change of the members, and the next one takes another; leaders leave."""
    faults: list[Fault] = []
    at = source.uniform(0.3, 2.0)
    while at < seconds:
        kind = source.choice(("add-member", "add-member", "replace-member", "remove-member"))
        target = () if kind == "add-member" else (source.choice(("leader", "leader", "follower")),)
        faults.append(_fault(at, kind, target, 0.0, source.random() if not target else 0.0))
        if source.random() < 0.6:
            cut = source.uniform(1.0, 4.0)
            faults.append(_fault(at + source.uniform(-0.05, 0.1), "isolate-leader", (), cut))
            at += cut
        at += source.uniform(0.5, 3.0)
    return faults


def _slow_leaders(source: random.Random, members: int, seconds: float) -> list[Fault]:
    """The leader's disk hardly answers; so it goes for the next leader."""
    faults: list[Fault] = []
    at = source.uniform(0.3, 2.0)
    while at < seconds:
        length = source.uniform(2.0, 6.0)
        faults.append(_fault(at, "slow-disk", ("leader",), length, source.uniform(1.0, 3.0)))
        at += length * source.uniform(0.5, 1.5)
    return faults


def _late_snapshots(source: random.Random, members: int, seconds: float) -> list[Fault]:
    """One member misses much, the others forget it, and what is brought to it comes over a bad link."""
    faults: list[Fault] = []
    everybody = [f"n{number}" for number in range(1, max(members, 2) + 1)]
    at = source.uniform(0.3, 2.0)
    while at < seconds:
        away = source.uniform(1.0, 3.0)
        missing = source.choice(everybody)
        faults.append(_fault(at, source.choice(("partition", "crash", "stop")), (missing,), away))
        faults.append(_fault(at + away - 0.05, "snapshot", ()))
        bad = source.choice(("loss", "slow-link", "delay"))
        amount = {"loss": 0.3, "slow-link": source.uniform(2_000.0, 50_000.0), "delay": 0.3}[bad]
        link = tuple(source.sample(everybody, 2)) if bad == "slow-link" else ()
        faults.append(_fault(at + away - 0.05, bad, link, 1.5, amount))
        end = at + away + source.uniform(0.0, 1.0)
        cut = _fault(end, "isolate-leader", (), source.uniform(0.5, 2.0))
        faults.append(source.choice((_fault(end, "transfer", ("follower",)), cut)))
        at += away + source.uniform(1.0, 3.0)
    return faults


def _short_histories(source: random.Random, members: int, seconds: float) -> list[Fault]:
    """Again and again all history is compacted: it is gone before watchers that are slow, or away, have read it."""
    faults: list[Fault] = []
    at = source.uniform(0.3, 2.0)
    while at < seconds:
        faults.append(_fault(at, "compaction", ()))
        at += source.uniform(0.3, 1.5)
    return faults


def _fault(at: float, kind: str, targets: tuple[str, ...], seconds: float = 0.0, amount: float = 0.0) -> Fault:
    return Fault(round(max(at, 0.0), 3), kind, targets, round(seconds, 3), float(f"{amount:.3g}"))


MUCH = {"values": 4_000.0}
APPROACHES = (
    Approach(_slow_handovers),
    Approach(_full_disks, 60.0, MUCH),
    Approach(_lonely_changes),
    Approach(_slow_leaders),
    Approach(_late_snapshots),
    Approach(_short_histories, 40.0, MUCH),
)
