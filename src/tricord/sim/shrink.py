# SPDX-License-Identifier: Apache-2.0
"""Finds the shortest plan that still fails: the one to read, and to keep.

A failing plan has dozens of faults, of which two or three matter. A smaller plan is tried by running it; it is kept if
the same checker names a violation. First what makes runs short is taken away (what came after the violation, faults by
delta debugging: Zeller and Hildebrandt, 2002), then the numbers shrink one by one, round after round, until nothing
does or the budget is used up. The plan that is given back has failed in a run of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tricord.base.environment import Clock
from tricord.sim.fault_kinds import KINDS, Targets
from tricord.sim.outcome import Outcome, Run
from tricord.sim.plan import Fault, Plan
from tricord.sim.plan_text import format_plan

_SHORTEST = 0.5
"""Simulated seconds below which nothing is gained."""


@dataclass(slots=True)
class Budget:
    """How much work shrinking may be."""

    runs: int = 1_000
    seconds: float = 60.0
    """Of ``clock``."""
    clock: Clock | None = None
    """None: only runs are counted."""


class Shrinker:
    """One failing plan on its way down."""

    def __init__(self, run: Run, outcome: Outcome, budget: Budget, say: Callable[[str], object] | None = None) -> None:
        """``outcome`` is the failing plan's; its first violation is the one to keep. ``say`` hears of each step."""
        assert outcome.violations
        self.outcome = outcome
        """Of the shortest plan so far."""
        self.runs = 0
        self._run = run
        self._checker = outcome.violations[0].checker
        self._budget = budget
        self._say = say
        self._until = budget.clock.monotonic() + budget.seconds if budget.clock is not None else 0.0
        self._tried = {format_plan(outcome.plan)}

    @property
    def plan(self) -> Plan:
        """The shortest failing plan so far."""
        return self.outcome.plan

    @property
    def is_spent(self) -> bool:
        """Whether the budget is used up."""
        clock = self._budget.clock
        return self.runs >= self._budget.runs or (clock is not None and clock.monotonic() >= self._until)

    def shrink(self) -> Outcome:
        """Go down as far as the budget goes. The outcome of the shortest plan."""
        before = None
        while before != self.plan and not self.is_spent:
            before = self.plan
            self._end_at_violation()
            self._without_faults()
            for smaller in (_shorter, _fewer_members, _plainer, _smaller_numbers, _shorter_faults, _rounder):
                self._descend(smaller)
        return self.outcome

    def _fails(self, candidate: Plan) -> bool:
        """Run it, and keep it if the same checker complains."""
        text = format_plan(candidate)
        if text in self._tried or self.is_spent:
            return False
        self._tried.add(text)
        self.runs += 1
        outcome = self._run(candidate)
        same = [violation for violation in outcome.violations if violation.checker == self._checker]
        if not same:
            return False
        outcome.violations.sort(key=lambda violation: violation.checker != self._checker)
        self.outcome = outcome
        if self._say is not None:
            self._say(f"{self.runs} runs: {len(candidate.faults)} faults in {candidate.seconds:g} s")
        return True

    def _end_at_violation(self) -> None:
        """What was planned for later had no part in it."""
        at = self.outcome.violations[0].at
        if at < self.plan.seconds:
            seconds = max(_SHORTEST, round(at + 0.1, 1))
            self._fails(_ending(self.plan, min(seconds, self.plan.seconds)))

    def _without_faults(self) -> None:
        """Delta debugging: take away a half, a quarter, ... one, as long as what remains fails."""
        parts = 1
        while self.plan.faults and not self.is_spent:
            faults = self.plan.faults
            size = -(-len(faults) // parts)
            cuts = range(0, len(faults), size)
            if any(self._fails(replace(self.plan, faults=faults[:cut] + faults[cut + size :])) for cut in cuts):
                parts = max(parts - 1, 2)
            elif size == 1:
                return
            else:
                parts = min(parts * 2, len(faults))

    def _descend(self, smaller: Callable[[Plan], Iterator[Plan]]) -> None:
        """Take the first smaller plan that fails, and go on from there."""
        while not self.is_spent and any(self._fails(candidate) for candidate in smaller(self.plan)):
            pass


def _ending(plan: Plan, seconds: float) -> Plan:
    return replace(plan, seconds=seconds, faults=tuple(fault for fault in plan.faults if fault.at <= seconds))


def _shorter(plan: Plan) -> Iterator[Plan]:
    for factor in (0.25, 0.5, 0.8):
        seconds = round(plan.seconds * factor, 1)
        if _SHORTEST <= seconds < plan.seconds:
            yield _ending(plan, seconds)


def _fewer_members(plan: Plan) -> Iterator[Plan]:
    for members in (1, 3):
        if members < plan.members:
            yield replace(plan, members=members, faults=_among(plan.faults, members))


def _among(faults: Sequence[Fault], members: int) -> tuple[Fault, ...]:
    """The faults, with those members alone as targets. A fault that has no meaning then goes."""
    there = {f"n{number}" for number in range(1, members + 1)} | {"leader", "follower"}
    kept: list[Fault] = []
    for fault in faults:
        targets = tuple(target for target in fault.targets if target in there)
        if targets == fault.targets or (targets and KINDS[fault.kind].targets in (Targets.SOME, Targets.SIDE)):
            kept.append(replace(fault, targets=targets))
    return tuple(kept)


def _plainer(plan: Plan) -> Iterator[Plan]:
    """Without an option: with the net's own value."""
    if len(plan.options) > 1:
        yield replace(plan, options={})
    for name in plan.options:
        yield replace(plan, options={other: value for other, value in plan.options.items() if other != name})


def _smaller_numbers(plan: Plan) -> Iterator[Plan]:
    for clients in _below(plan.clients):
        yield replace(plan, clients=clients)
    for keys in _below(plan.keys):
        yield replace(plan, keys=keys)
    for factor in (0.1, 0.5):
        load = round(plan.load * factor, 1)
        if 0.5 <= load < plan.load:
            yield replace(plan, load=load)


def _below(number: int) -> list[int]:
    """1, the half, one less."""
    return sorted({1, number // 2, number - 1} - {0, number})


def _shorter_faults(plan: Plan) -> Iterator[Plan]:
    """Each fault's time shorter, one after the other."""
    for place, fault in enumerate(plan.faults):
        for factor in (0.1, 0.5):
            seconds = round(fault.seconds * factor, 2)
            if 0.05 <= seconds < fault.seconds:
                yield _with(plan, place, replace(fault, seconds=seconds))


def _rounder(plan: Plan) -> Iterator[Plan]:
    """Times with fewer digits, for the reader."""
    for place, fault in enumerate(plan.faults):
        for digits in (0, 1):
            at = round(fault.at, digits)
            seconds = round(fault.seconds, digits) or fault.seconds
            if (at, seconds) != (fault.at, fault.seconds) and at <= plan.seconds:
                yield _with(plan, place, replace(fault, at=at, seconds=seconds))


def _with(plan: Plan, place: int, fault: Fault) -> Plan:
    faults = (*plan.faults[:place], fault, *plan.faults[place + 1 :])
    return replace(plan, faults=tuple(sorted(faults, key=lambda one: one.at)))
