# SPDX-License-Identifier: Apache-2.0
"""Causal consistency: no operation is seen before those that led to it.

After Bouajjani, Enea, Guerraoui and Hamza, "On verifying causal consistency" (POPL 2017). The causal order (CO) is what
a client did before, and a write before the reads that returned it, and so on. A history is

- **cc** (causal consistency) if none of these is in it: *CyclicCO*, a circle of causes; *ThinAirRead*, a read of what
  nobody wrote (a write that failed is nobody's); *WriteCOInitRead*, a read of the start after a write that it causally
  follows; *WriteCORead*, a read of a write that another one, of the same key and in the read's past, causally follows.
- **ccv** (causal convergence) if besides one order of all writes explains every read: the last write that it knew.
  *CyclicCF*: a write that a read knew, but did not return, has to come before the one that it returned; with CO, that
  goes round in a circle.
- **cm** (causal memory) if it is cc, and each client by itself can put the writes in an order that explains all that it
  read: *WriteHBInitRead* and *CyclicHB* (``causality.memory``).

ccv and cm are each stronger than cc; neither is stronger than the other. A transaction counts as its micro-operations
in a row (``causality.events``); ``cas`` and ``append`` read and write at once.

Where each write has its own value this takes time in proportion to operations times clients, by clocks; cm may take
more, and is undecided for large histories unless it is the level asked for. Where several writes may explain a read:
``causality.choices``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.check.causality.choices import Budget, Decision, Judge, decide
from tricord.check.causality.memory import unexplained
from tricord.check.causality.pattern import Pattern
from tricord.check.causality.patterns import Causal, causal_of, conflicting, overwritten, thin_air
from tricord.check.causality.reads_from import Trace, trace_of
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History
from tricord.check.models import LEVELS as LEVELS_OF

LEVELS = LEVELS_OF["causal"]
UNASKED = 300_000
"""Steps for causal memory where another level was asked for."""


def check(history: History, limits: Limits) -> Finding:
    """The verdict of ``limits.level``; ``statistics`` has those of all three."""
    return check_level(history, limits.level or LEVELS[0], limits)


def check_level(history: History, level: str, limits: Limits) -> Finding:
    """Raises BadHistory for what is no read or write of keys, KeyError for a level that is not in ``LEVELS``."""
    if level not in LEVELS:
        raise KeyError(level)
    trace = trace_of(history)
    decisions: dict[str, Decision] = {}
    judges = _Judges(trace)
    for name in LEVELS:
        weakest = decisions.get("cc")
        if weakest is not None and weakest.verdict is Verdict.VIOLATED:
            decisions[name] = weakest
            continue
        steps = min(limits.steps, UNASKED) if name == "cm" != level else limits.steps
        budget = Budget(steps, limits)
        hints = [one.source for one in decisions.values() if one.source]
        decisions[name] = decide(trace, judges.at(name, budget), budget, hints)
    return _finding(trace, decisions, level)


@dataclass(slots=True)
class _Judges:
    """Finds violations; the causal order that was looked at last is kept."""

    trace: Trace
    source: list[int] = field(default_factory=list)
    known: Causal | Pattern | None = None

    def at(self, level: str, budget: Budget) -> Judge:
        return lambda source: self._of(level, source, budget)

    def _of(self, level: str, source: list[int], budget: Budget) -> Pattern | None:
        if self.known is None or source != self.source:
            self.source = list(source)
            self.known = self._weakest(self.source)
        if isinstance(self.known, Pattern):
            return self.known
        if level == "ccv":
            return conflicting(self.known)
        return unexplained(self.known, budget) if level == "cm" else None

    def _weakest(self, source: list[int]) -> Causal | Pattern:
        found = thin_air(self.trace, source)
        if found is not None:
            return found
        causal = causal_of(self.trace, source)
        if isinstance(causal, Pattern):
            return causal
        return overwritten(causal, causal.later) or causal


def _finding(trace: Trace, decisions: dict[str, Decision], level: str) -> Finding:
    decision = decisions[level]
    statistics: dict[str, str | int] = {name: one.verdict.value for name, one in decisions.items()}
    statistics |= {"events": len(trace.source), "sessions": len(trace.events.sessions), "open_reads": len(trace.open)}
    found = Finding(decision.verdict, decision.why, statistics=dict(statistics))
    pattern = decision.pattern
    if pattern is not None:
        found.reason, found.steps, found.anomaly = pattern.reason, pattern.steps, pattern.anomaly
        found.operations = sorted({trace.of(event) for event in pattern.events})
    return found
