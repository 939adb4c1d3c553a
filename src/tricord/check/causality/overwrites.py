# SPDX-License-Identifier: Apache-2.0
"""Of each read and each track: the last write of the same key that the read had in its past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tricord.check.causality.order import Clocks
from tricord.check.causality.reads_from import START, Numbers, Trace


@dataclass(slots=True)
class Overwrites:
    """``last[n, track]`` is the last write of the key of ``reads[n]`` on that track; the number of events for none."""

    reads: Numbers
    sources: Numbers
    last: Numbers
    by_source: npt.NDArray[np.int64]
    """Places in ``reads``, by what they returned."""
    starts: dict[int, tuple[int, int]]
    """Of a write: where in ``by_source`` its reads begin and end."""

    def before(self, write: int) -> Numbers | None:
        """Writes in the pasts of the reads that returned this one: whoever orders all writes has to put them first."""
        span = self.starts.get(write)
        if span is None:
            return None
        found: Numbers = self.last[self.by_source[span[0] : span[1]]].ravel()
        return found

    def only(self, chosen: npt.NDArray[np.bool_]) -> Overwrites:
        """Of some of the reads."""
        return overwrites(self.reads[chosen], self.sources[chosen], self.last[chosen])


def overwrites(reads: Numbers, sources: Numbers, last: Numbers) -> Overwrites:
    """Finds the reads of each write."""
    by_source = np.argsort(sources, kind="stable")
    writes, starts, counts = np.unique(sources[by_source], return_index=True, return_counts=True)
    spans = zip(starts.tolist(), (starts + counts).tolist(), strict=True)
    found = {write: span for write, span in zip(writes.tolist(), spans, strict=True) if write >= 0}
    return Overwrites(reads, sources, last, by_source, found)


def last_before(trace: Trace, clocks: Clocks, reads: Numbers, bounds: Numbers, of: npt.NDArray[np.bool_]) -> Numbers:
    """By read and track the last event of the read's key, among those chosen (``of``), at or before the bound.

    ``bounds`` is overwritten with the answer. Reads that stand by session, key and place are the quickest.
    """
    nobody = len(trace.key)
    chosen = np.flatnonzero(of & (clocks.track >= 0)).astype(np.int32)
    chosen = chosen[np.lexsort((clocks.position[chosen], trace.key[chosen], clocks.track[chosen]))]
    tracks = clocks.track[chosen]
    span = int(clocks.position.max(initial=0)) + 2
    places = trace.key[chosen].astype(np.int64) * span + clocks.position[chosen]
    keys = trace.key[reads].astype(np.int64) * span
    for track in range(bounds.shape[1]):
        start, stop = np.searchsorted(tracks, [track, track + 1])
        at = np.searchsorted(places[start:stop], keys + bounds[:, track], side="right") - 1
        events = chosen[start:stop][at] if stop > start else np.full(len(reads), nobody, np.int32)
        right = (at >= 0) & (trace.key[np.minimum(events, nobody - 1)] == trace.key[reads])
        bounds[:, track] = np.where(right, events, nobody)
    return bounds


def sorted_reads(trace: Trace, clocks: Clocks, source: list[int]) -> Numbers:
    """Active reads whose source is known, by track, key and place."""
    reads = np.flatnonzero((np.array(source, np.int32) >= START) & (clocks.track >= 0)).astype(np.int32)
    return reads[np.lexsort((clocks.position[reads], trace.key[reads], clocks.track[reads]))]


def overwrites_of(trace: Trace, clocks: Clocks, source: list[int]) -> Overwrites:
    """After causal order. What a read itself returned is in its past, but is left out."""
    reads = sorted_reads(trace, clocks, source)
    sources = np.array(source, np.int32)[reads]
    last = last_before(trace, clocks, reads, clocks.bounds(reads), trace.writes)
    last[last == sources[:, None]] = len(trace.key)
    return overwrites(reads, sources, last)
