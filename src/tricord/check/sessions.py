# SPDX-License-Identifier: Apache-2.0
"""The four session guarantees: what a client saw and did goes with it from one replica to the next.

After Terry et al., "Session guarantees for weakly consistent replicated data" (1994), in terms of a visible set and an
arbitration as Viotti and Vukolić, "Consistency in non-transactional distributed storage systems" (2016), have them. The
causal order is that of ``causality.order``: what a client did before, and a write before the reads that returned it.
The guarantees hold together if for each session there is one order of all writes that keeps the causal order, and in
which each of the session's reads returned the last write, of its key, in its causal past (null if there is none).
Sessions may differ about the order of concurrent writes.

Which writes a read has to see, and so which may not come after the one that it returned, says who broke it:

- **read your writes**: those that its session did before;
- **monotonic reads**: those that its session read before;
- **monotonic writes**: those that a client did before a write that the session has read (or reads now);
- **writes follow reads**: the rest of its causal past: what a client had read before it did a write that is in it.

The first three are judged each by itself, with its own writes alone; where each holds, two by two, then all three, and
the fewest that cannot be explained together are the broken ones. Writes follow reads is the broken one where the four
together cannot be explained but the first three can. A circle of causes, and a read of what nobody wrote, break all.
The bad patterns (a read of the start, or of a write that another one in its past causally follows) are those of
weak causal consistency; what comes on top is that a session's own reads agree on the order of concurrent writes.

With unique values it takes time in proportion to operations times sessions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tricord.check.causality.asked import own_reads_asked, own_writes_asked, writes_before_writes_asked
from tricord.check.causality.choices import Budget, Decision, Judge, decide
from tricord.check.causality.later import Later
from tricord.check.causality.obligations import own_reads, own_writes, united, writes_before_writes
from tricord.check.causality.order import order_of
from tricord.check.causality.overwrites import Overwrites
from tricord.check.causality.pattern import Pattern
from tricord.check.causality.patterns import Causal, causal_of, explained, overwritten, thin_air
from tricord.check.causality.reads_from import Trace, trace_of
from tricord.check.causality.shared_order import in_common
from tricord.check.causality.view import explains
from tricord.check.causality.words import Words
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History

GUARANTEES: dict[str, Callable[[Causal], Overwrites]] = {
    "read your writes": own_writes,
    "monotonic reads": own_reads,
    "monotonic writes": writes_before_writes,
}
ASKED: dict[str, Callable[[Causal, Later], npt.NDArray[np.bool_]]] = {
    "read your writes": own_writes_asked,
    "monotonic reads": own_reads_asked,
    "monotonic writes": writes_before_writes_asked,
}
LAST = "writes follow reads"
ALL = (*GUARANTEES, LAST)
BREAK_ALL = ("CyclicCO", "ThinAirRead")


def check(history: History, limits: Limits) -> Finding:
    """``statistics`` has a verdict for each guarantee. Raises BadHistory for what is no read or write of keys."""
    trace = trace_of(history)
    judges = _Judges(trace)
    together = decide(trace, judges.at(ALL), Budget(limits.steps, limits), [])
    verdicts = dict.fromkeys(ALL, together.verdict)
    if together.pattern is None or together.pattern.anomaly in BREAK_ALL:
        return _finding(trace, verdicts, together, "")
    verdicts = dict.fromkeys(ALL, Verdict.HOLDS)
    for count in range(1, len(ALL)):
        tried = {
            names: decide(trace, judges.at(names), Budget(limits.steps, limits), [])
            for names in combinations(GUARANTEES, count)
        }
        for names, one in tried.items():
            verdicts |= {name: one.verdict for name in names if one.verdict is not Verdict.HOLDS}
        broken = next((pair for pair in tried.items() if pair[1].verdict is Verdict.VIOLATED), None)
        if broken is not None:
            return _finding(trace, verdicts, broken[1], " and ".join(broken[0]))
    verdicts[LAST] = Verdict.VIOLATED if Verdict.UNDECIDED not in verdicts.values() else Verdict.UNDECIDED
    return _finding(trace, verdicts, together, LAST)


@dataclass(slots=True)
class _Judges:
    """Finds violations; the causal order that was looked at last is kept."""

    trace: Trace
    source: list[int] = field(default_factory=list)
    known: Causal | Pattern | None = None

    def at(self, guarantees: tuple[str, ...]) -> Judge:
        return lambda source: self._of(guarantees, source)

    def _of(self, guarantees: tuple[str, ...], source: list[int]) -> Pattern | None:
        if self.known is None or source != self.source:
            self.source = list(source)
            self.known = thin_air(self.trace, self.source) or causal_of(self.trace, self.source)
        causal = self.known
        if isinstance(causal, Pattern):
            return causal
        if guarantees == ALL:
            return _first(causal)
        later = causal.later
        if causal.all_later:
            later = later.only(np.logical_or.reduce([ASKED[name](causal, later) for name in guarantees]))
            found = overwritten(causal, later)
            if found is not None or not len(later.reads) or in_common(causal, later):
                return found
        over = united(causal, [GUARANTEES[name](causal) for name in guarantees])
        return _first(Causal(self.trace, causal.source, causal.order, causal.clocks, causal.rank, causal.sources, over))


def _first(causal: Causal) -> Pattern | None:
    """The first read, or session, that finds no order."""
    later = causal.later
    found = overwritten(causal, later)
    if found is not None or not len(later.reads) or in_common(causal, later):
        return found
    over = causal.overwrites
    sessions = causal.trace.session[over.reads]
    for session in np.unique(causal.trace.session[later.reads]).tolist():
        mine = over.only(sessions == session)
        if not explains(causal, mine):
            order = order_of(causal.trace, causal.source, causal.clocks.track >= 0, mine.before)
            events, _, steps = explained(causal, mine, order.cycle)
            whose = Words(causal.trace, causal.source).client(int(mine.reads[0]))
            return Pattern("CyclicView", events, f"no order of the writes explains all that {whose} read", steps)
    return None


def _finding(trace: Trace, verdicts: dict[str, Verdict], decision: Decision, broken: str) -> Finding:
    statistics: dict[str, str | int] = {name: one.value for name, one in verdicts.items()}
    statistics |= {"events": len(trace.source), "sessions": len(trace.events.sessions), "open_reads": len(trace.open)}
    found = Finding(decision.verdict, decision.why, statistics=dict(statistics))
    pattern = decision.pattern
    if pattern is not None:
        found.anomaly = broken or pattern.anomaly
        found.reason = f"{broken}: {pattern.reason}" if broken else pattern.reason
        found.steps = pattern.steps
        found.operations = sorted({trace.of(event) for event in pattern.events})
    return found
