# SPDX-License-Identifier: Apache-2.0
"""Faults that belong together: rare by themselves at one moment, and where bugs of one kind are. Each scene is played
again and again through the run, with another cast.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tricord.sim.plan import Fault

_CHANGES = ("replace-member", "replace-member", "add-member", "remove-member")
_BLOWS = ("isolate-leader", "isolate-leader", "crash", "transfer", "power-cut", "clog", "clog")
_ABSENCES = ("partition", "pause", "crash", "clog", "clog", "slow-link")
_ENDINGS = ("", "", "crash", "transfer", "isolate-leader", "power-cut", "compaction", "crash-mid-write")

Scene = Callable[[random.Random, list[str]], tuple[list[Fault], float]]
"""Draws one performance for these members, from time 0, and says how long it is."""


def draw_scenes(source: random.Random, members: int, seconds: float) -> list[Fault]:
    """Of all scenes, in so many plans each."""
    everybody = [f"n{number}" for number in range(1, members + 1)]
    faults: list[Fault] = []
    for share, scene in SCENES:
        if source.random() < share:
            faults += _played(scene, source, everybody, seconds)
    return faults


def _played(scene: Scene, source: random.Random, members: list[str], seconds: float) -> list[Fault]:
    faults: list[Fault] = []
    begin = source.uniform(0.5, 2.0)
    while begin < seconds:
        drawn, length = scene(source, members)
        for one in drawn:
            at = round(max(begin + one.at, 0.0), 3)
            faults.append(Fault(at, one.kind, one.targets, round(one.seconds, 3), float(f"{one.amount:.3g}")))
        begin += length + 0.5 + source.expovariate(0.5)
    return [fault for fault in faults if fault.at < seconds]


def _change_under_blows(source: random.Random, members: list[str]) -> tuple[list[Fault], float]:
    """The members change, and just before or in the middle of it whoever leads is struck: the change is half done, or
    taken back, and somebody else goes on with it."""
    change = source.choice(_CHANGES)
    targets = () if change == "add-member" else (source.choice((*members, "follower", "leader")),)
    faults = [Fault(0.0, change, targets, 0.0, source.random() if change == "add-member" else 0.0)]
    for _ in range(source.randint(1, 2)):
        blow, at, seconds = source.choice(_BLOWS), source.uniform(-0.3, 0.8), source.uniform(0.5, 3.0)
        # Those who were there before may not hear the leader, and who joins does.
        struck = source.choice(([source.choice(members)], members)) if blow == "clog" else [source.choice(members)]
        faults += [_blow(blow, at, seconds, who) for who in struck]
    return faults, 2.0


def _left_behind(source: random.Random, members: list[str]) -> tuple[list[Fault], float]:
    """Somebody misses a while, and the others cut their logs meanwhile: it is brought a snapshot, and what was on its
    way before, or comes then, meets it."""
    absence, who, length = source.choice(_ABSENCES), source.choice(members), source.uniform(0.5, 3.0)
    targets = ("leader", who) if absence in ("clog", "slow-link") else (who,)
    faults = [Fault(0.0, absence, targets, length, 3_000.0 if absence == "slow-link" else 0.0)]
    for _ in range(source.randint(1, 3)):
        faults.append(Fault(source.uniform(0.2, 1.1) * length, "snapshot"))
    ending = source.choice(_ENDINGS)
    if ending:
        at = length + source.uniform(-0.1, 0.4)
        faults.append(_blow(ending, at, source.uniform(0.5, 2.0), source.choice((who, "leader"))))
    return faults, length


def _blow(kind: str, at: float, seconds: float, who: str) -> Fault:
    if kind == "transfer":
        return Fault(at, kind, (who,))
    if kind == "compaction":
        return Fault(at, kind)
    if kind == "clog":
        return Fault(at, kind, ("leader", who), seconds)
    if kind == "crash-mid-write":
        return Fault(at, kind, (who,), seconds, 1.0)
    return Fault(at, kind, ("leader",) if kind == "crash" else (), seconds)


SCENES: tuple[tuple[float, Scene], ...] = ((0.25, _change_under_blows), (0.2, _left_behind))
"""In how many plans each is played."""
