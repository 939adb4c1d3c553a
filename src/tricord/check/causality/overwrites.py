# SPDX-License-Identifier: Apache-2.0
"""Of each read and each track: the last write of the same key that the read had in its past."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tricord.check.causality.clocks import Clocks
from tricord.check.causality.reads_from import START, Numbers, Trace


@dataclass(slots=True)
class Overwrites:
    """``last[n, track]`` is the last write of the key of ``reads[n]`` on that track; the number of events for none."""

    reads: Numbers
    sources: Numbers
    last: Numbers
    _spans: dict[int, tuple[int, int]] = field(default_factory=dict)
    _by_source: npt.NDArray[np.int64] | None = None

    def places(self, write: int) -> npt.NDArray[np.int64]:
        """Where in ``reads`` those stand that returned a write."""
        if self._by_source is None:
            self._by_source = np.argsort(self.sources, kind="stable")
            writes, starts, counts = np.unique(self.sources[self._by_source], return_index=True, return_counts=True)
            spans = zip(starts.tolist(), (starts + counts).tolist(), strict=True)
            self._spans = {write: span for write, span in zip(writes.tolist(), spans, strict=True) if write >= 0}
        span = self._spans.get(write)
        return self._by_source[:0] if span is None else self._by_source[span[0] : span[1]]

    def before(self, write: int) -> Numbers | None:
        """Writes in the pasts of the reads that returned this one: whoever orders all writes has to put them first."""
        places = self.places(write)
        if not len(places):
            return None
        found: Numbers = self.last[places].ravel()
        return found

    def only(self, chosen: npt.NDArray[np.bool_]) -> Overwrites:
        """Of some of the reads."""
        return Overwrites(self.reads[chosen], self.sources[chosen], self.last[chosen])


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
        events = np.concatenate([[nobody], chosen[start:stop]]).astype(np.int32)
        its_places = np.concatenate([[-1], places[start:stop]])
        at = np.searchsorted(its_places, keys + bounds[:, track], side="right") - 1
        bounds[:, track] = np.where(its_places[at] > keys, events[at], nobody)
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
    return Overwrites(reads, sources, last)
