# SPDX-License-Identifier: Apache-2.0
"""The bad patterns of causal consistency and causal convergence, found by clocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tricord.check.causality.clocks import Clocks, clocks_of
from tricord.check.causality.later import ByKey, Later, by_key, later_of, of_overwrites
from tricord.check.causality.order import Order, active_of, order_of
from tricord.check.causality.overwrites import Overwrites, overwrites_of
from tricord.check.causality.pattern import Pattern
from tricord.check.causality.reads_from import START, Numbers, Trace
from tricord.check.causality.words import Words


@dataclass(slots=True)
class Causal:
    """The causal order of one choice of sources, and who overwrote what in it."""

    trace: Trace
    source: list[int]
    order: Order
    clocks: Clocks
    rank: Numbers
    """By event its place in the order; one more entry, -1, for nobody."""
    sources: Numbers
    known: Overwrites | None = None
    """If set, what stands for ``overwrites``."""
    _line: ByKey | None = None
    _later: Later | None = None
    all_later: bool = False
    """Whether ``later`` has all, once it was asked for."""

    @property
    def overwrites(self) -> Overwrites:
        """All of them: asked for only where there is need, for they take much time and memory."""
        if self.known is None:
            self.known = overwrites_of(self.trace, self.clocks, self.source)
        return self.known

    @property
    def line(self) -> ByKey:
        """The writes of each key in this order."""
        if self._line is None:
            self._line = by_key(self.trace, self.order.events)
        return self._line

    @property
    def later(self) -> Later:
        """All writes in a read's past that stand after what it returned; or the last of them on each track."""
        if self._later is None:
            self._later, self.all_later = self._find_later()
        return self._later

    def _find_later(self) -> tuple[Later, bool]:
        if self.known is not None:
            return of_overwrites(self.known, self.rank), False
        reads = np.flatnonzero((self.sources >= START) & (self.clocks.track >= 0)).astype(np.int32)
        found = later_of(self.trace, self.sources, self.clocks, self.line, reads)
        if found is not None:
            return found, True
        last = of_overwrites(self.overwrites, self.rank)
        found = later_of(self.trace, self.sources, self.clocks, self.line, np.unique(last.reads))
        return (last, False) if found is None else (found, True)


def thin_air(trace: Trace, source: list[int]) -> Pattern | None:
    """ThinAirRead: what a read returned, nobody wrote."""
    if not trace.thin:
        return None
    active = active_of(trace, source)
    for read in trace.thin:
        if active[read]:
            words = Words(trace, source)
            return Pattern("ThinAirRead", [read], f"{words.read(read)}, which nobody wrote", [words.thin(read)])
    return None


def causal_of(trace: Trace, source: list[int]) -> Causal | Pattern:
    """The causal order, or CyclicCO. Raises TooMuch."""
    active = active_of(trace, source)
    order = order_of(trace, source, active)
    if order.cycle:
        words = Words(trace, source)
        reason = "causes go round in a circle: something was seen before it was done"
        return Pattern("CyclicCO", order.cycle, reason, words.circle(order.cycle))
    clocks = clocks_of(trace, source, active, order.events)
    rank = np.full(len(source) + 1, -1, np.int32)
    rank[order.events] = np.arange(len(order.events), dtype=np.int32)
    return Causal(trace, source, order, clocks, rank, np.array(source, np.int32))


def overwritten(causal: Causal, later: Later) -> Pattern | None:
    """WriteCOInitRead and WriteCORead: a read returned what another write, in its past, came causally after."""
    start = later.sources == START
    bad = np.flatnonzero(start | causal.clocks.each_before(np.where(start, later.others, later.sources), later.others))
    if not bad.size:
        return None
    at = bad[0]
    return _overwritten(causal, int(later.reads[at]), int(later.sources[at]), int(later.others[at]))


def _overwritten(causal: Causal, read: int, source: int, hidden_by: int) -> Pattern:
    words = Words(causal.trace, causal.source)
    to_read = words.path(hidden_by, read, causal.clocks.before)
    steps = words.along(to_read)
    if source == START:
        reason = f"{words.read(read)}, as if nothing had been written, though it came after {words.write(hidden_by)}"
        return Pattern("WriteCOInitRead", to_read, reason, steps)
    reason = (
        f"{words.read(read)}, though it came after {words.write(hidden_by)}, which came after {words.write(source)}"
    )
    first = words.path(source, hidden_by, causal.clocks.before)
    return Pattern("WriteCORead", first + to_read[1:], reason, words.along(first) + steps)


def conflicting(causal: Causal) -> Pattern | None:
    """CyclicCF: no one order of all writes explains every read."""
    trace = causal.trace
    active = causal.clocks.track >= 0
    order = order_of(trace, causal.source, active, causal.overwrites.before)
    if not order.cycle:
        return None
    return Pattern(
        "CyclicCF",
        *explained(causal, causal.overwrites, order.cycle),
    )


def explained(causal: Causal, over: Overwrites, cycle: list[int]) -> tuple[list[int], str, list[str]]:
    """The events of a cycle with the reads that prove it, the reason, and the steps."""
    words = Words(causal.trace, causal.source)
    witnesses: dict[tuple[int, int], int] = {}
    for one, other in zip(cycle, cycle[1:] + cycle[:1], strict=True):
        places = over.places(other)
        if one in (causal.trace.previous[other], causal.source[other]) or not len(places):
            continue
        place = places[np.flatnonzero((over.last[places] == one).any(axis=1))[0]]
        witnesses[one, other] = int(over.reads[place])
    reason = "no one order of the writes explains what was read: each of these has to come before the next, in a circle"
    events = list(dict.fromkeys([*cycle, *witnesses.values()]))
    return events, reason, words.circle(cycle, witnesses)
