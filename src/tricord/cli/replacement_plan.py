# SPDX-License-Identifier: Apache-2.0
"""The plan to replace a member, and the judgement whether one failure on the way could lose the quorum.

Each step names the sets of voters in force while it lasts; every set needs a majority of its own. A member counts as
healthy when it answers and follows a leader. The new member votes only when it has caught up, so it counts as healthy
in the steps where it votes.

- The old member is healthy: in every step, whichever one healthy voter fails, the rest must be a majority of each set.
- The old member is down: that is the one failure. In every step the healthy voters must be a majority of each set; so
  until the new member votes, no further failure is survived, with or without this replacement.
"""

from __future__ import annotations

from collections.abc import Iterable

from tricord.base.message import message


@message
class Step:
    """What is done, and which sets of voters are in force while it is."""

    text: str
    sets: list[frozenset[int]]


@message
class Plan:
    """The steps in order; ``names`` says what members are called; ``refusal`` is empty when it may be done."""

    steps: list[Step]
    names: dict[int, str]
    healthy: frozenset[int]
    old: int
    removes_first: bool
    """etcd lets nobody in while a member is down: the old one must leave before."""
    refusal: str
    spare: list[int]
    """Of each step: how many healthy voters may fail and leave a majority of each set; below 0: there is none."""


NEW = 0
"""The new member's id, before it has one."""


def make_plan(names: dict[int, str], healthy: Iterable[int], old: int, new: str, *, joint: bool) -> Plan:
    """The plan for a cluster of the voters in ``names``, of whom ``healthy`` answer. ``joint``: the cluster swaps in
    one change; etcd does not, and has one voter more for a while."""
    before = frozenset(names)
    staying = before - {old}
    after = staying | {NEW}
    called = names[old]
    well = frozenset(healthy) | {NEW}
    removes_first = not joint and old not in well
    join = f"add {new} as a learner, and wait until it has caught up"
    if joint:
        steps = [Step(join, [before]), Step(f"swap {called} for {new} in one joint change", [before, after])]
    elif removes_first:
        steps = [Step(f"remove {called}", [before, staying]), Step(join, [staying]), Step(f"promote {new}", [after])]
    else:
        both = before | {NEW}
        steps = [Step(join, [before]), Step(f"promote {new}: it votes beside {called}", [both])]
        steps.append(Step(f"remove {called}", [both]))
    steps.append(Step("done", [after]))
    all_names = {**names, NEW: new}
    spare = [min(len(voters & well) - majority(len(voters)) for voters in step.sets) for step in steps]
    refusal = _refusal(before, well, old, spare, all_names)
    return Plan(steps, all_names, well, old, removes_first, refusal, spare)


def majority(count: int) -> int:
    """How many of so many voters decide."""
    return count // 2 + 1


def _refusal(before: frozenset[int], healthy: frozenset[int], old: int, spare: list[int], names: dict[int, str]) -> str:
    down = sorted(names[member] for member in before - healthy - {old})
    who = f"{' and '.join(down)} {'does' if len(down) == 1 else 'do'} not answer" if down else ""
    if old in healthy:
        if min(spare) >= 1:
            return ""
        if not down:
            return f"a cluster of {len(before)} survives no failure: add another member, then remove {names[old]}"
        return f"{who}: one more failure on the way would lose the quorum; bring back or replace what is down first"
    if min(spare) >= 0:
        return ""
    if not down:
        return f"a cluster of {len(before)} survives no failure, and {names[old]} does not answer: it has no quorum"
    return f"{names[old]} and {' and '.join(down)} do not answer: the rest is no majority"
