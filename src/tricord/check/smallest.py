# SPDX-License-Identifier: Apache-2.0
"""The smallest counter-example: as few operations as the same checker still finds the same anomaly in.

Operations are left out together with those that lose their meaning without them (``dependence``): first all that have
nothing to do with what the checker named, then halves, quarters and so on of what is left, as delta debugging does
(Zeller 2002). The work is bounded; what is reached by then is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tricord.check.dependence import Dependence
from tricord.check.finding import Finding, Limits, Verdict, never
from tricord.check.history import BadHistory, History
from tricord.check.models import Check

WORK = 2_000_000
"""Operations that are looked at by all checks together."""
STEPS = 200_000
"""Of a search in one of these checks."""
NAMELESS = "no order"
UNWRITTEN = frozenset(("phantom value", "unwritten read", "dirty read", "G1a", "read from the future"))
"""What may be wrong only since the write was left out."""
MOST_NAMED = 60
"""A counter-example of no more operations is named whole."""
SELF_CONTAINED = frozenset(("convergence", "watch", "locks"))
"""Models whose checkers name all operations that a violation needs; what it means hangs on what was *not* there, so
nothing else is left out."""


def smallest(
    model: str,
    check: Check,
    history: History,
    finding: Finding,
    limits: Limits,
    *,
    work: int = WORK,
    expired: Callable[[], bool] = never,
) -> Finding:
    """The finding about fewer operations, in the same indexes; the one given where none is found."""
    if finding.verdict is not Verdict.VIOLATED or model in SELF_CONTAINED or not len(history):
        return finding
    shrinking = _Shrinking(check, history, finding, replace(limits, steps=min(limits.steps, STEPS), expired=expired))
    shrinking.work = work
    shrinking.begin()
    shrinking.halve()
    return shrinking.result()


@dataclass(slots=True)
class _Kept:
    """A part of the history that is violated still."""

    indexes: list[int]
    finding: Finding


class _Shrinking:
    def __init__(self, check: Check, history: History, finding: Finding, limits: Limits) -> None:
        self._check = check
        self._history = history
        self._first = finding
        self._limits = limits
        self._dependence = Dependence(history)
        self._kept: _Kept | None = None
        self._checks = 0
        self.work = WORK

    def begin(self) -> None:
        """Keep what the checker named and what that stands on; else its keys; else all."""
        named = self._dependence.what_it_stands_on(self._first.operations)
        if named and self._holds_still(named):
            return
        keys = {key for index in self._first.operations for key in self._dependence.keys_of(index)}
        everything = set(range(len(self._history)))
        others = {index for index in everything if keys.isdisjoint(self._dependence.keys_of(index))}
        if keys and self._holds_still(everything - self._dependence.with_all(others)):
            return
        if len(self._history) <= self.work:
            self._holds_still(everything)

    def halve(self) -> None:
        """Leave out parts as long as that goes."""
        size = len(self._kept.indexes) if self._kept else 0
        while size > 0 and self._kept and not self._spent(len(self._kept.indexes)):
            before = len(self._kept.indexes)
            for part in self._parts(size):
                if self._spent(len(self._kept.indexes)):
                    return
                present = set(self._kept.indexes)
                gone = self._dependence.with_all(present.intersection(part)) & present
                if gone and gone != present:
                    self._holds_still(present - gone)
            if len(self._kept.indexes) < before and size == 1:
                continue
            size = min(size // 2, len(self._kept.indexes)) if size > 1 else 0

    def _parts(self, size: int) -> Iterator[list[int]]:
        assert self._kept is not None
        indexes = self._kept.indexes
        for start in range(0, len(indexes), size):
            yield indexes[start : start + size]

    def result(self) -> Finding:
        """The finding in the indexes of the whole history."""
        kept = self._kept
        if kept is None:
            return self._first
        finding = kept.finding
        names = [str(index) for index in kept.indexes]
        few = len(kept.indexes) <= MOST_NAMED
        return Finding(
            Verdict.VIOLATED,
            renumbered(finding.reason, names),
            [renumbered(step, names) for step in finding.steps],
            kept.indexes if few else [kept.indexes[index] for index in finding.operations],
            finding.anomaly,
            {**self._first.statistics, "counter_example": len(kept.indexes), "checks": self._checks},
        )

    def _spent(self, size: int) -> bool:
        return self.work < size or self._limits.expired()

    def _holds_still(self, indexes: set[int]) -> bool:
        """Keep this part if the same is wrong with it."""
        if self._spent(len(indexes)):
            return False
        self.work -= len(indexes)
        self._checks += 1
        try:
            finding = self._check(self._history.only(indexes), self._limits)
        except BadHistory:
            return False
        if finding.verdict is not Verdict.VIOLATED or not self._as_before(finding.anomaly):
            return False
        self._kept = _Kept(sorted(indexes), finding)
        return True

    def _as_before(self, anomaly: str) -> bool:
        """Whether it is what was found before; or, where that has no name of its own, something that has one."""
        before = self._kept.finding.anomaly if self._kept else self._first.anomaly
        return anomaly == before or (before == NAMELESS and anomaly not in UNWRITTEN)


def renumbered(text: str, names: list[str]) -> str:
    """``text`` with other numbers after each ``#`` that is not within a quoted value."""

    def name(found: re.Match[str]) -> str:
        number: Any = found.group(1)
        return f"#{names[int(number)]}" if number is not None and int(number) < len(names) else found.group(0)

    return re.sub(r'"(?:[^"\\]|\\.)*"|#(\d+)', name, text)
