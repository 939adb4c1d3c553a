# SPDX-License-Identifier: Apache-2.0
"""One order of all writes that explains every session at once, where a little change to the causal order's own does.

Histories of stores that are linearizable, or nearly so, always have one; no session has to be looked at by itself then.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np

from tricord.check.causality.later import Later
from tricord.check.causality.patterns import Causal

APART: Final = 1 << 20
"""Between the places of neighbours at first: room for events that are moved ahead."""


def in_common(causal: Causal, later: Later) -> bool:
    """True if there is surely such an order; False says nothing.

    The later write of each pair is moved just ahead of the one that the read returned, with its causes, and with all
    that has to come before these, until nothing is left to move, or too much was.
    """
    previous, source, writes = causal.trace.previous, causal.source, causal.trace.writes
    rank: list[int] = causal.rank.tolist()
    moved: dict[int, int] = {}
    needs = _Needs(causal, later, rank)
    pairs = zip(later.others.tolist(), later.sources.tolist(), strict=True)
    waiting = [(one, rank[other] * APART - 1) for one, other in pairs]
    left = len(source) // 4 + 1_000
    while waiting:
        event, place = waiting.pop()
        if moved.get(event, rank[event] * APART) <= place:
            continue
        moved[event] = place
        waiting.extend((cause, place) for cause in (previous[event], source[event]) if cause >= 0)
        left -= 1
        if writes[event]:
            needed = needs.before(event, place)
            left -= len(needed)
            waiting.extend((other, place - 1) for other in needed)
        if left < 0:
            return False
    return True


class _Needs:
    """Of a write those that have to come before it, for the sake of the reads that returned it."""

    def __init__(self, causal: Causal, later: Later, rank: list[int]) -> None:
        self.causal, self.rank = causal, rank
        reads = np.flatnonzero((causal.sources >= 0) & (causal.clocks.track >= 0))
        self.reads = reads[np.argsort(causal.sources[reads], kind="stable")].astype(np.int32)
        self.sources = causal.sources[self.reads]
        self.later: defaultdict[int, list[int]] = defaultdict(list)
        for one, other in zip(later.others.tolist(), later.sources.tolist(), strict=True):
            self.later[other].append(one)

    def before(self, write: int, place: int) -> list[int]:
        """Those that may still stand at or after the place."""
        start, stop = np.searchsorted(self.sources, (write, write + 1))
        if start == stop:
            return []
        clocks, line = self.causal.clocks, self.causal.line
        known = clocks.bounds(self.reads[start:stop]).max(axis=0)
        found = list(self.later.get(write, ()))
        base = int(line.base[self.causal.trace.key[write]])
        for at in range(int(line.count[write]) - 2, base - 1, -1):
            other = int(line.writes[at])
            if self.rank[other] * APART < place:
                break
            if known[clocks.track[other]] >= clocks.position[other]:
                found.append(other)
        return found
