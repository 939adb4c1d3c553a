# SPDX-License-Identifier: Apache-2.0
"""Causal memory: each client explains its own reads by one order of the writes that it may know.

For a client, *happened before* starts as the causal order; where one of its reads returned a write and another write
of that key happened before the read, that other one happened before the write. This is repeated until nothing
changes. WriteHBInitRead: a read of the start that a write happened before. CyclicHB: the relation has a cycle.
"""

from __future__ import annotations

import numpy as np

from tricord.check.causality.choices import Budget
from tricord.check.causality.clocks import Clocks
from tricord.check.causality.order import order_of
from tricord.check.causality.overwrites import Overwrites, last_before
from tricord.check.causality.pattern import Pattern
from tricord.check.causality.patterns import Causal, explained
from tricord.check.causality.reads_from import START, Numbers
from tricord.check.causality.words import Words


def unexplained(causal: Causal, budget: Budget) -> Pattern | None:
    """The first client whose reads no order explains. Raises TooMuch.

    An unknown operation that read something is a client of its own: it has to explain what its client read before.
    """
    over, trace, clocks = causal.overwrites, causal.trace, causal.clocks
    branches = trace.branch[over.reads]
    for session in range(len(trace.events.sessions)):
        found = _of_client(causal, over.only(clocks.track[over.reads] == session), budget)
        if found is not None:
            return found
    for branch in np.unique(branches[branches >= 0]).tolist():
        last = over.reads[branches == branch].max()
        chosen = (trace.session[over.reads] == trace.session[last]) & (branches < 0) & (over.reads < last)
        found = _of_client(causal, over.only(chosen | (branches == branch)), budget)
        if found is not None:
            return found
    return None


def _of_client(causal: Causal, mine: Overwrites, budget: Budget) -> Pattern | None:
    trace, clocks = causal.trace, causal.clocks
    active = clocks.track >= 0
    if not _adds(mine, clocks, len(trace.key)):
        return None
    while True:
        budget.take(len(causal.order.events))
        needs = _Needs(causal, mine)
        order = order_of(trace, causal.source, active, needs.before)
        if order.cycle:
            events, _, steps = explained(causal, mine, order.cycle)
            whose = Words(trace, causal.source).client(int(mine.reads[0]))
            return Pattern("CyclicHB", events, f"no order of the writes explains all that {whose} read", steps)
        later = _last(causal, mine, _happened_before(causal, mine, needs, order.events))
        bad = np.flatnonzero((mine.sources == START) & (later != len(trace.key)).any(axis=1))
        if bad.size:
            return _of_the_start(causal, int(mine.reads[bad[0]]), int(later[bad[0]].min()))
        if (later == mine.last).all():
            return None
        mine = Overwrites(mine.reads, mine.sources, later)


class _Needs:
    """What happened before an event over and above causes. A cas or an append is one: before its write is before it."""

    def __init__(self, causal: Causal, mine: Overwrites) -> None:
        self.mine = mine
        self.causal = causal
        self.nobody = len(causal.trace.key)

    def before(self, event: int) -> Numbers | None:
        events, writes = self.causal.trace.events, self.causal.trace.writes
        if writes[event]:
            return self.mine.before(event)
        if event + 1 == self.nobody or event not in events.at_once:
            return None
        needed = self.mine.before(event + 1)
        return None if needed is None else np.where(needed == event, self.nobody, needed)


def _adds(mine: Overwrites, clocks: Clocks, nobody: int) -> bool:
    """Whether a read has in its past a write that is not yet known to be before what it returned."""
    for track in range(mine.last.shape[1]):
        last = mine.last[:, track]
        chosen = np.flatnonzero((last != nobody) & (mine.sources >= 0))
        sources, others = mine.sources[chosen], last[chosen]
        same = clocks.track[sources] == track
        known = np.where(
            same,
            clocks.position[others] < clocks.position[sources],
            clocks.rows[clocks.row[sources], track] >= clocks.position[others],
        )
        if not known.all():
            return True
    return False


def _happened_before(causal: Causal, mine: Overwrites, needs: _Needs, order: list[int]) -> Numbers:
    """By read of the client and track: the last position that happened before it."""
    trace, clocks, source = causal.trace, causal.clocks, causal.source
    known: dict[int, Numbers] = {}
    nothing = np.zeros(clocks.rows.shape[1], np.int32)
    nobody = len(trace.key)
    for event in order:
        before, cause = trace.previous[event], source[event]
        now = known[before] if before >= 0 else nothing
        if cause >= 0:
            now = np.maximum(now, known[cause])
        needed = needs.before(event)
        if needed is not None:
            for other in np.unique(needed[needed != nobody]).tolist():
                now = np.maximum(now, known[other])
        now = now.copy()
        track = clocks.track[event]
        now[track] = max(now[track], clocks.position[event])
        known[event] = now
    return np.array([known[read] for read in mine.reads.tolist()], np.int32).reshape(len(mine.reads), -1)


def _last(causal: Causal, mine: Overwrites, bounds: Numbers) -> Numbers:
    last = last_before(causal.trace, causal.clocks, mine.reads, bounds, causal.trace.writes)
    last[last == mine.sources[:, None]] = len(causal.trace.key)
    return last


def _of_the_start(causal: Causal, read: int, write: int) -> Pattern:
    words = Words(causal.trace, causal.source)
    reason = (
        f"{words.read(read)}, as if nothing had been written, but what it had read puts {words.write(write)}, first"
    )
    return Pattern("WriteHBInitRead", [write, read], reason, [words.does(write), words.read(read)])
