# SPDX-License-Identifier: Apache-2.0
"""Several troubles at a time around whoever leads: what some members say to it, or it says to them, is held back and
comes late, while it is cut off, hands over, pauses or has a slow disk, or a voter starts again. So answers, orders and
requests of old are heard when another leads already, or is about to.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tricord.sim.fault_kinds import KINDS, Targets
from tricord.sim.plan import Fault

_SHARE = 0.5
_SHARE_WITH_LEASES = 0.9
"""In how many plans; reads by leases are wrong nowhere else."""
_TROUBLES = ("deaf", "mute", "apart", "cut", "slow-disk", "duplicate", "strike")
_STRIKES = ("pause", "crash", "restart-loop", "transfer", "transfer")


def draw_sieges(source: random.Random, members: int, seconds: float, patience: float, *, leases: bool) -> list[Fault]:
    """Again and again, or none in this plan. ``patience`` is how long followers wait for a leader at least, in seconds:
    about so long the troubles last, since much longer ones hide each other."""
    if source.random() >= (_SHARE_WITH_LEASES if leases else _SHARE):
        return []
    beset = source.sample([f"n{number}" for number in range(1, members + 1)], source.randint(1, members - members // 2))
    troubles = source.sample(_TROUBLES, source.randint(3, 5))
    strike = source.choice(_STRIKES)
    faults: list[Fault] = []
    at = source.uniform(0.5, 2.0)
    while at < seconds:
        turning = at + source.uniform(0.2, 2.5) * patience
        for trouble in troubles:
            begin = source.choice((at, at, turning)) + source.uniform(0.0, 0.2) * patience
            length = source.uniform(0.1, 3.0) * patience
            if source.random() < 0.8:
                faults += _trouble(source, strike if trouble == "strike" else trouble, begin, length, beset)
        at = turning + patience + source.expovariate(1.0)
    return [fault for fault in faults if fault.at < seconds]


def _trouble(source: random.Random, name: str, at: float, seconds: float, beset: Sequence[str]) -> list[Fault]:
    """The faults that it is."""
    targets: list[tuple[str, ...]] = [("leader",)]
    if name == "deaf":
        name, targets = "clog", [(member, "leader") for member in beset]
    elif name == "mute":
        name, targets = "clog", [("leader", member) for member in beset]
    elif name == "apart":
        both = ("deaf", "mute")
        return [one for way in both for one in _trouble(source, way, at, seconds * source.uniform(0.5, 1.5), beset)]
    elif name == "cut":
        name = source.choice(("isolate-leader", "one-way", "one-way"))
    elif name in ("crash", "restart-loop", "transfer"):
        targets = [(source.choice((*beset, "follower")),)]
    kind = KINDS[name]
    if kind.targets is Targets.ALL or name == "duplicate":
        targets = [()]
    low, high = kind.seconds or (0.0, 0.0)
    amount = float(f"{source.uniform(*kind.amount):.3g}") if kind.amount else 0.0
    length = round(min(max(seconds, low), high), 3)
    return [Fault(round(at, 3), name, members, length, amount) for members in targets]
