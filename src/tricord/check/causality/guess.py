# SPDX-License-Identifier: Apache-2.0
"""A good guess of who wrote what was read, where several may have.

The first guess goes by times, as if the store were linearizable: the newest write that nothing had surely replaced. In
the second each open read takes, in causal order, the newest matching write that it already knows and that nothing it
knows overwrote: this adds no cause, so no other choice is better for causal consistency. Where there is none, it takes
the newest matching write that it did not know.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tricord.check.causality.clocks import Clockwork
from tricord.check.causality.events import EMPTY, SOMETHING, Other
from tricord.check.causality.order import active_of, order_of
from tricord.check.causality.reads_from import OPEN, START, Trace
from tricord.check.history import OK


def guesses(trace: Trace) -> Iterator[list[int]]:
    """Sources; a read stays open where nothing fits. Raises TooMuch."""
    active = active_of(trace, trace.source)
    times = _Times.of(trace)
    along = None
    if times is not None:
        effects = np.where(trace.writes | _sure_reads_of_writers(trace), times.call, times.back)
        events = np.flatnonzero(active)
        along = events[np.argsort(effects[events], kind="stable")].tolist()
    order = order_of(trace, trace.source, active, along=along)
    for by in (times, None) if times is not None else (None,):
        source = list(trace.source)
        _Guess(trace, source, active, by).run(order.events)
        yield source


def _sure_reads_of_writers(trace: Trace) -> npt.NDArray[np.bool_]:
    """Of operations that read and write at once: the reads whose writer is known, so that the write need not wait."""
    found = np.zeros(len(trace.source), np.bool_)
    found[[read for read in trace.events.at_once if trace.source[read] != OPEN]] = True
    return found


@dataclass(slots=True)
class _Times:
    """When events were called, and when they had taken effect: returned, or an unknown one been read, or never."""

    call: npt.NDArray[np.int64]
    back: npt.NDArray[np.int64]

    @classmethod
    def of(cls, trace: Trace) -> _Times | None:
        """None where the history has no times."""
        operations = trace.history.operations
        call = np.array([one.call_ns for one in operations], np.int64)
        never = np.iinfo(np.int64).max
        back = np.array(
            [one.return_ns if one.return_ns and one.status == OK else never for one in operations], np.int64
        )
        if not len(call) or not call.any():
            return None
        found = cls(call[trace.operation], back[trace.operation])
        sources = np.array(trace.source, np.int32)
        reads = np.flatnonzero(sources >= 0)
        reads = reads[trace.branch[sources[reads]] >= 0]
        np.minimum.at(found.back, sources[reads], found.back[reads])
        return found


def fits(written: Any, wanted: Any) -> bool:
    """Whether a read of what is ``wanted`` may have returned a write."""
    if written is SOMETHING:
        return False
    if isinstance(wanted, Other):
        return bool(written != wanted.value)
    if wanted is EMPTY:
        return written is None or written == ""
    return bool(written == wanted)


class _Guess:
    def __init__(self, trace: Trace, source: list[int], active: npt.NDArray[np.bool_], times: _Times | None) -> None:
        self.trace, self.source, self.times = trace, source, times
        self.work = Clockwork(trace, source, active, spare=2 * len(trace.open) + trace.events.branches)
        self.places: defaultdict[int, dict[int, tuple[list[int], list[int]]]] = defaultdict(dict)
        """By key and track: positions and events of writes, in order."""
        self.newest: defaultdict[int, list[int]] = defaultdict(list)
        """By key: writes in the order in which they were placed."""
        self.branches: defaultdict[int, list[int]] = defaultdict(list)
        """By key: writes of unknown operations that no read proves so far."""
        for event in np.flatnonzero(~active & trace.writes).tolist():
            self.branches[trace.events.key[event]].append(event)

    def run(self, order: list[int]) -> None:
        writes = self.trace.writes.tolist()
        for event in order:
            if self.source[event] == OPEN:
                self.source[event] = self._choose(event)
            self.work.visit(event)
            if writes[event]:
                self._note(event)

    def _note(self, event: int) -> None:
        key, track = self.trace.events.key[event], self.work.track[event]
        positions, events = self.places[key].setdefault(track, ([], []))
        positions.append(self.work.position[event])
        events.append(event)
        self.newest[key].append(event)

    def _choose(self, read: int) -> int:
        events = self.trace.events
        wanted, key = events.wanted[read], events.key[read]
        if self.times is not None:
            likely = self._likely(read, key, self.times)
            if likely != OPEN:
                return likely
        known = self._known(read, key)
        if not known and (
            wanted is None or wanted is EMPTY or (isinstance(wanted, Other) and wanted.value is not None)
        ):
            return START
        for one in known:
            if fits(events.written[one], wanted) and not any(self._before(one, other) for other in known):
                return one
        mine = {self.work.track[one]: self.work.position[one] for one in known}
        for one in reversed(self.newest[key]):
            if fits(events.written[one], wanted) and mine.get(self.work.track[one], 0) < self.work.position[one]:
                return one
        for one in reversed(self.branches[key]):
            if fits(events.written[one], wanted) and self._adopt(one):
                return one
        return OPEN

    def _likely(self, read: int, key: int, times: _Times) -> int:
        """The newest matching write that no other had surely replaced when the read was called."""
        called = times.call[read]
        wanted, written = self.trace.events.wanted[read], self.trace.events.written
        bar, during = -1, OPEN
        for one in reversed(self.newest[key]):
            if times.back[one] < bar:
                return during
            if fits(written[one], wanted):
                if times.back[one] < called:
                    return one
                during = one if during == OPEN else during
            if times.back[one] < called:
                bar = max(bar, times.call[one])
        return START if bar < 0 and during == OPEN and fits(None, wanted) else during

    def _known(self, read: int, key: int) -> list[int]:
        """The last write of the key on each track that the read knows of, the newest first."""
        before = self.trace.previous[read]
        if before < 0:
            return []
        clock = self.work.rows[self.work.row[before]]
        found = []
        for track, (positions, events) in self.places[key].items():
            bound = self.work.position[before] if track == self.work.track[before] else int(clock[track])
            at = bisect_right(positions, bound)
            if at:
                found.append(events[at - 1])
        return sorted(found, key=self.trace.events.operation.__getitem__, reverse=True)

    def _before(self, one: int, other: int) -> bool:
        work = self.work
        track = work.track[one]
        if track == work.track[other]:
            return work.position[one] < work.position[other]
        return bool(work.rows[work.row[other], track] >= work.position[one])

    def _adopt(self, write: int) -> bool:
        """Places an unknown operation that nobody read so far, if it is a single write whose client has come so far."""
        events, before = self.trace.events, self.trace.previous[write]
        if before >= 0 and (events.branch[before] == events.branch[write] or self.work.track[before] < 0):
            return False
        self.work.left[events.branch[write]] = 1
        self.work.visit(write)
        self._note(write)
        self.branches[events.key[write]].remove(write)
        return True
