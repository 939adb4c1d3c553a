# SPDX-License-Identifier: Apache-2.0
"""Reads that several writes may explain: is there a choice of writers that a model allows?

What is violated before anything is chosen, is violated. Otherwise one good guess shows that the model holds
(``guess``), or that the history is linearizable, which says more than each of these models; failing that, all choices
are tried as far as the budget goes. A model's judge must find no fewer violations the more is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tricord.check.causality.guess import guesses
from tricord.check.causality.order import TooMuch, active_of
from tricord.check.causality.pattern import Pattern
from tricord.check.causality.reads_from import OPEN, Trace
from tricord.check.causality.settled import settled
from tricord.check.causality.words import Words
from tricord.check.finding import Limits, Verdict
from tricord.check.real_time import in_real_time

Judge = Callable[[list[int]], Pattern | None]
"""The first violation under these sources; open reads are passed over. Raises TooMuch."""


class Budget:
    """Counts work, roughly in events looked at."""

    def __init__(self, steps: int, limits: Limits) -> None:
        self.left = steps
        self.expired = limits.expired

    def take(self, steps: int) -> None:
        """Raises TooMuch when it is used up, or the time is."""
        self.left -= steps
        if self.left < 0:
            raise TooMuch("the steps that are allowed are used up")
        if self.expired():
            raise TooMuch("the time that is allowed is up")


@dataclass(slots=True)
class Decision:
    verdict: Verdict
    pattern: Pattern | None = None
    why: str = ""
    """Of ``undecided``: the reason."""
    source: list[int] = field(default_factory=list)
    """Of ``holds``: sources that explain it; none where another way showed it."""


def decide(trace: Trace, judge: Judge, budget: Budget, hints: list[list[int]]) -> Decision:
    """``hints`` are choices that may well do: they are tried first."""
    if trace.linearizable:
        return Decision(Verdict.HOLDS)
    try:
        found = judge(trace.source)
        if found is not None:
            return Decision(Verdict.VIOLATED, found)
        if not _open(trace, trace.source):
            return Decision(Verdict.HOLDS, source=trace.source)
        for hint in _likely(trace, hints):
            budget.take(len(trace.source))
            if not _open(trace, hint) and judge(hint) is None:
                return Decision(Verdict.HOLDS, source=hint)
        if _linearizable(trace, budget):
            return Decision(Verdict.HOLDS)
        return _search(trace, judge, budget)
    except TooMuch as error:
        return Decision(Verdict.UNDECIDED, why=str(error))


def _likely(trace: Trace, hints: list[list[int]]) -> Iterator[list[int]]:
    yield from hints
    for guess in guesses(trace):
        yield guess
        again = settled(trace, guess)
        if again is not None:
            yield again


def _linearizable(trace: Trace, budget: Budget) -> bool:
    """Looked at once."""
    if trace.linearizable is None:
        limits = Limits(expired=budget.expired)
        trace.linearizable = in_real_time(trace.history, limits, searched=True)
    return trace.linearizable


def _cost(trace: Trace) -> int:
    """Of judging one choice."""
    return 500 + 20 * len(trace.source)


def _open(trace: Trace, source: list[int]) -> list[int]:
    """Reads that still have to be explained."""
    left = [read for read in trace.open if source[read] == OPEN]
    if not left:
        return left
    active = active_of(trace, source)
    return [read for read in left if active[read]]


def _search(trace: Trace, judge: Judge, budget: Budget) -> Decision:
    """All choices, in depth."""
    source = list(trace.source)
    failures: list[Pattern] = []
    first = _open(trace, source)[0]
    stack = [(first, iter(trace.candidates(first)))]
    while stack:
        read, candidates = stack[-1]
        chosen = next(candidates, None)
        if chosen is None:
            source[read] = OPEN
            stack.pop()
            continue
        source[read] = chosen
        budget.take(_cost(trace))
        found = judge(source)
        if found is not None:
            failures.append(found)
            continue
        left = _open(trace, source)
        if not left:
            return Decision(Verdict.HOLDS, source=source)
        stack.append((left[0], iter(trace.candidates(left[0]))))
    if trace.incomplete:
        why = "a read may have returned what an append wrote whose output is not known"
        return Decision(Verdict.UNDECIDED, why=why)
    return Decision(Verdict.VIOLATED, _all_fail(trace, first, failures))


def _all_fail(trace: Trace, first: int, failures: list[Pattern]) -> Pattern:
    words = Words(trace, trace.source)
    if not failures:
        return Pattern("ThinAirRead", [first], f"{words.read(first)}, which nobody wrote", [words.read(first)])
    events = dict.fromkeys(event for one in failures for event in one.events)
    last = failures[-1]
    reason = f"whoever of several wrote what was read ({words.read(first)}): no choice explains all. So for one: "
    return Pattern(last.anomaly, list(events), reason + last.reason, last.steps)
