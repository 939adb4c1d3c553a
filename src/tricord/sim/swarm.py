# SPDX-License-Identifier: Apache-2.0
"""Draws a plan from a seed, as a swarm does (Groce et al., ISSTA 2012): each run has a few kinds of faults only, at
rates of its own, and knobs of its own. Runs with everything at once all look alike, and many bugs need a fault's
absence.

The drawing has a random stream of its own: what a net draws while it runs does not change the plan.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tricord.sim.fault_kinds import FINE, KINDS, WIDE, Family, Kind, Targets, kinds_of
from tricord.sim.plan import Fault, Plan
from tricord.sim.rare_points import with_approach
from tricord.sim.scenes import draw_scenes
from tricord.sim.sieges import draw_sieges

FAULTS_MAX = 400
_FIRST_FAULT = 0.2
_ECHO_SECONDS = (-0.1, 0.15)
"""When a fault comes that follows another, from the other's end."""
_BURST_RATE = 5.0
"""Faults a second within a burst."""
_PARTING = ("isolate-leader", "partition", "pause", "one-way", "clog")
_STUBBORN = 0.5
"""In how many plans with these a leader does not give up by itself: one more to be wrong."""
_DUELS = 0.35
_STRIKING = ("crash", "crash", "isolate-leader", "torn-write", "transfer", "power-cut")
"""In how many plans whoever leads is cut off and its successor struck, and with what."""
_SLIGHT_DRIFT = (0.98, 1.02)


@dataclass(frozen=True, slots=True)
class Knob:
    """An option of a net, and what to draw for it."""

    low: float
    high: float
    whole: bool = True
    """Whether it is drawn as a whole number."""
    share: float = 0.4
    """In how many plans it is drawn."""


OPTIONS: dict[str, dict[str, Knob]] = {
    FINE: {
        "snapshot_entries": Knob(5, 2_000),
        "lease_reads": Knob(0, 1, share=0.7),
        "pre_vote": Knob(0, 1),
        "check_quorum": Knob(0, 1),
        "forward": Knob(0, 1),
        "election_ticks": Knob(3, 20),
        "quiesce_ticks": Knob(0, 100),
        "message_entries": Knob(1, 1_000),
        "drain_ms": Knob(1, 1_000, whole=False),
        "sync_ms": Knob(0.05, 30, whole=False),
        "latency_ms": Knob(0.05, 30, whole=False),
        "values": Knob(1, 2_000),
        "lull": Knob(1, 6, whole=False, share=0.5),
    },
    WIDE: {
        "snapshot_entries": Knob(5, 2_000),
        "latency_ms": Knob(0.1, 20, whole=False),
        "values": Knob(1, 2_000),
    },
}


def draw(seed: int, net: str, members: int = 0, seconds: float = 0.0) -> Plan:
    """The plan of a seed. ``members`` and ``seconds`` other than 0 stand instead of what would be drawn."""
    source = random.Random(f"{net} {seed}")
    size = source.choice((3, 3, 5))
    length = round(_spread(source, 5.0, 30.0), 1)
    load = round(_spread(source, 2.0, 80.0), 1)
    clients, keys = source.randint(1, 10), source.randint(1, 12)
    kinds = _some_kinds(source, net)
    options = _options(source, net)
    if options.get("lease_reads"):
        kinds = _with_true_clocks(kinds)
    size, length = members or size, seconds or length
    faults = _faults(source, kinds, size, length)
    if net == FINE:
        leases, patience = bool(options.get("lease_reads")), options.get("election_ticks", 10.0) / 10
        faults = _in_order([*faults, *draw_sieges(source, size, length, patience, leases=leases)])
    if options.get("lease_reads"):
        faults = _with_slight_drift(faults, options)
    parts = net == FINE and any(fault.kind in _PARTING for fault in faults)
    if parts and not options.get("lease_reads") and source.random() < _STUBBORN:
        options["check_quorum"] = 0.0
    return with_approach(Plan(net, seed, size, length, load, clients, keys, options, faults))


def describe(plan: Plan) -> str:
    """Everything that was drawn, on one line."""
    kinds: dict[str, int] = {}
    for fault in plan.faults:
        kinds[fault.kind] = kinds.get(fault.kind, 0) + 1
    options = " ".join(f"{name}={value:g}" for name, value in sorted(plan.options.items()))
    faults = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "no faults"
    return (
        f"{plan.net} seed={plan.seed} members={plan.members} seconds={plan.seconds:g} load={plan.load:g} "
        f"clients={plan.clients} keys={plan.keys} {options}".rstrip()
        + f": {faults}"
    )


def _spread(source: random.Random, low: float, high: float) -> float:
    """Between the two, small and large numbers alike: even in the logarithm (with 0, in that of one more)."""
    if low <= 0 or high <= 0:
        return low + math.exp(source.uniform(0.0, math.log(high - low + 1.0))) - 1.0
    return math.exp(source.uniform(math.log(low), math.log(high)))


def _some_kinds(source: random.Random, net: str) -> list[tuple[Kind, float]]:
    """A subset, and how often each comes beside the others."""
    everything = kinds_of(net)
    share = source.choice((0.05, 0.1, 0.2, 0.3, 0.5))
    chosen = [kind for kind in everything if source.random() < share] or [source.choice(everything)]
    return [(kind, source.expovariate(1.0) + 0.05) for kind in chosen]


def _with_true_clocks(kinds: list[tuple[Kind, float]]) -> list[tuple[Kind, float]]:
    """Reads by a lease promise nothing where clocks jump or stand still; that they run at other speeds they stand."""
    return [(kind, rate) for kind, rate in kinds if kind.family is not Family.CLOCK or kind.name == "drift"] or [
        (KINDS["isolate-leader"], 1.0)
    ]


def _with_slight_drift(faults: tuple[Fault, ...], options: dict[str, float]) -> tuple[Fault, ...]:
    """Clocks whose speeds differ by less than a lease is shorter than the promises that it counts on."""
    if all(fault.kind != "drift" for fault in faults):
        return faults
    options["lease_drift_ticks"] = 2.0
    low, high = _SLIGHT_DRIFT
    return tuple(
        replace(fault, amount=min(max(fault.amount, low), high)) if fault.kind == "drift" else fault for fault in faults
    )


def _options(source: random.Random, net: str) -> dict[str, float]:
    options: dict[str, float] = {}
    for name, knob in OPTIONS[net].items():
        wanted = source.random() < knob.share
        value = _spread(source, knob.low, knob.high)
        if (knob.low, knob.high) == (0, 1):
            value = source.choice((0.0, 1.0))
        if wanted:
            options[name] = float(round(value)) if knob.whole else round(value, 3)
    if options.get("lease_reads"):
        options.pop("check_quorum", None)  # a lease is what check_quorum gives
    return options


def _faults(
    source: random.Random, kinds: Sequence[tuple[Kind, float]], members: int, seconds: float
) -> tuple[Fault, ...]:
    """Faults at random times: single ones at the run's own rate, bursts, and some just as another ends, since bugs need
    faults close together: what was cut off comes back while the leader dies."""
    rate, bursts, echoes = _spread(source, 0.1, 2.0), source.uniform(0.0, 0.7), source.uniform(0.0, 0.6)
    names, weights = [kind for kind, _ in kinds], [weight for _, weight in kinds]
    faults: list[Fault] = []
    at = round(_FIRST_FAULT + source.expovariate(rate), 3)
    while at < seconds and len(faults) < FAULTS_MAX:
        kind = source.choices(names, weights)[0]
        faults.append(draw_fault(source, kind, at, members))
        end = at + faults[-1].seconds + source.uniform(*_ECHO_SECONDS)
        if faults[-1].seconds and source.random() < echoes and end < seconds:
            kind = source.choices(names, weights)[0]
            faults.append(draw_fault(source, kind, round(max(end, 0.0), 3), members))
        at = round(at + source.expovariate(_BURST_RATE if source.random() < bursts else rate), 3)
    if source.random() < _DUELS:
        faults += _duels(source, members, seconds)
    faults += draw_scenes(source, members, seconds)
    return _in_order(faults)


def _in_order(faults: list[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(faults, key=lambda fault: fault.at)[:FAULTS_MAX])


def _duels(source: random.Random, members: int, seconds: float) -> list[Fault]:
    """Again and again the leader is cut off, and as it comes back, with a log of its own, its successor is struck: the
    third one to lead must not lose what the second one committed (figure 8 of the paper, and all that is near it)."""
    faults: list[Fault] = []
    at = source.uniform(0.5, 2.0)
    while at < seconds:
        cut = Fault(round(at, 3), "isolate-leader", (), round(source.uniform(0.5, 4.0), 3))
        strike = KINDS[source.choice(_STRIKING)]
        end = round(max(at + cut.seconds + source.uniform(*_ECHO_SECONDS), 0.0), 3)
        struck = draw_fault(source, strike, end, members)
        faults += (cut, replace(struck, targets=("leader",)) if struck.targets else struck)
        at = end + 0.3 + source.expovariate(0.5)
    return [fault for fault in faults if fault.at < seconds]


def draw_fault(source: random.Random, kind: Kind, at: float, members: int) -> Fault:
    """One fault of a kind."""
    seconds = round(_spread(source, *kind.seconds), 3) if kind.seconds else 0.0
    amount = float(f"{_spread(source, *kind.amount):.3g}") if kind.amount else 0.0
    return Fault(at, kind.name, _targets(source, kind, members), seconds, amount)


def _targets(source: random.Random, kind: Kind, members: int) -> tuple[str, ...]:
    everybody = [f"n{number}" for number in range(1, members + 1)]
    if kind.targets is Targets.ALL:
        return ()
    if kind.targets is Targets.ONE:
        return (source.choice((*everybody, "leader", "leader", "follower")),)
    if kind.targets is Targets.PAIR:
        return tuple(source.sample(everybody, 2)) if members > 1 else ("leader", "follower")
    if kind.targets is Targets.SIDE:
        if members == 1 or source.random() < 0.25:
            return ("leader",)
        return tuple(sorted(source.sample(everybody, source.randint(1, members - 1))))
    return () if source.random() < 0.5 else tuple(sorted(source.sample(everybody, source.randint(1, members))))
