# SPDX-License-Identifier: Apache-2.0
"""The causal order: what a client does follows what it did, and a read follows the write that it returned.

``order_of`` puts events into one order that keeps it (and further demands, if there are), or finds a cycle.
``clocks_of`` then says of each event which others came before it: by *track*, the number of the last event seen. A
track is a client's row; unknown operations that some read proves to have happened share further tracks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tricord.check.causality.reads_from import Numbers, Trace

MEMORY = 1_500_000_000
"""Bytes that clocks may take."""

Needs = Callable[[int], Numbers | None]
"""Of an event: others that must come before it, over and above causes. The number of events stands for nobody."""


class TooMuch(Exception):
    """More memory or work than allowed. The message says what for."""


def active_of(trace: Trace, source: list[int]) -> npt.NDArray[np.bool_]:
    """Which events count: all but the parts of unknown operations that no read proves."""
    active: npt.NDArray[np.bool_] = trace.branch < 0
    if active.all():
        return active
    sources = np.array(source, np.int32)
    seen = sources[active & (sources >= 0)]
    waiting = [int(one) for one in np.unique(seen[~active[seen]])]
    previous, branch = trace.previous, trace.events.branch
    while waiting:
        event = waiting.pop()
        while event >= 0 and not active[event] and branch[event] >= 0:
            active[event] = True
            if source[event] >= 0 and not active[source[event]]:
                waiting.append(source[event])
            event = previous[event]
    return active


@dataclass(slots=True)
class Order:
    """Events one after the other; or, if that cannot be, a cycle of events each of which must come before the next."""

    events: list[int]
    cycle: list[int]


def order_of(
    trace: Trace,
    source: list[int],
    active: npt.NDArray[np.bool_],
    needs: Needs | None = None,
    along: list[int] | None = None,
) -> Order:
    """Takes events as they stand in the history, or in ``along`` (all that are active), wherever it may."""
    total = len(source)
    if needs is None and along is None and (np.array(source, np.int32) < np.arange(total)).all():
        return Order(np.flatnonzero(active).tolist(), [])
    previous = trace.previous
    done = bytearray(total + 1)
    done[total] = 1
    view = np.frombuffer(done, np.uint8)
    waiting: defaultdict[int, list[int]] = defaultdict(list)
    order: list[int] = []
    for first in np.flatnonzero(active).tolist() if along is None else along:
        stack = [first]
        while stack:
            event = stack.pop()
            cause = previous[event]
            if cause >= 0 and not done[cause]:
                waiting[cause].append(event)
                continue
            cause = source[event]
            if cause >= 0 and not done[cause]:
                waiting[cause].append(event)
                continue
            needed = needs(event) if needs is not None else None
            if needed is not None:
                missing = np.flatnonzero(view[needed] == 0)
                if missing.size:
                    waiting[int(needed[missing[0]])].append(event)
                    continue
            done[event] = 1
            order.append(event)
            if event in waiting:
                stack.extend(reversed(waiting.pop(event)))
    if len(order) == int(active.sum()):
        return Order(order, [])
    return Order([], _cycle({event: on for on, events in waiting.items() for event in events}))


def _cycle(waits_for: dict[int, int]) -> list[int]:
    event = next(iter(waits_for))
    seen: dict[int, int] = {}
    path: list[int] = []
    while event not in seen:
        seen[event] = len(path)
        path.append(event)
        event = waits_for[event]
    return path[seen[event] :][::-1]


@dataclass(slots=True)
class Clocks:
    """What each event had before it. ``rows[row[event], track]`` is a position; of its own track it is ``position``."""

    rows: Numbers
    row: Numbers
    track: Numbers
    """-1 of what is not active."""
    position: Numbers
    """From 1, along the track."""

    def before(self, one: int, other: int) -> bool:
        """Whether ``one`` comes causally before ``other``."""
        track = self.track[one]
        if track == self.track[other]:
            return bool(self.position[one] < self.position[other])
        return bool(self.rows[self.row[other], track] >= self.position[one])

    def bounds(self, events: Numbers) -> Numbers:
        """A row for each of the events: by track, the last position at or before it."""
        found: Numbers = self.rows[self.row[events]]
        found[np.arange(len(events)), self.track[events]] = self.position[events]
        return found


class Clockwork:
    """Gives events their tracks, positions and clocks, one after the other in causal order."""

    def __init__(self, trace: Trace, source: list[int], active: npt.NDArray[np.bool_], spare: int = 0) -> None:
        """``spare``: how many more events than the active ones that have a source may need rows of their own."""
        self.trace, self.source = trace, source
        self.sessions = len(trace.events.sessions)
        self.track = [-1] * len(source)
        self.position = [0] * len(source)
        self.row = [0] * len(source)
        numbers, counts = np.unique(trace.branch[active & (trace.branch >= 0)], return_counts=True)
        self.left = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        """Of a branch: how many of its events are not placed yet."""
        self.lengths = [0] * self.sessions
        self.owners = [-1] * self.sessions
        joins = int((active & (np.array(source, np.int32) >= 0)).sum())
        self.rows = np.zeros((joins + len(numbers) + spare + 1, self.sessions + min(len(numbers), 16)), np.int32)
        self.fresh = 1
        self._allowed()

    def _allowed(self) -> None:
        if self.rows.nbytes > MEMORY:
            raise TooMuch(f"clocks of {len(self.track)} events on {self.rows.shape[1]} tracks")

    def visit(self, event: int) -> None:
        before = self.trace.previous[event]
        now = self.row[before] if before >= 0 else 0
        branch = self.trace.events.branch[event]
        if branch < 0:
            mine = self.trace.events.session[event]
        else:
            if before >= 0 and self.trace.events.branch[before] == branch:
                mine = self.track[before]
            else:
                now, mine = self._begin(branch, before, now)
            self.left[branch] -= 1
        cause = self.source[event]
        if cause >= 0:
            now = self._join(now, mine, cause)
        self.row[event] = now
        self.lengths[mine] += 1
        self.track[event] = mine
        self.position[event] = self.lengths[mine]

    def visit_all(self, order: list[int]) -> None:
        """As ``visit``, of all, and quicker: what is in a session's row has its place beforehand."""
        source, rows, row = self.source, self.rows, self.row
        branch, session = self.trace.events.branch, self.trace.events.session
        track, position = self._places()
        self.track, self.position = track, position
        now = [0] * self.sessions
        maximum = np.maximum
        for event in order:
            if branch[event] >= 0:
                self.visit(event)
                rows = self.rows
                continue
            mine, cause = session[event], source[event]
            if cause >= 0:
                its, place = track[cause], position[cause]
                known = now[mine]
                if its != mine and rows[known, its] < place:
                    clock = rows[self.fresh]
                    maximum(rows[known], rows[row[cause]], out=clock)
                    clock[its] = place
                    now[mine] = self.fresh
                    self.fresh += 1
            row[event] = now[mine]

    def _places(self) -> tuple[list[int], list[int]]:
        """Tracks and positions of the sessions' own events; of others -1 and 0."""
        sessions = np.where(self.trace.branch < 0, self.trace.session, -1)
        by_track = np.argsort(sessions, kind="stable")[int((sessions < 0).sum()) :]
        counts = np.bincount(sessions[by_track], minlength=self.sessions)
        places = np.zeros(len(sessions), np.int64)
        places[by_track] = np.arange(1, len(by_track) + 1) - np.repeat(np.cumsum(counts) - counts, counts)
        self.lengths = counts.tolist()
        return sessions.tolist(), places.tolist()

    def _join(self, now: int, mine: int, cause: int) -> int:
        its, place, rows = self.track[cause], self.position[cause], self.rows
        if its == mine or rows[now, its] >= place:
            return now
        fresh = self.fresh
        np.maximum(rows[now], rows[self.row[cause]], out=rows[fresh])
        rows[fresh, its] = place
        self.fresh = fresh + 1
        return fresh

    def _begin(self, branch: int, before: int, now: int) -> tuple[int, int]:
        """The clock at the start of a branch, and a track whose last event it has seen, or a new one."""
        if before >= 0:
            self.rows[self.fresh] = self.rows[now]
            self.rows[self.fresh, self.track[before]] = self.position[before]
            now = self.fresh
            self.fresh += 1
        clock = self.rows[now]
        for track in range(self.sessions, len(self.lengths)):
            if clock[track] == self.lengths[track] and not self.left[self.owners[track]]:
                self.owners[track] = branch
                return now, track
        self.lengths.append(0)
        self.owners.append(branch)
        if len(self.lengths) > self.rows.shape[1]:
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)], axis=1)
            self._allowed()
        return now, len(self.lengths) - 1

    def clocks(self) -> Clocks:
        return Clocks(
            self.rows[:, : len(self.lengths)],
            np.array(self.row, np.int32),
            np.array(self.track, np.int32),
            np.array(self.position, np.int32),
        )


def clocks_of(trace: Trace, source: list[int], active: npt.NDArray[np.bool_], order: list[int]) -> Clocks:
    """Raises TooMuch."""
    work = Clockwork(trace, source, active)
    work.visit_all(order)
    return work.clocks()
