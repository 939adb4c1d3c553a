# SPDX-License-Identifier: Apache-2.0
"""Writes that a read had in its past, but that stand after the one that it returned, in the order at hand.

That order keeps the causal order. Where there are none of these it explains every read; the others are to be looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tricord.check.causality.clocks import Clocks
from tricord.check.causality.overwrites import Overwrites
from tricord.check.causality.reads_from import Numbers, Trace

NEAR = 4
"""Writes that stand between a read and what it returned, for each event, up to which all are looked at."""


@dataclass(slots=True)
class Later:
    """Pairs: a read, what it returned (a write, or ``START``), and a write of its key in its past that stands later."""

    reads: Numbers
    sources: Numbers
    others: Numbers

    def only(self, chosen: npt.NDArray[np.bool_]) -> Later:
        return Later(self.reads[chosen], self.sources[chosen], self.others[chosen])


@dataclass(slots=True)
class ByKey:
    """The writes of each key in the order at hand, key after key."""

    writes: Numbers
    count: Numbers
    """By event: how many of them stand at or before its place there."""
    base: Numbers
    """By key: how many stand before its first."""


def by_key(trace: Trace, order: list[int]) -> ByKey:
    events = np.array(order, np.int32)
    keys = trace.key[events]
    number = len(trace.events.keys)
    events = events[np.argsort(keys.astype(np.uint16) if number < 1 << 16 else keys, kind="stable")]
    writes = trace.writes[events]
    count = np.zeros(len(trace.key), np.int32)
    count[events] = np.cumsum(writes)
    found = events[writes]
    each = np.bincount(trace.key[found], minlength=number)
    return ByKey(found, count, (np.cumsum(each) - each).astype(np.int32))


def later_of(trace: Trace, sources: Numbers, clocks: Clocks, line: ByKey, reads: Numbers) -> Later | None:
    """All such pairs of these reads; None if too many would have to be looked at."""
    sources = sources[reads]
    low = np.where(sources >= 0, line.count[np.maximum(sources, 0)], line.base[trace.key[reads]])
    counts = line.count[reads] - low
    total = int(counts.sum())
    if total > NEAR * len(trace.key) + 1_000:
        return None
    between = np.arange(total) - np.repeat(np.cumsum(counts) - counts - low, counts)
    pairs = Later(np.repeat(reads, counts), np.repeat(sources, counts), line.writes[between])
    return pairs.only(clocks.each_before(pairs.others, pairs.reads))


def of_overwrites(over: Overwrites, rank: Numbers) -> Later:
    """The last on each track alone."""
    bound = np.where(over.sources >= 0, rank[over.sources], -1)
    found = [np.flatnonzero(rank[over.last[:, track]] > bound) for track in range(over.last.shape[1])]
    places = np.concatenate([*found, np.zeros(0, np.int64)])
    others = [over.last[one, track] for track, one in enumerate(found)]
    return Later(over.reads[places], over.sources[places], np.concatenate([*others, over.reads[:0]]))
